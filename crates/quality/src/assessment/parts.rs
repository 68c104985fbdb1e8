//! What is compared: sets, and of a set that measures its filter what was kept and what was dropped.

use serde::{Deserialize, Serialize};

use crate::item::Item;
use crate::sample::Sample;

/// A set, or one side of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The set's name, with `, kept` or `, dropped` behind it.
    pub name: String,
    /// The set.
    pub set: String,
    /// Of a set that measures its filter: whether these were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<bool>,
    /// Items in the sample.
    pub drawn: usize,
    /// Items that they were drawn from.
    pub total: usize,
}

/// A part with its items.
pub(super) struct Items<'a> {
    pub about: Part,
    pub items: Vec<&'a Item>,
}

/// The name of a filter's side, as strata have it.
pub(super) fn side(kept: bool) -> &'static str {
    if kept { "kept" } else { "dropped" }
}

pub(super) fn parts(sample: &Sample) -> Vec<Items<'_>> {
    let mut out = Vec::new();
    for set in &sample.sets {
        let of_set = || sample.items.iter().filter(|item| item.set == set.name);
        if !set.is_of_filter {
            let items: Vec<&Item> = of_set().collect();
            out.push(Items {
                about: Part {
                    name: set.name.clone(),
                    set: set.name.clone(),
                    kept: None,
                    drawn: items.len(),
                    total: set.total,
                },
                items,
            });
            continue;
        }
        for kept in [true, false] {
            let items: Vec<&Item> = of_set().filter(|item| item.kept == Some(kept)).collect();
            let stratum = set.strata.iter().find(|one| one.name == side(kept));
            out.push(Items {
                about: Part {
                    name: format!("{}, {}", set.name, side(kept)),
                    set: set.name.clone(),
                    kept: Some(kept),
                    drawn: items.len(),
                    total: stratum.map_or(items.len(), |one| one.total),
                },
                items,
            });
        }
    }
    out
}
