use std::collections::BTreeMap;

use corpus::Completion;
use serde_json::json;
use synthesis::Prompts;
use synthesis::truth::Truth;

use super::*;
use crate::aspect::Aspect;
use crate::item::Item;
use crate::judge::{JudgeOptions, Question, Unread, questions, read};
use crate::rating::Rating;
use crate::sample::{SetSample, Stratum};

fn set(name: &str, total: usize) -> SetSample {
    SetSample {
        name: name.to_owned(),
        total,
        strata: Vec::new(),
        is_of_filter: false,
    }
}

/// Forty pairs with a task in each of two sets; `other` is the author of the second.
fn two_sets() -> Sample {
    let item = |set: &str, at: usize| Item {
        key: format!("{set}{at}"),
        set: set.to_owned(),
        id: at.to_string(),
        pair: format!("p{at}"),
        images: vec![format!("p{at}.png").into()],
        exchanges: vec![["What?".to_owned(), "That.".to_owned()]],
        author: (set == "b").then(|| "maker-b".to_owned()),
        ..Item::default()
    };
    Sample {
        id: "sample".to_owned(),
        seed: 1,
        sets: vec![set("a", 40), set("b", 40)],
        items: ["a", "b"]
            .iter()
            .flat_map(|set| (0..40).map(|at| item(set, at)))
            .collect(),
    }
}

/// How good a task is: 1 to 3 in the first set, one more in the second.
fn level(key: &str) -> usize {
    let at: usize = key[1..].parse().expect("a number");
    1 + at % 3 + usize::from(key.starts_with('b'))
}

/// A judge that says of each task, by its key and place, what the closure says; no line where that is empty.
fn judge(
    sample: &Sample,
    name: &str,
    alone: bool,
    says: impl Fn(&str, &Question, usize) -> String,
) -> RaterRatings {
    let options = JudgeOptions {
        aspects: vec![Aspect::Complexity],
        alone,
    };
    let asked = questions(sample, &options);
    let completions: Vec<Completion> = asked
        .iter()
        .map(|question| {
            let lines = question.keys.iter().enumerate().map(|(at, key)| {
                let said = says(key, question, at);
                if question.keys.len() == 1 {
                    said
                } else {
                    format!("{}: {said}", at + 1)
                }
            });
            let text = lines.collect::<Vec<_>>().join("\n");
            let reason = if text.contains("refuses") {
                "refusal"
            } else {
                "stop"
            };
            serde_json::from_value(json!({
                "id": question.id(), "text": text, "finish_reason": reason, "prompt_tokens": 1, "completion_tokens": 1,
            }))
            .expect("completion")
        })
        .collect();
    let read = read(&asked, &completions, &Prompts::default());
    RaterRatings {
        rater: Rater {
            ground: Ground::Model,
            name: name.to_owned(),
        },
        author: None,
        ratings: read.ratings,
        unread: read.unread,
    }
}

fn fair(sample: &Sample, name: &str) -> RaterRatings {
    judge(sample, name, false, |key, _, _| level(key).to_string())
}

fn person(name: &str, aspect: Aspect, values: &[(&str, usize)]) -> RaterRatings {
    let rating = |(key, value): &(&str, usize)| Rating {
        key: (*key).to_owned(),
        aspect,
        value: Some(*value),
        pass: 0,
        position: 0,
    };
    RaterRatings {
        rater: Rater {
            ground: Ground::Person,
            name: name.to_owned(),
        },
        author: None,
        ratings: values.iter().map(rating).collect(),
        unread: BTreeMap::new(),
    }
}

fn assessed(
    sample: &Sample,
    raters: &[RaterRatings],
    truth: Option<&BTreeMap<String, Truth>>,
) -> Assessment {
    let prompts = Prompts::default();
    let options = AssessmentOptions {
        truth,
        right_level: 5,
        prompts: &prompts.rubrics,
        seed: 7,
    };
    let found = assess(sample, raters, &options);
    let text = serde_json::to_string(&found).expect("plain data");
    let back: Assessment = serde_json::from_str(&text).expect("the same data");
    assert_eq!(back.means.len(), found.means.len());
    found
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} for {expected}");
}

