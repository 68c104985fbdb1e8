//! BLEU as `sacrebleu` 2.6 computes it by default: tokenizer `13a`, case-sensitive, exponential smoothing, up to 4-grams.

use std::collections::HashMap;

use crate::python::{is_space, split};

/// The longest n-gram.
const ORDERS: usize = 4;

/// What BLEU counts in one prediction, or in many added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bleu {
    words: usize,
    label_words: usize,
    right: [usize; ORDERS],
    total: [usize; ORDERS],
}

impl Bleu {
    /// Counts one prediction against all its labels; there must be one.
    ///
    /// The label length is that of the label closest in length, the shorter of two; an n-gram is right as often as the
    /// label that has it most often.
    ///
    /// ```
    /// let bleu = evaluation::metrics::Bleu::new("a dog runs on grass", &["a dog runs on the grass"]);
    /// assert!(bleu.sentence() > 57.0 && bleu.sentence() < 58.0);
    /// ```
    pub fn new<S: AsRef<str>>(prediction: &str, labels: &[S]) -> Self {
        let prediction = tokens(prediction);
        let labels: Vec<Vec<String>> = labels.iter().map(|label| tokens(label.as_ref())).collect();
        let words = prediction.len();
        let lengths = labels.iter().map(Vec::len);
        let label_words = lengths.min_by_key(|&n| (n.abs_diff(words), n)).unwrap_or(0);
        let mut bleu = Self {
            words,
            label_words,
            ..Self::default()
        };
        for order in 1..=ORDERS {
            let mut most: HashMap<&[String], usize> = HashMap::new();
            for label in &labels {
                for (gram, count) in counts(label, order) {
                    let most = most.entry(gram).or_default();
                    *most = count.max(*most);
                }
            }
            for (gram, count) in counts(&prediction, order) {
                bleu.total[order - 1] += count;
                bleu.right[order - 1] += count.min(most.get(gram).copied().unwrap_or(0));
            }
        }
        bleu
    }

    /// Adds another prediction's counts.
    pub fn add(&mut self, other: &Self) {
        self.words += other.words;
        self.label_words += other.label_words;
        for order in 0..ORDERS {
            self.right[order] += other.right[order];
            self.total[order] += other.total[order];
        }
    }

    /// Corpus BLEU, 0 to 100, of counts that were added up.
    pub fn corpus(&self) -> f64 {
        self.score(false)
    }

    /// Sentence BLEU, 0 to 100: orders longer than the prediction are left out.
    pub fn sentence(&self) -> f64 {
        self.score(true)
    }

    fn score(&self, leave_out: bool) -> f64 {
        if self.right == [0; ORDERS] {
            return 0.0;
        }
        let (mut halves, mut logs, mut orders) = (1.0, 0.0, 0);
        for (&right, &total) in self
            .right
            .iter()
            .zip(&self.total)
            .take_while(|(_, total)| **total > 0)
        {
            let precision = if right == 0 {
                halves *= 2.0;
                100.0 / (halves * total as f64)
            } else {
                100.0 * right as f64 / total as f64
            };
            logs += f64::ln(precision);
            orders += 1;
        }
        // Without any n-gram of some order corpus BLEU is 0.
        if orders < ORDERS && !leave_out {
            return 0.0;
        }
        let short = self.words < self.label_words;
        let brevity = if short {
            (1.0 - self.label_words as f64 / self.words as f64).exp()
        } else {
            1.0
        };
        brevity * (logs / orders as f64).exp()
    }
}

fn counts(words: &[String], order: usize) -> HashMap<&[String], usize> {
    let mut counts = HashMap::new();
    for gram in words.windows(order) {
        *counts.entry(gram).or_default() += 1;
    }
    counts
}

/// The `13a` tokenizer of mteval: marks stand alone, but for full stops and commas between digits and hyphens after
/// letters.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let text = text
        .trim_end_matches(is_space)
        .replace("<skipped>", "")
        .replace("-\n", "")
        .replace('\n', " ");
    let text = text
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">");
    let mark =
        |c: char| matches!(c, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/');
    let mut spaced = vec![' '];
    for c in text.chars().chain([' ']) {
        if mark(c) {
            spaced.extend([' ', c, ' ']);
        } else {
            spaced.push(c);
        }
    }
    let digit = |c: char| c.is_ascii_digit();
    let stop = |c: char| matches!(c, '.' | ',');
    let spaced = apart(
        &spaced,
        |a, b| !digit(a) && stop(b),
        |a, b| [a, ' ', b, ' '],
    );
    let spaced = apart(
        &spaced,
        |a, b| stop(a) && !digit(b),
        |a, b| [' ', a, ' ', b],
    );
    let spaced = apart(
        &spaced,
        |a, b| digit(a) && b == '-',
        |a, b| [a, ' ', b, ' '],
    );
    split(&spaced.into_iter().collect::<String>())
        .map(str::to_owned)
        .collect()
}

/// Replaces every two neighbours that match, from the left, each character used once.
fn apart(
    chars: &[char],
    matches: impl Fn(char, char) -> bool,
    form: fn(char, char) -> [char; 4],
) -> Vec<char> {
    let mut out = Vec::with_capacity(chars.len() * 2);
    let mut i = 0;
    while i < chars.len() {
        match chars.get(i + 1) {
            Some(&next) if matches(chars[i], next) => {
                out.extend(form(chars[i], next));
                i += 2;
            }
            _ => {
                out.push(chars[i]);
                i += 1;
            }
        }
    }
    out
}
