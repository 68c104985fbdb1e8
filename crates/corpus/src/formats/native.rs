//! Our own records, with the few synonyms that other people's files use.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Reason, text_of};
use crate::Pair;

/// A pair; `image` may stand for `images`, `text` for `caption`, and an id may be a number or absent.
pub(super) fn pair(mut record: Map<String, Value>) -> Result<Pair, Reason> {
    for (ours, theirs) in [("images", "image"), ("caption", "text")] {
        if !record.contains_key(ours)
            && let Some(value) = record.remove(theirs)
        {
            record.insert(ours.to_owned(), value);
        }
    }
    if let Some(Value::String(one)) = record.get("images") {
        let list = Value::from(vec![one.clone()]);
        record.insert("images".to_owned(), list);
    }
    for key in ["id", "group"] {
        if let Some(value) = record.get(key).filter(|v| v.is_number()) {
            let text = Value::from(text_of(value));
            record.insert(key.to_owned(), text);
        }
    }
    record.entry("id").or_insert_with(|| Value::from(""));
    parse(record)
}

pub(super) fn parse<T: DeserializeOwned>(record: Map<String, Value>) -> Result<T, Reason> {
    serde_json::from_value(Value::Object(record)).map_err(|e| ("missing-key", e.to_string()))
}