#[test]
fn a_fair_judge_finds_what_is_there() {
    let sample = two_sets();
    let found = assessed(&sample, &[fair(&sample, "fair")], None);
    // 14 tasks of level 1, 13 of 2 and of 3: (0 + 13 · 25 + 13 · 50) ÷ 40.
    near(found.means[0].mean.mean, 24.375);
    near(found.means[1].mean.mean, 49.375);
    let [low, high] = found.means[0].mean.interval;
    // The standard error is 3.3.
    assert!((16.0..20.0).contains(&low) && (29.0..34.0).contains(&high));
    assert_eq!(
        (found.means[0].mean.items, found.means[0].mean.pairs),
        (40, 40)
    );
    let [difference] = &found.differences[..] else {
        panic!("one pair of sets")
    };
    assert_eq!((&*difference.one, &*difference.other), ("a", "b"));
    near(difference.difference.difference, -25.0);
    assert!(difference.difference.shared == 40 && difference.difference.excludes_zero());
    let [pass] = &found.passes[..] else {
        panic!("one aspect")
    };
    assert_eq!((pass.turned, pass.items), (Turned::Places, 80));
    near(pass.effect.difference, 0.0);
    near(pass.same, 100.0);
    assert!(!found.ratings[0].says_nothing);
    assert_eq!(found.ratings[0].asked, 160);
    assert!(
        found.warnings[0].contains("fewer than the paper's 200"),
        "{:?}",
        found.warnings
    );
    assert!(
        found
            .warnings
            .iter()
            .any(|w| w.starts_with("all numbers are a model's opinion"))
    );
}

#[test]
fn a_judge_that_prefers_the_first_place_is_found_and_averages_out() {
    let sample = two_sets();
    let swayed = judge(&sample, "swayed", false, |key, _, at| {
        (level(key) + usize::from(at == 0)).to_string()
    });
    let found = assessed(&sample, &[swayed], None);
    let effect = &found.passes[0].effect;
    near(effect.difference, 25.0);
    assert!(effect.excludes_zero());
    near(found.passes[0].same, 0.0);
    assert!(
        found
            .warnings
            .iter()
            .any(|w| w.contains("`swayed` is swayed by order, complexity"))
    );
    // Both sets stand first once, so that their difference is untouched.
    near(found.differences[0].difference.difference, -25.0);
    near(found.means[0].mean.mean, 24.375 + 12.5);
}

#[test]
fn the_order_of_levels_is_a_judges_other_weakness() {
    let sample = two_sets();
    // The best level listed first draws it up in a quarter of the pairs.
    let swayed = judge(&sample, "swayed", true, |key, question, _| {
        let at: usize = key[1..].parse().expect("a number");
        (level(key) + usize::from(question.pass == 1 && at.is_multiple_of(4))).to_string()
    });
    let found = assessed(&sample, &[swayed], None);
    assert_eq!(found.passes[0].turned, Turned::Levels);
    near(found.passes[0].effect.difference, -6.25);
    near(found.passes[0].same, 75.0);
}

#[test]
fn a_judge_that_always_says_the_same_says_nothing() {
    let sample = two_sets();
    let threes = judge(&sample, "threes", false, |_, _, _| "3".to_owned());
    let found = assessed(&sample, &[threes], None);
    assert!(found.ratings[0].says_nothing);
    assert_eq!(found.ratings[0].most_frequent, Some((3, 1.0)));
    assert!(
        found
            .warnings
            .iter()
            .any(|w| w == "`threes` says nothing about complexity: 100 % of the ratings are 3"),
        "{:?}",
        found.warnings
    );
}

