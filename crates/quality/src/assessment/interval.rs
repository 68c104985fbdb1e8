//! Means and differences with intervals over pairs.

use std::collections::BTreeSet;

use evaluation::statistics::{Bootstrap, Clusters, OverSeeds, SetRow, interval};
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
    /// The first less the second.
    pub difference: f64,
    /// 95 %.
    pub interval: [f64; 2],
    /// Pairs that both sides are about.
    pub shared: usize,
    /// Pairs of either side.
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

/// The mean of `one` less that of `other`, of values from -100 to 100; none where a side has no value.
///
/// What is about one pair goes together, on both sides ([`OverSeeds::of_sets`]): so a set is compared with what a filter left of it as
/// surely as with another one about the same pairs. Where a few pairs all say the same, the interval is made of both means' own (the
/// square-and-add method of Zou and Donner, 2008).
pub(super) fn difference(
    one: &[OfPair<'_>],
    other: &[OfPair<'_>],
    seed: u64,
) -> Option<Difference> {
    let pairs = |values: &[OfPair<'_>]| -> BTreeSet<String> {
        values.iter().map(|(pair, _)| (*pair).to_owned()).collect()
    };
    let (ones, others) = (pairs(one), pairs(other));
    let shared = ones.intersection(&others).count();
    let all = ones.union(&others).count();
    let found = OverSeeds::of_sets(&rows(one), Some(&rows(other))).ok()?;
    // Without any spread p is that of exchanging both sides, which a handful of pairs cannot make small.
    let has_spread = found.interval[0] < found.interval[1] || found.p < 0.05;
    if found.error.is_some() && has_spread {
        return Some(Difference {
            difference: found.difference,
            interval: found.interval,
            shared,
            pairs: all,
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
        shared,
        pairs: all,
    })
}

fn rows<'a>(values: &[OfPair<'a>]) -> Vec<SetRow<'a>> {
    let rows = values.iter().map(|&(cluster, score)| SetRow {
        seed: 0,
        cluster,
        score,
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_pairs_go_together() {
        let one = [("p", 100.0), ("p", 50.0), ("q", 25.0), ("r", 0.0)];
        let other = [("p", 50.0), ("q", 25.0), ("s", 100.0)];
        let found = difference(&one, &other, 1).expect("values");
        // 175 / 4 − 175 / 3.
        assert!((found.difference + 175.0 / 12.0).abs() < 1e-9);
        assert_eq!((found.shared, found.pairs), (2, 4));
    }

    #[test]
    fn a_set_differs_from_what_a_filter_left_of_it() {
        let names: Vec<String> = (0..40).map(|at| at.to_string()).collect();
        let all: Vec<OfPair> = names
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), if at % 4 == 0 { 0.0 } else { 100.0 }))
            .collect();
        // Half of what is wrong is gone.
        let left: Vec<OfPair> = all
            .iter()
            .enumerate()
            .filter(|(at, _)| at % 8 != 0)
            .map(|(_, one)| *one)
            .collect();
        let found = difference(&left, &all, 1).expect("values");
        assert!((found.difference - (3000.0 / 35.0 - 75.0)).abs() < 1e-9);
        assert!(found.excludes_zero() && found.shared == 35, "{found:?}");
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
        assert_eq!(found.shared, 0);
        assert!((found.difference - 25.0).abs() < 1e-9);
        // Standard errors of 5.0 and 4.3 add up to 6.6; 1.98 of them on each side.
        assert!((found.interval[0] - (25.0 - 13.1)).abs() < 1.0, "{found:?}");
        assert!((found.interval[1] - (25.0 + 13.1)).abs() < 1.0, "{found:?}");
        assert_eq!(difference(&[], &refer(&other), 1), None);
    }
}
