//! Krippendorff's alpha (Krippendorff, 2019, chapter 12) for any number of raters, with missing ratings.

use std::collections::BTreeMap;

use corpus::seed::Rng;

use super::error::Undefined;
use crate::statistics::bootstrap::Bootstrap;
use crate::statistics::clusters::Clusters;

/// How [`alpha_interval`] works, in a sentence for a report.
pub const ALPHA_METHOD: &str = "Krippendorff's alpha; percentiles of it over resampled clusters of items, expanded for few \
     clusters (Hesterberg, 2015)";

/// What the values of ratings mean, and so how far two of them are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Names: equal or not.
    Nominal,
    /// Ranks: as far apart as ratings lie between them, half of those with either value counted.
    Ordinal,
    /// Numbers: the difference squared.
    Interval,
}

/// Alpha with its interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Alpha {
    /// 1 is perfect agreement, 0 what chance gives; it can be below.
    pub alpha: f64,
    /// Where the interval begins and ends; `None` if all units lie in one cluster, or if fewer than half of the resamples have
    /// an alpha. Perfect agreement has an interval without width, which is no proof of it.
    pub interval: Option<[f64; 2]>,
    /// Units with two ratings or more; others do not count.
    pub units: usize,
    /// Ratings in them.
    pub ratings: usize,
    /// The clusters of these units.
    pub clusters: usize,
    /// Share of resamples without an alpha, because all their ratings were the same; they are left out of the interval.
    pub undefined_resamples: f64,
}

/// Krippendorff's alpha: 1 − observed ÷ expected disagreement; `None` where [`alpha_interval`] says why there is none.
///
/// A unit holds the ratings of one item, one place for each rater. With m ratings in a unit, and n in all units that have
/// two or more, alpha is 1 − (n − 1) · Σ over units of (Σ of δ² over ordered pairs in the unit ÷ (m − 1)) ÷ Σ of δ² over all
/// ordered pairs. δ² is 0 or 1 for names, the squared difference for numbers, and that of the mean ranks for ranks, which
/// is Krippendorff's ordinal metric. Equal to the package `krippendorff`.
///
/// ```
/// use evaluation::statistics::{Level, alpha};
/// let units = [vec![Some(1.0), Some(1.0)], vec![Some(2.0), Some(2.0), Some(3.0)], vec![Some(5.0), None]];
/// // Ratings 1 1 2 2 3; observed 4 ÷ 2, of all 20 ordered pairs 16 differ: 1 − 4 · 2 ÷ 16.
/// assert_eq!(alpha(&units, Level::Nominal), Some(0.5));
/// ```
pub fn alpha(units: &[Vec<Option<f64>>], level: Level) -> Option<f64> {
    let units = Units::new(units, level).ok()?;
    units.alpha(&vec![1.0; units.all.len()])
}

/// [`alpha`] with an interval from resampling clusters of units, such as the items of one picture; `clusters` belong to `units`.
///
/// Every resample computes both disagreements anew, as Zapf et al. (2016) advise, and unlike Krippendorff's own bootstrap,
/// which keeps the expected one and takes pairs of ratings for independent.
///
/// ```
/// use evaluation::statistics::{Bootstrap, Clusters, Level, Undefined, alpha_interval};
/// let same = vec![vec![Some(3.0), Some(3.0)]; 4];
/// let found = alpha_interval(&same, Level::Ordinal, &Clusters::single(4), &Bootstrap::new(1));
/// assert_eq!(found, Err(Undefined::NoVariation));
/// ```
pub fn alpha_interval(
    units: &[Vec<Option<f64>>],
    level: Level,
    clusters: &Clusters,
    bootstrap: &Bootstrap,
) -> Result<Alpha, Undefined> {
    if clusters.of_item().len() != units.len() {
        return Err(Undefined::Lengths {
            units: units.len(),
            keys: clusters.of_item().len(),
        });
    }
    let units = Units::new(units, level)?;
    let count = units.all.len();
    let alpha = units
        .alpha(&vec![1.0; count])
        .ok_or(Undefined::NoVariation)?;
    // Clusters whose units all lack a second rating take no part.
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, unit) in units.all.iter().enumerate() {
        members
            .entry(clusters.of_item()[unit.at])
            .or_default()
            .push(at);
    }
    let members: Vec<Vec<usize>> = members.into_values().collect();
    let mut rng = Rng::new(bootstrap.seed);
    let mut times = vec![0.0; count];
    let mut draw = |_| {
        times.fill(0.0);
        for _ in 0..members.len() {
            for &at in &members[rng.below(members.len())] {
                times[at] += 1.0;
            }
        }
        units.alpha(&times)
    };
    let draws: Vec<f64> = (0..bootstrap.resamples).filter_map(&mut draw).collect();
    let lost = bootstrap.resamples - draws.len();
    let interval = (draws.len() >= lost)
        .then(|| bootstrap.percentiles(draws, members.len()))
        .flatten();
    Ok(Alpha {
        alpha,
        interval: interval.map(|(low, high)| [low, high]),
        units: count,
        ratings: units.all.iter().map(|unit| unit.values.len()).sum(),
        clusters: members.len(),
        undefined_resamples: lost as f64 / bootstrap.resamples.max(1) as f64,
    })
}

