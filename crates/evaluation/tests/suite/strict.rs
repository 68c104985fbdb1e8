//! The `strict` scorers give what the field's packages give.

use evaluation::mersenne::Mersenne;
use evaluation::metrics::{Bleu, Confusion, cider, rouge_l, token_overlap};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    seed: u64,
    plain: Vec<String>,
    rich: Vec<String>,
    spaces: Vec<String>,
    rouge: String,
    bleu: BleuGolden,
    cider: String,
    words: String,
    classes: Classes,
}

#[derive(Deserialize)]
struct BleuGolden {
    sentence: String,
    corpus: String,
}

#[derive(Deserialize)]
struct Classes {
    accuracy: String,
    macro_f1: String,
    each: String,
}

impl Golden {
    fn read() -> Self {
        serde_json::from_value(crate::golden("strict.json")).expect("golden")
    }

    /// As in `make_strict.py`.
    fn text(&self, random: &mut Mersenne, longest: usize) -> String {
        let mut text = String::new();
        for _ in 0..random.below(longest) {
            text.push_str(random.choice::<String>(&self.rich));
            text.push_str(random.choice::<String>(&self.spaces));
        }
        text
    }

    fn plain(&self, random: &mut Mersenne, longest: usize) -> String {
        let count = random.below(longest);
        let words: Vec<&str> = (0..count)
            .map(|_| random.choice::<String>(&self.plain).as_str())
            .collect();
        words.join(" ")
    }
}

fn numbers(text: &str) -> Vec<f64> {
    text.split(' ')
        .map(|n| n.parse().expect("a number"))
        .collect()
}

/// The values are stored with eleven digits.
fn close(found: f64, expected: f64, what: &str) {
    assert!(
        (found - expected).abs() <= 1e-10 * expected.abs().max(1.0),
        "{found} instead of {expected}: {what}"
    );
}

#[test]
fn rouge_l_of_rouge_score() {
    let golden = Golden::read();
    let mut random = Mersenne::new(golden.seed);
    let expected = numbers(&golden.rouge);
    assert_eq!(expected.len(), 6000);
    for expected in expected.chunks(3) {
        let (label, prediction) = (golden.text(&mut random, 40), golden.text(&mut random, 40));
        let found = rouge_l(&prediction, &label);
        for (found, expected) in [found.precision, found.recall, found.f1]
            .into_iter()
            .zip(expected)
        {
            close(found, *expected, &format!("{prediction:?} / {label:?}"));
        }
    }
}

#[test]
fn bleu_of_sacrebleu() {
    let golden = Golden::read();
    let mut random = Mersenne::new(golden.seed + 1);
    let mut sum = Bleu::default();
    let mut corpus = Vec::new();
    let expected = numbers(&golden.bleu.sentence);
    assert_eq!(expected.len(), 2000);
    for (i, expected) in expected.into_iter().enumerate() {
        let mut prediction = golden.text(&mut random, 30);
        let labels: Vec<String> = (0..3).map(|_| golden.text(&mut random, 30)).collect();
        if random.random() < 0.5 {
            prediction = prediction.clone() + &labels[0] + &prediction;
        }
        let bleu = Bleu::new(&prediction, &labels);
        close(
            bleu.sentence(),
            expected,
            &format!("{prediction:?} / {labels:?}"),
        );
        sum.add(&bleu);
        if [1, 10, 2000].contains(&(i + 1)) {
            corpus.push(sum.corpus());
        }
    }
    for (found, expected) in corpus.into_iter().zip(numbers(&golden.bleu.corpus)) {
        close(found, expected, "corpus");
    }
}

#[test]
fn cider_of_pycocoevalcap() {
    let golden = Golden::read();
    let mut random = Mersenne::new(golden.seed + 2);
    let items: Vec<(String, Vec<String>)> = (0..2000)
        .map(|_| {
            let prediction = golden.plain(&mut random, 20);
            let count = 1 + random.below(5);
            let labels: Vec<String> = (0..count).map(|_| golden.plain(&mut random, 20)).collect();
            if random.random() < 0.5 {
                (format!("{} {prediction}", labels[0]), labels)
            } else {
                (prediction, labels)
            }
        })
        .collect();
    let (found, expected) = (cider(&items), numbers(&golden.cider));
    close(found.iter().sum::<f64>() / 2000.0, expected[0], "mean");
    assert_eq!(expected.len(), 2001);
    for ((found, expected), item) in found.iter().zip(&expected[1..]).zip(&items) {
        close(*found, *expected, &format!("{item:?}"));
    }
}

#[test]
fn word_overlap_of_scikit_learn() {
    let golden = Golden::read();
    let mut random = Mersenne::new(golden.seed + 3);
    for expected in numbers(&golden.words).chunks(3) {
        let (prediction, label) = (golden.plain(&mut random, 12), golden.plain(&mut random, 12));
        let found = token_overlap(&prediction, &label);
        for (found, expected) in [found.precision, found.recall, found.f1]
            .into_iter()
            .zip(expected)
        {
            close(found, *expected, &format!("{prediction:?} / {label:?}"));
        }
    }
}

#[test]
fn classes_of_scikit_learn() {
    let golden = Golden::read();
    let mut random = Mersenne::new(golden.seed + 4);
    let truth: Vec<usize> = (0..2000).map(|_| random.below(7)).collect();
    let mut confusion = Confusion::new(7);
    for truth in truth {
        // Classes 7 and 8 are not in the list: what cannot be read.
        let given = if random.random() < 0.4 {
            truth
        } else {
            random.below(9)
        };
        confusion.add(truth, Some(given).filter(|&class| class < 7));
    }
    close(
        confusion.accuracy(),
        numbers(&golden.classes.accuracy)[0],
        "accuracy",
    );
    close(
        confusion.macro_f1(),
        numbers(&golden.classes.macro_f1)[0],
        "macro F1",
    );
    let expected = numbers(&golden.classes.each);
    for (class, expected) in confusion.classes().iter().zip(expected.chunks(4)) {
        let found = [class.precision, class.recall, class.f1, class.n as f64];
        found
            .into_iter()
            .zip(expected)
            .for_each(|(found, expected)| close(found, *expected, "class"));
    }
}
