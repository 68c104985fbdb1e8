//! Open and closed questions by the VQA answer convention (Antol et al., 2015), applied twice.
//!
//! The marks and the order of the rules are those of the convention's official evaluation code (GT-Vision-Lab/VQA;
//! Copyright (c) 2014, Aishwarya Agrawal; BSD-2-Clause), whose notice stands in the file `NOTICE`.

use std::collections::HashMap;

use crate::python::{is_digit, split};
use crate::vqa::{ARTICLES, contraction, digit};

/// The convention's punctuation marks; full stops and apostrophes have rules of their own.
const MARKS: [char; 21] = [
    ';', '/', '[', ']', '"', '{', '}', '(', ')', '=', '+', '\\', '_', '-', '>', '<', '@', '`', ',',
    '?', '!',
];
/// How many full stops are deleted at most: the published call gives a flag where the count stands.
const MAX_STOPS: usize = 32;

/// The convention once.
///
/// ```
/// assert_eq!(evaluation::reference::normalise("isnt it 3.5 cm?"), "isn't it 3.5 cm");
/// ```
pub fn normalise(text: &str) -> String {
    let unmarked = without_stops(&without_marks(text)).to_lowercase();
    let words: Vec<&str> = split(&unmarked)
        .map(|word| digit(word).unwrap_or(word))
        .filter(|word| !ARTICLES.contains(word))
        .map(|word| contraction(word).unwrap_or(word))
        .collect();
    words.join(" ").replace(',', "")
}

/// A mark beside a space goes, as does every mark of a text with a number such as 1,000; others become a space.
fn without_marks(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let number = chars
        .windows(3)
        .any(|w| is_digit(w[0]) && w[1] == ',' && is_digit(w[2]));
    let beside_space = |mark: char| {
        let pair = |a: char, b: char| chars.windows(2).any(|w| w == [a, b]);
        pair(mark, ' ') || pair(' ', mark)
    };
    let deleted: Vec<char> = MARKS
        .into_iter()
        .filter(|&mark| number || beside_space(mark))
        .collect();
    chars
        .iter()
        .filter(|c| !deleted.contains(c))
        .map(|&c| if MARKS.contains(&c) { ' ' } else { c })
        .collect()
}

/// Deletes the first full stops that no digit follows.
fn without_stops(text: &str) -> String {
    let mut left = MAX_STOPS;
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '.' && left > 0 && !chars.peek().copied().is_some_and(is_digit) {
            left -= 1;
        } else {
            out.push(c);
        }
    }
    out
}

fn twice(text: &str) -> String {
    normalise(&normalise(text))
}

/// Recall of the label's words, from 0 to 1. Shared words count as often as the *prediction* has them, so that
/// repetition raises the score and verbosity costs nothing.
///
/// ```
/// assert_eq!(evaluation::reference::open_recall("lung lung lung", "left lung"), 0.75);
/// ```
pub fn open_recall(prediction: &str, label: &str) -> f64 {
    let (prediction, label) = (twice(prediction), twice(label));
    let (found, wanted) = (counts(&prediction), counts(&label));
    let (mut shared, mut missing) = (0, 0);
    for (word, count) in wanted {
        match found.get(word) {
            Some(given) => shared += given,
            None => missing += count,
        }
    }
    if shared == 0 {
        0.0
    } else {
        shared as f64 / (shared + missing) as f64
    }
}

fn counts(text: &str) -> HashMap<&str, usize> {
    let mut out = HashMap::new();
    for word in split(text) {
        *out.entry(word).or_default() += 1;
    }
    out
}

/// Whether a closed answer is right: "yes" or "no" and the label occur anywhere as letters ("normal" holds "no").
pub fn closed(prediction: &str, label: &str) -> bool {
    let (prediction, label) = (twice(prediction), twice(label));
    (prediction.contains("yes") || prediction.contains("no")) && prediction.contains(&label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_as_noted() {
        for (text, expected) in [
            ("T1-weighted MRI", "t1 weighted mri"),
            ("3.5 cm", "3.5 cm"),
            ("none", "0"),
            ("two lungs", "2 lungs"),
            ("a b. c. d", "b c d"),
            ("X-ray, T2-weighted. 1,000 a/b", "xray t2weighted 1000 ab"),
            ("No.", "no"),
            ("isnt it 3.5 cm?", "isn't it 3.5 cm"),
        ] {
            assert_eq!(normalise(text), expected);
        }
        let stops = ".".repeat(40);
        assert_eq!(normalise(&stops), ".".repeat(8));
    }

    #[test]
    fn recalls_as_noted() {
        for (prediction, label, expected) in [
            ("lung lung lung", "left lung", 0.75),
            ("The left lung shows a mass", "left lung", 1.0),
            ("heart", "left lung", 0.0),
            ("two", "2", 1.0),
        ] {
            assert!(
                (open_recall(prediction, label) - expected).abs() < 1e-12,
                "{prediction}"
            );
        }
    }

    #[test]
    fn closed_answers_match_letters() {
        assert!(closed("This is normal", "no"));
        assert!(closed("Yes, it is.", "yes"));
        assert!(!closed("It is.", "yes"));
        assert!(!closed("left", "left"));
    }
}