#[test]
fn prose_and_refusals_are_counted_and_leave_no_value() {
    let sample = two_sets();
    let prose = judge(&sample, "prose", true, |key, _, _| {
        format!("I would say {}", level(key))
    });
    let refuses = judge(&sample, "refuses", false, |key, question, _| {
        if question.keys.contains(&"a0".to_owned()) {
            "refuses".to_owned()
        } else {
            level(key).to_string()
        }
    });
    let found = assessed(&sample, &[prose, refuses], None);
    assert_eq!(
        (found.ratings[0].asked, found.ratings[0].unread),
        (160, 160)
    );
    assert_eq!(found.ratings[0].reasons[&Unread::Prose], 160);
    assert!(
        found
            .means
            .iter()
            .all(|mean| mean.rater.name == "refuses" && mean.unread == 1 && mean.mean.items == 39)
    );
    assert_eq!(found.ratings[1].reasons[&Unread::Refusal], 4);
    assert!(found.warnings.iter().any(|warning| {
        warning == "`refuses`, complexity: 4 of 160 answers could not be read (refusal 4)"
    }));
}

#[test]
fn a_judge_that_prefers_its_own_is_told_from_one_that_writes_better() {
    let sample = two_sets();
    let vain = |name: &str| {
        judge(&sample, name, false, |key, _, _| {
            (level(key) + usize::from(key.starts_with('b'))).to_string()
        })
    };
    let alone = assessed(&sample, &[vain("maker-b")], None);
    assert_eq!(alone.own[0].excess, None);
    near(alone.own[0].difference.difference, 50.0);
    assert!(alone.warnings.iter().any(|w| w.contains("cannot be told")));

    let found = assessed(&sample, &[vain("maker-b"), fair(&sample, "fair")], None);
    assert_eq!(found.own.len(), 1);
    let excess = found.own[0].excess.as_ref().expect("another rater");
    near(excess.difference, 25.0);
    assert!(excess.excludes_zero());
    assert!(
        found
            .warnings
            .iter()
            .any(|w| w.contains("`maker-b` prefers what it has written: +25.0"))
    );

    // Its own is better, and others say so too.
    let honest = assessed(
        &sample,
        &[fair(&sample, "maker-b"), fair(&sample, "fair")],
        None,
    );
    near(honest.own[0].difference.difference, 25.0);
    near(honest.own[0].excess.as_ref().expect("both").difference, 0.0);
    // Known to makers under another name.
    let mut digest = vain("judge");
    digest.author = Some("maker-b".to_owned());
    assert_eq!(assessed(&sample, &[digest], None).own.len(), 1);
}

#[test]
fn agreement_is_krippendorffs_and_biases_are_told() {
    let sample = two_sets();
    let aspect = Aspect::Consistency;
    let one = person(
        "one",
        aspect,
        &[("a0", 2), ("a1", 2), ("a2", 1), ("a3", 1), ("gone", 2)],
    );
    let two = person(
        "two",
        aspect,
        &[("a0", 2), ("a1", 2), ("a2", 1), ("a3", 2), ("a4", 1)],
    );
    let found = assessed(&sample, &[one, two], None);
    let [agreement] = &found.agreement[..] else {
        panic!("one aspect")
    };
    // Eight ratings, five yes and three no: 1 − 7 · 2 ÷ (2 · 5 · 3).
    near(agreement.alpha.expect("alpha"), 1.0 - 14.0 / 30.0);
    assert_eq!(agreement.items, 4);
    near(agreement.same.expect("share"), 75.0);
    let pair = &agreement.pairs[0];
    // By chance 2/4 · 3/4 + 2/4 · 1/4 would agree: (3/4 − 1/2) ÷ (1 − 1/2).
    near(pair.kappa.expect("kappa"), 0.5);
    near(pair.difference.as_ref().expect("points").difference, -25.0);
    near(agreement.biases[0].bias, -25.0);
    near(agreement.biases[1].bias, 25.0);
    assert!(
        found
            .warnings
            .iter()
            .any(|w| w.starts_with("1 ratings of `one` are of items"))
    );
}

#[test]
fn who_always_agrees_on_one_value_has_no_alpha_and_it_is_said_why() {
    let sample = two_sets();
    let same = |name| person(name, Aspect::Accuracy, &[("a0", 3), ("a1", 3)]);
    let found = assessed(&sample, &[same("one"), same("two")], None);
    assert_eq!(found.agreement[0].alpha, None);
    let why = found.agreement[0].undefined.as_deref();
    assert!(why.is_some_and(|why| why.contains("same value")));
}

