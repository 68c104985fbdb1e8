//! Limits of one share.

use serde::{Deserialize, Serialize};

use super::error::SampleError;
use crate::statistics::clusters::Clusters;
use crate::statistics::distribution::{incomplete_beta, normal_cdf, t_quantile};

/// A share of a population, 0 to 1, with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The estimate.
    pub value: f64,
    /// Where the interval begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

impl Share {
    /// Certainly none.
    pub(super) const NOTHING: Self = Self {
        value: 0.0,
        low: 0.0,
        high: 0.0,
    };
}

/// The mid-P interval of Clopper and Pearson (1934; Lancaster, 1961) for a share among `items` independent items, which need not be a
/// whole number; Student's t with `freedom` degrees makes up for a variance that was itself estimated (Korn and Graubard, 1998).
///
/// Infinitely many items are a census. Below one degree of freedom nothing is known.
pub(super) fn limits(share: f64, items: f64, freedom: f64) -> (f64, f64) {
    if items.is_infinite() {
        return (share, share);
    }
    if freedom < 1.0 || items <= 0.0 {
        return (0.0, 1.0);
    }
    let tail = normal_cdf(-t_quantile(0.975, freedom));
    let low = if share <= 0.0 {
        0.0
    } else {
        lower(share * items, items, tail)
    };
    let high = if share >= 1.0 {
        1.0
    } else {
        1.0 - lower((1.0 - share) * items, items, tail)
    };
    (low.min(share), high.max(share))
}

/// The share of which more than `right` of `items`, and half of as many, come up with probability `tail`.
fn lower(right: f64, items: f64, tail: f64) -> f64 {
    let wrong = items - right;
    let above = |p: f64| {
        let as_many = incomplete_beta(p, 1.0 - p, right, wrong + 1.0);
        let more = if wrong > 1e-9 {
            incomplete_beta(p, 1.0 - p, right + 1.0, wrong)
        } else {
            0.0
        };
        f64::midpoint(as_many, more)
    };
    bisect(0.0, right / items, |p| above(p) < tail)
}

/// Where a condition that holds at `holds`, and no longer at `fails`, changes.
fn bisect(mut holds: f64, mut fails: f64, condition: impl Fn(f64) -> bool) -> f64 {
    for _ in 0..100 {
        let middle = f64::midpoint(holds, fails);
        if (holds - fails).abs() < 1e-13 {
            break;
        }
        if condition(middle) {
            holds = middle;
        } else {
            fails = middle;
        }
    }
    f64::midpoint(holds, fails)
}

/// The interval of a measure: from where it is no longer clearly above t to where it is not yet clearly below.
pub(super) fn between(
    value: f64,
    clearly_above: impl Fn(f64) -> bool,
    clearly_below: impl Fn(f64) -> bool,
) -> Share {
    let low = if value > 0.0 && clearly_above(0.0) {
        bisect(0.0, value, clearly_above)
    } else {
        0.0
    };
    let high = if value < 1.0 && clearly_below(1.0) {
        bisect(1.0, value, clearly_below)
    } else {
        1.0
    };
    Share {
        value,
        low: low.min(value),
        high: high.max(value),
    }
}

/// The share of an items' property among all `total` of a stratum, with its limits.
pub(super) fn share(has: &[bool], total: usize, clusters: Option<&Clusters>) -> Share {
    let has: Vec<f64> = has.iter().map(|&has| f64::from(u8::from(has))).collect();
    let n = has.len() as f64;
    let value = has.iter().sum::<f64>() / n;
    let sums = sums(&has, clusters);
    let units = sums.len() as f64;
    let spread = value * (1.0 - value);
    let items = if spread > 0.0 && units > 1.0 {
        let squares: f64 = sums
            .iter()
            .map(|(sum, count)| (sum - count * value).powi(2))
            .sum();
        let variance = squares * units / (units - 1.0) / (n * n);
        // How much larger it is than that of single items; chance makes it smaller, and is not believed.
        n / (variance * (n - 1.0) / spread).max(1.0)
    } else {
        units
    };
    let missing = 1.0 - n / total as f64;
    let (low, high) = limits(value, items / missing, units - 1.0);
    Share { value, low, high }
}

/// Sums of values and numbers of items of each cluster, or of each item where there are no clusters.
pub(super) fn sums(values: &[f64], clusters: Option<&Clusters>) -> Vec<(f64, f64)> {
    let Some(clusters) = clusters else {
        return values.iter().map(|&value| (value, 1.0)).collect();
    };
    let mut sums = vec![(0.0, 0.0); clusters.count()];
    for (&cluster, value) in clusters.of_item().iter().zip(values) {
        sums[cluster].0 += value;
        sums[cluster].1 += 1.0;
    }
    sums
}

/// So many can have been drawn, and each has its cluster.
pub(super) fn check(
    stratum: usize,
    total: usize,
    drawn: usize,
    clusters: Option<&Clusters>,
) -> Result<(), SampleError> {
    if drawn > total {
        return Err(SampleError::MoreThanThere {
            stratum,
            drawn,
            total,
        });
    }
    if drawn == 0 && total > 0 {
        return Err(SampleError::NothingDrawn { stratum, total });
    }
    match clusters {
        Some(clusters) if clusters.of_item().len() != drawn => Err(SampleError::Lengths {
            stratum,
            items: drawn,
            keys: clusters.of_item().len(),
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_where_mid_p_says() {
        // None of 100: half of (1 − p)^100 is the tail, whatever the t.
        let tail = normal_cdf(-t_quantile(0.975, 99.0));
        let (low, high) = limits(0.0, 100.0, 99.0);
        assert!(low.abs() < 1e-15 && (high - (1.0 - (2.0 * tail).powf(0.01))).abs() < 1e-10);
        assert_eq!(limits(1.0, 100.0, 99.0), (1.0 - high, 1.0));
        assert_eq!(limits(0.3, f64::INFINITY, 9.0), (0.3, 0.3));
        assert_eq!(limits(0.3, 1.0, 0.0), (0.0, 1.0));
    }
}
