//! Everything about two systems on the same items.

use serde::{Deserialize, Serialize};

use super::bootstrap::{Bootstrap, mean, paired};
use super::clusters::{Clusters, Error, differences};
use super::distribution::t_quantile;
use super::significance::{McNemar, mcnemar, permutation};

/// Fewer clusters than this are too few to say anything about other ones.
pub const FEW: usize = 20;

/// What is to be said of an interval if the items lie in fewer than [`FEW`] clusters.
///
/// Resampling a few clusters shows less spread than there is among the ones that were not drawn.
///
/// ```
/// use evaluation::statistics::few_clusters;
/// let text = "only 7 clusters: the interval is too narrow to rely on";
/// assert_eq!((few_clusters(7).as_deref(), few_clusters(20)), (Some(text), None));
/// ```
pub fn few_clusters(count: usize) -> Option<String> {
    let noun = if count == 1 { "cluster" } else { "clusters" };
    (count < FEW).then(|| format!("only {count} {noun}: the interval is too narrow to rely on"))
}

/// Two systems on the same items; points are of 0 to 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// How many items both answered.
    pub n: usize,
    /// How many clusters they lie in.
    pub clusters: usize,
    /// Whether that is fewer than [`FEW`]; then the interval and the p-values mean little.
    pub too_few: bool,
    /// Mean score before.
    pub base: f64,
    /// Mean score after.
    pub adapted: f64,
    /// Adapted minus base.
    pub difference: f64,
    /// 95 % interval of the difference.
    pub interval: [f64; 2],
    /// Two-sided p-value of the paired permutation test.
    pub p: f64,
    /// McNemar's test where every score is 0 or 100.
    pub mcnemar: Option<McNemar>,
    /// Items on which the adapted system is better.
    pub better: usize,
    /// Items on which it is worse.
    pub worse: usize,
    /// The mean difference ÷ the standard deviation of the items' differences; null without any spread.
    pub standardised: Option<f64>,
    /// The true difference that would be found in four of five such experiments; null with one cluster.
    pub detectable: Option<f64>,
}

impl Comparison {
    /// Compares two systems item by item.
    ///
    /// ```
    /// use evaluation::statistics::{Clusters, Comparison};
    /// let found = Comparison::new(&[0.0, 0.0], &[100.0, 0.0], &Clusters::single(2), 1).expect("scores");
    /// assert_eq!((found.difference, found.better, found.worse, found.too_few), (50.0, 1, 0, true));
    /// ```
    pub fn new(
        base: &[f64],
        adapted: &[f64],
        clusters: &Clusters,
        seed: u64,
    ) -> Result<Self, Error> {
        let differences = differences(base, adapted)?;
        let found = paired(base, adapted, clusters, &Bootstrap::new(seed))?;
        let sums = clusters.sums(&differences)?;
        Ok(Self {
            n: base.len(),
            clusters: sums.len(),
            too_few: sums.len() < FEW,
            base: mean(base),
            adapted: mean(adapted),
            difference: found.difference,
            interval: [found.low, found.high],
            p: permutation(base, adapted, clusters, seed)?,
            mcnemar: mcnemar(base, adapted)?,
            better: differences.iter().filter(|&&d| d > 0.0).count(),
            worse: differences.iter().filter(|&&d| d < 0.0).count(),
            standardised: standardised(&differences),
            detectable: standard_error(&sums).map(|error| detectable(error, sums.len())),
        })
    }
}

/// The mean ÷ the standard deviation (Cohen's d of paired data).
fn standardised(differences: &[f64]) -> Option<f64> {
    let centre = mean(differences);
    let squares: f64 = differences.iter().map(|d| (d - centre).powi(2)).sum();
    let deviation = (squares / (differences.len() as f64 - 1.0)).sqrt();
    (deviation > 0.0).then_some(centre / deviation)
}

/// Standard error of the mean over items that lie in clusters (linearised ratio); `None` for one cluster.
pub(crate) fn standard_error(sums: &[(f64, f64)]) -> Option<f64> {
    let clusters = sums.len() as f64;
    let (sum, count) = sums
        .iter()
        .fold((0.0, 0.0), |(s, n), (sum, count)| (s + sum, n + count));
    let mean = sum / count;
    let squares: f64 = sums
        .iter()
        .map(|(sum, count)| (sum - count * mean).powi(2))
        .sum();
    (sums.len() > 1).then(|| (squares * clusters / (clusters - 1.0)).sqrt() / count)
}

/// The difference that a two-sided test at 5 % finds with a power of 80 %.
fn detectable(error: f64, clusters: usize) -> f64 {
    let freedom = clusters as f64 - 1.0;
    (t_quantile(0.975, freedom) + t_quantile(0.8, freedom)) * error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effect_and_power_of_textbook_numbers() {
        // 64 single items, half of them +20 and half 0: mean 10, deviation 10.079, error 1.26; scipy's t quantiles.
        let adapted: Vec<f64> = (0..64)
            .map(|i: usize| if i.is_multiple_of(2) { 20.0 } else { 0.0 })
            .collect();
        let found =
            Comparison::new(&[0.0; 64], &adapted, &Clusters::single(64), 1).expect("scores");
        assert!((found.standardised.expect("spread") - 10.0 / 10.079_052_6).abs() < 1e-6);
        assert!(
            (found.detectable.expect("spread") - (1.998_340_5 + 0.847_363_9) * 1.259_881_6).abs()
                < 1e-4
        );
        assert!(!found.too_few && found.mcnemar.is_none() && found.p < 0.001);
    }

    #[test]
    fn identical_systems_show_nothing() {
        let found =
            Comparison::new(&[100.0; 30], &[100.0; 30], &Clusters::single(30), 1).expect("scores");
        assert_eq!(
            (found.p, found.interval, found.standardised),
            (1.0, [0.0, 0.0], None)
        );
        assert!(found.mcnemar.is_some_and(|m| m.gained + m.lost == 0));
    }
}