#[test]
fn types_are_counted_over_both_lists() {
    let sample = two_sets();
    let rater = person(
        "one",
        Aspect::TaskType,
        &[("a0", 1), ("a1", 1), ("a2", 17), ("a3", 18), ("b0", 20)],
    );
    let found = assessed(&sample, &[rater], None);
    let of_a = &found.classes[0];
    assert_eq!((of_a.part.as_str(), of_a.items), ("a", 4));
    assert_eq!(
        (of_a.counts[0], of_a.counts[16], of_a.counts[17]),
        (2, 1, 1)
    );
    near(of_a.diversity_of_17.expect("types"), 200.0 / 17.0);
    near(of_a.diversity_of_all.expect("types"), 15.0);
    near(found.classes[1].diversity_of_17.expect("types"), 0.0);
    assert!(!found.ratings[0].says_nothing);
}

/// Ten of 3,000 kept and ten of 7,000 dropped items.
fn filter_sample() -> Sample {
    let item = |kept: bool, at: u32| Item {
        key: format!("{}{at}", if kept { "k" } else { "d" }),
        set: "run".to_owned(),
        pair: format!("p{kept}{at}"),
        kept: Some(kept),
        p_yes: Some(f64::from(at) / 20.0 + if kept { 0.5 } else { 0.0 }),
        ..Item::default()
    };
    let stratum = |name: &str, total| Stratum {
        name: name.to_owned(),
        total,
        drawn: 10,
    };
    Sample {
        id: "f".to_owned(),
        seed: 1,
        sets: vec![SetSample {
            strata: vec![stratum("kept", 3000), stratum("dropped", 7000)],
            is_of_filter: true,
            ..set("run", 10_000)
        }],
        items: [true, false]
            .into_iter()
            .flat_map(|kept| (0..10).map(move |at| item(kept, at)))
            .collect(),
    }
}

#[test]
fn a_filter_is_measured_for_all_it_judged_and_not_for_the_sample() {
    let sample = filter_sample();
    // Nine of the kept and two of the dropped are right; level 4 is not right.
    let mut ratings: Vec<(String, usize)> = Vec::new();
    for at in 0..10 {
        ratings.push((format!("k{at}"), if at == 0 { 4 } else { 5 }));
        ratings.push((format!("d{at}"), if at > 7 { 5 } else { 1 }));
    }
    let ratings: Vec<(&str, usize)> = ratings.iter().map(|(k, v)| (k.as_str(), *v)).collect();
    let found = assessed(&sample, &[person("one", Aspect::Accuracy, &ratings)], None);
    let [filter] = &found.filters[..] else {
        panic!("one filter")
    };
    assert_eq!((filter.kept.right, filter.dropped.right), (9, 2));
    assert_eq!((filter.kept.total, filter.dropped.total), (3000, 7000));
    near(filter.measured.precision.expect("kept").value, 0.9);
    let recall = filter.measured.recall.expect("right ones");
    near(recall.value, 27.0 / 41.0);
    assert!(recall.low < 0.5 && recall.high > 0.8);
    // 0.3 · 0.9 + 0.7 · 0.2
    near(filter.measured.right_before.value, 0.41);
    // Down to 0.4 two dropped items are let in, which stand for 1,400 more.
    assert_eq!(filter.curve.len(), 20);
    let at = filter
        .curve
        .iter()
        .find(|p| (p.threshold - 0.4).abs() < 1e-9);
    let at = at.expect("a threshold");
    near(at.kept, 4400.0);
    near(at.recall.expect("right ones").value, 1.0);
    near(at.precision.expect("kept").value, 4100.0 / 4400.0);
    // Kept and dropped are never one mean.
    let names: Vec<&str> = found.means.iter().map(|mean| mean.part.as_str()).collect();
    assert_eq!(names, ["run, kept", "run, dropped"]);
    near(found.means[0].mean.mean, 97.5);
    near(found.means[1].mean.mean, 20.0);
}

