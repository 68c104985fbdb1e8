//! The reference scorers against a second derivation: written from the rules as they are noted, in another way than the
//! scorers (replacement by replacement, regular expressions, every choice tried), on texts made by chance.

use std::collections::BTreeSet;

use corpus::seed::Rng;
use evaluation::reference::{
    ListMetric, choice, closed, list_score, multi_label, normalise, open_recall, rouge_l,
};
use regex::Regex;

/// Pieces of texts: words of the rules, marks with and without spaces, digits of other scripts, letters that change
/// their length in lower case, spaces that only Unicode knows.
const PIECES: [&str; 64] = [
    "the",
    "The",
    "a",
    "an",
    "none",
    "Zero",
    "two",
    "TEN",
    "yes",
    "no",
    "Normal",
    "lung",
    "left",
    "isnt",
    "dont",
    "cant",
    "x-ray",
    "T2",
    "3.5",
    "1,000",
    "7",
    "cm",
    "mri",
    "(A)",
    "(B)",
    "B",
    "A",
    "..",
    ".",
    ". ",
    ", ",
    ",",
    "?",
    " ?",
    "!",
    ";",
    "; ",
    "/",
    " / ",
    "[",
    "]",
    "\"",
    "{",
    "}",
    "(",
    ")",
    "=",
    "+",
    "\\",
    "_",
    "- ",
    "-",
    "><",
    "@ ",
    "`",
    "'",
    "\u{a0}",
    "\u{2003}",
    "\u{1c}",
    "٣,٤",
    "İ",
    "ΣΑΣ",
    "日本",
    "e\u{301}🍜",
];

fn texts(seed: u64, count: usize, longest: usize) -> Vec<String> {
    let mut rng = Rng::new(seed);
    let text = |_| {
        let pieces = rng.below(longest + 1);
        let mut out = String::new();
        for _ in 0..pieces {
            let piece: &str = rng.choose::<&str>(&PIECES);
            out.push_str(piece);
            if rng.chance(0.6) {
                out.push(' ');
            }
        }
        out
    };
    (0..count).map(text).collect()
}

fn words(text: &str) -> Vec<&str> {
    // Python splits at the four separators of ASCII too.
    let is_space = |c: char| c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c);
    text.split(is_space).filter(|w| !w.is_empty()).collect()
}

fn normalised(original: &str) -> String {
    let thousands = Regex::new(r"\d,\d").expect("pattern");
    let has_number = thousands.is_match(original);
    let mut text = original.to_owned();
    for mark in ";/[]\"{}()=+\\_-><@`,?!".chars() {
        let beside =
            original.contains(&format!(" {mark}")) || original.contains(&format!("{mark} "));
        let put = if beside || has_number { "" } else { " " };
        text = text.replace(mark, put);
    }
    let digit_first = Regex::new(r"^\d").expect("pattern");
    for _ in 0..32 {
        let stop = text
            .match_indices('.')
            .map(|(at, _)| at)
            .find(|at| !digit_first.is_match(&text[at + 1..]));
        let Some(at) = stop else { break };
        // One at a time and from the left: what follows a stop decides, be it another stop that stays or goes.
        text.replace_range(at..=at, "\u{0}");
    }
    let text = text.replace('\u{0}', "").to_lowercase();
    let mut out = Vec::new();
    for word in words(&text) {
        let numbers = [
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        ];
        let number = numbers.iter().position(|n| *n == word);
        let word = match (word, number) {
            ("none", _) => "0".to_owned(),
            (_, Some(n)) => n.to_string(),
            ("a" | "an" | "the", _) => continue,
            ("isnt", _) => "isn't".to_owned(),
            ("dont", _) => "don't".to_owned(),
            ("cant", _) => "can't".to_owned(),
            (word, None) => word.to_owned(),
        };
        out.push(word);
    }
    out.join(" ").replace(',', "")
}

fn twice(text: &str) -> String {
    normalised(&normalised(text))
}

#[test]
fn normalisation() {
    for text in texts(1, 20_000, 12).iter().chain(&texts(2, 20, 20_000)) {
        assert_eq!(normalise(text), normalised(text), "{text:?}");
    }
    let stops = "a.".repeat(50);
    assert_eq!(normalise(&stops), normalised(&stops));
    assert_eq!(normalise(""), "");
}

