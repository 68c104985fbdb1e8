//! How numbers are spread.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Bars of a histogram at most.
const BINS: usize = 20;

/// How whole numbers are spread. Quantiles are numbers that occur: the least that as large a share of all do not exceed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many numbers.
    pub count: usize,
    /// Their mean; 0 of none.
    pub mean: f64,
    /// The least.
    pub least: usize,
    /// The quantile of 5 %.
    pub low: usize,
    /// The median.
    pub median: usize,
    /// The quantile of 95 %.
    pub high: usize,
    /// The greatest.
    pub most: usize,
    /// A histogram: bars of one width from 0, the last with all that is above.
    pub bins: Vec<Bin>,
}

/// A bar of a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// The least number in it.
    pub from: usize,
    /// The greatest number in it.
    pub to: usize,
    /// How many.
    pub count: usize,
}

/// Numbers, counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<usize, usize>,
}

impl Tally {
    pub(super) fn add(&mut self, number: usize) {
        *self.counts.entry(number).or_default() += 1;
    }

    pub(super) fn spread(&self) -> Spread {
        let count: usize = self.counts.values().sum();
        let (Some((&least, _)), Some((&most, _))) =
            (self.counts.first_key_value(), self.counts.last_key_value())
        else {
            return Spread::default();
        };
        let sum: f64 = self
            .counts
            .iter()
            .map(|(&number, &times)| number as f64 * times as f64)
            .sum();
        let quantile = |percent: usize| {
            let rank = (percent * count).div_ceil(100).max(1);
            let mut seen = 0;
            let mut numbers = self.counts.iter();
            let found = numbers.find(|(_, times)| {
                seen += **times;
                seen >= rank
            });
            found.map_or(most, |(&number, _)| number)
        };
        Spread {
            count,
            mean: sum / count as f64,
            least,
            low: quantile(5),
            median: quantile(50),
            high: quantile(95),
            most,
            bins: self.bins(quantile(99), most),
        }
    }

    /// Bars that show the usual numbers; few great ones do not make all others one bar.
    fn bins(&self, usual: usize, most: usize) -> Vec<Bin> {
        let width = (usual + 1).div_ceil(BINS).max(1);
        let num_bins = (usual / width + 1).min(BINS);
        let mut bins: Vec<Bin> = (0..num_bins)
            .map(|at| Bin {
                from: at * width,
                to: at * width + width - 1,
                count: 0,
            })
            .collect();
        for (&number, &times) in &self.counts {
            bins[(number / width).min(num_bins - 1)].count += times;
        }
        if let Some(last) = bins.last_mut() {
            last.to = last.to.max(most);
        }
        bins
    }
}
