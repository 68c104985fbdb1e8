//! What one module of Rust source defines, imports and mentions.

use std::collections::BTreeSet;

use crate::source::{Kind, Token, group_end};

/// A module as it is written.
#[derive(Debug, Default)]
pub struct Scope {
    /// Names of its own items, modules excepted.
    pub items: BTreeSet<String>,
    pub children: Vec<Child>,
    pub imports: Vec<Import>,
    pub mentions: Vec<Mention>,
}

/// `mod name;` or `mod name { … }`.
#[derive(Debug)]
pub struct Child {
    pub name: String,
    /// The file that a `#[path]` names.
    pub path: Option<String>,
    /// What stands in the braces, if it has some.
    pub body: Option<Scope>,
}

/// One leaf of a `use` tree.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    pub path: Vec<String>,
    /// What it is called here; none for `*`.
    pub name: Option<String>,
    /// `pub use` and its narrower sisters: a name handed on, not needed here.
    pub is_reexport: bool,
    pub line: usize,
}

/// A path, or a single name, in code.
#[derive(Debug, PartialEq, Eq)]
pub struct Mention {
    pub path: Vec<String>,
    /// Whether it is called or begins with a capital; other single names may be local variables.
    pub is_item: bool,
    pub line: usize,
}

impl Scope {
    /// Reads the tokens of a file, or those between the braces of a module.
    pub fn read(tokens: &[Token]) -> Self {
        let mut scope = Scope::default();
        scope.fill(tokens);
        scope
    }

    fn fill(&mut self, tokens: &[Token]) {
        let word = |at: usize| -> Option<&str> {
            let token: &Token = tokens.get(at)?;
            (token.kind == Kind::Word).then_some(token.text.as_str())
        };
        let sign = |at: usize, sign: &str| {
            let token: Option<&Token> = tokens.get(at);
            token.is_some_and(|token| token.is_sign(sign))
        };
        let (mut at, mut depth) = (0, 0usize);
        let (mut is_public, mut path_of_next) = (false, None);
        while at < tokens.len() {
            let token = &tokens[at];
            if token.is_sign("#") && (sign(at + 1, "[") || (sign(at + 1, "!") && sign(at + 2, "[")))
            {
                let open = at + 1 + usize::from(sign(at + 1, "!"));
                let end = group_end(tokens, open);
                let inside = &tokens[open + 1..end.saturating_sub(1).max(open + 1)];
                if let [first, _, value] = inside
                    && first.is_word("path")
                {
                    path_of_next = Some(value.text.clone());
                }
                self.attribute(inside);
                at = end;
                continue;
            }
            match token.kind {
                Kind::Sign if ["(", "[", "{"].contains(&token.text.as_str()) => {
                    depth += 1;
                    is_public = false;
                }
                Kind::Sign if [")", "]", "}"].contains(&token.text.as_str()) => {
                    depth = depth.saturating_sub(1);
                    is_public = false;
                }
                Kind::Sign if token.text == ";" => is_public = false,
                Kind::Word => match token.text.as_str() {
                    "pub" => {
                        is_public = true;
                        let narrower = ["crate", "super", "self", "in"];
                        if sign(at + 1, "(") && word(at + 2).is_some_and(|w| narrower.contains(&w))
                        {
                            at = group_end(tokens, at + 1);
                            continue;
                        }
                    }
                    // Not `use<'a>` in a bound.
                    "use" if !sign(at + 1, "<") => {
                        at = self.import(tokens, at + 1, is_public);
                        is_public = false;
                        continue;
                    }
                    "mod" if depth == 0 && word(at + 1).is_some() => {
                        let mut end = at + 2;
                        let body = sign(end, "{").then(|| {
                            let open = end;
                            end = group_end(tokens, open);
                            Scope::read(&tokens[open + 1..end - 1])
                        });
                        self.children.push(Child {
                            name: word(at + 1).unwrap_or_default().to_owned(),
                            path: path_of_next.take(),
                            body,
                        });
                        is_public = false;
                        at = end;
                        continue;
                    }
                    "struct" | "enum" | "union" | "trait" | "type" | "fn" | "static" | "const"
                        if depth == 0 && word(at + 1).is_some() =>
                    {
                        let name = at + 1 + usize::from(word(at + 1) == Some("mut"));
                        if let Some(name) = word(name).filter(|name| *name != "fn") {
                            self.items.insert(name.to_owned());
                        }
                        at = name + usize::from(word(name) != Some("fn"));
                        continue;
                    }
                    "macro_rules" if depth == 0 && sign(at + 1, "!") => {
                        if let Some(name) = word(at + 2) {
                            self.items.insert(name.to_owned());
                        }
                        at += 3;
                        continue;
                    }
                    _ => {
                        at = self.mention(tokens, at);
                        continue;
                    }
                },
                _ => {}
            }
            at += 1;
        }
    }

