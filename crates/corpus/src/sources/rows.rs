//! Rows of published JSON files.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::Pair;
use crate::error::{Error, Reason};

pub(super) fn read(path: &Path) -> Result<Value, Error> {
    let bytes = std::fs::read(path).map_err(Error::reading(path))?;
    serde_json::from_slice(&bytes).map_err(|e| Error::file(path, format!("is not sound JSON: {e}")))
}

pub(super) fn list(path: &Path) -> Result<Vec<Value>, Error> {
    match read(path)? {
        Value::Array(rows) => Ok(rows),
        _ => Err(Error::file(path, "is not a JSON array of records")),
    }
}

pub(super) fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap_or_default()
}

/// What the model says in a conversation, the first time, and what it was asked.
pub(super) fn exchange(row: &Value) -> Option<(&str, &str)> {
    // LLaVA-Med's file has a misspelt key.
    let turns = ["conversations", "conversatons"]
        .iter()
        .find_map(|key| row[*key].as_array())?;
    let said = |name: &str| {
        turns
            .iter()
            .find(|turn| turn["from"] == name)
            .map(|turn| text(turn, "value"))
    };
    Some((said("human")?, said("gpt")?))
}

/// The one picture of a row, under the root.
pub(super) fn one_picture(row: &Value, root: &Path) -> Result<PathBuf, (Reason, String)> {
    let named: Vec<&str> = match &row["image"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => return Err((Reason::NoImage, "names no `image`".to_owned())),
    };
    let [one] = named.as_slice() else {
        return Err((
            Reason::ImageMarks,
            format!("has {} pictures; those with one are used", named.len()),
        ));
    };
    let path = root.join(one);
    if path.is_file() {
        Ok(path)
    } else {
        Err((
            Reason::MissingImage,
            format!("`{}` does not exist", path.display()),
        ))
    }
}

pub(super) fn pair(
    id: String,
    image: PathBuf,
    caption: &str,
    source: &str,
    meta: Map<String, Value>,
) -> Pair {
    Pair {
        id,
        images: vec![image],
        caption: caption.trim().to_owned(),
        request: None,
        group: None,
        source: Some(source.to_owned()),
        meta,
    }
}