#[test]
fn open_and_closed_questions() {
    let answers = texts(3, 6_000, 9).into_iter().chain(texts(4, 4, 5_000));
    let labels = texts(5, 6_000, 3).into_iter().chain(texts(6, 4, 5_000));
    let (mut shared_some, mut hits) = (0, 0);
    for (at, (answer, label)) in answers.zip(labels).enumerate() {
        // Every other label has something of the answer.
        let start: String = answer.chars().take(at % 2 * 20).collect();
        let label = format!("{start} {label}");
        let (given, wanted) = (twice(&answer), twice(&label));
        let (given, wanted) = (words(&given), words(&wanted));
        let shared = given.iter().filter(|word| wanted.contains(word)).count();
        let missed = wanted.iter().filter(|word| !given.contains(word)).count();
        let expected = match shared {
            0 => 0.0,
            _ => shared as f64 / (shared + missed) as f64,
        };
        let found = open_recall(&answer, &label);
        assert!((found - expected).abs() < 1e-12, "{answer:?} {label:?}");
        shared_some += usize::from(shared > 0);

        let answer_as_text = twice(&answer);
        let speaks = ["yes", "no"]
            .iter()
            .any(|word| answer_as_text.contains(word));
        let expected = speaks && answer_as_text.contains(&twice(&label));
        assert_eq!(closed(&answer, &label), expected, "{answer:?} {label:?}");
        hits += usize::from(expected);
    }
    assert!(shared_some > 500 && hits > 500, "{shared_some} {hits}");
}

#[test]
fn multiple_choice() {
    let options = [
        ("A", "CT"),
        ("B", "MRI"),
        ("C", "X-Ray"),
        ("D", "left lung"),
    ];
    // What CPython draws of four for the items 0 to 11.
    let draws = "DBABBCACBDAD";
    let mut by_lot = 0;
    let all = texts(7, 8_000, 7).into_iter().chain(texts(8, 4, 5_000));
    for (at, text) in all.enumerate() {
        let mut bare = text.clone();
        for mark in [",", ".", "!", "?", ";", ":", "'"] {
            while let Some(rest) = bare.strip_prefix(mark) {
                bare = rest.to_owned();
            }
            while let Some(rest) = bare.strip_suffix(mark) {
                bare = rest.to_owned();
            }
        }
        let padded = format!(" {bare} ");
        let places = |wanted: &dyn Fn(&str, &str) -> Option<usize>| -> Vec<(usize, usize)> {
            let found = options.iter().enumerate();
            found
                .filter_map(|(option, (letter, content))| Some((wanted(letter, content)?, option)))
                .collect()
        };
        let mut candidates = places(&|letter, _| padded.rfind(&format!("({letter})")));
        if candidates.is_empty() {
            candidates = places(&|letter, _| padded.rfind(&format!(" {letter} ")));
        }
        if candidates.is_empty() && padded.chars().count() > 5 {
            let lower = padded.to_lowercase();
            candidates = places(&|_, content| lower.rfind(&content.to_lowercase()));
        }
        // The furthest to the right, and of equals the first.
        let furthest = candidates.iter().map(|(place, _)| *place).max();
        let read = candidates
            .iter()
            .find(|(place, _)| Some(*place) == furthest);
        let index = at % draws.len();
        let expected = match read {
            Some((_, option)) => (options[*option].0, false),
            None => (&draws[index..=index], true),
        };
        let found = choice(&text, &options, index);
        assert_eq!((options[found.option].0, found.drawn), expected, "{text:?}");
        by_lot += usize::from(found.drawn);
    }
    assert!((500..8_000).contains(&by_lot), "{by_lot}");
}

