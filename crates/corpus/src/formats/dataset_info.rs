//! LLaMA-Factory's `dataset_info.json`, which lies beside data files and says under which keys their parts are.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

/// The columns that the `dataset_info.json` beside `path` names for it, under our names; empty if there is none.
pub(super) fn columns(path: &Path) -> BTreeMap<String, String> {
    let Some(Value::Object(entries)) = beside(path) else {
        return BTreeMap::new();
    };
    let name = path.file_name().and_then(|name| name.to_str());
    let entry = entries
        .values()
        .find(|entry| entry.get("file_name").and_then(Value::as_str) == name);
    let named = entry.and_then(|entry| entry.get("columns")?.as_object());
    let pairs = named.into_iter().flatten().filter_map(|(ours, theirs)| {
        let theirs = theirs.as_str()?;
        ["messages", "images", "system"]
            .contains(&ours.as_str())
            .then(|| (ours.clone(), theirs.to_owned()))
    });
    pairs.collect()
}

/// Somebody else's file that may be about other data: if it cannot be read, it says nothing.
fn beside(path: &Path) -> Option<Value> {
    let bytes = std::fs::read(path.with_file_name("dataset_info.json")).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// The entry of `dataset_info.json` for a file that [`super::write_pairs`] or [`super::write_samples`] wrote.
///
/// ```
/// let entry = corpus::formats::dataset_info("soup.json");
/// assert_eq!(entry["formatting"], "sharegpt");
/// ```
pub fn dataset_info(file_name: &str) -> Value {
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
