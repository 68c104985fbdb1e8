//! Open and closed questions as LLaVA-Med v1.0.0 scores them.

use std::collections::BTreeMap;

use crate::python::{is_digit, split};
use crate::vqa;

/// Marks that the convention deletes or replaces by a space.
const MARKS: [char; 21] = [
    ';', '/', '[', ']', '"', '{', '}', '(', ')', '=', '+', '\\', '_', '-', '>', '<', '@', '`', ',',
    '?', '!',
];

/// The most full stops that one pass deletes: the published code gives a flag (32) in the place of a count.
const STOPS: usize = 32;

/// An answer in the VQA convention's form.
///
/// A mark is deleted wherever it stands if anywhere in the *original* text it has a space beside it, or if a comma
/// stands between digits anywhere; else it becomes a space. Then full stops without a digit after them go (at most
/// 32), letters become small, number words digits, articles go, and contractions get their apostrophe.
///
/// ```
/// use evaluation::reference::normalise;
/// assert_eq!(normalise("X-ray, T2-weighted. 1,000 a/b"), "xray t2weighted 1000 ab");
/// ```
pub fn normalise(text: &str) -> String {
    let thousands = has_comma_in_number(text);
    let mut plain = text.to_owned();
    for mark in MARKS {
        let beside_space = text.contains(&format!("{mark} ")) || text.contains(&format!(" {mark}"));
        plain = plain.replace(mark, if beside_space || thousands { "" } else { " " });
    }
    let lower = without_stops(&plain).to_lowercase();
    let words = split(&lower).map(|word| vqa::digit(word).unwrap_or(word));
    let words = words.filter(|word| !vqa::ARTICLES.contains(word));
    words
        .map(|word| vqa::contraction(word).unwrap_or(word))
        .collect::<Vec<_>>()
        .join(" ")
}

fn has_comma_in_number(text: &str) -> bool {
    let mut sides = text.split(',').peekable();
    while let Some(before) = sides.next() {
        let digit_before = before.chars().next_back().is_some_and(is_digit);
        if digit_before
            && sides
                .peek()
                .and_then(|after| after.chars().next())
                .is_some_and(is_digit)
        {
            return true;
        }
    }
    false
}

fn without_stops(text: &str) -> String {
    let mut left = STOPS;
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

/// How much of the label an open answer holds, between 0 and 1.
///
/// Both texts are normalised twice. A shared word counts as often as the *prediction* has it and a missing one as often
/// as the label has it, so that repeating a right word raises the score and other words cost nothing.
///
/// ```
/// assert_eq!(evaluation::reference::open_recall("lung lung lung", "left lung"), 0.75);
/// ```
pub fn open_recall(prediction: &str, label: &str) -> f64 {
    let twice = |text: &str| normalise(&normalise(&text.to_lowercase())).to_lowercase();
    let (prediction, label) = (twice(prediction), twice(label));
    let (found, truth) = (counts(&prediction), counts(&label));
    let shared: usize = found
        .iter()
        .filter(|(word, _)| truth.contains_key(*word))
        .map(|(_, n)| n)
        .sum();
    let missing: usize = truth
        .iter()
        .filter(|(word, _)| !found.contains_key(*word))
        .map(|(_, n)| n)
        .sum();
    if shared == 0 {
        0.0
    } else {
        shared as f64 / (shared + missing) as f64
    }
}

fn counts(text: &str) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for word in split(text) {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

/// Whether a closed answer counts as right.
///
/// The normalised prediction must hold the letters `yes` or `no` anywhere (`normal` and `know` do) and the normalised
/// label anywhere. A label that is neither yes nor no can only be hit beside such letters.
///
/// ```
/// use evaluation::reference::closed;
/// assert!(closed("It looks normal", "no") && !closed("left", "left"));
/// ```
pub fn closed(prediction: &str, label: &str) -> bool {
    let prediction = normalise(&prediction.to_lowercase());
    let label = normalise(&label.to_lowercase());
    (prediction.contains("yes") || prediction.contains("no")) && prediction.contains(&label)
}
