//! As much of Markdown as links need: where they stand, and which headings they may name.

use std::collections::BTreeSet;
use std::ops::Range;

/// A link or picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The line, from 1.
    pub line: usize,
    /// What it leads to, as it is written.
    pub target: String,
    /// Where that stands in the text.
    pub place: Range<usize>,
}

/// The links of a text, in order: `[…](target)`, `![…](target)`, `[…]: target`, and `href` and `src` of tags.
pub fn links(text: &str) -> Vec<Link> {
    let visible = without_code(text);
    let mut places: Vec<Range<usize>> = Vec::new();
    let mut add = |opening: &str, closing: &[char]| {
        for (at, _) in visible.match_indices(opening) {
            let start = at + opening.len();
            let length = visible[start..].find(closing);
            places.extend(length.map(|length| start..start + length));
        }
    };
    add("](", &[')', ' ', '\n']);
    add("href=\"", &['"']);
    add("src=\"", &['"']);
    let mut at = 0;
    for line in visible.split_inclusive('\n') {
        if let Some(colon) = line.find("]: ").filter(|_| line.starts_with('[')) {
            let start = at + colon + "]: ".len();
            let length = visible[start..].find([' ', '\n']);
            places.push(start..length.map_or(visible.len(), |length| start + length));
        }
        at += line.len();
    }
    places.sort_by_key(|place| place.start);
    let link = |place: Range<usize>| Link {
        line: text[..place.start].matches('\n').count() + 1,
        target: text[place.clone()].to_owned(),
        place,
    };
    places.into_iter().map(link).collect()
}

/// The names by which links lead to the headings of a text, as mdBook and the forges make them, and the `id`s of tags.
pub fn anchors(text: &str) -> BTreeSet<String> {
    let mut found: BTreeSet<String> = BTreeSet::new();
    let mut is_code = Fences::default();
    for line in text.lines() {
        if is_code.covers(line) || !line.starts_with('#') {
            continue;
        }
        let title = line.trim_start_matches('#');
        if !title.starts_with(' ') {
            continue;
        }
        let name = slug(title);
        let mut free = name.clone();
        let mut times = 0;
        while !found.insert(free.clone()) {
            times += 1;
            free = format!("{name}-{times}");
        }
    }
    for (at, opening) in text.match_indices(" id=\"") {
        let name = text[at + opening.len()..].split('"').next();
        found.extend(name.map(str::to_owned));
    }
    found
}

/// The name of a heading: its letters and digits in lower case, with hyphens for the blanks.
fn slug(title: &str) -> String {
    let mut plain = String::new();
    let mut rest = title.trim();
    // Of a link its text is read.
    while let Some(at) = rest.find("](") {
        plain += &rest[..at];
        rest = rest[at..].split_once(')').map_or("", |(_, after)| after);
    }
    plain += rest;
    let letters = plain.chars().filter_map(|c| {
        if c.is_whitespace() {
            Some('-')
        } else if c.is_alphanumeric() || c == '-' || c == '_' {
            Some(c)
        } else {
            None
        }
    });
    letters.flat_map(char::to_lowercase).collect()
}

/// Which lines belong to a block of code.
#[derive(Default)]
struct Fences {
    /// The fence of the block that is open.
    open: Option<String>,
}

impl Fences {
    /// Whether the next line is a fence or lies between two.
    fn covers(&mut self, line: &str) -> bool {
        let start = line.trim_start();
        let marks: String = start.chars().take_while(|&c| c == '`').collect();
        let is_fence = marks.len() >= 3;
        match &self.open {
            Some(open) if is_fence && marks.len() >= open.len() => self.open = None,
            Some(_) => {}
            None if is_fence => self.open = Some(marks),
            None => return false,
        }
        true
    }
}

/// The text with spaces in the place of all code, as many bytes as the code has.
fn without_code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fences = Fences::default();
    for line in text.split_inclusive('\n') {
        if fences.covers(line.trim_end_matches('\n')) {
            out.extend(line.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
        } else {
            out += line;
        }
    }
    blank_spans(&out)
}

/// The same for code inside of lines, which ends where as many backticks stand as it began with, before an empty line.
fn blank_spans(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('`') {
        out += &rest[..at];
        rest = &rest[at..];
        let marks = rest.bytes().take_while(|&b| b == b'`').count();
        let inside = &rest[marks..];
        let paragraph = inside.find("\n\n").unwrap_or(inside.len());
        if let Some(end) = closing(&inside[..paragraph], marks) {
            let span = &rest[..marks + end + marks];
            out.extend(span.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
            rest = &rest[span.len()..];
        } else {
            out += &rest[..marks];
            rest = inside;
        }
    }
    out + rest
}

/// Where a run of exactly so many backticks begins.
fn closing(text: &str, marks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('`') {
        let start = at + next;
        let found = text[start..].bytes().take_while(|&b| b == b'`').count();
        if found == marks {
            return Some(start);
        }
        at = start + found;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let text = "See [a](b.md#c \"t\") and ![p](q.png).\n`[no](no.md)` ``[no`](no.md)``\n\
                    ```sh\n[no](no.md)\n```\n<img src=\"r.png\">\n[of two\nlines](d.md)\n[e]: f.md\n";
        let found = links(text);
        let shown: Vec<(usize, &str)> = found
            .iter()
            .map(|link| (link.line, link.target.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                (1, "b.md#c"),
                (1, "q.png"),
                (6, "r.png"),
                (8, "d.md"),
                (9, "f.md")
            ]
        );
        for link in &found {
            assert_eq!(text[link.place.clone()], link.target);
        }
    }

    #[test]
    fn a_lonely_backtick_hides_nothing() {
        let found = links("a ` b\n\n[c](d.md)");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].line, found[0].target.as_str()), (3, "d.md"));
    }

    // As mdBook 0.5.4 and GitHub write them.
    #[test]
    fn headings_are_named_as_readers_name_them() {
        let text = "# What is `it`?\n## `[train]`\n### `train.data`\n## A, b and C: _d_\n## A [link](x.md)\n## Twice\n\
                    ## Twice\n```\n# no\n```\n#no\n<a id=\"own\"></a>\n";
        let found = anchors(text);
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(
            found,
            [
                "a-b-and-c-_d_",
                "a-link",
                "own",
                "train",
                "traindata",
                "twice",
                "twice-1",
                "what-is-it"
            ]
        );
    }
}
