//! The `reference` scorers give what the published code gives.

use evaluation::mersenne::Mersenne;
use evaluation::reference::{
    ListMetric, choice, closed, list_score, multi_label, normalise, open_recall, rouge_l,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    seed: u64,
    words: Vec<String>,
    spaces: Vec<String>,
    options: Vec<String>,
    names: Vec<String>,
    vqa: Vqa,
    choice: String,
    labels: Labels,
    rouge: String,
}

#[derive(Deserialize)]
struct Vqa {
    normalise: Vec<String>,
    recall: String,
    closed: String,
}

#[derive(Deserialize)]
struct Labels {
    found: Vec<String>,
    recall: String,
    f1: String,
}

impl Golden {
    fn read() -> Self {
        serde_json::from_value(crate::golden("reference.json")).expect("golden")
    }

    /// As in `make_reference.py`.
    fn text(&self, random: &mut Mersenne, longest: usize) -> String {
        let mut text = String::new();
        for _ in 0..random.below(longest) {
            text.push_str(random.choice::<String>(&self.words));
            text.push_str(random.choice::<String>(&self.spaces));
        }
        text
    }
}

fn numbers(text: &str) -> Vec<f64> {
    text.split(' ')
        .map(|n| n.parse().expect("a number"))
        .collect()
}

fn same(found: f64, expected: f64, what: &str) {
    assert!(
        found.to_bits() == expected.to_bits(),
        "{found} instead of {expected}: {what}"
    );
}

#[test]
fn vqa_answers() {
    let golden = Golden::read();
    let mut random = Mersenne::new(golden.seed);
    for expected in &golden.vqa.normalise {
        let text = golden.text(&mut random, 9);
        assert_eq!(normalise(&text), *expected, "{text:?}");
    }
    let (recall, hits) = (numbers(&golden.vqa.recall), golden.vqa.closed.chars());
    assert_eq!(recall.len(), 2000);
    for (expected, hit) in recall.into_iter().zip(hits) {
        let (prediction, label) = (golden.text(&mut random, 12), golden.text(&mut random, 5));
        let what = format!("{prediction:?} / {label:?}");
        same(open_recall(&prediction, &label), expected, &what);
        assert_eq!(closed(&prediction, &label), hit == '1', "{what}");
    }
}

#[test]
fn choices() {
    let golden = Golden::read();
    let mut random = Mersenne::new(golden.seed + 1);
    assert_eq!(golden.choice.len(), 2000);
    for (index, expected) in golden.choice.chars().enumerate() {
        let answer = golden.text(&mut random, 7);
        let mut texts: Vec<&String> = golden.options.iter().collect();
        random.shuffle(&mut texts);
        let options: Vec<(&str, &String)> = ["A", "B", "C", "D"].into_iter().zip(texts).collect();
        let chosen = choice(&answer, &options, index);
        let what = format!("item {index}: {answer:?}, {options:?}");
        assert_eq!(chosen.drawn, expected.is_ascii_lowercase(), "{what}");
        assert_eq!(
            options[chosen.option].0,
            expected.to_ascii_uppercase().to_string(),
            "{what}"
        );
    }
}

#[test]
fn lists_of_names() {
    let golden = Golden::read();
    let mut random = Mersenne::new(golden.seed + 2);
    let (recall, f1) = (numbers(&golden.labels.recall), numbers(&golden.labels.f1));
    for (i, expected) in golden.labels.found.iter().enumerate() {
        let answer = golden.text(&mut random, 10);
        let count = random.below(4);
        let labels: Vec<&String> = (0..count).map(|_| random.choice(&golden.names)).collect();
        let found = multi_label(&answer, &golden.names);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found.join(" "), *expected, "{answer:?}");
        for (metric, expected) in [(ListMetric::Recall, recall[i]), (ListMetric::F1, f1[i])] {
            let score =
                list_score(metric, &labels, &golden.names, &answer).expect("labels of the list");
            same(
                100.0 * score,
                expected,
                &format!("{metric:?} of {answer:?}, {labels:?}"),
            );
        }
    }
    assert_eq!(
        list_score(ListMetric::F1, &["stone"], &golden.names, "egg"),
        None
    );
}

