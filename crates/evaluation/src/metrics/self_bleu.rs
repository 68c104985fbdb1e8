//! Self-BLEU (Zhu et al., 2018): how much the texts of a set repeat each other.

use std::collections::{BTreeMap, HashMap};

use super::bleu::tokens;

/// The longest n-gram.
const ORDERS: usize = 4;
/// What `nltk`'s `method1` puts in place of no matching n-gram.
const EPSILON: f64 = 0.1;

/// The mean over texts of the sentence BLEU of each against all the others, 0 to 1; `None` of fewer than two texts.
///
/// As `nltk`'s `sentence_bleu` with n-grams up to 4 of equal weight and `SmoothingFunction().method1`, which takes 0.1 for a count of
/// 0. Words are those of [`Bleu`](super::Bleu), tokenizer `13a`, of the lower-cased text. An empty text shares nothing: 0. Higher
/// is less varied; it rises as texts are added, so compare only sets of equally many. Time and memory grow with the
/// number of words, since of each n-gram only its two largest counts are kept.
///
/// ```
/// use evaluation::metrics::self_bleu;
/// assert_eq!(self_bleu(&["a dog runs on grass"; 3]), Some(1.0));
/// // "a cat sat here" shares "a" with the other: √√(1/4 · 0.1/3 · 0.1/2 · 0.1/1).
/// let found = self_bleu(&["a cat sat here", "a dog ran far"]).expect("two texts");
/// assert!((found - (0.25_f64 * 0.1 / 3.0 * 0.05 * 0.1).powf(0.25)).abs() < 1e-12);
/// ```
pub fn self_bleu<S: AsRef<str>>(texts: &[S]) -> Option<f64> {
    if texts.len() < 2 {
        return None;
    }
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let texts: Vec<Vec<usize>> = texts
        .iter()
        .map(|text| {
            tokens(&text.as_ref().to_lowercase())
                .into_iter()
                .map(|word| {
                    let next = numbers.len();
                    *numbers.entry(word).or_insert(next)
                })
                .collect()
        })
        .collect();
    let mut most: HashMap<&[usize], Most> = HashMap::new();
    let mut lengths: BTreeMap<usize, usize> = BTreeMap::new();
    for words in &texts {
        *lengths.entry(words.len()).or_default() += 1;
        for order in 1..=ORDERS {
            for (gram, count) in counts(words, order) {
                most.entry(gram).or_default().add(count);
            }
        }
    }
    let sum: f64 = texts
        .iter()
        .map(|words| sentence(words, &most, &lengths))
        .sum();
    Some(sum / texts.len() as f64)
}

/// The two largest counts of an n-gram in a text.
#[derive(Clone, Copy, Default)]
struct Most {
    first: usize,
    second: usize,
}

impl Most {
    fn add(&mut self, count: usize) {
        if count > self.first {
            *self = Self {
                first: count,
                second: self.first,
            };
        } else {
            self.second = self.second.max(count);
        }
    }

    /// The largest count in texts other than one that has the n-gram so often.
    fn without(self, own: usize) -> usize {
        if own == self.first {
            self.second
        } else {
            self.first
        }
    }
}

fn sentence(
    words: &[usize],
    most: &HashMap<&[usize], Most>,
    lengths: &BTreeMap<usize, usize>,
) -> f64 {
    let mut logs = 0.0;
    for order in 1..=ORDERS {
        let right: usize = counts(words, order)
            .into_iter()
            .map(|(gram, own)| own.min(most.get(gram).map_or(0, |most| most.without(own))))
            .sum();
        if order == 1 && right == 0 {
            return 0.0;
        }
        // A text that is too short for the order counts as if it had one such n-gram.
        let all = (words.len() + 1).saturating_sub(order).max(1) as f64;
        let right = if right == 0 { EPSILON } else { right as f64 };
        logs += (right / all).ln();
    }
    let (own, closest) = (
        words.len() as f64,
        closest_other(words.len(), lengths) as f64,
    );
    let brevity = if own > closest {
        1.0
    } else {
        (1.0 - closest / own).exp()
    };
    brevity * (logs / ORDERS as f64).exp()
}

/// The length of another text that is closest, the shorter of two.
fn closest_other(own: usize, lengths: &BTreeMap<usize, usize>) -> usize {
    if lengths.get(&own).is_some_and(|&texts| texts > 1) {
        return own;
    }
    let below = lengths.range(..own).next_back().map(|(&length, _)| length);
    let above = lengths.range(own + 1..).next().map(|(&length, _)| length);
    let both = below.into_iter().chain(above);
    both.min_by_key(|&length| (length.abs_diff(own), length))
        .unwrap_or(own)
}

fn counts(words: &[usize], order: usize) -> HashMap<&[usize], usize> {
    let mut counts = HashMap::new();
    for gram in words.windows(order) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}
