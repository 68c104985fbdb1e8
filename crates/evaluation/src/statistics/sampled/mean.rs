//! Means, totals and shares of a stratified population (Cochran, 1977, chapter 5).

use super::error::SampleError;
use super::limits::{Share, check, limits, sums};
use crate::statistics::clusters::Clusters;
use crate::statistics::distribution::t_quantile;

/// How [`stratified_mean`] and [`stratified_share`] work, in a sentence for a report.
pub const STRATIFIED_METHOD: &str = "stratified estimate with finite population correction; Student's t with Satterthwaite's \
     degrees of freedom, of a share the mid-P interval for the effective number of items";

/// What was drawn of one stratum.
#[derive(Clone, Copy, Debug)]
pub struct SampledStratum<'a> {
    /// Items of the stratum.
    pub total: usize,
    /// The values of those that were drawn.
    pub values: &'a [f64],
    /// Their clusters, if they were drawn in clusters.
    pub clusters: Option<&'a Clusters>,
}

/// The mean of a stratified population.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stratified {
    /// The mean over all items of the population.
    pub mean: f64,
    /// Its standard error; `None` if of some stratum one item or cluster was drawn of more.
    pub standard_error: Option<f64>,
    /// Satterthwaite's degrees of freedom; `None` without a standard error, or if it is 0.
    pub freedom: Option<f64>,
    /// 95 % interval of the mean; `None` without a standard error.
    pub interval: Option<[f64; 2]>,
    /// Items of the population.
    pub population: usize,
}

impl Stratified {
    /// The sum of the values of all items of the population, and its standard error.
    pub fn total(&self) -> (f64, Option<f64>) {
        let items = self.population as f64;
        (
            items * self.mean,
            self.standard_error.map(|error| items * error),
        )
    }
}

/// The mean of a population whose strata were sampled apart: Σ N_h ȳ_h ÷ N, with variance Σ (N_h ÷ N)² (1 − n_h ÷ N_h) s_h² ÷ n_h.
///
/// With clusters the variance of a stratum's mean is that of a ratio of cluster sums. Strata without items do not count.
///
/// ```
/// use evaluation::statistics::{SampledStratum, stratified_mean};
/// let stratum = |total, values| SampledStratum { total, values, clusters: None };
/// let found = stratified_mean(&[stratum(4, &[1.0, 3.0]), stratum(12, &[5.0, 7.0, 9.0])]).expect("a sample");
/// assert_eq!((found.mean, found.total().0), (5.75, 92.0));
/// // (1/4)² · 1/2 · 2 ÷ 2 + (3/4)² · 3/4 · 4 ÷ 3
/// assert!((found.standard_error.expect("spread") - (1.0_f64 / 32.0 + 9.0 / 16.0).sqrt()).abs() < 1e-12);
/// ```
pub fn stratified_mean(strata: &[SampledStratum<'_>]) -> Result<Stratified, SampleError> {
    let parts = parts(strata)?;
    let population: usize = parts.iter().map(|part| part.total).sum();
    let of_all = |part: &Part| part.total as f64 / population as f64;
    let mean = parts.iter().map(|part| of_all(part) * part.mean).sum();
    let variances: Option<Vec<(f64, f64)>> = parts
        .iter()
        .map(|part| {
            part.variance
                .map(|variance| (of_all(part).powi(2) * variance, part.units - 1.0))
        })
        .collect();
    let variance: Option<f64> = variances
        .as_ref()
        .map(|parts| parts.iter().map(|(variance, _)| variance).sum());
    let freedom = variances.zip(variance).and_then(|(parts, variance)| {
        let squares: f64 = parts
            .iter()
            .filter(|(part, _)| *part > 0.0)
            .map(|(part, freedom)| part * part / freedom)
            .sum();
        (squares > 0.0).then(|| variance * variance / squares)
    });
    let standard_error = variance.map(f64::sqrt);
    let half = standard_error
        .map(|error| error * freedom.map_or(0.0, |freedom| t_quantile(0.975, freedom)));
    Ok(Stratified {
        mean,
        standard_error,
        freedom,
        interval: half.map(|half| [mean - half, mean + half]),
        population,
    })
}

/// The share of ones in a population of zeros and ones, as [`stratified_mean`], with an interval that stays within 0 and 1.
///
/// The interval is that of as many independent items as would have the standard error. Where all values are equal, or a
/// stratum has no variance, that is the number which the weights of the strata leave of the sample (Kish, 1965).
///
/// ```
/// use evaluation::statistics::{SampledStratum, stratified_share};
/// let all_right = SampledStratum { total: 10_000, values: &[1.0; 100], clusters: None };
/// let found = stratified_share(&[all_right]).expect("a sample");
/// assert!(found.value == 1.0 && found.high == 1.0 && found.low > 0.96 && found.low < 0.98);
/// ```
pub fn stratified_share(strata: &[SampledStratum<'_>]) -> Result<Share, SampleError> {
    for (stratum, values) in strata.iter().map(|stratum| stratum.values).enumerate() {
        // Exactly: a share is of zeros and ones.
        let other = values
            .iter()
            .position(|&value| value.to_bits() != 0 && value.to_bits() != 1.0_f64.to_bits());
        if let Some(item) = other {
            let value = values[item];
            return Err(SampleError::NotAShare {
                stratum,
                item,
                value,
            });
        }
    }
    let mean = stratified_mean(strata)?;
    let parts = parts(strata)?;
    let variance = mean.standard_error.map_or(0.0, |error| error * error);
    let share = mean.mean.clamp(0.0, 1.0);
    let items = if variance > 0.0 {
        share * (1.0 - share) / variance
    } else {
        let weights = parts.iter().map(|part| {
            (part.total as f64 / mean.population as f64).powi(2) * part.missing / part.units
        });
        1.0 / weights.sum::<f64>()
    };
    let units: f64 = parts.iter().map(|part| part.units).sum();
    let freedom = mean.freedom.unwrap_or(units - parts.len() as f64);
    let (low, high) = limits(share, items, freedom);
    Ok(Share {
        value: share,
        low,
        high,
    })
}

/// What one stratum says.
struct Part {
    total: usize,
    mean: f64,
    /// Of the mean; `None` if there is one unit of more.
    variance: Option<f64>,
    /// Clusters, or items without.
    units: f64,
    /// The share that was not drawn.
    missing: f64,
}

fn parts(strata: &[SampledStratum<'_>]) -> Result<Vec<Part>, SampleError> {
    let mut parts = Vec::new();
    for (at, stratum) in strata.iter().enumerate() {
        check(at, stratum.total, stratum.values.len(), stratum.clusters)?;
        if let Some(item) = stratum.values.iter().position(|value| !value.is_finite()) {
            return Err(SampleError::NotFinite { stratum: at, item });
        }
        if stratum.total == 0 {
            continue;
        }
        let drawn = stratum.values.len() as f64;
        let mean = stratum.values.iter().sum::<f64>() / drawn;
        let sums = sums(stratum.values, stratum.clusters);
        let units = sums.len() as f64;
        let squares: f64 = sums
            .iter()
            .map(|(sum, count)| (sum - count * mean).powi(2))
            .sum();
        let missing = 1.0 - drawn / stratum.total as f64;
        let variance = if missing <= 0.0 {
            Some(0.0)
        } else {
            (units > 1.0).then(|| missing * squares * units / (units - 1.0) / (drawn * drawn))
        };
        parts.push(Part {
            total: stratum.total,
            mean,
            variance,
            units,
            missing,
        });
    }
    if parts.is_empty() {
        return Err(SampleError::NoItems);
    }
    Ok(parts)
}
