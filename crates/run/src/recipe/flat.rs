//! Tables of a recipe as one table of dotted names.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::keys::key;

/// Adds what a table holds under its dotted names; what is a table as a key's value stays one.
pub(super) fn flatten(prefix: &str, table: &Table, out: &mut BTreeMap<String, Value>) {
    for (part, value) in table {
        let name = if prefix.is_empty() {
            part.clone()
        } else {
            format!("{prefix}.{part}")
        };
        let whole = key(&name).is_some();
        match value {
            Value::Table(inner) if !whole => flatten(&name, inner, out),
            _ => {
                out.insert(name, value.clone());
            }
        }
    }
}

/// A TOML value, or the text itself when it is not one (so that `--set model.checkpoint=some/folder` needs no quotes).
pub(super) fn loose_value(text: &str) -> Value {
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}
