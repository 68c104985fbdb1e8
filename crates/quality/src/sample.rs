//! What is drawn of each set to be judged.

use serde::{Deserialize, Serialize};

use crate::item::Item;

/// A seeded sample of several sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// A digest of its items and seed: ratings say which sample they are of.
    pub id: String,
    /// The seed.
    pub seed: u64,
    /// Each set and what was drawn of it.
    pub sets: Vec<SetSample>,
    /// The items, set by set.
    pub items: Vec<Item>,
}

/// What was drawn of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetSample {
    /// Its name.
    pub name: String,
    /// Items of the whole set.
    pub total: usize,
    /// By what it is stratified, and how many were drawn of how many; one without a name where it is not.
    pub strata: Vec<Stratum>,
    /// Whether it is all that a filter judged, drawn by whether it kept them: such a set measures the filter.
    #[serde(default)]
    pub is_of_filter: bool,
}

/// A part of a set from which is drawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stratum {
    /// A task type, or `kept` and `dropped`.
    pub name: String,
    /// Items in the set.
    pub total: usize,
    /// Items drawn.
    pub drawn: usize,
}