#[test]
fn known_truth_is_a_rater() {
    let line = r#"{"id": "p", "answers": [
        {"kind": "kind", "question": "What kind is it?", "answer": "fruit"},
        {"kind": "colour", "question": "Which colour?", "answer": "red"}]}"#;
    let truth: Truth = serde_json::from_str(line).expect("truth");
    let truth = BTreeMap::from([("p".to_owned(), truth)]);
    let triplet = |key: &str, informative: &str, precise: &str, response: &str| Item {
        key: key.to_owned(),
        set: "a".to_owned(),
        pair: "p".to_owned(),
        exchanges: vec![["What kind is it?".to_owned(), response.to_owned()]],
        informative: Some(informative.to_owned()),
        precise: Some(precise.to_owned()),
        task: Some("VQA_object_recognition".to_owned()),
        ..Item::default()
    };
    let talk = Item {
        key: "c".to_owned(),
        set: "b".to_owned(),
        pair: "p".to_owned(),
        exchanges: vec![
            ["What kind is it?".to_owned(), "It is a fruit.".to_owned()],
            ["Which colour?".to_owned(), "Blue.".to_owned()],
        ],
        ..Item::default()
    };
    let sample = Sample {
        id: "t".to_owned(),
        seed: 1,
        sets: vec![set("a", 2), set("b", 1)],
        items: vec![
            triplet(
                "x",
                "It is a fruit.",
                "tool",
                "It is a fruit. Therefore, tool",
            ),
            triplet("y", "It is a tool.", "fruit", "fruit"),
            talk,
        ],
    };
    let found = assessed(&sample, &[], Some(&truth));
    assert_eq!(found.raters[0].ground, Ground::Truth);
    let mean = |part: &str, aspect: Aspect| {
        let found = found.means.iter();
        let found = found.clone().find(|m| m.part == part && m.aspect == aspect);
        found.map(|mean| mean.mean.mean)
    };
    // The joined answer of the first is wrong in its end; of the second the precise one alone is trained, and right.
    assert_eq!(mean("a", Aspect::Accuracy), Some(50.0));
    assert_eq!(mean("a", Aspect::PreciseAccuracy), Some(50.0));
    assert_eq!(mean("a", Aspect::InformativeAccuracy), Some(50.0));
    assert_eq!(mean("a", Aspect::Consistency), Some(0.0));
    assert_eq!(mean("b", Aspect::Accuracy), Some(50.0));
    assert_eq!(found.classes[0].counts[1], 2, "object recognition");
}

#[test]
fn truth_knows_a_question_in_whatever_words_a_template_puts_it() {
    let line = r#"{"id": "p", "answers": [{"kind": "kind", "question": "What kind is it?", "answer": "fruit"}]}"#;
    let truth: Truth = serde_json::from_str(line).expect("truth");
    let truth = BTreeMap::from([("p".to_owned(), truth)]);
    let item = |key: &str, response: &str| Item {
        key: key.to_owned(),
        set: key.to_owned(),
        pair: "p".to_owned(),
        exchanges: vec![["Q: What kind is it?\nA:".to_owned(), response.to_owned()]],
        question: Some("What kind is it?".to_owned()),
        informative: Some("It is a tool.".to_owned()),
        precise: Some("fruit".to_owned()),
        ..Item::default()
    };
    let sample = Sample {
        id: "t".to_owned(),
        seed: 1,
        sets: vec![set("precise", 1), set("informative", 1), set("joined", 1)],
        items: vec![
            item("precise", "Answer: fruit"),
            item("informative", "Answer: It is a tool."),
            item("joined", "It is a tool. In short: fruit"),
        ],
    };
    let found = assessed(&sample, &[], Some(&truth));
    let means = found.means.iter();
    let means = means.filter(|mean| mean.aspect == Aspect::Accuracy);
    let means: Vec<f64> = means.map(|mean| mean.mean.mean).collect();
    assert_eq!(means, [100.0, 0.0, 0.0]);
}

#[test]
fn nothing_rated_is_no_numbers_and_no_panic() {
    let empty = Sample {
        id: String::new(),
        seed: 0,
        sets: Vec::new(),
        items: Vec::new(),
    };
    let found = assessed(&empty, &[person("one", Aspect::Accuracy, &[])], None);
    assert!(found.means.is_empty() && found.warnings.is_empty());
    let found = assessed(&filter_sample(), &[], Some(&BTreeMap::new()));
    assert!(found.filters.is_empty() && found.raters.is_empty());
}
