//! Whether the references of a drawing end. The renderer follows some circles (a pattern whose content inherits the
//! pattern as its paint) until the stack is full, which no caller can catch, and chains that double at each step for
//! ever. The check is wider than need be: it may refuse a circle that a closer look would find never drawn.

use std::collections::HashMap;

use resvg::usvg::roxmltree::{Document, Node, NodeId};

/// The renderer's own bound on elements, here with what references repeat.
const MAX_ELEMENTS: f64 = 1e6;
/// The renderer's own bound on nesting, here through references.
const MAX_DEPTH: usize = 1024;
/// A reference takes as much stack as this many nested elements.
const REFERENCE_DEPTH: usize = 8;
const TOO_MUCH: &str = "its references repeat too much";
/// Properties that reach the elements inside.
const INHERITED: [&str; 6] = [
    "fill",
    "stroke",
    "marker",
    "marker-start",
    "marker-mid",
    "marker-end",
];

/// Says what is wrong, or nothing.
pub(super) fn check(document: &Document) -> Result<(), &'static str> {
    let elements = document.descendants().filter(Node::is_element);
    let mut by_id = HashMap::new();
    for element in elements.clone() {
        if let Some(id) = element.attribute("id") {
            by_id.entry(id).or_insert(element);
        }
    }
    let styles = elements.filter(|element| element.tag_name().name() == "style");
    let rules = styles
        .filter_map(|style| style.text())
        .flat_map(rules)
        .collect();
    let mut search = Search {
        by_id,
        rules,
        sizes: HashMap::new(),
    };
    search.size(document.root_element(), 0).map(drop)
}

/// A rule of a style sheet that refers to something: the words of its selector and its declarations.
struct Rule<'a> {
    words: Vec<&'a str>,
    declarations: &'a str,
}

/// Rules whose declarations refer to ids. At-rules around them are ignored: their rules count as if they applied.
fn rules(sheet: &str) -> Vec<Rule<'_>> {
    let blocks = sheet.split('}').filter_map(|block| block.rsplit_once('{'));
    let referring = blocks.filter(|(_, declarations)| declarations.contains('#'));
    referring
        .map(|(selector, declarations)| {
            let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '*');
            let words = selector
                .split(|c| !is_part(c))
                .filter(|word| !word.is_empty())
                .collect();
            Rule {
                words,
                declarations,
            }
        })
        .collect()
}

impl Rule<'_> {
    fn applies(&self, element: Node) -> bool {
        let names = [
            Some(element.tag_name().name()),
            element.attribute("id"),
            Some("*"),
        ];
        let classes = element
            .attribute("class")
            .unwrap_or_default()
            .split_whitespace();
        names
            .into_iter()
            .flatten()
            .chain(classes)
            .any(|name| self.words.contains(&name))
    }
}

/// What an element draws, with all that it refers to.
#[derive(Clone, Copy)]
struct Size {
    num_elements: f64,
    depth: usize,
}

struct Search<'a, 'input> {
    by_id: HashMap<&'a str, Node<'a, 'input>>,
    rules: Vec<Rule<'a>>,
    /// None while it is being measured.
    sizes: HashMap<NodeId, Option<Size>>,
}

