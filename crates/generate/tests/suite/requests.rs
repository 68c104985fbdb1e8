//! Requests that cannot be run, and a sink that refuses.

use corpus::FinishReason;
use generate::{Error, Generator as _, LocalGenerator, Options};

use crate::support::{Letters, model, request, run};

#[test]
fn a_bad_request_fails_alone() {
    let model = model();
    let good = ["hello", "x#yz"];
    let alone: Vec<_> = good
        .iter()
        .map(|p| run(model.as_ref(), Options::default(), &[request(p, |_| {})]).remove(0))
        .collect();
    let requests = [
        request(good[0], |_| {}),
        request("what?", |_| {}),
        request("a!b", |_| {}),
        request(&"a".repeat(64), |_| {}),
        request("", |_| {}),
        request("b", |d| d.temperature = f64::NAN),
        request(good[1], |_| {}),
    ];
    let completions = run(model.as_ref(), Options::default(), &requests);
    assert_eq!((&completions[0], &completions[6]), (&alone[0], &alone[1]));
    let words = [
        "no token for",
        "picture",
        "context of 64",
        "no tokens",
        "temperature",
    ];
    for (completion, word) in completions[1..6].iter().zip(words) {
        let error = completion.error.as_deref().unwrap_or_default();
        assert!(error.contains(word), "{word}: {error}");
        assert_eq!(
            (completion.finish_reason, completion.completion_tokens),
            (FinishReason::Error, 0)
        );
        assert_eq!(completion.text, "");
    }
}

#[test]
fn every_request_is_answered_in_order() {
    let model = model();
    let requests: Vec<_> = (0..11)
        .map(|i| request(&"abcdefghijk"[..=i], |d| d.max_new_tokens = (i * 5) % 7))
        .collect();
    let completions = run(
        model.as_ref(),
        Options {
            block_size: 4,
            ..Options::default()
        },
        &requests,
    );
    let ids = |c: &[String]| c.to_vec();
    let found: Vec<String> = completions.iter().map(|c| c.id.clone()).collect();
    assert_eq!(
        ids(&found),
        requests.iter().map(|r| r.id.clone()).collect::<Vec<_>>()
    );
    assert!(run(model.as_ref(), Options::default(), &[]).is_empty());
}

#[test]
fn a_sink_that_refuses_ends_the_run() {
    let model = model();
    let mut requests = (0..8).map(|_| request("a", |_| {}));
    let mut seen = 0;
    let result = LocalGenerator::new(
        model.as_ref(),
        &Letters,
        Options {
            block_size: 2,
            ..Options::default()
        },
    )
    .generate(&mut requests, &mut |_| {
        seen += 1;
        if seen == 3 {
            Err("no space left".to_owned())
        } else {
            Ok(())
        }
    });
    assert!(matches!(result, Err(Error::Sink(problem)) if problem == "no space left"));
    assert_eq!(seen, 3);
}
