//! The text files of a model folder.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

/// A JSON file of a folder; an empty object where it is absent.
pub(super) fn read_json(folder: &Path, name: &str) -> Result<Value> {
    let path = folder.join(name);
    if !path.exists() {
        return Ok(Value::Object(Map::new()));
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("`{}` is not valid JSON", path.display()))
}

/// Writes a text as it is, and anything else as JSON.
pub(super) fn write_file(folder: &Path, name: &str, content: &Value) -> Result<()> {
    let path = folder.join(name);
    let text = match content {
        Value::String(text) => text.clone(),
        json => serde_json::to_string_pretty(json)? + "\n",
    };
    std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
}
