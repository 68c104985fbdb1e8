//! ROUGE-L at summary level as the `rouge` package 1.0.1 computes it (case-sensitive, words as sets).
//!
//! Shapes: n words of a reference sentence, m words of a hypothesis sentence.

use std::collections::HashSet;

use crate::python::split;

/// The package follows a longest common subsequence by recursion; beyond so many steps Python's recursion limit ends
/// it, and the published scorer gives 0. `tests/golden/probe_rouge.py` measures it with the package
/// alone; each frame of a caller lowers it by one, which the notes leave open.
const MAX_STEPS: usize = 989;

/// F of a prediction against a label, from 0 to 1; `None` where the package fails and the published scorer gives 0.
pub fn rouge_l(prediction: &str, label: &str) -> Option<f64> {
    let (hypothesis, reference) = (sentences(prediction), sentences(label));
    if hypothesis.is_empty() || reference.is_empty() {
        return None;
    }
    let distinct = |sentences: &[Vec<String>]| {
        sentences
            .iter()
            .flatten()
            .map(String::as_str)
            .collect::<HashSet<&str>>()
            .len() as f64
    };
    let mut shared: HashSet<&str> = HashSet::new();
    for wanted in &reference {
        for found in &hypothesis {
            shared.extend(common(wanted, found)?);
        }
    }
    let new = shared.len() as f64;
    let (precision, recall) = (new / distinct(&hypothesis), new / distinct(&reference));
    Some(2.0 * precision * recall / (precision + recall + 1e-8))
}

/// Parts between full stops, split at white space. A part of white space alone is one empty word, since the package
/// joins and splits again by single spaces.
fn sentences(text: &str) -> Vec<Vec<String>> {
    text.split('.')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let words: Vec<String> = split(part).map(str::to_owned).collect();
            if words.is_empty() {
                vec![String::new()]
            } else {
                words
            }
        })
        .collect()
}

/// The words of the longest common subsequence that the package follows.
fn common<'a>(wanted: &'a [String], found: &[String]) -> Option<Vec<&'a str>> {
    let (n, m) = (wanted.len(), found.len());
    // Each step goes back by one in at least one of both, so a way to the edge takes at least the shorter length.
    if n.min(m) > MAX_STEPS {
        return None;
    }
    let mut up = vec![false; (n + 1) * (m + 1)];
    let mut above = vec![0_u32; m + 1];
    for i in 1..=n {
        let mut row = vec![0_u32; m + 1];
        for j in 1..=m {
            row[j] = if wanted[i - 1] == found[j - 1] {
                above[j - 1] + 1
            } else {
                above[j].max(row[j - 1])
            };
            up[i * (m + 1) + j] = above[j] > row[j - 1];
        }
        above = row;
    }
    let (mut i, mut j, mut steps) = (n, m, 0);
    let mut words = Vec::new();
    while i > 0 && j > 0 {
        steps += 1;
        if steps > MAX_STEPS {
            return None;
        }
        if wanted[i - 1] == found[j - 1] {
            words.push(wanted[i - 1].as_str());
            (i, j) = (i - 1, j - 1);
        } else if up[i * (m + 1) + j] {
            i -= 1;
        } else {
            j -= 1;
        }
    }
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_as_noted() {
        for (hypothesis, reference, expected) in [
            (
                "1. Mix flour. 2. Bake",
                "Mix the flour. Bake it.",
                0.599_999_995,
            ),
            ("a b c", "A b c", 0.666_666_661_7),
            ("a b c. a b", "a b c d. a b", 0.857_142_852_2),
        ] {
            let found = rouge_l(hypothesis, reference).expect("scores");
            assert!((found - expected).abs() < 1e-9, "{hypothesis}: {found}");
        }
    }

    #[test]
    fn fails_where_the_package_fails() {
        let long = (0..1200)
            .map(|i| format!("w{i}"))
            .collect::<Vec<_>>()
            .join(" ");
        for (hypothesis, reference) in [("", "a"), ("a", ""), ("...", "a"), (&*long, &*long)] {
            assert_eq!(rouge_l(hypothesis, reference), None);
        }
    }
}
