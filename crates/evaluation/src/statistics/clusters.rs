//! Scores in their clusters.

use std::collections::HashMap;

/// Scores that no statistic can be made of.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// No score at all.
    #[error("there are no scores")]
    Empty,
    /// Lists that belong together differ in length.
    #[error("{scores} scores have {others} {what}; give one for each score")]
    Lengths {
        /// How many scores.
        scores: usize,
        /// What the other list is.
        what: &'static str,
        /// How many of these.
        others: usize,
    },
    /// A score is NaN or infinite.
    #[error("score {at} (counted from 0) is not a finite number")]
    NotFinite {
        /// Which score.
        at: usize,
    },
    /// A score lies outside the scale.
    #[error("score {at} (counted from 0) is {value}, which is not between 0 and 100")]
    NotAScore {
        /// Which score.
        at: usize,
        /// What it is.
        value: f64,
    },
}

/// Which items lie in which cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clusters {
    /// The cluster of each item, numbered by first appearance.
    of_item: Vec<usize>,
    count: usize,
}

impl Clusters {
    /// Clusters from a key for each item.
    ///
    /// ```
    /// let clusters = evaluation::statistics::Clusters::new(&["a.png", "b.png", "a.png"]);
    /// assert_eq!((clusters.count(), clusters.of_item()), (2, &[0, 1, 0][..]));
    /// ```
    pub fn new<S: AsRef<str>>(keys: &[S]) -> Self {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let of_item = keys
            .iter()
            .map(|key| {
                let next = numbers.len();
                *numbers.entry(key.as_ref()).or_insert(next)
            })
            .collect();
        Self {
            of_item,
            count: numbers.len(),
        }
    }

    /// Every item on its own.
    pub fn single(items: usize) -> Self {
        Self {
            of_item: (0..items).collect(),
            count: items,
        }
    }

    /// How many clusters there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The cluster of each item.
    pub fn of_item(&self) -> &[usize] {
        &self.of_item
    }

    /// The clusters of some of the items, by their places.
    pub(crate) fn of(&self, items: &[usize]) -> Self {
        let keys: Vec<String> = items
            .iter()
            .map(|&item| self.of_item[item].to_string())
            .collect();
        Self::new(&keys)
    }

    /// Sum and number of the scores of each cluster.
    pub(crate) fn sums(&self, scores: &[f64]) -> Result<Vec<(f64, f64)>, Error> {
        check(scores)?;
        if scores.len() != self.of_item.len() {
            let others = self.of_item.len();
            return Err(Error::Lengths {
                scores: scores.len(),
                what: "cluster keys",
                others,
            });
        }
        let mut sums = vec![(0.0, 0.0); self.count];
        for (&cluster, score) in self.of_item.iter().zip(scores) {
            sums[cluster].0 += score;
            sums[cluster].1 += 1.0;
        }
        Ok(sums)
    }
}

/// All scores are numbers, and there is one.
pub(crate) fn check(scores: &[f64]) -> Result<(), Error> {
    match scores.iter().position(|s| !s.is_finite()) {
        _ if scores.is_empty() => Err(Error::Empty),
        Some(at) => Err(Error::NotFinite { at }),
        None => Ok(()),
    }
}

/// Adapted minus base, item by item.
pub(crate) fn differences(base: &[f64], adapted: &[f64]) -> Result<Vec<f64>, Error> {
    check(base)?;
    check(adapted)?;
    if base.len() != adapted.len() {
        return Err(Error::Lengths {
            scores: base.len(),
            what: "scores to compare with",
            others: adapted.len(),
        });
    }
    Ok(base.iter().zip(adapted).map(|(b, a)| a - b).collect())
}