/// The ratings that can be paired.
struct Units {
    all: Vec<Unit>,
    /// The different values, rising.
    values: Vec<f64>,
    level: Level,
}

struct Unit {
    /// Its place among the units that were given.
    at: usize,
    /// Places in the list of different values.
    values: Vec<usize>,
}

impl Units {
    fn new(units: &[Vec<Option<f64>>], level: Level) -> Result<Self, Undefined> {
        let given: Vec<(usize, Vec<f64>)> = units
            .iter()
            .enumerate()
            .map(|(at, unit)| (at, unit.iter().flatten().copied().collect::<Vec<f64>>()))
            .collect();
        if let Some((unit, _)) = given
            .iter()
            .find(|(_, ratings)| !ratings.iter().all(|r| r.is_finite()))
        {
            return Err(Undefined::NotFinite { unit: *unit });
        }
        let pairable: Vec<(usize, Vec<f64>)> = given
            .into_iter()
            .filter(|(_, ratings)| ratings.len() > 1)
            .collect();
        if pairable.is_empty() {
            return Err(Undefined::NothingToPair);
        }
        // Adding 0 makes one zero of both.
        let mut values: Vec<f64> = pairable
            .iter()
            .flat_map(|(_, ratings)| ratings.iter().map(|r| r + 0.0))
            .collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        let place = |rating: &f64| values.partition_point(|value| value < rating);
        let all = pairable
            .iter()
            .map(|(at, ratings)| Unit {
                at: *at,
                values: ratings.iter().map(place).collect(),
            })
            .collect();
        Ok(Self { all, values, level })
    }

    /// Alpha if each unit is there so many times; `None` without variation.
    fn alpha(&self, times: &[f64]) -> Option<f64> {
        let mut counts = vec![0.0; self.values.len()];
        for (unit, times) in self.all.iter().zip(times) {
            for &value in &unit.values {
                counts[value] += times;
            }
        }
        if counts.iter().filter(|&&count| count > 0.0).count() < 2 {
            return None;
        }
        let n: f64 = counts.iter().sum();
        let (expected, observed) = match self.level {
            Level::Nominal => {
                let equal: f64 = counts.iter().map(|count| count * count).sum();
                (n * n - equal, self.observed(times, differing_pairs))
            }
            Level::Ordinal => {
                let mut below = 0.0;
                let ranks: Vec<f64> = counts
                    .iter()
                    .map(|count| {
                        below += count;
                        below - count / 2.0
                    })
                    .collect();
                self.of_numbers(&ranks, &counts, n, times)
            }
            Level::Interval => self.of_numbers(&self.values, &counts, n, times),
        };
        Some(1.0 - (n - 1.0) * observed / expected)
    }

    /// Expected and observed disagreement of numbers. The squared differences of all ordered pairs of m numbers add up to 2m
    /// times the squared deviations from their mean.
    fn of_numbers(&self, numbers: &[f64], counts: &[f64], n: f64, times: &[f64]) -> (f64, f64) {
        let mean = numbers.iter().zip(counts).map(|(x, c)| c * x).sum::<f64>() / n;
        let squares: f64 = numbers
            .iter()
            .zip(counts)
            .map(|(x, c)| c * (x - mean).powi(2))
            .sum();
        let of_unit = |values: &[usize]| {
            let m = values.len() as f64;
            let mean = values.iter().map(|&v| numbers[v]).sum::<f64>() / m;
            let squares: f64 = values.iter().map(|&v| (numbers[v] - mean).powi(2)).sum();
            2.0 * m * squares
        };
        (2.0 * n * squares, self.observed(times, of_unit))
    }

    /// What ordered pairs of each unit add up to, each unit's over its ratings but one.
    fn observed(&self, times: &[f64], of_unit: impl Fn(&[usize]) -> f64) -> f64 {
        let units = self
            .all
            .iter()
            .zip(times)
            .filter(|(_, times)| **times > 0.0);
        units
            .map(|(unit, times)| times * of_unit(&unit.values) / (unit.values.len() as f64 - 1.0))
            .sum()
    }
}

/// Ordered pairs that are not equal.
fn differing_pairs(values: &[usize]) -> f64 {
    let differing = |value: &usize| values.iter().filter(|other| *other != value).count();
    values.iter().map(differing).sum::<usize>() as f64
}
