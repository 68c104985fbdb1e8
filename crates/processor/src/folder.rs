//! The JSON files of a model folder.

use std::path::Path;

use serde_json::Value;

use crate::error::Error;

/// A JSON file; null when it may be absent and is.
pub(crate) fn read_json(path: &Path, optional: bool) -> Result<Value, Error> {
    if optional && !path.exists() {
        return Ok(Value::Null);
    }
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|e| Error::File {
        path: path.to_owned(),
        problem: format!("is not valid JSON: {e}"),
    })
}
