//! LLaMA-Factory's `dataset_info.json`, which lies beside data files and says under which keys their parts are.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::format::Format;
use crate::Role;

/// The names of a turn's keys and of its roles.
#[derive(Clone, Debug)]
pub(super) struct Tags {
    pub(super) role: Vec<String>,
    pub(super) content: Vec<String>,
    roles: Vec<(String, Role)>,
    /// The key that says whether an answer is a good one (`kto_tag`).
    pub(super) good: Option<String>,
}

impl Default for Tags {
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let roles = [
            ("user", Role::User),
            ("human", Role::User),
            ("assistant", Role::Assistant),
            ("gpt", Role::Assistant),
            ("system", Role::System),
        ];
        Self {
            role: names(&["role", "from"]),
            content: names(&["content", "value"]),
            roles: roles.map(|(name, role)| (name.to_owned(), role)).to_vec(),
            good: None,
        }
    }
}

impl Tags {
    /// The role of this name.
    pub(super) fn role_of(&self, name: &str) -> Result<Role, String> {
        let found = self
            .roles
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, role)| *role).ok_or_else(|| {
            format!("`{name}` speaks; expected user (human), assistant (gpt) or system")
        })
    }

    pub(super) fn shown_role(&self) -> String {
        shown(&self.role)
    }

    pub(super) fn shown_content(&self) -> String {
        shown(&self.content)
    }
}

fn shown(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(" or ")
}

/// What the `dataset_info.json` beside a file says of it.
#[derive(Debug, Default)]
pub(super) struct Info {
    /// Under our names; empty if there is none.
    pub(super) columns: BTreeMap<String, String>,
    pub(super) tags: Tags,
    /// Whether the file is named there.
    pub(super) found: bool,
}

/// What the `dataset_info.json` beside `path` says of it.
pub(super) fn beside(path: &Path) -> Info {
    let mut info = Info::default();
    let Some(Value::Object(entries)) = read(path) else {
        return info;
    };
    let name = path.file_name().and_then(|name| name.to_str());
    let entry = entries
        .values()
        .find(|entry| entry.get("file_name").and_then(Value::as_str) == name);
    let Some(entry) = entry.filter(|_| name.is_some()) else {
        return info;
    };
    info.found = true;
    let texts = |key: &str| -> BTreeMap<String, String> {
        let named = entry.get(key).and_then(Value::as_object);
        let pairs = named.into_iter().flatten();
        pairs
            .filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())))
            .collect()
    };
    for (theirs, column) in texts("columns") {
        let ours = match theirs.as_str() {
            "prompt" => "instruction",
            "query" => "input",
            "response" => "output",
            "messages" | "images" | "system" => theirs.as_str(),
            "kto_tag" => {
                info.tags.good = Some(column);
                continue;
            }
            _ => continue,
        };
        info.columns.insert(ours.to_owned(), column);
    }
    let tags = texts("tags");
    let alone = |tag: &str, names: &mut Vec<String>| {
        if let Some(name) = tags.get(tag) {
            *names = vec![name.clone()];
        }
    };
    alone("role_tag", &mut info.tags.role);
    alone("content_tag", &mut info.tags.content);
    for (tag, role) in [
        ("user_tag", Role::User),
        ("assistant_tag", Role::Assistant),
        ("system_tag", Role::System),
    ] {
        if let Some(name) = tags.get(tag) {
            info.tags.roles.insert(0, (name.clone(), role));
        }
    }
    info
}

/// Somebody else's file that may be about other data: if it cannot be read, it says nothing.
fn read(path: &Path) -> Option<Value> {
    let bytes = std::fs::read(path.with_file_name("dataset_info.json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The entry of `dataset_info.json` for a file that [`super::write_pairs`] or [`super::write_samples`] wrote.
///
/// ```
/// let entry = corpus::formats::dataset_info("soup.json", corpus::formats::Format::ShareGpt);
/// assert_eq!(entry["formatting"], "sharegpt");
/// ```
pub fn dataset_info(file_name: &str, format: Format) -> Value {
    if format == Format::Alpaca {
        let columns = json!({"prompt": "instruction", "query": "input", "response": "output", "images": "images"});
        return json!({"file_name": file_name, "columns": columns});
    }
    json!({
        "file_name": file_name,
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    })
}
