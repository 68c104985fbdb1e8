//! Distinct n-grams.

use std::collections::BTreeMap;

use corpus::seed::hash;
use serde::{Deserialize, Serialize};

use super::percent::percent;
use super::words::{all, mixed};

/// Words of texts that are counted; beyond, texts are a seeded sample.
const MOST_WORDS: usize = 4_000_000;
/// Texts of the sample that is of one size for all sets.
const SAMPLED: usize = 1000;

/// Distinct n-grams, `n` from 1 to 4, by 64-bit hashes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Distinct {
    /// Texts of the set.
    pub texts: usize,
    /// Texts that were counted: all, unless they have more than 4,000,000 words; then a seeded sample with as many.
    pub counted: usize,
    /// Of the texts that were counted.
    pub grams: Vec<Grams>,
    /// Of a seeded sample of 1,000 texts, or of all where there are fewer: numbers of sets of different sizes can be compared.
    pub sampled: Vec<Grams>,
}

/// n-grams of one length.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grams {
    /// Words of each.
    pub n: usize,
    /// How many there are.
    pub total: usize,
    /// How many different ones.
    pub distinct: usize,
    /// In percent; 0 where there are none.
    pub percent: f64,
}

/// Texts as hashes of words, those that a hash of their place puts first.
pub(super) struct Counter {
    seed: u64,
    texts: usize,
    most_words: usize,
    num_words: usize,
    kept: BTreeMap<(u64, u64), Box<[u64]>>,
    /// The place of the first text that did not fit: nothing from there on is kept, so that the order of texts does not matter.
    end: Option<(u64, u64)>,
}

impl Counter {
    pub(super) fn new(seed: u64) -> Self {
        Self::bounded(seed, MOST_WORDS)
    }

    pub(super) fn bounded(seed: u64, most_words: usize) -> Self {
        Self {
            seed,
            texts: 0,
            most_words,
            num_words: 0,
            kept: BTreeMap::new(),
            end: None,
        }
    }

    pub(super) fn add(&mut self, words: &[u64], id: &str, at: usize) {
        self.texts += 1;
        let place = mixed(hash(self.seed, id).wrapping_add(at as u64));
        let place = (place, hash(!self.seed, id));
        if self.end.is_some_and(|end| place >= end) {
            return;
        }
        self.num_words += words.len();
        if let Some(other) = self.kept.insert(place, words.into()) {
            self.num_words -= other.len();
        }
        while self.num_words > self.most_words {
            let Some((last, words)) = self.kept.pop_last() else {
                break;
            };
            self.num_words -= words.len();
            self.end = Some(last);
        }
    }

    pub(super) fn finish(self) -> Distinct {
        let of = |most: usize| {
            let texts = || self.kept.values().take(most);
            (1..=4).map(|n| grams(n, texts())).collect()
        };
        Distinct {
            texts: self.texts,
            counted: self.kept.len(),
            grams: of(usize::MAX),
            sampled: of(SAMPLED),
        }
    }
}

fn grams<'a>(n: usize, texts: impl Iterator<Item = &'a Box<[u64]>>) -> Grams {
    let mut found: Vec<u64> = texts.flat_map(|words| words.windows(n).map(all)).collect();
    let total = found.len();
    found.sort_unstable();
    found.dedup();
    Grams {
        n,
        total,
        distinct: found.len(),
        percent: percent(found.len(), total),
    }
}
