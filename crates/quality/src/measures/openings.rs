//! How requests begin.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::percent::percent;
use super::words::lower;

/// Words of a beginning.
const WORDS: usize = 2;
/// Beginnings that are told.
const TOLD: usize = 20;
/// Different beginnings that are counted at a time: beyond, those that occurred once so far are forgotten.
const MOST: usize = 200_000;
/// Letters of a word that are kept.
const LETTERS: usize = 40;

/// How requests begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// The first two words in lower case.
    pub words: String,
    /// How many requests.
    pub count: usize,
    /// In percent of all.
    pub percent: f64,
}

#[derive(Default)]
pub(super) struct Openings {
    counts: HashMap<String, usize>,
    total: usize,
}

impl Openings {
    pub(super) fn add(&mut self, request: &str) {
        self.total += 1;
        let mut words = String::new();
        for word in lower(request).take(WORDS) {
            if !words.is_empty() {
                words.push(' ');
            }
            words.extend(word.chars().take(LETTERS));
        }
        if words.is_empty() {
            return;
        }
        *self.counts.entry(words).or_default() += 1;
        if self.counts.len() > MOST {
            self.counts.retain(|_, count| *count > 1);
            if self.counts.len() > MOST / 2 {
                self.counts.retain(|_, count| {
                    *count /= 2;
                    *count > 0
                });
            }
        }
    }

    pub(super) fn most_frequent(self) -> Vec<Opening> {
        let mut all: Vec<(String, usize)> = self.counts.into_iter().collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let opening = |(words, count)| Opening {
            words,
            count,
            percent: percent(count, self.total),
        };
        all.into_iter().take(TOLD).map(opening).collect()
    }
}