#[test]
fn lists_of_names() {
    let names = [
        "egg",
        "egg tart",
        "tea",
        "steak",
        "melon",
        "watermelon",
        "日本",
        "rape",
        "grape",
        "lung",
    ];
    let mut rng = Rng::new(9);
    let mut text = || {
        let pieces = [&names[..], &["Tea", "s", " ", ", ", "EGG", "and", "e"]].concat();
        let count = rng.below(9);
        (0..count).map(|_| *rng.choose(&pieces)).collect::<String>()
    };
    for _ in 0..6_000 {
        let (answer, wanted) = (text(), text());
        let held = |text: &str| -> BTreeSet<&str> {
            let mut left = text.to_lowercase();
            let mut found = BTreeSet::new();
            let longest = names
                .iter()
                .map(|n| n.chars().count())
                .max()
                .expect("names");
            for length in (1..=longest).rev() {
                for name in names.iter().filter(|n| n.chars().count() == length) {
                    let parts: Vec<&str> = left.split(name).collect();
                    if parts.len() > 1 {
                        found.insert(*name);
                        left = parts.concat();
                    }
                }
            }
            found
        };
        let (given, labels) = (held(&answer), held(&wanted));
        let found: BTreeSet<&str> = multi_label(&answer, &names)
            .iter()
            .map(|&i| names[i])
            .collect();
        assert_eq!(found, given, "{answer:?}");
        let hits = given.intersection(&labels).count() as f64;
        let share = |whole: usize| if whole == 0 { 1.0 } else { hits / whole as f64 };
        let (precision, recall) = (share(given.len()), share(labels.len()));
        let f1 = match (given.is_empty(), labels.is_empty()) {
            (true, true) => 1.0,
            _ if precision + recall == 0.0 || given.is_empty() || labels.is_empty() => 0.0,
            _ => 2.0 * precision * recall / (precision + recall),
        };
        let labels: Vec<&str> = labels.into_iter().collect();
        for (metric, expected) in [(ListMetric::F1, f1), (ListMetric::Recall, recall)] {
            let found = list_score(metric, &labels, &names, &answer).expect("known labels");
            assert!(
                (found - expected).abs() < 1e-12,
                "{metric:?} {answer:?} {labels:?}"
            );
        }
    }
}

/// The words of every longest common subsequence of two sentences.
fn longest_common(a: &[&str], b: &[&str]) -> BTreeSet<BTreeSet<String>> {
    let mut best: BTreeSet<Vec<&str>> = BTreeSet::new();
    for chosen in 0..1_u32 << a.len() {
        let kept: Vec<&str> = (0..a.len())
            .filter(|i| chosen >> i & 1 == 1)
            .map(|i| a[i])
            .collect();
        let mut rest = b.iter();
        if kept.iter().all(|word| rest.any(|other| other == word)) {
            best.insert(kept);
        }
    }
    let most = best.iter().map(Vec::len).max().unwrap_or(0);
    let longest = best.into_iter().filter(|kept| kept.len() == most);
    longest
        .map(|kept| kept.into_iter().map(str::to_owned).collect())
        .collect()
}

#[test]
fn rouge_of_summaries() {
    let mut rng = Rng::new(10);
    let mut text = || {
        let mut sentences = Vec::new();
        for _ in 0..=rng.below(2) {
            let count = 1 + rng.below(5);
            let some = ["a", "A", "b", "c", "日本", "mix", "3", "5"];
            let words: Vec<&str> = (0..count).map(|_| *rng.choose(&some)).collect();
            sentences.push(words.join(" "));
        }
        sentences.join(".")
    };
    for _ in 0..1_500 {
        let (hypothesis, reference) = (text(), text());
        let split = |text: &str| -> Vec<Vec<String>> {
            let parts = text.split('.').filter(|part| !part.is_empty());
            parts
                .map(|part| words(part).into_iter().map(str::to_owned).collect())
                .collect()
        };
        let (found, wanted) = (split(&hypothesis), split(&reference));
        // Which of several longest subsequences is followed is not noted, so each way may be the right one.
        let mut ways: BTreeSet<BTreeSet<String>> = BTreeSet::from([BTreeSet::new()]);
        for a in &wanted {
            for b in &found {
                let a: Vec<&str> = a.iter().map(String::as_str).collect();
                let b: Vec<&str> = b.iter().map(String::as_str).collect();
                let common = longest_common(&a, &b);
                ways = ways
                    .iter()
                    .flat_map(|way| common.iter().map(move |more| way | more))
                    .collect();
            }
        }
        let distinct = |s: &[Vec<String>]| s.iter().flatten().collect::<BTreeSet<_>>().len() as f64;
        let score = rouge_l(&hypothesis, &reference).expect("scores");
        let fits = ways.iter().any(|way| {
            let new = way.len() as f64;
            let (p, r) = (new / distinct(&found), new / distinct(&wanted));
            (score - 2.0 * p * r / (p + r + 1e-8)).abs() < 1e-9
        });
        assert!(fits, "{hypothesis:?} {reference:?} {score}");
    }
    for nothing in ["", ".", "...."] {
        assert_eq!(rouge_l(nothing, "a"), None);
        assert_eq!(rouge_l("a", nothing), None);
    }
    let numbered = |n: usize| {
        (0..n)
            .map(|i| format!("w{i}"))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert!(rouge_l(&numbered(500), &numbered(500)).is_some_and(|f| (f - 1.0).abs() < 1e-7));
    assert_eq!(rouge_l(&numbered(1_200), &numbered(1_200)), None);
}
