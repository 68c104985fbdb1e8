//! Which class was taken for which.

use serde::{Deserialize, Serialize};

use super::overlap::from_counts;

/// Answers of a classification by true and given class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    /// `counts[truth][given]`; the last column holds answers that could not be read.
    counts: Vec<Vec<usize>>,
}

/// One class of a classification, in shares between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScore {
    /// Items of the class.
    pub n: usize,
    /// Right ÷ items that were given the class; 0 where there are none.
    pub precision: f64,
    /// Right ÷ items of the class; 0 where there are none.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

impl Confusion {
    /// Of so many classes, without answers yet.
    pub fn new(classes: usize) -> Self {
        Self {
            counts: vec![vec![0; classes + 1]; classes],
        }
    }

    /// Counts an answer; `None` is one that could not be read.
    pub fn add(&mut self, truth: usize, given: Option<usize>) {
        let column = given.unwrap_or(self.counts.len());
        self.counts[truth][column] += 1;
    }

    /// `counts()[truth][given]`, with a last column of unreadable answers.
    pub fn counts(&self) -> &[Vec<usize>] {
        &self.counts
    }

    /// Right ÷ all; 0 without answers.
    pub fn accuracy(&self) -> f64 {
        let right: usize = (0..self.counts.len())
            .map(|class| self.counts[class][class])
            .sum();
        let all: usize = self.counts.iter().flatten().sum();
        from_counts(right, all, all).recall
    }

    /// Every class, in order.
    pub fn classes(&self) -> Vec<ClassScore> {
        let score = |class: usize| {
            let n = self.counts[class].iter().sum();
            let given = self.counts.iter().map(|row| row[class]).sum();
            let overlap = from_counts(self.counts[class][class], given, n);
            ClassScore {
                n,
                precision: overlap.precision,
                recall: overlap.recall,
                f1: overlap.f1,
            }
        };
        (0..self.counts.len()).map(score).collect()
    }

    /// Mean F1 over the classes that have items.
    pub fn macro_f1(&self) -> f64 {
        let with_items: Vec<f64> = self
            .classes()
            .iter()
            .filter(|class| class.n > 0)
            .map(|class| class.f1)
            .collect();
        if with_items.is_empty() {
            0.0
        } else {
            with_items.iter().sum::<f64>() / with_items.len() as f64
        }
    }
}
