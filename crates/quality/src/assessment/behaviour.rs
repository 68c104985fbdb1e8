//! How a rater rates: what could not be read, whether all ratings are one, and what the order of things does to them.

use std::collections::BTreeMap;

use evaluation::statistics::{Bootstrap, Clusters, paired};
use serde::{Deserialize, Serialize};

use super::interval::Difference;
use super::table::{Table, points};
use crate::aspect::{Aspect, Scale};
use crate::judge::Unread;
use crate::rating::{Ground, Rater};

/// From this share of one value on, ratings say nothing.
const ONE_VALUE: f64 = 0.95;
/// Fewer ratings than these may be the same by chance.
const ENOUGH: usize = 10;

/// What a rater said of an aspect, pass by pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AspectRatings {
    /// Who.
    pub rater: Rater,
    /// Of what.
    pub aspect: Aspect,
    /// Ratings that were asked for.
    pub asked: usize,
    /// Of these, those without a value.
    pub unread: usize,
    /// Why, where the rater is a model.
    pub reasons: BTreeMap<Unread, usize>,
    /// The most frequent value and its share of the ratings that have one.
    pub most_frequent: Option<(usize, f64)>,
    /// Whether (nearly) all ratings are one value: such a rater tells no item from another. Never said of lists, where it may be true.
    pub says_nothing: bool,
}

/// What is turned round in the second pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Turned {
    /// The items side by side.
    Places,
    /// The list of levels of an item by itself.
    Levels,
}

/// What the order does to a judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PassEffect {
    /// Who.
    pub rater: Rater,
    /// Of what.
    pub aspect: Aspect,
    /// What was turned.
    pub turned: Turned,
    /// The same item in the first place less the same in the last; or with the worst level listed first less with the best first.
    pub effect: Difference,
    /// Items that were read both times.
    pub items: usize,
    /// How many of these, in percent, have the same value both times.
    pub same: f64,
}

impl PassEffect {
    /// The effect in words.
    pub fn sentence(&self) -> String {
        let [low, high] = self.effect.interval;
        let what = match self.turned {
            Turned::Places => "the same item in the first place less the same in the last",
            Turned::Levels => "levels listed from the worst less from the best",
        };
        let (effect, same) = (self.effect.difference, self.same);
        format!(
            "{what} {effect:+.1} ({low:+.1} to {high:+.1}); {same:.0} % are the same both times"
        )
    }
}

pub(super) fn ratings(tables: &[Table<'_>]) -> Vec<AspectRatings> {
    let mut out = Vec::new();
    for table in tables {
        for aspect in Aspect::ALL {
            let all = table.raw.iter().filter(|((of, ..), _)| *of == aspect);
            let values: Vec<Option<usize>> = all.map(|(_, rating)| rating.value).collect();
            if values.is_empty() {
                continue;
            }
            let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
            for value in values.iter().flatten() {
                *counts.entry(*value).or_default() += 1;
            }
            let read: usize = counts.values().sum();
            let most = counts.into_iter().max_by_key(|(_, count)| *count);
            let most_frequent = most.map(|(value, count)| (value, count as f64 / read as f64));
            out.push(AspectRatings {
                rater: table.rater.clone(),
                aspect,
                asked: values.len(),
                unread: values.len() - read,
                reasons: table.reasons.get(&aspect).cloned().unwrap_or_default(),
                says_nothing: read >= ENOUGH
                    && aspect.scale() != Scale::Classes
                    && most_frequent.is_some_and(|(_, share)| share >= ONE_VALUE),
                most_frequent,
            });
        }
    }
    out
}

/// Of models that were asked twice. An item that stood first in one pass stood last in the other, so that its own quality cancels.
pub(super) fn passes(tables: &[Table<'_>], seed: u64) -> Vec<PassEffect> {
    let mut out = Vec::new();
    for table in tables
        .iter()
        .filter(|table| table.rater.ground == Ground::Model)
    {
        for aspect in super::means::graded() {
            // First less last, or as listed less turned.
            let (mut places, mut levels): (Vec<Twice>, Vec<Twice>) = (Vec::new(), Vec::new());
            let (mut in_places, mut in_levels) = ([0_usize; 2], [0_usize; 2]);
            for (&(of, key, pass), rating) in &table.raw {
                let again = table.raw.get(&(aspect, key, 1));
                let (true, Some(again)) = (of == aspect && pass == 0, again) else {
                    continue;
                };
                let (Some(one), Some(two)) = (rating.value, again.value) else {
                    continue;
                };
                let [one_points, two_points] =
                    [one, two].map(|value| points(aspect.scale(), value));
                let pair = table.pair_of(key);
                let is_alone = rating.position == 0 && again.position == 0;
                let counts = if is_alone {
                    &mut in_levels
                } else {
                    &mut in_places
                };
                counts[0] += 1;
                counts[1] += usize::from(one == two);
                if is_alone {
                    levels.push((pair, one_points, two_points));
                } else if rating.position == 0 {
                    places.push((pair, one_points, two_points));
                } else if again.position == 0 {
                    places.push((pair, two_points, one_points));
                }
            }
            for (turned, found, [items, same]) in [
                (Turned::Places, places, in_places),
                (Turned::Levels, levels, in_levels),
            ] {
                if let Some(effect) = shift(&found, seed) {
                    out.push(PassEffect {
                        rater: table.rater.clone(),
                        aspect,
                        turned,
                        effect,
                        items,
                        same: 100.0 * same as f64 / items as f64,
                    });
                }
            }
        }
    }
    out
}

/// The pair of an item, and its points in two places.
type Twice<'a> = (&'a str, f64, f64);

fn shift(found: &[Twice<'_>], seed: u64) -> Option<Difference> {
    let pairs: Vec<&str> = found.iter().map(|(pair, ..)| *pair).collect();
    let first: Vec<f64> = found.iter().map(|(_, first, _)| *first).collect();
    let last: Vec<f64> = found.iter().map(|(.., last)| *last).collect();
    let found = paired(&last, &first, &Clusters::new(&pairs), &Bootstrap::new(seed)).ok()?;
    Some(Difference {
        difference: found.difference,
        interval: [found.low, found.high],
        shared: found.clusters,
        pairs: found.clusters,
    })
}
