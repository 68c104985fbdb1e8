//! A filter, measured on what it kept and what it dropped.

use evaluation::statistics::{Drawn, Filter, ScoredStratum, ThresholdPoint, threshold_curve};
use serde::{Deserialize, Serialize};

use super::parts::side;
use super::table::{Table, points};
use crate::aspect::{Aspect, Scale};
use crate::item::Item;
use crate::rating::Rater;
use crate::sample::{Sample, SetSample};

/// One side of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StratumCounts {
    /// Items of the whole set.
    pub total: usize,
    /// Items in the sample.
    pub drawn: usize,
    /// Items that the rater said something of; the rest is taken to be like them.
    pub judged: usize,
    /// Of these, the right ones.
    pub right: usize,
}

/// A filter by what a rater takes for right. Shares are 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilterQuality {
    /// The set.
    pub set: String,
    /// Who says what is right.
    pub rater: Rater,
    /// Accuracy: whether the answer is right; consistency: whether the precise answer follows, whatever is true.
    pub aspect: Aspect,
    /// An item is right from so many points on.
    pub right_from: f64,
    /// What was kept.
    pub kept: StratumCounts,
    /// What was dropped.
    pub dropped: StratumCounts,
    /// Precision, recall and the share of right items before the filter, with intervals for the way of sampling.
    pub measured: Filter,
    /// What other thresholds would do, where the filter gave probabilities; empty otherwise.
    pub curve: Vec<ThresholdPoint>,
}

/// Thresholds of a curve at most.
const POINTS: usize = 100;

pub(super) fn filters(
    tables: &[Table<'_>],
    sample: &Sample,
    right_level: usize,
) -> Vec<FilterQuality> {
    let mut out = Vec::new();
    for set in sample.sets.iter().filter(|set| set.is_of_filter) {
        for table in tables {
            for aspect in [Aspect::Accuracy, Aspect::Consistency] {
                // Both passes have to say yes.
                let right_from = match aspect.scale() {
                    Scale::YesNo => 100.0,
                    _ => points(aspect.scale(), right_level),
                };
                out.extend(measured(table, sample, set, aspect, right_from));
            }
        }
    }
    out
}

fn measured(
    table: &Table<'_>,
    sample: &Sample,
    set: &SetSample,
    aspect: Aspect,
    right_from: f64,
) -> Option<FilterQuality> {
    let sides = [true, false].map(|kept| {
        let items: Vec<&Item> = sample
            .items
            .iter()
            .filter(|item| item.set == set.name && item.kept == Some(kept))
            .collect();
        let judged: Vec<(&Item, bool)> = items
            .iter()
            .filter_map(|item| Some((*item, table.of(aspect, &item.key)? >= right_from - 1e-9)))
            .collect();
        let stratum = set.strata.iter().find(|one| one.name == side(kept));
        let counts = StratumCounts {
            total: stratum.map_or(items.len(), |one| one.total),
            drawn: items.len(),
            judged: judged.len(),
            right: judged.iter().filter(|(_, right)| *right).count(),
        };
        (counts, judged)
    });
    let [(kept, of_kept), (dropped, of_dropped)] = &sides;
    let right = |judged: &[(&Item, bool)]| -> Vec<bool> {
        judged.iter().map(|(_, right)| *right).collect()
    };
    let (right_kept, right_dropped) = (right(of_kept), right(of_dropped));
    let drawn = |total: usize, right| Drawn {
        total,
        right,
        clusters: None,
    };
    let found = Filter::measure(
        drawn(kept.total, &right_kept),
        drawn(dropped.total, &right_dropped),
    );
    Some(FilterQuality {
        set: set.name.clone(),
        rater: table.rater.clone(),
        aspect,
        right_from,
        kept: *kept,
        dropped: *dropped,
        measured: found.ok()?,
        curve: curve([(kept, of_kept), (dropped, of_dropped)]).unwrap_or_default(),
    })
}

/// None where an item has no probability.
fn curve(sides: [(&StratumCounts, &Vec<(&Item, bool)>); 2]) -> Option<Vec<ThresholdPoint>> {
    let mut scored: Vec<(usize, Vec<(f64, bool)>)> = Vec::new();
    for (counts, judged) in sides {
        let items = judged
            .iter()
            .map(|(item, right)| Some((item.p_yes?, *right)));
        scored.push((counts.total, items.collect::<Option<Vec<_>>>()?));
    }
    let mut thresholds: Vec<f64> = scored
        .iter()
        .flat_map(|(_, items)| items.iter().map(|(score, _)| *score))
        .collect();
    thresholds.sort_unstable_by(|a, b| b.total_cmp(a));
    thresholds.dedup();
    let step = thresholds.len().div_ceil(POINTS).max(1);
    let last = thresholds.last().copied();
    let mut thresholds: Vec<f64> = thresholds.into_iter().step_by(step).collect();
    if thresholds.last().copied() != last {
        thresholds.extend(last);
    }
    let strata: Vec<ScoredStratum<'_>> = scored
        .iter()
        .map(|(total, items)| ScoredStratum {
            total: *total,
            items,
            clusters: None,
        })
        .collect();
    threshold_curve(&strata, &thresholds).ok()
}
