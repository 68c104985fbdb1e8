//! Every key of a recipe in words.

use super::keys::help_of;
use super::resolution::Resolution;

/// One key as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The dotted name.
    pub key: String,
    /// Its value as TOML.
    pub value: String,
    /// Where the value comes from.
    pub origin: String,
    /// What the key does.
    pub help: &'static str,
}

/// The keys that have a value, by name.
pub fn explain(resolution: &Resolution) -> Vec<Row> {
    let rows = resolution.iter().map(|(key, resolved)| Row {
        key: key.clone(),
        value: resolved.value.to_string(),
        origin: resolved.origin.to_string(),
        help: help_of(key),
    });
    rows.collect()
}