    /// Names in an attribute, and paths in its texts, as `#[serde(with = "super::hex")]` has one.
    fn attribute(&mut self, tokens: &[Token]) {
        let mut at = 0;
        while at < tokens.len() {
            let token = &tokens[at];
            let is_path = token.text.contains("::")
                && token
                    .text
                    .chars()
                    .all(|c| c.is_alphanumeric() || c == '_' || c == ':');
            if token.kind == Kind::Text && is_path {
                self.mentions.push(Mention {
                    path: token.text.split("::").map(str::to_owned).collect(),
                    is_item: true,
                    line: token.line,
                });
            }
            at = if token.kind == Kind::Word {
                self.mention(tokens, at)
            } else {
                at + 1
            };
        }
    }

    /// Reads the path that begins with the word at `at`, and gives the index after it.
    fn mention(&mut self, tokens: &[Token], at: usize) -> usize {
        let before = |back: usize, sign: &str| at >= back && tokens[at - back].is_sign(sign);
        // A field or a method, an associated name, or a path from the outermost level: nothing of ours.
        let is_part = before(1, "::") || (before(1, ".") && !before(2, "."));
        // A method or an inner item that is being named.
        let is_declared = at >= 1
            && ["fn", "struct", "enum", "trait", "type", "const", "static"]
                .iter()
                .any(|keyword| tokens[at - 1].is_word(keyword));
        let mut path = vec![tokens[at].text.clone()];
        let mut end = at + 1;
        while let [colons, name, ..] = &tokens[end..]
            && colons.is_sign("::")
            && name.kind == Kind::Word
        {
            path.push(name.text.clone());
            end += 2;
        }
        if !is_part && !is_declared {
            let next = tokens.get(end);
            let is_called = next.is_some_and(|token| token.is_sign("(") || token.is_sign("!"));
            let has_capital = path[0].starts_with(char::is_uppercase);
            self.mentions.push(Mention {
                is_item: path.len() > 1 || is_called || has_capital,
                path,
                line: tokens[at].line,
            });
        }
        end
    }

    /// Reads a `use` tree up to its semicolon, and gives the index after it.
    fn import(&mut self, tokens: &[Token], start: usize, is_reexport: bool) -> usize {
        let length = tokens[start..]
            .iter()
            .position(|token| token.is_sign(";"))
            .unwrap_or(tokens.len() - start);
        let tree = &tokens[start..start + length];
        // A path from the outermost level names another crate.
        if !tree.first().is_some_and(|token| token.is_sign("::")) {
            self.tree(tree, &[], is_reexport);
        }
        start + length + 1
    }