impl<'a, 'input> Search<'a, 'input> {
    /// `above` counts the levels above the element, on the way that led to it.
    fn size(&mut self, element: Node<'a, 'input>, above: usize) -> Result<Size, &'static str> {
        match self.sizes.get(&element.id()) {
            Some(Some(size)) => return Ok(*size),
            Some(None) => return Err("it refers to itself in a circle"),
            None => {}
        }
        self.sizes.insert(element.id(), None);
        let mut size = Size {
            num_elements: 0.0,
            depth: 0,
        };
        // Depths of elements below this one, counted from it.
        let mut parts = vec![(element, 0)];
        while let Some((part, depth)) = parts.pop() {
            size.num_elements += 1.0;
            size.depth = size.depth.max(depth);
            self.add(&mut size, &self.references(part, false), above, depth)?;
            parts.extend(
                part.children()
                    .filter(Node::is_element)
                    .map(|child| (child, depth + 1)),
            );
        }
        // Gradients and filters have no content that would inherit.
        let name = element.tag_name().name();
        if !matches!(name, "linearGradient" | "radialGradient" | "filter") {
            for ancestor in element.ancestors().skip(1) {
                self.add(&mut size, &self.references(ancestor, true), above, 0)?;
            }
        }
        self.sizes.insert(element.id(), Some(size));
        Ok(size)
    }

    fn add(
        &mut self,
        size: &mut Size,
        targets: &[Node<'a, 'input>],
        above: usize,
        depth: usize,
    ) -> Result<(), &'static str> {
        let depth = depth + REFERENCE_DEPTH;
        for target in targets {
            if above + depth > MAX_DEPTH {
                return Err(TOO_MUCH);
            }
            let found = self.size(*target, above + depth)?;
            size.num_elements += found.num_elements;
            size.depth = size.depth.max(depth + found.depth);
            if size.num_elements > MAX_ELEMENTS || size.depth > MAX_DEPTH {
                return Err(TOO_MUCH);
            }
        }
        Ok(())
    }

    /// The elements that an element's attributes and rules refer to; those that its content inherits, or all.
    fn references(&self, element: Node<'a, 'input>, inherited: bool) -> Vec<Node<'a, 'input>> {
        let mut found = Vec::new();
        let wanted = |name: &str| !inherited || INHERITED.contains(&name);
        let mut declarations: Vec<&'a str> = Vec::new();
        for attribute in element
            .attributes()
            .filter(|attribute| attribute.value().contains('#'))
        {
            if attribute.name() == "style" {
                declarations.push(attribute.value());
            } else if wanted(attribute.name()) {
                self.targets(attribute.value(), &mut found);
            }
        }
        let rules = self.rules.iter().filter(|rule| rule.applies(element));
        declarations.extend(rules.map(|rule| rule.declarations));
        for declaration in declarations.into_iter().flat_map(|text| text.split(';')) {
            if let Some((name, value)) = declaration.split_once(':')
                && wanted(name.trim())
            {
                self.targets(value, &mut found);
            }
        }
        found
    }

    /// Every `#word` that is the id of an element; colours are none.
    fn targets(&self, value: &str, found: &mut Vec<Node<'a, 'input>>) {
        let words = value.split('#').skip(1).map(|rest| {
            let end = rest.find(|c: char| c.is_whitespace() || matches!(c, ')' | '"' | '\'' | ';'));
            &rest[..end.unwrap_or(rest.len())]
        });
        found.extend(words.filter_map(|word| self.by_id.get(word)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(inside: &str, expected: Result<(), &'static str>) {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">{inside}</svg>"
        );
        let document = Document::parse(&text).expect("XML");
        assert_eq!(super::check(&document), expected, "{inside}");
    }

    #[test]
    fn circles_are_found_and_ordinary_drawings_are_not() {
        let circle = Err("it refers to itself in a circle");
        let pattern = "<pattern id=\"p\"><path class=\"a\"/></pattern>";
        check(&format!("<g fill=\"url(#p)\">{pattern}</g>"), circle);
        check(
            &format!("<g style=\"stroke: url('#p')\">{pattern}</g>"),
            circle,
        );
        check(
            &format!("<style>.b,.a{{fill:url(#p)}}</style>{pattern}"),
            circle,
        );
        check(
            &format!("<style>path{{fill:url(#p)}}</style>{pattern}<path/>"),
            circle,
        );
        check(
            &format!(
                "<style>.b{{fill:url(#p)}} .a{{fill:red}}</style>{pattern}<path class=\"b\"/>"
            ),
            Ok(()),
        );
        check(
            &format!("<g clip-path=\"url(#p)\" fill=\"#fff\">{pattern}</g>"),
            Ok(()),
        );
        check(
            "<g fill=\"url(#g)\"><linearGradient id=\"g\" xlink:href=\"#h\"/><linearGradient id=\"h\"/><path/></g>",
            Ok(()),
        );
        check("<g id=\"a\"><use xlink:href=\"#a\"/></g>", circle);
        check(
            "<mask id=\"m\"><use xlink:href=\"#s\"/></mask><path id=\"s\" mask=\"url(#m)\"/>",
            circle,
        );
        check("<g id=\"fff\"><path fill=\"#fff\"/></g>", circle);
    }

    #[test]
    fn long_and_doubling_chains_are_refused() {
        let chain = |num: usize, uses: &str| {
            let link = |i: usize| {
                format!(
                    "<g id=\"g{i}\">{}</g>",
                    uses.replace('N', &format!("#g{}", i + 1))
                )
            };
            let links: Vec<String> = (0..num).map(link).collect();
            links.concat() + &format!("<g id=\"g{num}\"/>")
        };
        check(&chain(40, "<use xlink:href=\"N\"/>"), Ok(()));
        check(&chain(400, "<use xlink:href=\"N\"/>"), Err(TOO_MUCH));
        check(
            &chain(40, "<use xlink:href=\"N\"/><use xlink:href=\"N\"/>"),
            Err(TOO_MUCH),
        );
    }
}
