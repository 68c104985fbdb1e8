//! The ratings of one rater by aspect and item.

use std::collections::{BTreeMap, HashMap};

use super::raters::RaterRatings;
use crate::aspect::{Aspect, Scale};
use crate::judge::Unread;
use crate::rating::{Rater, Rating};
use crate::sample::Sample;

/// What a rater said, by aspect and key.
pub(super) struct Table<'a> {
    pub rater: Rater,
    /// Under which name the rater is an author.
    pub author: String,
    /// The mean of both passes, 0 to 100, where any could be read.
    pub points: BTreeMap<Aspect, BTreeMap<&'a str, f64>>,
    /// Numbers of classes.
    pub classes: BTreeMap<Aspect, BTreeMap<&'a str, usize>>,
    /// Ratings of items of the sample as they came; of the same item, aspect and pass the last.
    pub raw: BTreeMap<(Aspect, &'a str, usize), &'a Rating>,
    pub reasons: BTreeMap<Aspect, BTreeMap<Unread, usize>>,
    /// Ratings of items that the sample lacks.
    pub foreign: usize,
    /// The pair of each item of the sample.
    pub pairs: HashMap<&'a str, &'a str>,
}

/// A value of a scale as points of 0 to 100.
pub(super) fn points(scale: Scale, value: usize) -> f64 {
    match scale {
        Scale::YesNo => 100.0 * value.clamp(1, 2).saturating_sub(1) as f64,
        _ => 25.0 * value.clamp(1, 5).saturating_sub(1) as f64,
    }
}

impl<'a> Table<'a> {
    pub fn new(sample: &'a Sample, of: &'a RaterRatings) -> Self {
        let mut table = Self {
            rater: of.rater.clone(),
            author: of.author.clone().unwrap_or_else(|| of.rater.name.clone()),
            points: BTreeMap::new(),
            classes: BTreeMap::new(),
            raw: BTreeMap::new(),
            reasons: of.unread.clone(),
            foreign: 0,
            pairs: pairs(sample),
        };
        for rating in &of.ratings {
            if table.pairs.contains_key(rating.key.as_str()) {
                let place = (rating.aspect, rating.key.as_str(), rating.pass);
                table.raw.insert(place, rating);
            } else {
                table.foreign += 1;
            }
        }
        let mut sums: BTreeMap<(Aspect, &str), (f64, f64)> = BTreeMap::new();
        for (&(aspect, key, _), rating) in &table.raw {
            let Some(value) = rating.value else { continue };
            if aspect.scale() == Scale::Classes {
                let classes = table.classes.entry(aspect).or_default();
                classes.entry(key).or_insert(value);
            } else {
                let (sum, count) = sums.entry((aspect, key)).or_default();
                *sum += points(aspect.scale(), value);
                *count += 1.0;
            }
        }
        for ((aspect, key), (sum, count)) in sums {
            let of_aspect = table.points.entry(aspect).or_default();
            of_aspect.insert(key, sum / count);
        }
        table
    }

    /// The pair that an item of the sample is about.
    pub fn pair_of(&self, key: &str) -> &'a str {
        self.pairs.get(key).copied().unwrap_or_default()
    }

    /// The points of an item.
    pub fn of(&self, aspect: Aspect, key: &str) -> Option<f64> {
        self.points.get(&aspect)?.get(key).copied()
    }

    /// Items that were asked about and have no value at all.
    pub fn is_unread(&self, aspect: Aspect, key: &str) -> bool {
        let range = (aspect, key, 0)..=(aspect, key, usize::MAX);
        let mut any = false;
        for (_, rating) in self.raw.range(range) {
            if rating.value.is_some() {
                return false;
            }
            any = true;
        }
        any
    }
}

/// The pair of each item.
pub(super) fn pairs(sample: &Sample) -> HashMap<&str, &str> {
    let items = sample.items.iter();
    items
        .map(|item| (item.key.as_str(), item.pair.as_str()))
        .collect()
}
