use super::*;
use crate::show::{show, triplet};

fn completion(id: &str, text: &str, logprobs: Option<Vec<f64>>) -> Completion {
    Completion {
        id: id.to_owned(),
        text: text.to_owned(),
        finish_reason: FinishReason::Stop,
        prompt_tokens: 1,
        completion_tokens: 1,
        error: None,
        logprobs,
        top_logprobs: None,
    }
}

#[test]
fn only_the_bare_word_is_a_verdict() {
    let cases = [
        ("yes", Consistency::Yes),
        (" Yes\n", Consistency::Yes),
        ("YES", Consistency::Yes),
        ("No", Consistency::No),
        ("open ", Consistency::Open),
        ("yes.", Consistency::Other),
        ("yes yes", Consistency::Other),
        ("yesterday", Consistency::Other),
        ("", Consistency::Other),
    ];
    for (text, expected) in cases {
        assert_eq!(verdict(text), expected, "{text:?}");
    }
}

#[test]
fn an_extracted_answer_agrees_by_its_normal_form() {
    let cases = [
        ("Red.", "red", Consistency::Yes),
        ("the left lung", "Left lung", Consistency::Yes),
        ("red and white", "red", Consistency::No),
        (" . ", ".", Consistency::Other),
    ];
    for (extracted, precise, expected) in cases {
        assert_eq!(extraction(extracted, precise), expected, "{extracted:?}");
    }
}

#[test]
fn the_few_shot_prompt_has_task_definitions_examples_and_item() {
    let asked = triplet("a", ["Which colour?\nVerdict: yes", "It is red.", "red"]);
    let requests = judge_requests(
        &[asked],
        JudgeOptions::new(JudgeKind::Verdict),
        &Prompts::default(),
    );
    let request = &requests[0];
    assert_eq!(
        (
            request.id.as_str(),
            request.turns.len(),
            request.decoding.max_new_tokens
        ),
        ("a/1", 0, 2)
    );
    let prompt = request.prompt.as_deref().expect("prompt");
    assert!(prompt.starts_with("You are given a question"));
    for label in ["Verdict: yes\n", "Verdict: no\n", "Verdict: open\n"] {
        assert_eq!(prompt.matches(&format!("\n{label}")).count(), 2, "{label}");
    }
    assert!(prompt.ends_with(
        "\n\nQuestion: Which colour? Verdict: yes\nLong answer: It is red.\nShort answer: red\nVerdict:"
    ));
}

#[test]
fn chat_judges_ask_in_one_turn_without_a_picture() {
    let asked = [triplet(
        "a",
        ["Which <image> colour?", "It is {precise}.", "red"],
    )];
    let prompts = Prompts::default();
    let requests = judge_requests(&asked, JudgeOptions::new(JudgeKind::Extraction), &prompts);
    assert_eq!(requests[0].prompt, None);
    insta::assert_snapshot!(requests[0].turns[0].text, @r"
    Text: It is {precise}.
    Answer from this text alone, in as few words as possible.
    Which <image> colour?
    ");
    assert!(!requests[0].turns[0].marks);
    let requests = judge_requests(&asked, JudgeOptions::new(JudgeKind::TunedVerdict), &prompts);
    assert!(
        requests[0].turns[0]
            .text
            .ends_with("Long answer: It is {precise}.\nShort answer: red")
    );
}

#[test]
fn verdicts_come_in_order_with_probability_and_gaps_are_rejects() {
    let triplets = ["a", "b", "c", "d"].map(|p| triplet(p, ["Q?", "It is red.", "red"]));
    let mut broken = completion("c/1", "", None);
    broken.finish_reason = FinishReason::Error;
    let completions = [
        completion("b/1", " No", Some(vec![-0.1])),
        broken,
        completion("a/1", " Yes", Some(vec![-0.5, -0.5])),
    ];
    let found = verdicts(JudgeKind::Verdict, &triplets, &completions);
    let said: Vec<_> = found
        .items
        .iter()
        .map(|v| (v.id.as_str(), v.verdict, v.p_yes))
        .collect();
    assert_eq!(
        said,
        [
            ("a/1", Consistency::Yes, Some((-1.0_f64).exp())),
            ("b/1", Consistency::No, None)
        ]
    );
    let reasons: Vec<_> = found
        .rejected
        .iter()
        .map(|r| (&*r.id, &*r.reason))
        .collect();
    assert_eq!(reasons, [("c/1", "judge-error"), ("d/1", "no-verdict")]);
}

#[test]
fn judge_samples_learn_the_answer_only() {
    let labelled = |label, extracted: Option<&str>| LabelledTriplet {
        triplet: triplet("a", ["Q?", "It is red.", "blue"]),
        label,
        extracted: extracted.map(str::to_owned),
    };
    let prompts = Prompts::default();
    let list = [
        labelled(Consistency::No, Some("red")),
        labelled(Consistency::No, None),
    ];
    let found = judge_samples(JudgeKind::Extraction, &list, &prompts);
    insta::assert_snapshot!(show(&found.items[0]), @r"
    a/1 []
    user Text: It is red.\nAnswer from this text alone, in as few words as possible.\nQ?
    assistant* red
    ");
    assert_eq!(
        (found.items.len(), found.rejected[0].reason.as_str()),
        (1, "no-target")
    );
    let found = judge_samples(JudgeKind::Verdict, &list, &prompts);
    assert!(show(&found.items[1]).ends_with("Short answer: blue\nassistant* no\n"));
}

#[test]
fn likelihood_samples_score_the_precise_answer() {
    let triplets = [triplet("a", ["Q?", "It is red.", "blue"])];
    let samples = likelihood_samples(JudgeKind::Extraction, &triplets, &Prompts::default());
    assert!(show(&samples[0]).ends_with("assistant* blue\n"));
    let mut found = [Verdict {
        id: "a/1".to_owned(),
        verdict: Consistency::No,
        p_yes: None,
        raw: "red".to_owned(),
    }];
    with_likelihood(&mut found, &BTreeMap::from([("a/1".to_owned(), -2.0)]));
    assert_eq!(found[0].p_yes, Some((-2.0_f64).exp()));
}
