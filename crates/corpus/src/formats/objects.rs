//! The JSON objects that data files hold, whatever they lie in.

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::format::Format;
use crate::error::{Error, Fault};
use crate::shards::Located;

/// One object, or why there is none.
pub(super) struct Found {
    /// Where it starts, counted from 1.
    pub(super) line: usize,
    pub(super) content: Result<Map<String, Value>, Fault>,
    /// Pictures that lie beside the object in the same file.
    pub(super) pictures: Vec<Embedded>,
    /// Columns of a table whose cell is empty.
    pub(super) empty: Vec<String>,
}

impl Found {
    pub(super) fn plain(line: usize, content: Result<Map<String, Value>, Fault>) -> Self {
        Self {
            line,
            content,
            pictures: Vec::new(),
            empty: Vec::new(),
        }
    }
}

/// A picture inside a data file.
pub(super) struct Embedded {
    /// The column or key that it stands under.
    pub(super) column: String,
    pub(super) bytes: Vec<u8>,
    /// Where it lies, if it can be read from there without reading what comes before.
    pub(super) located: Option<Located>,
}

/// Objects in file order. After an error there are none.
pub(super) type Objects = Box<dyn Iterator<Item = Result<Found, Error>>>;

/// A file or folder that was recognised.
pub(super) struct Source {
    /// By what holds the objects; conversations in lines or arrays are told apart later.
    pub(super) format: Format,
    pub(super) why: String,
    /// What the objects' places are counts of.
    pub(super) unit: &'static str,
    /// Where relative paths of pictures start.
    pub(super) root: PathBuf,
    pub(super) objects: Objects,
}

pub(super) fn object(line: &[u8]) -> Result<Map<String, Value>, Fault> {
    let text = std::str::from_utf8(line).map_err(Fault::utf8)?;
    serde_json::from_str(text)
        .map_err(|e| Fault::json(&e))
        .and_then(as_object)
}

pub(super) fn as_object(value: Value) -> Result<Map<String, Value>, Fault> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(Fault::shape(format!(
            "expected a JSON object, found {}",
            kind_of(&other)
        ))),
    }
}

/// The pictures of a row whose `meta` column has the keys that have no column, as JSON.
pub(super) fn unfold_meta(map: &mut Map<String, Value>) {
    let Some(Value::String(text)) = map.get("meta") else {
        return;
    };
    if let Ok(Value::Object(keys)) = serde_json::from_str(text) {
        map.shift_remove("meta");
        map.extend(keys);
    }
}

/// What a JSON value is, for messages.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
