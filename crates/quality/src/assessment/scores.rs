//! What each rater gave each item, for who compares sets over several samples.

use serde::{Deserialize, Serialize};

use super::raters::RaterRatings;
use super::table::Table;
use crate::aspect::Aspect;
use crate::sample::Sample;

/// What a rater gave an aspect of an item, 0 to 100: the mean of what was said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemScore {
    /// Who.
    pub rater: String,
    /// The set.
    pub set: String,
    /// The item.
    pub item: String,
    /// The pair that it is about.
    pub pair: String,
    /// Of what.
    pub aspect: Aspect,
    /// 0 to 100.
    pub score: f64,
}

/// The scores of all items that have some; classes have none.
pub fn scores(sample: &Sample, raters: &[RaterRatings]) -> Vec<ItemScore> {
    let mut out = Vec::new();
    for of in raters {
        let table = Table::new(sample, of);
        for item in &sample.items {
            for aspect in Aspect::ALL {
                let Some(score) = table.of(aspect, &item.key) else {
                    continue;
                };
                out.push(ItemScore {
                    rater: of.rater.name.clone(),
                    set: item.set.clone(),
                    item: item.id.clone(),
                    pair: item.pair.clone(),
                    aspect,
                    score,
                });
            }
        }
    }
    out
}
