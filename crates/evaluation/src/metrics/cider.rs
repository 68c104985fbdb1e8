//! CIDEr-D (Vedantam et al., 2015) as `pycocoevalcap` 1.2 computes it.

use std::collections::{BTreeMap, BTreeSet};

use super::rouge::tokens;

/// The longest n-gram.
const ORDERS: usize = 4;
/// Standard deviation of the length penalty.
const SIGMA: f64 = 6.0;

/// One text as weighted n-grams.
struct Vector<'a> {
    weights: [BTreeMap<&'a [String], f64>; ORDERS],
    norms: [f64; ORDERS],
    /// The number of bigrams: what the package takes for the length.
    length: f64,
}

/// The score of each item against its own labels, 0 to 10, with n-gram weights from the labels of all items.
///
/// The formula is the package's; its tokenizer (a Java program) is not: words are runs of `a`–`z` and `0`–`9` after
/// lower-casing, which differs at contractions and hyphens. An item without labels scores 0.
///
/// ```
/// let items = [("a dog", vec!["a dog"]), ("grass", vec!["a green field"])];
/// let scores = evaluation::metrics::cider(&items);
/// assert!(scores[0] > 4.9 && scores[1] < 1e-9);
/// ```
pub fn cider<P: AsRef<str>, L: AsRef<str>>(items: &[(P, Vec<L>)]) -> Vec<f64> {
    let texts: Vec<(Vec<String>, Vec<Vec<String>>)> = items
        .iter()
        .map(|(prediction, labels)| {
            (
                tokens(prediction.as_ref()),
                labels.iter().map(|l| tokens(l.as_ref())).collect(),
            )
        })
        .collect();
    // In how many items' labels an n-gram occurs.
    let mut items_with: BTreeMap<&[String], f64> = BTreeMap::new();
    for (_, labels) in &texts {
        let grams: BTreeSet<&[String]> = labels.iter().flat_map(|label| grams(label)).collect();
        for gram in grams {
            *items_with.entry(gram).or_default() += 1.0;
        }
    }
    let all = (items.len() as f64).ln();
    let vector = |words| {
        Vector::new(words, |gram| {
            all - items_with.get(gram).copied().unwrap_or(0.0).max(1.0).ln()
        })
    };
    texts
        .iter()
        .map(|(prediction, labels)| {
            let prediction = vector(prediction);
            let sum: f64 = labels
                .iter()
                .map(|label| prediction.similarity(&vector(label)))
                .sum();
            if labels.is_empty() {
                0.0
            } else {
                10.0 * sum / labels.len() as f64
            }
        })
        .collect()
}

fn grams(words: &[String]) -> impl Iterator<Item = &[String]> {
    (1..=ORDERS).flat_map(|order| words.windows(order))
}

impl<'a> Vector<'a> {
    fn new(words: &'a [String], weight: impl Fn(&[String]) -> f64) -> Self {
        let mut weights: [BTreeMap<&[String], f64>; ORDERS] = Default::default();
        for gram in grams(words) {
            *weights[gram.len() - 1].entry(gram).or_default() += 1.0;
        }
        for (gram, count) in weights.iter_mut().flatten() {
            *count *= weight(gram);
        }
        let norms = std::array::from_fn(|n| weights[n].values().map(|w| w * w).sum::<f64>().sqrt());
        Self {
            weights,
            norms,
            length: words.len().saturating_sub(1) as f64,
        }
    }

    /// Mean over the orders of the clipped cosine, less for different lengths.
    fn similarity(&self, label: &Self) -> f64 {
        let penalty = (-(self.length - label.length).powi(2) / (2.0 * SIGMA * SIGMA)).exp();
        let cosine = |n: usize| {
            let common = self.weights[n]
                .iter()
                .filter_map(|(gram, w)| label.weights[n].get(gram).map(|l| w.min(*l) * l));
            let norms = self.norms[n] * label.norms[n];
            common.sum::<f64>() / if norms > 0.0 { norms } else { 1.0 }
        };
        penalty * (0..ORDERS).map(cosine).sum::<f64>() / ORDERS as f64
    }
}
