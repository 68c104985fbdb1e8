//! Rust source text as the rules see it: words, signs and string literals, without comments and without tests.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or a name.
    Word,
    /// A string literal; its text is what stands between the quotes.
    Text,
    /// `::`, or any other single sign.
    Sign,
    /// A number, a character or a lifetime.
    Other,
}

/// A piece of source text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
    /// Counted from one.
    pub line: usize,
}

impl Token {
    pub fn is_sign(&self, sign: &str) -> bool {
        self.kind == Kind::Sign && self.text == sign
    }

    pub fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    fn opens(&self) -> bool {
        self.kind == Kind::Sign && ["(", "[", "{"].contains(&self.text.as_str())
    }

    fn closes(&self) -> bool {
        self.kind == Kind::Sign && [")", "]", "}"].contains(&self.text.as_str())
    }
}

/// All tokens of a text, without comments.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader {
        chars: text.chars().collect(),
        at: 0,
        line: 1,
        tokens: Vec::new(),
    };
    while reader.at < reader.chars.len() {
        reader.step();
    }
    reader.tokens
}

/// The index after the group that opens at `open`.
pub fn group_end(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.opens() {
            depth += 1;
        } else if token.closes() {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at + 1;
            }
        }
    }
    tokens.len()
}

/// The tokens without items that are compiled for tests only.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if let Some(end) = test_item(tokens, at) {
            at = end;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The number of lines up to a test module that ends the file, if one does.
pub fn lines_before_tests(text: &str) -> usize {
    let tokens = tokens(text);
    let mut at = 0;
    while at < tokens.len() {
        match test_item(&tokens, at) {
            Some(end) if end == tokens.len() => return tokens[at].line - 1,
            Some(end) => at = end,
            None => at += 1,
        }
    }
    text.lines().count()
}

/// The index after the item that begins at `at` with `#[cfg(test)]` or the like; none if there is no such item.
fn test_item(tokens: &[Token], at: usize) -> Option<usize> {
    if !tokens[at].is_sign("#") {
        return None;
    }
    let whole_file = tokens.get(at + 1)?.is_sign("!");
    let open = at + 1 + usize::from(whole_file);
    if !tokens.get(open)?.is_sign("[") {
        return None;
    }
    let end = group_end(tokens, open);
    if !is_for_tests(&tokens[open + 1..end - 1]) {
        return None;
    }
    Some(if whole_file {
        tokens.len()
    } else {
        item_end(tokens, end)
    })
}

/// Reads what stands in the brackets of an attribute. A condition with `any` or `not` holds in other builds too.
fn is_for_tests(attribute: &[Token]) -> bool {
    let has = |word: &str| attribute.iter().any(|token| token.is_word(word));
    match attribute {
        [only] => only.is_word("test"),
        [first, ..] => first.is_word("cfg") && has("test") && !has("not") && !has("any"),
        [] => false,
    }
}

/// The index after the item, field, arm or statement that begins at `start`.
fn item_end(tokens: &[Token], start: usize) -> usize {
    let mut at = start;
    while at + 1 < tokens.len() && tokens[at].is_sign("#") && tokens[at + 1].is_sign("[") {
        at = group_end(tokens, at + 1);
    }
    if at < tokens.len() && tokens[at].is_word("pub") {
        at += 1;
        if at < tokens.len() && tokens[at].is_sign("(") {
            at = group_end(tokens, at);
        }
    }
    let word = |at: usize| -> &str {
        tokens
            .get(at)
            .filter(|token| token.kind == Kind::Word)
            .map_or("", |token| &token.text)
    };
    let functions = ["fn", "unsafe", "async", "extern"];
    let (at_brace, at_comma) = match word(at) {
        "use" | "static" | "type" | "let" => (false, false),
        "const" => (functions.contains(&word(at + 1)), false),
        "fn" | "mod" | "struct" | "enum" | "union" | "trait" | "impl" | "unsafe" | "async"
        | "extern" | "macro_rules" => (true, false),
        _ => (true, true),
    };
    while at < tokens.len() {
        let token = &tokens[at];
        if token.closes() {
            return at;
        }
        let next = if token.opens() {
            group_end(tokens, at)
        } else {
            at + 1
        };
        let ends = token.is_sign(";")
            || (at_comma && token.is_sign(","))
            || (at_brace && token.is_sign("{") && !(at_comma && goes_on(tokens.get(next))));
        if ends {
            return next;
        }
        at = next;
    }
    at
}

