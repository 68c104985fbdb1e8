//! Means of every part by every rater, and how parts differ.

use serde::{Deserialize, Serialize};

use super::interval::{Difference, Mean, OfPair, difference, mean_of};
use super::parts::Items;
use super::table::Table;
use crate::aspect::{Aspect, Scale};
use crate::rating::Rater;

/// What a rater said of an aspect of a part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanOf {
    /// Who.
    pub rater: Rater,
    /// [`Part::name`](super::Part::name).
    pub part: String,
    /// Of what.
    pub aspect: Aspect,
    /// The mean of consistency is a share.
    pub mean: Mean,
    /// Items that were asked about and have no value.
    pub unread: usize,
}

/// How two parts differ by a rater.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SetDifference {
    /// Who.
    pub rater: Rater,
    /// Of what.
    pub aspect: Aspect,
    /// The first part.
    pub one: String,
    /// The part that is taken from it.
    pub other: String,
    /// By how much.
    pub difference: Difference,
}

/// Aspects that have means.
pub(super) fn graded() -> impl Iterator<Item = Aspect> {
    let all = Aspect::ALL.into_iter();
    all.filter(|aspect| aspect.scale() != Scale::Classes)
}

pub(super) fn means(tables: &[Table<'_>], parts: &[Items<'_>], seed: u64) -> Vec<MeanOf> {
    let mut out = Vec::new();
    for table in tables {
        for aspect in graded() {
            for part in parts {
                let unread = part.items.iter();
                let unread = unread.filter(|item| table.is_unread(aspect, &item.key));
                let Some(mean) = mean_of(&values(table, aspect, part), seed) else {
                    continue;
                };
                out.push(MeanOf {
                    rater: table.rater.clone(),
                    part: part.about.name.clone(),
                    aspect,
                    mean,
                    unread: unread.count(),
                });
            }
        }
    }
    out
}

pub(super) fn differences(
    tables: &[Table<'_>],
    parts: &[Items<'_>],
    seed: u64,
) -> Vec<SetDifference> {
    let mut out = Vec::new();
    for table in tables {
        for aspect in graded() {
            for (at, one) in parts.iter().enumerate() {
                for other in &parts[at + 1..] {
                    let sides = (values(table, aspect, one), values(table, aspect, other));
                    if let Some(difference) = difference(&sides.0, &sides.1, seed) {
                        out.push(SetDifference {
                            rater: table.rater.clone(),
                            aspect,
                            one: one.about.name.clone(),
                            other: other.about.name.clone(),
                            difference,
                        });
                    }
                }
            }
        }
    }
    out
}

fn values<'a>(table: &Table<'_>, aspect: Aspect, part: &Items<'a>) -> Vec<OfPair<'a>> {
    let items = part.items.iter();
    items
        .filter_map(|item| Some((item.pair.as_str(), table.of(aspect, &item.key)?)))
        .collect()
}
