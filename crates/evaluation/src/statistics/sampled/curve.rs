//! Precision and recall at every threshold, from one stratified sample.

use serde::{Deserialize, Serialize};

use super::error::SampleError;
use super::limits::{Share, check, limits, sums};
use crate::statistics::clusters::Clusters;

/// How [`threshold_curve`] works, in a sentence for a report.
pub const CURVE_METHOD: &str = "each item weighs as many as it stands for; mid-P interval of the ratio for the effective number \
     of items behind its linearised standard error, with finite population correction";

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
/// those of [`Filter::measure`](super::Filter::measure), whose intervals are a little better there.
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
            precision: share_of(strata, is_kept, |item| item.1),
            recall: share_of(strata, |item| item.1, is_kept),
        }
    };
    Ok(thresholds.iter().map(point).collect())
}

/// For how many items one of the stratum stands.
fn weight(stratum: &ScoredStratum<'_>) -> f64 {
    stratum.total as f64 / stratum.items.len().max(1) as f64
}

/// The share with a property among the items of a domain; `None` if the sample has none of these.
fn share_of(
    strata: &[ScoredStratum<'_>],
    in_domain: impl Fn(&(f64, bool)) -> bool,
    has: impl Fn(&(f64, bool)) -> bool,
) -> Option<Share> {
    let (mut all, mut with) = (0.0, 0.0);
    for stratum in strata {
        let domain = || stratum.items.iter().filter(|item| in_domain(item));
        all += weight(stratum) * domain().count() as f64;
        with += weight(stratum) * domain().filter(|item| has(item)).count() as f64;
    }
    if all <= 0.0 {
        return None;
    }
    let share = with / all;
    let (mut variance, mut equal, mut units) = (0.0, 0.0, 0);
    for stratum in strata {
        let weight = weight(stratum);
        let missing = 1.0 - 1.0 / weight;
        let domain: Vec<f64> = stratum
            .items
            .iter()
            .map(|item| f64::from(u8::from(in_domain(item))))
            .collect();
        // What an item adds to the deviation of the ratio.
        let residuals: Vec<f64> = stratum
            .items
            .iter()
            .zip(&domain)
            .map(|(item, member)| member * (f64::from(u8::from(has(item))) - share))
            .collect();
        let residuals = sums(&residuals, stratum.clusters);
        let members = sums(&domain, stratum.clusters);
        let n = residuals.len() as f64;
        let mean = residuals.iter().map(|(sum, _)| sum).sum::<f64>() / n;
        let squares: f64 = residuals.iter().map(|(sum, _)| (sum - mean).powi(2)).sum();
        if n > 1.0 {
            variance += missing * weight * weight * squares * n / (n - 1.0);
        }
        equal += missing * weight * weight * members.iter().map(|(sum, _)| sum * sum).sum::<f64>();
        units += members.iter().filter(|(sum, _)| *sum > 0.0).count();
    }
    let spread = share * (1.0 - share);
    // As many single items of equal weight as would have this variance, or, without any, as the weights leave.
    let by_weights = all * all / equal;
    let items = if variance > 0.0 && spread > 1e-12 {
        spread * all * all / variance
    } else {
        by_weights
    };
    let (low, high) = limits(share, items, units as f64 - 1.0);
    Some(Share {
        value: share,
        low,
        high,
    })
}
