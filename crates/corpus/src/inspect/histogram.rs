//! Counts of numbers that are spread over several powers of two.

use std::collections::BTreeMap;

use serde::Serialize;

/// How many numbers lie in a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Bin {
    /// The least of the range.
    pub from: u32,
    /// The greatest of the range.
    pub to: u32,
    /// How many there are.
    pub count: usize,
}

/// Counts between powers of two; ranges without a number are left out.
///
/// ```
/// let bins = corpus::inspect::histogram(&[0, 1, 5, 7]);
/// let shown: Vec<_> = bins.iter().map(|bin| (bin.from, bin.to, bin.count)).collect();
/// assert_eq!(shown, [(0, 1, 2), (4, 7, 2)]);
/// ```
pub fn histogram(values: &[u32]) -> Vec<Bin> {
    let mut bins: BTreeMap<u32, usize> = BTreeMap::new();
    for &value in values {
        *bins.entry(value.max(1).ilog2()).or_default() += 1;
    }
    let bin = |(power, count): (u32, usize)| Bin {
        from: if power == 0 { 0 } else { 1 << power },
        to: ((2_u64 << power) - 1).min(u64::from(u32::MAX)) as u32,
        count,
    };
    bins.into_iter().map(bin).collect()
}
