//! Whole answers and their words.

use std::collections::HashMap;

use super::normalise::words;
use super::score::Score;

/// Right if both texts are the same after [`normalise`](super::normalise()); an empty answer is unreadable.
///
/// Unlike the official VQA accuracy there is one label and no partial credit.
///
/// ```
/// assert_eq!(evaluation::metrics::exact_match("The left lung.", "left lung").value, 100.0);
/// ```
pub fn exact_match(prediction: &str, label: &str) -> Score {
    let found = words(prediction);
    Score::read((!found.is_empty()).then_some(found), &words(label))
}

/// How far the words of two texts agree, each between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Overlap {
    /// Shared words ÷ words of the prediction.
    pub precision: f64,
    /// Shared words ÷ words of the label.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

/// Words of the prediction and the label after [`normalise`](super::normalise()), each counted as often as both have it.
///
/// The reference counts a shared word as often as the *prediction* has it, so that repeating it raises recall; here a
/// word counts at most as often as the label has it. Two texts without a word agree; one without a word shares nothing.
///
/// ```
/// let overlap = evaluation::metrics::token_overlap("the left left lung", "left lung");
/// assert_eq!((overlap.recall, overlap.precision), (1.0, 2.0 / 3.0));
/// ```
pub fn token_overlap(prediction: &str, label: &str) -> Overlap {
    let (found, truth) = (words(prediction), words(label));
    if found.is_empty() && truth.is_empty() {
        return Overlap {
            precision: 1.0,
            recall: 1.0,
            f1: 1.0,
        };
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in &truth {
        *left.entry(word).or_default() += 1;
    }
    let mut shared = 0;
    for word in &found {
        if let Some(n) = left.get_mut(word.as_str()).filter(|n| **n > 0) {
            *n -= 1;
            shared += 1;
        }
    }
    from_counts(shared, found.len(), truth.len())
}

/// Precision, recall and F1 of `shared` things among those found and those true; 0 where there is nothing to divide by.
pub(super) fn from_counts(shared: usize, found: usize, truth: usize) -> Overlap {
    let ratio = |of: usize| {
        if of == 0 {
            0.0
        } else {
            shared as f64 / of as f64
        }
    };
    let (precision, recall) = (ratio(found), ratio(truth));
    let f1 = if shared == 0 {
        0.0
    } else {
        2.0 * precision * recall / (precision + recall)
    };
    Overlap {
        precision,
        recall,
        f1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_word_counts_once() {
        for (prediction, label, precision, recall) in [
            ("lung lung lung", "left lung", 1.0 / 3.0, 0.5),
            ("The left lung shows a mass", "left lung", 0.5, 1.0),
            ("heart", "left lung", 0.0, 0.0),
            ("two", "2", 1.0, 1.0),
            ("", "left", 0.0, 0.0),
            ("left", "", 0.0, 0.0),
            ("", "", 1.0, 1.0),
        ] {
            let got = token_overlap(prediction, label);
            assert_eq!(
                (got.precision, got.recall),
                (precision, recall),
                "{prediction} / {label}"
            );
        }
    }

    #[test]
    fn an_empty_answer_is_unreadable() {
        assert_eq!(exact_match(" . ", "yes"), Score::UNREADABLE);
        assert_eq!(exact_match("Yes!", "yes"), Score::hit(true));
        assert_eq!(exact_match("yes it is", "yes"), Score::hit(false));
    }
}