    fn tree(&mut self, tokens: &[Token], prefix: &[String], is_reexport: bool) {
        let mut path = prefix.to_vec();
        let mut at = 0;
        while at < tokens.len() {
            let token = &tokens[at];
            if token.is_sign("{") {
                let end = group_end(tokens, at);
                for branch in branches(&tokens[at + 1..end.saturating_sub(1).max(at + 1)]) {
                    self.tree(branch, &path, is_reexport);
                }
                return;
            }
            if token.is_sign("*") {
                self.imports.push(Import {
                    path,
                    name: None,
                    is_reexport,
                    line: token.line,
                });
                return;
            }
            if token.is_word("as") {
                break;
            }
            if token.kind == Kind::Word {
                path.push(token.text.clone());
            }
            at += 1;
        }
        // `a::{self}` is `a`.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let (Some(last), Some(first)) = (path.last(), tokens.first()) else {
            return;
        };
        let name = tokens
            .get(at + 1)
            .map_or_else(|| last.clone(), |alias| alias.text.clone());
        self.imports.push(Import {
            name: Some(name),
            path,
            is_reexport,
            line: first.line,
        });
    }
}

/// Splits what stands in the braces of a `use` tree at its commas.
fn branches(tokens: &[Token]) -> Vec<&[Token]> {
    let mut found = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at < tokens.len() {
        if tokens[at].is_sign("{") {
            at = group_end(tokens, at);
        } else {
            if tokens[at].is_sign(",") {
                found.push(&tokens[start..at]);
                start = at + 1;
            }
            at += 1;
        }
    }
    found.push(&tokens[start..]);
    found.retain(|branch| !branch.is_empty());
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tokens;

    fn scope(text: &str) -> Scope {
        Scope::read(&tokens(text))
    }

    #[test]
    fn reads_every_leaf_of_a_use_tree() {
        let found = scope(
            "pub(crate) use crate::a::{self, b::{C as D, e}, f::*}; use super::{G as _}; use ::h::I;\n\
             pub fn x<'a>() -> impl Y + use<'a> { use self::j; }",
        );
        let leaves: Vec<(String, Option<&str>, bool)> = found
            .imports
            .iter()
            .map(|import| {
                let name = import.name.as_deref();
                (import.path.join("::"), name, import.is_reexport)
            })
            .collect();
        let expected = [
            ("crate::a", Some("a"), true),
            ("crate::a::b::C", Some("D"), true),
            ("crate::a::b::e", Some("e"), true),
            ("crate::a::f", None, true),
            ("super::G", Some("_"), false),
            ("self::j", Some("j"), false),
        ];
        assert_eq!(
            leaves,
            expected.map(|(path, name, shared)| (path.to_owned(), name, shared))
        );
    }

    #[test]
    fn reads_items_modules_and_mentions() {
        let found = scope(
            "pub const fn a() {} static mut B: u8 = 0; const C: u8 = 1; macro_rules! d { () => {} }\n\
             mod e; #[path = \"far.rs\"] mod f; mod g { fn inner() {} }\n\
             impl H { fn method(&self) { self.x.y(); i::j::<u8>(k, crate::L); 0..super::M; } }\n\
             #[serde(with = \"super::hex\")] struct N;",
        );
        let items: Vec<&str> = found.items.iter().map(String::as_str).collect();
        assert_eq!(items, ["B", "C", "N", "a", "d"]);
        let children: Vec<_> = found
            .children
            .iter()
            .map(|child| {
                (
                    child.name.as_str(),
                    child.path.as_deref(),
                    child.body.is_some(),
                )
            })
            .collect();
        assert_eq!(
            children,
            [
                ("e", None, false),
                ("f", Some("far.rs"), false),
                ("g", None, true)
            ]
        );
        let paths: Vec<String> = found
            .mentions
            .iter()
            .filter(|mention| mention.path.len() > 1)
            .map(|mention| mention.path.join("::"))
            .collect();
        assert_eq!(paths, ["i::j", "crate::L", "super::M", "super::hex"]);
        let single = |name: &str| {
            let named = |mention: &&Mention| mention.path == [name];
            found
                .mentions
                .iter()
                .find(named)
                .map(|mention| mention.is_item)
        };
        assert_eq!(single("H"), Some(true));
        assert_eq!(single("k"), Some(false));
        assert_eq!(single("y"), None);
    }
}