#[test]
fn rouge() {
    let golden = Golden::read();
    let mut random = Mersenne::new(golden.seed + 3);
    let mut expected = numbers(&golden.rouge).into_iter();
    let mut check = |prediction: &str, label: &str| {
        let expected = expected.next().expect("a value for each pair");
        let what: String = format!("{prediction:?} / {label:?}")
            .chars()
            .take(600)
            .collect();
        same(rouge_l(prediction, label).unwrap_or(0.0), expected, &what);
    };
    for _ in 0..2000 {
        let label = golden.text(&mut random, 40);
        let prediction = golden.text(&mut random, 40);
        check(&prediction, &label);
    }
    for longest in [300, 900, 1100, 3000] {
        for _ in 0..3 {
            let mut words = |n| {
                (0..n)
                    .map(|_| random.choice(&golden.words[..20]).as_str())
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            let (long, short) = (words(longest), words(60));
            check(&long, &short);
            check(&short, &long);
            check(&long, &long);
        }
    }
    assert_eq!(expected.next(), None);
}

/// The edges found by `probe_recursion.py` with CPython 3.10.13.
#[test]
fn rouge_fails_where_python_does() {
    let words = |n: usize| {
        (0..n)
            .map(|i| format!("w{i}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    for (prediction, label, works) in [
        (words(987), words(987), true),
        (words(988), words(988), false),
        (words(987), "w0".to_owned(), true),
        (words(988), "w0".to_owned(), false),
        ("w0 zz".to_owned(), format!("{} q", words(985)), true),
        ("w0 zz".to_owned(), format!("{} q", words(986)), false),
        (format!("{}. w0", words(988)), "w0. w1".to_owned(), false),
        (String::new(), "a".to_owned(), false),
        ("a".to_owned(), "...".to_owned(), false),
        (" ".to_owned(), " ".to_owned(), true),
    ] {
        assert_eq!(
            rouge_l(&prediction, &label).is_some(),
            works,
            "{prediction:.20} / {label:.20}"
        );
    }
}

/// Values given by the published code for inputs of the method's description.
#[test]
fn described_examples() {
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
    for (prediction, label, expected) in [
        ("lung lung lung", "left lung", 0.75),
        ("The left lung shows a mass", "left lung", 1.0),
        ("heart", "left lung", 0.0),
        ("two", "2", 1.0),
    ] {
        same(open_recall(prediction, label), expected, prediction);
    }
    let options = [
        ("A", "CT"),
        ("B", "MRI"),
        ("C", "X-ray"),
        ("D", "Ultrasound"),
    ];
    for (answer, key, drawn) in [
        ("(B)", "B", false),
        ("B", "B", false),
        ("The answer is B.", "B", false),
        ("B: MRI", "B", false),
        ("A CT scan", "A", false),
        ("I think it is an MRI", "B", false),
        ("MRI", "C", true),
        ("Either (A) or (C)", "C", false),
        ("mri scan not ct", "A", false),
        ("", "C", true),
    ] {
        let chosen = choice(answer, &options, 7);
        assert_eq!(
            (options[chosen.option].0, chosen.drawn),
            (key, drawn),
            "{answer}"
        );
    }
    let foods = ["egg", "egg tart", "melon", "watermelon", "rape", "grape"];
    for (answer, expected) in [
        ("The dish has an egg tart and eggs.", vec![1, 0]),
        ("watermelon", vec![3]),
        ("grape", vec![5]),
    ] {
        assert_eq!(multi_label(answer, &foods), expected, "{answer}");
    }
    let names = ["one", "two", "three"];
    let score = |metric, labels: &[&str], answer| list_score(metric, labels, &names, answer);
    assert_eq!(
        score(ListMetric::F1, &["one", "two"], "two three"),
        Some(0.5)
    );
    assert_eq!(score(ListMetric::Recall, &[], "two"), Some(1.0));
    assert_eq!(score(ListMetric::Recall, &["one"], "nothing"), Some(0.0));
    for (prediction, label, expected) in [
        (
            "1. Mix flour. 2. Bake",
            "Mix the flour. Bake it.",
            0.599_999_995,
        ),
        ("a b c", "A b c", 0.666_666_661_7),
        ("a b c. a b", "a b c d. a b", 0.857_142_852_2),
    ] {
        let found = rouge_l(prediction, label).expect("a score");
        assert!((found - expected).abs() < 1e-10, "{found} {expected}");
    }
}
