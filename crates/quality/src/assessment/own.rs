//! Judges that rate what they have written.

use serde::{Deserialize, Serialize};

use super::interval::{Difference, OfPair, difference};
use super::means::graded;
use super::table::Table;
use crate::aspect::Aspect;
use crate::rating::{Ground, Rater};
use crate::sample::Sample;

/// What a judge makes of its own tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OwnRating {
    /// The judge.
    pub rater: Rater,
    /// Of what.
    pub aspect: Aspect,
    /// Own tasks less those of others, by the judge. It may well be that they are better.
    pub difference: Difference,
    /// The same less what all other raters make of it, on the items that both rated: what the judge alone sees in its own. None where
    /// nobody else rated tasks of both kinds; then it cannot be told.
    pub excess: Option<Difference>,
}

pub(super) fn own(tables: &[Table<'_>], sample: &Sample, seed: u64) -> Vec<OwnRating> {
    let mut out = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        if table.rater.ground != Ground::Model {
            continue;
        }
        for aspect in graded() {
            let others = |key: &str| {
                let rest = tables.iter().enumerate().filter(|(other, _)| *other != at);
                let values: Vec<f64> = rest.filter_map(|(_, t)| t.of(aspect, key)).collect();
                (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
            };
            // By the judge, and the judge less the others: of own tasks and of others'.
            let mut said: [Vec<OfPair<'_>>; 2] = [Vec::new(), Vec::new()];
            let mut beyond: [Vec<OfPair<'_>>; 2] = [Vec::new(), Vec::new()];
            for item in &sample.items {
                let Some(value) = table.of(aspect, &item.key) else {
                    continue;
                };
                let side = usize::from(item.author.as_deref() != Some(&table.author));
                said[side].push((&item.pair, value));
                if let Some(by_others) = others(&item.key) {
                    beyond[side].push((&item.pair, value - by_others));
                }
            }
            let Some(found) = difference(&said[0], &said[1], seed) else {
                continue;
            };
            out.push(OwnRating {
                rater: table.rater.clone(),
                aspect,
                difference: found,
                excess: difference(&beyond[0], &beyond[1], seed),
            });
        }
    }
    out
}