/// Whether an arm or an expression goes on after its block.
fn goes_on(next: Option<&Token>) -> bool {
    next.is_some_and(|token| [",", ";", ".", "?"].iter().any(|sign| token.is_sign(sign)))
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Reader {
    fn peek(&self, ahead: usize) -> char {
        self.chars.get(self.at + ahead).copied().unwrap_or('\0')
    }

    fn advance(&mut self) -> char {
        let found = self.peek(0);
        self.at += 1;
        self.line += usize::from(found == '\n');
        found
    }

    fn push(&mut self, kind: Kind, text: String, line: usize) {
        self.tokens.push(Token { kind, text, line });
    }

    fn step(&mut self) {
        let line = self.line;
        match (self.peek(0), self.peek(1)) {
            ('/', '/') => {
                while self.at < self.chars.len() && self.peek(0) != '\n' {
                    self.at += 1;
                }
            }
            ('/', '*') => self.block_comment(),
            ('"', _) => self.text(),
            ('\'', _) => self.quote(),
            (':', ':') => {
                self.at += 2;
                self.push(Kind::Sign, "::".to_owned(), line);
            }
            (first, _) if first.is_alphabetic() || first == '_' => self.word(),
            (first, _) if first.is_ascii_digit() => self.number(),
            (first, _) => {
                self.advance();
                if !first.is_whitespace() {
                    self.push(Kind::Sign, first.to_string(), line);
                }
            }
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                ('/', '*') => {
                    depth += 1;
                    self.at += 2;
                }
                ('*', '/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => {
                    self.advance();
                }
            }
        }
    }

    /// A string with escapes; they stay as they are written.
    fn text(&mut self) {
        let line = self.line;
        let mut text = String::new();
        self.advance();
        while self.at < self.chars.len() {
            match self.advance() {
                '"' => break,
                '\\' => {
                    text.push('\\');
                    text.push(self.advance());
                }
                other => text.push(other),
            }
        }
        self.push(Kind::Text, text, line);
    }

    /// A raw string; `self` stands at its first `#` or quote.
    fn raw_text(&mut self) {
        let line = self.line;
        let mut marks = 0;
        while self.peek(0) == '#' {
            marks += 1;
            self.at += 1;
        }
        self.advance();
        let mut text = String::new();
        while self.at < self.chars.len() {
            let found = self.advance();
            if found == '"' && (0..marks).all(|ahead| self.peek(ahead) == '#') {
                self.at += marks;
                break;
            }
            text.push(found);
        }
        self.push(Kind::Text, text, line);
    }

    /// A character or a lifetime.
    fn quote(&mut self) {
        let line = self.line;
        self.advance();
        let mut text = String::new();
        if self.peek(0) == '\\' {
            self.advance();
            text.push(self.advance());
            while self.at < self.chars.len() && self.peek(0) != '\'' {
                text.push(self.advance());
            }
            self.advance();
        } else if self.peek(1) == '\'' {
            text.push(self.advance());
            self.advance();
        } else {
            while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
                text.push(self.advance());
            }
        }
        self.push(Kind::Other, text, line);
    }

    fn word(&mut self) {
        let line = self.line;
        let mut word = String::new();
        while self.peek(0).is_alphanumeric() || self.peek(0) == '_' {
            word.push(self.advance());
        }
        let after = self.chars.iter().skip(self.at);
        let marks = after.take_while(|found| **found == '#').count();
        match word.as_str() {
            "r" | "br" | "cr" if self.peek(marks) == '"' => self.raw_text(),
            "b" | "c" if self.peek(0) == '"' => self.text(),
            "b" if self.peek(0) == '\'' => self.quote(),
            // A raw name, `r#type`.
            "r" if marks == 1 => {
                self.advance();
                self.word();
            }
            _ => self.push(Kind::Word, word, line),
        }
    }

    fn number(&mut self) {
        let line = self.line;
        let mut text = String::new();
        let in_number = |reader: &Self| {
            reader.peek(0).is_alphanumeric()
                || reader.peek(0) == '_'
                || (reader.peek(0) == '.' && reader.peek(1).is_ascii_digit())
        };
        while in_number(self) {
            text.push(self.advance());
        }
        self.push(Kind::Other, text, line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(tokens: &[Token]) -> Vec<&str> {
        let words = tokens.iter().filter(|token| token.kind == Kind::Word);
        words.map(|token| token.text.as_str()).collect()
    }

    #[test]
    fn comments_and_literals_hide_what_is_in_them() {
        let text = r##"
            // crate::a /* not a block
            /* crate::b /* inner */ still */ fn f<'x>() {
                let c = 'c'; let q = '\''; let n = '\u{1F600}'; let b = b'"';
                let s = "crate::d \" // e"; let r = r#"f " g"#; let h = br"h"; let t = 1.5e3f32..2;
            }"##;
        let found = tokens(text);
        assert_eq!(
            words(&found),
            [
                "fn", "f", "let", "c", "let", "q", "let", "n", "let", "b", "let", "s", "let", "r",
                "let", "h", "let", "t"
            ]
        );
        let texts: Vec<&str> = found
            .iter()
            .filter(|token| token.kind == Kind::Text)
            .map(|token| token.text.as_str())
            .collect();
        assert_eq!(texts, ["crate::d \\\" // e", "f \" g", "h"]);
        assert_eq!(found.last().map(|token| token.line), Some(6));
    }

    #[test]
    fn raw_names_are_words_and_double_colons_one_sign() {
        let found = tokens("r#type::x");
        assert_eq!(words(&found), ["type", "x"]);
        assert!(found[1].is_sign("::"));
    }

    #[test]
    fn what_is_for_tests_is_left_out() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(words(&without_tests(&tokens(text))), expected, "{text}");
        };
        check("#[cfg(test)] mod tests { use x; } mod a;", &["mod", "a"]);
        check("#[cfg(test)] mod tests; mod a;", &["mod", "a"]);
        check("#[cfg(test)] use a::{b, c}; use d;", &["use", "d"]);
        check(
            "#[cfg(test)] pub(crate) const A: [u8; 2] = B; const fn c() {}",
            &["const", "fn", "c"],
        );
        check("#[test] #[ignore] fn a() { b } fn c() {}", &["fn", "c"]);
        check(
            "struct A { #[cfg(test)] b: C, d: E }",
            &["struct", "A", "d", "E"],
        );
        check(
            "match a { #[cfg(test)] b => { c } d => e }",
            &["match", "a", "d", "e"],
        );
        check("#![cfg(test)] mod a;", &[]);
        check("#[cfg(all(test, unix))] mod a; mod b;", &["mod", "b"]);
        check(
            "#[cfg(not(test))] mod a;",
            &["cfg", "not", "test", "mod", "a"],
        );
        check("#[cfg(unix)] mod a;", &["cfg", "unix", "mod", "a"]);
    }

    #[test]
    fn only_tests_at_the_end_do_not_count_as_lines() {
        let check = |text: &str, expected: usize| {
            assert_eq!(lines_before_tests(text), expected, "{text}");
        };
        check("fn a() {}\nfn b() {}\n", 2);
        check("fn a() {}\n\n#[cfg(test)]\nmod tests {\n    use a;\n}\n", 2);
        check("fn a() {}\n#[cfg(test)]\nmod tests {}\nfn b() {}\n", 4);
        check("", 0);
    }
}
