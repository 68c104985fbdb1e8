//! Means and differences with intervals over pairs.

use std::collections::BTreeMap;

use evaluation::statistics::{Bootstrap, Clusters, interval, mean, paired};
use serde::{Deserialize, Serialize};

/// A mean of items.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// 0 to 100.
    pub mean: f64,
    /// 95 %.
    pub interval: [f64; 2],
    /// Items.
    pub items: usize,
    /// Pairs that they are about.
    pub pairs: usize,
}

/// A difference of two means.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The first less the second: of paired ones over the shared pairs alone.
    pub difference: f64,
    /// 95 %.
    pub interval: [f64; 2],
    /// Whether the same pairs are compared, each with itself.
    pub is_paired: bool,
    /// Shared pairs; of an unpaired difference the pairs of the smaller side.
    pub pairs: usize,
}

impl Difference {
    /// Whether the interval is on one side of zero.
    pub fn excludes_zero(&self) -> bool {
        self.interval[0] > 0.0 || self.interval[1] < 0.0
    }
}

/// A value with the pair that it belongs to.
pub(super) type OfPair<'a> = (&'a str, f64);

/// The mean of values from 0 to 100; none of no values.
pub(super) fn mean_of(values: &[OfPair<'_>], seed: u64) -> Option<Mean> {
    let pairs: Vec<&str> = values.iter().map(|(pair, _)| *pair).collect();
    let points: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    let found = interval(&points, &Clusters::new(&pairs), &Bootstrap::new(seed)).ok()?;
    Some(Mean {
        mean: found.mean,
        interval: [found.low, found.high],
        items: values.len(),
        pairs: found.clusters,
    })
}

/// `one` less `other`, of values from -100 to 100; none where a side has no value.
///
/// Each shared pair counts once, with the mean of its items, where at least half of the smaller side's pairs are shared. Otherwise the
/// sides are taken as independent, and the interval is made of both means' own (the square-and-add method of Zou and Donner, 2008).
pub(super) fn difference(
    one: &[OfPair<'_>],
    other: &[OfPair<'_>],
    seed: u64,
) -> Option<Difference> {
    let (ones, others) = (by_pair(one), by_pair(other));
    let smaller = ones.len().min(others.len());
    if smaller == 0 {
        return None;
    }
    let shared: Vec<(f64, f64)> = ones
        .iter()
        .filter_map(|(pair, value)| Some((*value, *others.get(pair)?)))
        .collect();
    if shared.len() >= 2 && 2 * shared.len() >= smaller {
        let (ones, others): (Vec<f64>, Vec<f64>) = shared.iter().copied().unzip();
        let clusters = Clusters::single(shared.len());
        let found = paired(&others, &ones, &clusters, &Bootstrap::new(seed)).ok()?;
        return Some(Difference {
            difference: found.difference,
            interval: [found.low, found.high],
            is_paired: true,
            pairs: shared.len(),
        });
    }
    // Intervals of means are made for shares, 0 to 100.
    let scaled = |values: &[OfPair<'_>]| {
        let values: Vec<OfPair<'_>> = values.iter().map(|(p, v)| (*p, 50.0 + v / 2.0)).collect();
        mean_of(&values, seed)
    };
    let (a, b) = (scaled(one)?, scaled(other)?);
    let below = (a.mean - a.interval[0]).hypot(b.interval[1] - b.mean);
    let above = (a.interval[1] - a.mean).hypot(b.mean - b.interval[0]);
    let difference = 2.0 * (a.mean - b.mean);
    Some(Difference {
        difference,
        interval: [difference - 2.0 * below, difference + 2.0 * above],
        is_paired: false,
        pairs: smaller,
    })
}

fn by_pair<'a>(values: &[OfPair<'a>]) -> BTreeMap<&'a str, f64> {
    let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (pair, value) in values {
        all.entry(pair).or_default().push(*value);
    }
    all.into_iter()
        .map(|(pair, values)| (pair, mean(&values)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_pairs_are_compared_with_themselves() {
        let one = [("p", 100.0), ("p", 50.0), ("q", 25.0), ("r", 0.0)];
        let other = [("p", 50.0), ("q", 25.0), ("s", 100.0)];
        let found = difference(&one, &other, 1).expect("values");
        // p: 75 − 50, q: 25 − 25.
        assert_eq!(
            (found.difference, found.is_paired, found.pairs),
            (12.5, true, 2)
        );
    }

    #[test]
    fn sides_without_shared_pairs_are_independent() {
        let one: Vec<(String, f64)> = (0..100)
            .map(|n| (format!("a{n}"), f64::from(100 * (n % 2))))
            .collect();
        let other: Vec<(String, f64)> = (0..100)
            .map(|n| (format!("b{n}"), f64::from(100 * (n % 4 / 3))))
            .collect();
        let view = |all: &[(String, f64)]| -> Vec<(String, f64)> { all.to_vec() };
        let (one, other) = (view(&one), view(&other));
        let refer = |all: &'_ [(String, f64)]| -> Vec<(&'static str, f64)> {
            all.iter()
                .map(|(p, v)| (&*Box::leak(p.clone().into_boxed_str()), *v))
                .collect()
        };
        let found = difference(&refer(&one), &refer(&other), 1).expect("values");
        assert!(!found.is_paired);
        assert!((found.difference - 25.0).abs() < 1e-9);
        // Standard errors of 5.0 and 4.3 add up to 6.6; 1.98 of them on each side.
        assert!((found.interval[0] - (25.0 - 13.1)).abs() < 1.0, "{found:?}");
        assert!((found.interval[1] - (25.0 + 13.1)).abs() < 1.0, "{found:?}");
        assert_eq!(difference(&[], &refer(&other), 1), None);
    }
}
