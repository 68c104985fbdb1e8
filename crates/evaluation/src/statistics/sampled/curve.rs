//! Precision and recall at every threshold, from one stratified sample.

use serde::{Deserialize, Serialize};

use super::error::SampleError;
use super::limits::{Share, between, check, share};
use crate::statistics::clusters::Clusters;

/// How [`threshold_curve`] works, in a sentence for a report.
pub const CURVE_METHOD: &str = "each item weighs as many as it stands for; mid-P limits of the shares of right and wrong, or kept and \
     missed, items of each stratum, put together with their correlation by the method of variance estimates recovery (Zou \
     and Donner, 2008)";

/// What was drawn of one stratum, with scores.
#[derive(Clone, Copy, Debug)]
pub struct ScoredStratum<'a> {
    /// Items of the stratum.
    pub total: usize,
    /// The score of each item that was drawn, such as the filter's probability of yes, and whether it is right.
    pub items: &'a [(f64, bool)],
    /// Their clusters, if they were drawn in clusters.
    pub clusters: Option<&'a Clusters>,
}

/// A filter that keeps what scores at least so much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThresholdPoint {
    /// The lowest score that is kept.
    pub threshold: f64,
    /// Items of the sample that are kept.
    pub drawn: usize,
    /// Items of the population that are kept, estimated.
    pub kept: f64,
    /// Right items among the kept; `None` if none of the sample is kept.
    pub precision: Option<Share>,
    /// Kept items among the right; `None` if none of the sample is right.
    pub recall: Option<Share>,
}

