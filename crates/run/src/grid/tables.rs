//! Looking into the tables of a grid's file: what is missing, unknown or of another kind becomes a sentence, and reading goes
//! on.

use toml::{Table, Value};

/// A table, with what it is called in sentences.
pub(super) struct At<'a> {
    /// As it follows "in", such as "level `ours` of factor `way`".
    pub place: String,
    /// Its keys.
    pub table: &'a Table,
}

/// What is wrong with a file, one sentence each.
#[derive(Default)]
pub(super) struct Wrong(pub Vec<String>);

impl Wrong {
    /// Notes a sentence.
    pub fn add(&mut self, sentence: String) {
        self.0.push(sentence);
    }

    /// Refuses keys other than these.
    pub fn unknown(&mut self, at: &At<'_>, known: &[&str]) {
        for name in at
            .table
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
        {
            let nearest = corpus::nearest(name, known.iter().copied()).unwrap_or_default();
            self.add(format!(
                "{} has the unknown key `{name}`; did you mean `{nearest}`? (known are {})",
                at.place,
                known.join(", ")
            ));
        }
    }

    /// A text; nothing where the key is absent.
    pub fn text(&mut self, at: &At<'_>, key: &str) -> Option<String> {
        let value = at.table.get(key)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.expected(at, key, value, "a text in quotes");
        }
        text
    }

    /// A text that has to be there and to say something; `example` is how one looks.
    pub fn needed(&mut self, at: &At<'_>, key: &str, example: &str) -> Option<String> {
        if !at.table.contains_key(key) {
            self.add(format!("{} has no `{key}`; write {example}", at.place));
            return None;
        }
        let text = self.text(at, key)?;
        if text.trim().is_empty() {
            self.add(format!("`{key}` of {} is empty; write {example}", at.place));
            return None;
        }
        Some(text)
    }

    /// One of some words, each with what it stands for; the first where the key is absent.
    pub fn word<T: Copy>(&mut self, at: &At<'_>, key: &str, words: &[(&str, T)]) -> T {
        let value = at.table.get(key);
        let found = |value: &Value| words.iter().find(|(word, _)| value.as_str() == Some(word));
        match value.map(|value| (value, found(value))) {
            None => words[0].1,
            Some((_, Some((_, meaning)))) => *meaning,
            Some((value, None)) => {
                let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                let expected = format!("one of {}", names.join(", "));
                self.expected(at, key, value, &expected);
                words[0].1
            }
        }
    }

    /// A table inside of another; nothing where the key is absent.
    pub fn table<'a>(&mut self, at: &At<'a>, key: &str) -> Option<&'a Table> {
        let value = at.table.get(key)?;
        let table = value.as_table();
        if table.is_none() {
            self.expected(at, key, value, &format!("a table, such as `[{key}]`"));
        }
        table
    }

    /// Tables in a list; `header` is how each begins.
    pub fn list<'a>(&mut self, at: &At<'a>, key: &str, header: &str) -> Vec<&'a Table> {
        let Some(value) = at.table.get(key) else {
            return Vec::new();
        };
        let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
        let tables: Vec<&Table> = list.iter().filter_map(Value::as_table).collect();
        if tables.len() < list.len() || !value.is_array() {
            self.expected(
                at,
                key,
                value,
                &format!("tables that begin with `{header}`"),
            );
        }
        tables
    }

    /// Says that a value is of another kind.
    pub fn expected(&mut self, at: &At<'_>, key: &str, value: &Value, expected: &str) {
        let what = match value {
            Value::Table(_) => "a table".to_owned(),
            Value::Array(list) if list.iter().any(Value::is_table) => "a list of tables".to_owned(),
            other => format!("`{other}`"),
        };
        self.add(format!(
            "`{key}` of {} is {what}, expected {expected}",
            at.place
        ));
    }
}

/// The text of a value as a name: texts without their quotes, all else as TOML has it.
pub(super) fn name_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
