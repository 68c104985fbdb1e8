//! How likely given texts and answers are.

use corpus::{Open, Request, Role, Turn};
use generate::{Likelihood, likelihoods, score};
use processor::Encoded;

use crate::support::{BEGIN, END_OF_TURN, Letters, model, next_of_all, request};

/// The sum over the tokens behind `start`, one whole forward each.
fn expected(text_before: &str, answer: &str, turns: bool) -> f64 {
    let model = model();
    let (mut ids, images) = Letters::encode(text_before).expect("prompt");
    let (mut scored, _) = Letters::encode(answer).expect("answer");
    if turns {
        ids.insert(0, BEGIN);
        ids.push(END_OF_TURN);
        scored.push(END_OF_TURN);
    }
    let mut sum = 0.0;
    for id in scored {
        sum += next_of_all(model.as_ref(), &ids, &images)[id as usize];
        ids.push(id);
    }
    sum
}

fn check(request: &Request, before: &str, answers: &[&str]) {
    let model = model();
    let owned: Vec<String> = answers.iter().map(|&a| a.to_owned()).collect();
    let found = score(model.as_ref(), &Letters, request, &owned).expect("scores");
    let found = found.iter().map(|one| one.log_probability);
    let alone: Vec<f64> = owned
        .iter()
        .map(|a| {
            let found = score(model.as_ref(), &Letters, request, std::slice::from_ref(a));
            found.expect("score")[0].log_probability
        })
        .collect();
    for ((answer, found), alone) in answers.iter().zip(found).zip(alone) {
        let expected = expected(before, answer, request.prompt.is_none());
        assert!(
            (found - expected).abs() < 1e-4,
            "{answer}: {found} for {expected}"
        );
        assert!(
            (found - alone).abs() < 1e-4,
            "{answer}: {found} beside others, {alone} alone"
        );
    }
}

#[test]
fn answers_after_turns_count_their_end_of_turn() {
    let turns = |text: &str| Request {
        turns: vec![Turn::new(Role::User, text)],
        open: Open::Assistant,
        prompt: None,
        ..request("", |_| {})
    };
    check(&turns("hello"), "hello", &["a", "ab", "zebra", "a"]);
    check(&turns("what#is"), "what#is", &["x", "yes", "no"]);
}

#[test]
fn answers_after_a_prompt_count_their_own_tokens() {
    check(&request("x#yz", |_| {}), "x#yz", &["b", "bc", "longer"]);
    check(&request("q", |_| {}), "q", &["b", "bc"]);
}

#[test]
fn what_cannot_be_scored_is_named() {
    let model = model();
    let check = |request: &Request, answer: &str, word: &str| {
        let error = score(model.as_ref(), &Letters, request, &[answer.to_owned()])
            .expect_err(word)
            .to_string();
        assert!(error.contains(word), "{error}");
    };
    check(&request("a", |_| {}), "", "has no tokens");
    check(&request("a", |_| {}), "?", "no token for");
    check(&request("a", |_| {}), &"b".repeat(64), "65 tokens");
    let closed = Request {
        prompt: None,
        open: Open::None,
        ..request("a", |_| {})
    };
    check(&closed, "b", "no turn is open");
    assert!(
        score(model.as_ref(), &Letters, &request("a", |_| {}), &[])
            .expect("nothing to do")
            .is_empty()
    );
}

/// Letters of which those behind `from` are learned.
fn text(letters: &str, from: usize) -> Encoded {
    let (ids, images) = Letters::encode(letters).expect("letters");
    let learn = (0..ids.len()).map(|at| at >= from).collect();
    Encoded { ids, learn, images }
}

/// By one whole forward a token.
fn slowly(sample: &Encoded) -> Likelihood {
    let model = model();
    let mut found = Likelihood::default();
    for at in (1..sample.ids.len()).filter(|&at| sample.learn[at]) {
        let next = next_of_all(model.as_ref(), &sample.ids[..at], &sample.images);
        found.log_probability += next[sample.ids[at] as usize];
        found.tokens += 1;
    }
    found
}

#[test]
fn neighbours_do_not_change_how_likely_a_text_is() {
    let model = model();
    let mut other_picture = text("a#zoo", 12);
    let mut pixels = other_picture.images[0].pixels.to_vec();
    pixels.reverse();
    other_picture.images[0].pixels = pixels.into();
    let samples = [
        text("a#what", 12),
        text("a#where", 12),
        // The same ids before what is learned, and another picture.
        other_picture,
        text("a#zoo", 12),
        text("hello", 0),
        text("help", 3),
        text("x", 0),
        text("nothing", 7),
        text("q#y#answer", 22),
        text("q#y#as", 22),
    ];
    let found = likelihoods(model.as_ref(), &Letters, &samples).expect("likelihoods");
    assert_eq!(found.len(), samples.len());
    for (at, (sample, found)) in samples.iter().zip(found).enumerate() {
        let expected = slowly(sample);
        assert_eq!(found.tokens, expected.tokens, "{at}");
        let difference = (found.log_probability - expected.log_probability).abs();
        assert!(difference < 1e-4, "{at}: {found:?} for {expected:?}");
    }
}