/// Precision and recall at each of the thresholds, in their order.
///
/// An item of a stratum of which n of N items were drawn stands for N ÷ n. At the threshold by which the strata were made both are
/// those of [`Filter::measure`](super::Filter::measure). A stratum whose drawn items all lie on one side of a threshold is taken
/// to lie there as a whole.
///
/// ```
/// use evaluation::statistics::{ScoredStratum, threshold_curve};
/// let kept = ScoredStratum { total: 20, items: &[(0.9, true), (0.6, false)], clusters: None };
/// let dropped = ScoredStratum { total: 60, items: &[(0.4, true), (0.1, false)], clusters: None };
/// let curve = threshold_curve(&[kept, dropped], &[0.5, 0.2]).expect("a sample");
/// let values = |n: usize| (curve[n].kept, curve[n].precision.map(|p| p.value), curve[n].recall.map(|r| r.value));
/// assert_eq!(values(0), (20.0, Some(0.5), Some(0.25)));
/// assert_eq!(values(1), (50.0, Some(0.8), Some(1.0)));
/// ```
pub fn threshold_curve(
    strata: &[ScoredStratum<'_>],
    thresholds: &[f64],
) -> Result<Vec<ThresholdPoint>, SampleError> {
    for (at, stratum) in strata.iter().enumerate() {
        check(at, stratum.total, stratum.items.len(), stratum.clusters)?;
        if let Some(item) = stratum
            .items
            .iter()
            .position(|(score, _)| !score.is_finite())
        {
            return Err(SampleError::NotFinite { stratum: at, item });
        }
    }
    if strata.iter().all(|stratum| stratum.total == 0) {
        return Err(SampleError::NoItems);
    }
    let point = |&threshold: &f64| {
        let is_kept = move |&(score, _): &(f64, bool)| score >= threshold;
        let drawn = strata
            .iter()
            .map(|stratum| stratum.items.iter().filter(|item| is_kept(item)).count());
        ThresholdPoint {
            threshold,
            drawn: drawn.sum(),
            kept: strata
                .iter()
                .map(|s| weight(s) * s.items.iter().filter(|item| is_kept(item)).count() as f64)
                .sum(),
            precision: ratio(
                strata
                    .iter()
                    .map(|stratum| precision_part(stratum, threshold)),
            ),
            recall: ratio(strata.iter().map(|stratum| recall_part(stratum, threshold))),
        }
    };
    Ok(thresholds.iter().map(point).collect())
}

/// For how many items one of the stratum stands.
fn weight(stratum: &ScoredStratum<'_>) -> f64 {
    stratum.total as f64 / stratum.items.len().max(1) as f64
}

/// What a stratum adds to both sides of a ratio.
struct Part {
    /// Items of the stratum.
    total: f64,
    /// Its share that counts for the ratio.
    with: Share,
    /// Its share that counts against it.
    without: Share,
}

impl Part {
    /// How far `with` and `without` go together: the correlation of two shares of a multinomial distribution, turned positive.
    fn correlation(&self) -> f64 {
        let (with, without) = (self.with.value, self.without.value);
        let rest = (1.0 - with) * (1.0 - without);
        if with + without >= 1.0 - 1e-12 {
            1.0
        } else {
            (with * without / rest).sqrt()
        }
    }
}

/// Right and wrong items among the kept.
fn precision_part(stratum: &ScoredStratum<'_>, threshold: f64) -> Part {
    let some = stratum.items.iter().any(|item| item.0 >= threshold);
    let kept_and = |right: bool| move |item: &(f64, bool)| item.0 >= threshold && item.1 == right;
    part(stratum, [some, some], kept_and(true), kept_and(false))
}

/// Kept and dropped items among the right.
fn recall_part(stratum: &ScoredStratum<'_>, threshold: f64) -> Part {
    let right_and = |kept: bool| move |item: &(f64, bool)| item.1 && (item.0 >= threshold) == kept;
    let some = |kept: bool| {
        stratum
            .items
            .iter()
            .any(|item| (item.0 >= threshold) == kept)
    };
    part(
        stratum,
        [some(true), some(false)],
        right_and(true),
        right_and(false),
    )
}

/// Shares of a stratum; one that cannot be is certainly none.
fn part(
    stratum: &ScoredStratum<'_>,
    can_be: [bool; 2],
    with: impl Fn(&(f64, bool)) -> bool,
    without: impl Fn(&(f64, bool)) -> bool,
) -> Part {
    let of = |can_be: bool, has: &dyn Fn(&(f64, bool)) -> bool| {
        let has: Vec<bool> = stratum.items.iter().map(has).collect();
        if can_be {
            share(&has, stratum.total, stratum.clusters)
        } else {
            Share::NOTHING
        }
    };
    Part {
        total: stratum.total as f64,
        with: of(can_be[0], &with),
        without: of(can_be[1], &without),
    }
}

/// With ÷ with and without over all strata; `None` if the sample has neither.
fn ratio(parts: impl Iterator<Item = Part>) -> Option<Share> {
    let parts: Vec<Part> = parts.collect();
    let sum = |of: fn(&Part) -> f64| parts.iter().map(|part| part.total * of(part)).sum::<f64>();
    let (with, without) = (sum(|part| part.with.value), sum(|part| part.without.value));
    if with + without <= 0.0 {
        return None;
    }
    // The ratio is above t exactly if (1 − t) · with − t · without is above 0.
    let middle = |t: f64| (1.0 - t) * with - t * without;
    let reach = |for_it: &dyn Fn(&Part) -> f64, against: &dyn Fn(&Part) -> f64, t: f64| {
        let squares = parts.iter().map(|part| {
            let (one, other) = ((1.0 - t) * for_it(part), t * against(part));
            let both = one * one + other * other + 2.0 * part.correlation() * one * other;
            part.total * part.total * both
        });
        squares.sum::<f64>().sqrt()
    };
    let clearly_above = |t: f64| {
        let down = |part: &Part| part.with.value - part.with.low;
        let up = |part: &Part| part.without.high - part.without.value;
        middle(t) > reach(&down, &up, t)
    };
    let clearly_below = |t: f64| {
        let up = |part: &Part| part.with.high - part.with.value;
        let down = |part: &Part| part.without.value - part.without.low;
        -middle(t) > reach(&up, &down, t)
    };
    Some(between(
        with / (with + without),
        clearly_above,
        clearly_below,
    ))
}
