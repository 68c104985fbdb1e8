//! Agreement of two raters.

use std::collections::BTreeMap;

/// How much a disagreement counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Every one alike.
    Plain,
    /// By the difference of both values.
    Linear,
    /// By the squared difference of both values.
    Quadratic,
}

/// The ratings that two raters, by their places, gave the same units.
///
/// ```
/// let units = [vec![Some(1.0), Some(2.0)], vec![None, Some(2.0)]];
/// assert_eq!(evaluation::statistics::pairs(&units, 0, 1), [(1.0, 2.0)]);
/// ```
pub fn pairs(units: &[Vec<Option<f64>>], one: usize, other: usize) -> Vec<(f64, f64)> {
    let of = |unit: &Vec<Option<f64>>, rater: usize| unit.get(rater).copied().flatten();
    units
        .iter()
        .filter_map(|unit| of(unit, one).zip(of(unit, other)))
        .collect()
}

/// Cohen's kappa (1960, weighted 1968): 1 − observed ÷ expected disagreement of two raters.
///
/// Expected is what raters with the same shares of values would disagree by chance. Equal to scikit-learn's
/// `cohen_kappa_score` if its `labels` are the whole scale; without them scikit-learn takes values that nobody gave out of
/// the scale and so moves the others together. `None` without pairs, if a value is not finite, and if both raters gave
/// one and the same value only.
///
/// ```
/// use evaluation::statistics::{Weights, kappa};
/// let pairs = [(1.0, 1.0), (1.0, 2.0), (2.0, 2.0), (2.0, 2.0)];
/// // A quarter differs; by chance it would be 2/4 · 3/4 + 2/4 · 1/4, a half.
/// assert_eq!(kappa(&pairs, Weights::Plain), Some(0.5));
/// ```
pub fn kappa(pairs: &[(f64, f64)], weights: Weights) -> Option<f64> {
    let weight = |a: f64, b: f64| match weights {
        Weights::Plain => f64::from(u8::from((a - b).abs() > 0.0)),
        Weights::Linear => (a - b).abs(),
        Weights::Quadratic => (a - b).powi(2),
    };
    if !pairs.iter().all(|(a, b)| a.is_finite() && b.is_finite()) {
        return None;
    }
    let observed: f64 = pairs.iter().map(|&(a, b)| weight(a, b)).sum();
    let ones = tally(pairs.iter().map(|pair| pair.0));
    let others = tally(pairs.iter().map(|pair| pair.1));
    let mut expected = 0.0;
    for &(a, of_a) in &ones {
        for &(b, of_b) in &others {
            expected += of_a * of_b * weight(a, b);
        }
    }
    (expected > 0.0).then(|| 1.0 - observed * pairs.len() as f64 / expected)
}

/// How often each value occurs.
fn tally(values: impl Iterator<Item = f64>) -> Vec<(f64, f64)> {
    let mut counts: BTreeMap<u64, f64> = BTreeMap::new();
    for value in values {
        *counts.entry((value + 0.0).to_bits()).or_default() += 1.0;
    }
    counts
        .into_iter()
        .map(|(bits, count)| (f64::from_bits(bits), count))
        .collect()
}

/// How often two raters say exactly the same: the share of equal pairs of ratings in a unit, 0 to 1, as a mean over the units
/// that have two ratings or more. `None` without such units.
///
/// ```
/// let units = [vec![Some(1.0), Some(1.0)], vec![Some(1.0), Some(1.0), Some(2.0), None], vec![Some(4.0)]];
/// assert_eq!(evaluation::statistics::exact_agreement(&units), Some((1.0 + 1.0 / 3.0) / 2.0));
/// ```
pub fn exact_agreement(units: &[Vec<Option<f64>>]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0.0);
    for unit in units {
        let ratings: Vec<f64> = unit.iter().flatten().copied().collect();
        if ratings.len() < 2 {
            continue;
        }
        let (mut equal, mut all) = (0.0, 0.0);
        for (at, one) in ratings.iter().enumerate() {
            for other in &ratings[at + 1..] {
                all += 1.0;
                equal += f64::from(u8::from((one - other).abs() <= 0.0));
            }
        }
        sum += equal / all;
        count += 1.0;
    }
    (count > 0.0).then(|| sum / count)
}
