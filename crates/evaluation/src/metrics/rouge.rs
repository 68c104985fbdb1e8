//! ROUGE-L as the `rouge-score` package computes it (sentence level, no stemming), for texts of any length.

use std::collections::HashMap;

/// Longest common subsequence of two texts, as shares between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rouge {
    /// Length ÷ words of the prediction.
    pub precision: f64,
    /// Length ÷ words of the label.
    pub recall: f64,
    /// Their harmonic mean.
    pub f1: f64,
}

/// ROUGE-L of a prediction against one label.
///
/// Equal to `rouge_score` 0.1.2 with `use_stemmer=False`: words are runs of `a`–`z` and `0`–`9` after lower-casing.
/// The reference uses the `rouge` package at summary level: case-sensitive, words as sets, sentences split at every
/// full stop, and 0 for long texts.
///
/// ```
/// let rouge = evaluation::metrics::rouge_l("Mix flour and bake", "Mix the flour. Bake it.");
/// assert_eq!(rouge.recall, 0.6);
/// ```
pub fn rouge_l(prediction: &str, label: &str) -> Rouge {
    let (found, truth) = (tokens(prediction), tokens(label));
    if found.is_empty() || truth.is_empty() {
        return Rouge {
            precision: 0.0,
            recall: 0.0,
            f1: 0.0,
        };
    }
    let common = longest_common_subsequence(&truth, &found) as f64;
    let (precision, recall) = (common / found.len() as f64, common / truth.len() as f64);
    let sum = precision + recall;
    let f1 = if sum > 0.0 {
        2.0 * precision * recall / sum
    } else {
        0.0
    };
    Rouge {
        precision,
        recall,
        f1,
    }
}

/// The best ROUGE-L of a prediction against several labels, by F1; the first of equals. `None` without labels.
pub fn rouge_l_best<S: AsRef<str>>(prediction: &str, labels: &[S]) -> Option<Rouge> {
    let scores = labels
        .iter()
        .map(|label| rouge_l(prediction, label.as_ref()));
    scores.reduce(|best, other| if other.f1 > best.f1 { other } else { best })
}

/// Runs of ASCII letters and digits, lower-cased.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    lower
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Length of the longest common subsequence: bit-parallel (Hyyrö, 2004), 64 cells a step and memory of one row.
fn longest_common_subsequence(a: &[String], b: &[String]) -> usize {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, word) in a.iter().enumerate() {
        places.entry(word).or_default().push(at);
    }
    // A zero bit marks a place of `a` where the length grows by one.
    let mut row = vec![u64::MAX; a.len().div_ceil(64)];
    let mut here = vec![0_u64; row.len()];
    for word in b {
        let Some(places) = places.get(word.as_str()) else {
            continue;
        };
        for at in places {
            here[at / 64] |= 1 << (at % 64);
        }
        let mut carry = false;
        for (cell, &mask) in row.iter_mut().zip(&here) {
            let (sum, first) = cell.overflowing_add(*cell & mask);
            let (sum, second) = sum.overflowing_add(u64::from(carry));
            carry = first || second;
            *cell = sum | (*cell & !mask);
        }
        for at in places {
            here[at / 64] = 0;
        }
    }
    let zeros = |cell: u64, bits: usize| (0..bits).filter(|bit| cell >> bit & 1 == 0).count();
    row.iter()
        .enumerate()
        .map(|(i, &cell)| zeros(cell, 64.min(a.len() - 64 * i)))
        .sum()
}

#[cfg(test)]
mod tests {
    use corpus::seed::Rng;

    use super::*;

    /// The textbook table, to check the bit-parallel one.
    fn by_table(a: &[String], b: &[String]) -> usize {
        let mut row = vec![0; a.len() + 1];
        for y in b {
            let mut diagonal = 0;
            for (i, x) in a.iter().enumerate() {
                let above = row[i + 1];
                row[i + 1] = if x == y {
                    diagonal + 1
                } else {
                    above.max(row[i])
                };
                diagonal = above;
            }
        }
        row[a.len()]
    }

    #[test]
    fn bits_agree_with_the_table() {
        let mut rng = Rng::new(3);
        for _ in 0..300 {
            let alphabet = 1 + rng.below(20);
            let mut text = |longest| -> Vec<String> {
                (0..rng.below(longest))
                    .map(|_| rng.below(alphabet).to_string())
                    .collect()
            };
            let (a, b) = (text(200), text(200));
            assert_eq!(
                longest_common_subsequence(&a, &b),
                by_table(&a, &b),
                "{a:?} {b:?}"
            );
        }
    }

    #[test]
    fn a_long_text_has_a_score() {
        let words: Vec<String> = (0..20_000)
            .map(|i| format!("w{}", i * 7919 % 997))
            .collect();
        let text = words.join(" ");
        assert_eq!(
            rouge_l(&text, &text),
            Rouge {
                precision: 1.0,
                recall: 1.0,
                f1: 1.0
            }
        );
        let nothing = Rouge {
            precision: 0.0,
            recall: 0.0,
            f1: 0.0,
        };
        assert_eq!((rouge_l("", "a"), rouge_l("a", "…")), (nothing, nothing));
    }
}
