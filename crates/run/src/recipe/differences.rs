//! How two recipes differ.

use serde::Serialize;

use super::resolution::{Resolution, Resolved};

/// A key that two recipes say different things of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The dotted name.
    pub key: String,
    /// What the first recipe says; none where it says nothing and there is no preset.
    pub a: Option<Resolved>,
    /// What the second says.
    pub b: Option<Resolved>,
}

/// The keys of which two recipes have different values, by name; where a value comes from makes no difference.
pub fn differences(a: &Resolution, b: &Resolution) -> Vec<Difference> {
    let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.retain(|key| a.get(*key).map(|k| &k.value) != b.get(*key).map(|k| &k.value));
    let difference = |key: &String| Difference {
        key: key.clone(),
        a: a.get(key).cloned(),
        b: b.get(key).cloned(),
    };
    keys.into_iter().map(difference).collect()
}
