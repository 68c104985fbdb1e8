//! The rules of the `reference` scorers, written down a second time and in another way, on thousands of random texts.
//!
//! Nothing here is shared with the crate but its public functions and CPython's random numbers.

#![expect(clippy::float_cmp, reason = "both sides must give the same bits")]

use corpus::seed::Rng;
use evaluation::mersenne::Mersenne;
use evaluation::reference::{self, ListMetric};

/// Texts of every kind: words of the domain, marks, scripts, white space, nothing at all.
fn text(rng: &mut Rng, longest: usize) -> String {
    const PIECES: [&str; 46] = [
        "yes", "no", "Normal", "left", "lung", "the", "An", "a", "two", "none", "ten", "wont",
        "T2", "MRI", "CT", "(A)", "(B)", "B", "egg", "tart", "tea", "steak", "3", "5", "12", ".",
        ".", ",", "-", ";", "/", "?", "!", "'", "\"", "_", " ", " ", " ", " ", "  ", "\n",
        "\u{3000}", "é", "Ω", "\u{0661}",
    ];
    (0..rng.below(longest + 1))
        .map(|_| *rng.choose(&PIECES))
        .collect()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

fn normalised(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |i: usize| chars.get(i).copied().unwrap_or('x');
    // The generator's only digits are ASCII's and one Arabic one.
    let digit = |c: char| c.is_ascii_digit() || c == '\u{0661}';
    let number = (1..chars.len()).any(|i| at(i) == ',' && digit(at(i - 1)) && digit(at(i + 1)));
    let touches = |mark: char| {
        (0..chars.len()).any(|i| at(i) == mark && ((i > 0 && at(i - 1) == ' ') || at(i + 1) == ' '))
    };
    let marks: Vec<char> = ";/[]\"{}()=+\\_-><@`,?!".chars().collect();
    assert_eq!(marks.len(), 21);
    let mut kept: Vec<char> = Vec::new();
    for &c in &chars {
        if !marks.contains(&c) {
            kept.push(c);
        } else if !number && !touches(c) {
            kept.push(' ');
        }
    }
    let mut stops = 0;
    let mut plain = String::new();
    for (i, &c) in kept.iter().enumerate() {
        let deleted = c == '.' && stops < 32 && !kept.get(i + 1).is_some_and(|&next| digit(next));
        stops += usize::from(deleted);
        if !deleted {
            plain.extend(c.to_lowercase());
        }
    }
    let mut out = Vec::new();
    for word in words(&plain) {
        match word.as_str() {
            "a" | "an" | "the" => {}
            "none" => out.push("0".to_owned()),
            "two" => out.push("2".to_owned()),
            "ten" => out.push("10".to_owned()),
            "wont" => out.push("won't".to_owned()),
            _ => out.push(word),
        }
    }
    out.join(" ")
}

fn recall(prediction: &str, label: &str) -> f64 {
    let prediction = words(&normalised(&normalised(&prediction.to_lowercase())));
    let label = words(&normalised(&normalised(&label.to_lowercase())));
    let found = prediction
        .iter()
        .filter(|word| label.contains(word))
        .count();
    let missed = label
        .iter()
        .filter(|word| !prediction.contains(word))
        .count();
    if found == 0 {
        0.0
    } else {
        found as f64 / (found + missed) as f64
    }
}

fn hit(prediction: &str, label: &str) -> bool {
    let prediction = normalised(&prediction.to_lowercase());
    let label = normalised(&label.to_lowercase());
    let says = prediction.match_indices("yes").next().is_some()
        || prediction.match_indices("no").next().is_some();
    says && prediction.match_indices(&label).next().is_some()
}

fn chosen(answer: &str, options: &[(&str, &str)], index: usize) -> (usize, bool) {
    let mut chars: Vec<char> = answer.chars().collect();
    for mark in ",.!?;:'".chars() {
        while chars.last() == Some(&mark) {
            chars.pop();
        }
        while chars.first() == Some(&mark) {
            chars.remove(0);
        }
    }
    let padded: String = std::iter::once(' ')
        .chain(chars)
        .chain(std::iter::once(' '))
        .collect();
    let lower = padded.to_lowercase();
    let mut forms: Vec<(Vec<String>, &str)> = vec![
        (
            options.iter().map(|(key, _)| format!("({key})")).collect(),
            &padded,
        ),
        (
            options.iter().map(|(key, _)| format!(" {key} ")).collect(),
            &padded,
        ),
    ];
    if padded.chars().count() > 5 {
        forms.push((
            options
                .iter()
                .map(|(_, text)| text.to_lowercase())
                .collect(),
            &lower,
        ));
    }
    for (needles, hay) in forms {
        let mut best = None;
        // From the last option to the first, so that the first wins a tie.
        for (option, needle) in needles.iter().enumerate().rev() {
            let last = (0..=hay.len()).rev().find(|&i| {
                hay.get(i..)
                    .is_some_and(|rest| rest.starts_with(needle.as_str()))
            });
            if let Some(place) = last.filter(|&place| best.is_none_or(|(other, _)| place >= other))
            {
                best = Some((place, option));
            }
        }
        if let Some((_, option)) = best {
            return (option, false);
        }
    }
    let lot: Vec<usize> = (0..options.len()).collect();
    (*Mersenne::new(index as u64).choice(&lot), true)
}

fn rouge(prediction: &str, label: &str) -> f64 {
    let sentences = |text: &str| -> Vec<Vec<String>> {
        let pieces = text.split('.').filter(|piece| !piece.is_empty());
        pieces
            .map(|piece| {
                words(piece)
                    .join(" ")
                    .split(' ')
                    .map(str::to_owned)
                    .collect()
            })
            .collect()
    };
    let (hypotheses, references) = (sentences(prediction), sentences(label));
    let different = |sentences: &[Vec<String>]| {
        let mut all: Vec<&String> = sentences.iter().flatten().collect();
        all.sort();
        all.dedup();
        all.len() as f64
    };
    let mut common: Vec<&String> = Vec::new();
    for x in &references {
        for y in &hypotheses {
            let mut table = vec![vec![0; y.len() + 1]; x.len() + 1];
            for i in 1..=x.len() {
                for j in 1..=y.len() {
                    let longer = table[i - 1][j].max(table[i][j - 1]);
                    table[i][j] = if x[i - 1] == y[j - 1] {
                        table[i - 1][j - 1] + 1
                    } else {
                        longer
                    };
                }
            }
            let (mut i, mut j, mut frames) = (x.len(), y.len(), 1);
            while i != 0 && j != 0 {
                if x[i - 1] == y[j - 1] {
                    common.push(&x[i - 1]);
                    i -= 1;
                    j -= 1;
                } else if table[i - 1][j] > table[i][j - 1] {
                    i -= 1;
                } else {
                    j -= 1;
                }
                frames += 1;
                if frames > 988 {
                    return 0.0;
                }
            }
        }
    }
    if hypotheses.is_empty() || references.is_empty() {
        return 0.0;
    }
    common.sort();
    common.dedup();
    let (p, r) = (
        common.len() as f64 / different(&hypotheses),
        common.len() as f64 / different(&references),
    );
    2.0 * ((p * r) / (p + r + 1e-8))
}

#[test]
fn answers_of_every_kind() {
    let mut rng = Rng::new(9);
    for _ in 0..4000 {
        let (prediction, label) = (text(&mut rng, 24), text(&mut rng, 8));
        let what = format!("{prediction:?} / {label:?}");
        assert_eq!(
            reference::normalise(&prediction),
            normalised(&prediction),
            "{what}"
        );
        assert_eq!(
            reference::open_recall(&prediction, &label),
            recall(&prediction, &label),
            "{what}"
        );
        assert_eq!(
            reference::closed(&prediction, &label),
            hit(&prediction, &label),
            "{what}"
        );
        let found = reference::rouge_l(&prediction, &label).unwrap_or(0.0);
        assert_eq!(found, rouge(&prediction, &label), "{what}");
    }
}

#[test]
fn choices_of_every_kind() {
    let mut rng = Rng::new(10);
    for index in 0..4000 {
        let answer = text(&mut rng, 10);
        let texts: Vec<String> = (0..4).map(|_| text(&mut rng, 3)).collect();
        let options: Vec<(&str, &str)> = ["A", "B", "C", "D"]
            .into_iter()
            .zip(texts.iter().map(String::as_str))
            .collect();
        let found = reference::choice(&answer, &options, index);
        assert_eq!(
            (found.option, found.drawn),
            chosen(&answer, &options, index),
            "{answer:?} {options:?}"
        );
    }
}

#[test]
fn lists_of_every_kind() {
    let names = [
        "egg",
        "egg tart",
        "tea",
        "steak",
        "lung",
        "left lung",
        "no",
        "normal",
        "tea",
        "é",
    ];
    let mut rng = Rng::new(11);
    for _ in 0..4000 {
        let answer = text(&mut rng, 16);
        let labels: Vec<&str> = (0..rng.below(4)).map(|_| *rng.choose(&names)).collect();
        // Lengths from long to short; within one length in the order of the list.
        let mut rest = answer.to_lowercase();
        let mut found = Vec::new();
        for length in (1..=9).rev() {
            for (id, name) in names
                .iter()
                .enumerate()
                .filter(|(_, name)| name.chars().count() == length)
            {
                if rest.contains(name) {
                    rest = rest.split(name).collect();
                    found.push(id);
                }
            }
        }
        assert_eq!(reference::multi_label(&answer, &names), found, "{answer:?}");
        let last = |label: &&str| {
            (0..names.len())
                .filter(|&id| names[id] == *label)
                .max()
                .expect("in the list")
        };
        let truth: std::collections::BTreeSet<usize> = labels.iter().map(last).collect();
        let hits = found.iter().filter(|id| truth.contains(id)).count() as f64;
        let recall = if truth.is_empty() {
            1.0
        } else {
            hits / truth.len() as f64
        };
        let all = truth.len() + found.len();
        let f1 = if all == 0 {
            1.0
        } else {
            2.0 * hits / all as f64
        };
        for (metric, expected) in [(ListMetric::Recall, recall), (ListMetric::F1, f1)] {
            assert_eq!(
                reference::list_score(metric, &labels, &names, &answer),
                Some(expected),
                "{answer:?} {labels:?}"
            );
        }
    }
}

#[test]
fn very_long_texts() {
    let mut rng = Rng::new(12);
    let long = |rng: &mut Rng, n| (0..n).map(|_| text(rng, 2) + " ").collect::<String>();
    for n in [500, 2_000, 20_000] {
        let (a, b) = (long(&mut rng, n), long(&mut rng, 200));
        assert_eq!(reference::normalise(&a), normalised(&a));
        assert_eq!(reference::open_recall(&a, &b), recall(&a, &b));
        for (a, b) in [(&a, &b), (&b, &a)] {
            assert_eq!(reference::rouge_l(a, b).unwrap_or(0.0), rouge(a, b));
        }
    }
    // One endless sentence against another.
    let endless = (0..50_000)
        .map(|i| format!("w{}", i % 977))
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(reference::rouge_l(&endless, &endless), None);
}
