//! What is written.

use corpus::{FinishReason, Request};
use generate::Options;
use processor::Processor as _;

use crate::support::{Letters, greedy, logits, model, next, request, run};

const PROMPTS: [&str; 6] = ["a", "hello", "x#yz", "aabbccddeeffgg", "##", "q"];

#[test]
fn cached_greedy_equals_whole_forwards() {
    let model = model();
    let requests: Vec<_> = PROMPTS.iter().map(|p| request(p, |_| {})).collect();
    let completions = run(model.as_ref(), Options::default(), &requests);
    for (completion, prompt) in completions.iter().zip(PROMPTS) {
        let expected = Letters.decode(&greedy(model.as_ref(), prompt, 12), false);
        assert_eq!(
            (completion.id.as_str(), &completion.text),
            (prompt, &expected)
        );
        assert_eq!(
            (completion.finish_reason, completion.completion_tokens),
            (FinishReason::Length, 12)
        );
    }
    let distinct: std::collections::HashSet<_> = completions.iter().map(|c| &c.text).collect();
    assert_eq!(distinct.len(), PROMPTS.len(), "the prompts must matter");
}

#[test]
fn rows_that_end_early_do_not_disturb_the_others() {
    let model = model();
    let requests: Vec<_> = PROMPTS
        .iter()
        .enumerate()
        .map(|(i, p)| request(p, |d| d.max_new_tokens = [3, 12, 0, 1, 9, 3][i]))
        .collect();
    for (completion, (prompt, request)) in run(model.as_ref(), Options::default(), &requests)
        .iter()
        .zip(PROMPTS.iter().zip(&requests))
    {
        let count = request.decoding.max_new_tokens;
        assert_eq!(
            completion.text,
            Letters.decode(&greedy(model.as_ref(), prompt, count), false),
            "{prompt}"
        );
        assert_eq!(completion.finish_reason, FinishReason::Length);
    }
}

#[test]
fn text_is_a_function_of_the_request_alone() {
    let model = model();
    let sampled = |p: &str| request(p, |d| (d.temperature, d.top_p, d.top_k) = (1.5, 0.95, 20));
    let mut requests: Vec<_> = PROMPTS.iter().map(|p| sampled(p)).collect();
    let first = run(
        model.as_ref(),
        Options {
            seed: 7,
            ..Options::default()
        },
        &requests,
    );
    assert_eq!(
        first,
        run(
            model.as_ref(),
            Options {
                seed: 7,
                ..Options::default()
            },
            &requests
        )
    );
    requests.reverse();
    for options in [
        Options {
            seed: 7,
            ..Options::default()
        },
        Options {
            seed: 7,
            group_size: 1,
            ..Options::default()
        },
        Options {
            seed: 7,
            block_size: 4,
            prefill_tokens: 12,
            ..Options::default()
        },
        Options {
            seed: 7,
            cache_tokens: 70,
            ..Options::default()
        },
    ] {
        let mut again = run(model.as_ref(), options.clone(), &requests);
        again.reverse();
        assert_eq!(first, again, "{options:?}");
    }
    let other = run(
        model.as_ref(),
        Options {
            seed: 8,
            ..Options::default()
        },
        &requests,
    );
    assert!(
        other
            .iter()
            .rev()
            .zip(&first)
            .any(|(a, b)| a.text != b.text),
        "the seed must matter"
    );
}

#[test]
fn own_seed_and_id_decide_what_is_drawn() {
    let model = model();
    let with = |id: &str, seed| {
        let mut request = request("hello", |d| (d.temperature, d.seed) = (1.5, seed));
        request.id = id.to_owned();
        request
    };
    let texts: Vec<String> = run(
        model.as_ref(),
        Options::default(),
        &[
            with("1", None),
            with("2", None),
            with("3", Some(5)),
            with("4", Some(5)),
        ],
    )
    .into_iter()
    .map(|c| c.text)
    .collect();
    assert_ne!(texts[0], texts[1]);
    assert_eq!(texts[2], texts[3]);
}

#[test]
fn stop_string_across_tokens_is_cut_off() {
    let model = model();
    let whole = Letters.decode(&greedy(model.as_ref(), "hello", 12), false);
    // From the middle of the fourth token to the middle of the fifth.
    let stop = whole[7..9].to_owned();
    let at = whole.find(&stop).expect("it is part of the text");
    let requests = [request("hello", |d| {
        d.stop = vec!["nowhere".to_owned(), stop.clone()];
    })];
    let completion = &run(model.as_ref(), Options::default(), &requests)[0];
    assert_eq!(
        (completion.text.as_str(), completion.finish_reason),
        (&whole[..at], FinishReason::Stop)
    );
    assert_eq!(completion.completion_tokens, (at + 2).div_ceil(2));
}

#[test]
fn stop_token_ends_the_text_and_is_no_part_of_it() {
    let model = model();
    let ids = greedy(model.as_ref(), "hello", 12);
    let stop = ids[5];
    let at = ids.iter().position(|&id| id == stop).expect("it is there");
    let requests = [request("hello", |d| d.stop_ids = vec![stop])];
    let completion = &run(model.as_ref(), Options::default(), &requests)[0];
    assert_eq!(completion.text, Letters.decode(&ids[..at], false));
    assert_eq!(
        (completion.finish_reason, completion.completion_tokens),
        (FinishReason::Stop, at + 1)
    );
}

#[test]
fn the_models_own_stop_tokens_end_it_when_the_request_names_none() {
    let model = model();
    let sampled: Vec<_> = (0..12)
        .map(|seed| {
            request("hello", |d| {
                (d.temperature, d.seed, d.stop_ids, d.max_new_tokens) =
                    (4.0, Some(seed), vec![], 50);
            })
        })
        .collect();
    let completions = run(model.as_ref(), Options::default(), &sampled);
    let stopped = completions
        .iter()
        .filter(|c| c.finish_reason == FinishReason::Stop)
        .count();
    assert!(stopped > 6, "{stopped} of 12");
    assert!(
        completions
            .iter()
            .all(|c| !c.text.contains("<3>") && !c.text.contains("<0>"))
    );
}

#[test]
fn log_probabilities_are_those_of_the_model() {
    let model = model();
    let requests = [
        request("x#yz", |d| (d.logprobs, d.temperature) = (true, 0.7)),
        request("q", |_| {}),
    ];
    let completions = run(model.as_ref(), Options::default(), &requests);
    let logprobs = completions[0]
        .logprobs
        .as_ref()
        .expect("they were asked for");
    let (mut ids, images) = Letters::encode("x#yz").expect("prompt");
    assert_eq!(logprobs.len(), 12);
    let mut text = completions[0].text.as_str();
    for found in logprobs {
        let values = next(model.as_ref(), &ids, &images);
        let id = (0..30)
            .find(|&id| text.starts_with(&Letters.decode(&[id], false)))
            .expect("a token");
        text = &text[Letters.decode(&[id], false).len()..];
        assert!((values[id as usize] - found).abs() < 1e-4);
        ids.push(id);
    }
    assert_eq!(completions[1].logprobs, None);
}

#[test]
fn the_context_ends_a_text() {
    let model = model();
    let requests = [request(&"a".repeat(60), |_| {})];
    let completion = &run(model.as_ref(), Options::default(), &requests)[0];
    assert_eq!(
        (completion.finish_reason, completion.completion_tokens),
        (FinishReason::Length, 4)
    );
}

#[test]
fn special_tokens_are_left_out_on_request() {
    let model = model();
    let with = |skip| {
        request("hello", |d| {
            (
                d.temperature,
                d.seed,
                d.max_new_tokens,
                d.skip_special_tokens,
            ) = (4.0, Some(1), 40, skip);
        })
    };
    let texts: Vec<_> = run(
        model.as_ref(),
        Options::default(),
        &[with(false), with(true)],
    )
    .into_iter()
    .map(|c| c.text)
    .collect();
    assert!(texts[0].contains('<'), "{}", texts[0]);
    let without: String = texts[0].chars().filter(char::is_ascii_alphabetic).collect();
    assert_eq!(texts[1], without);
}

#[test]
fn the_likeliest_choice_is_answered() {
    let model = model();
    let choices = ["ab", "c", "zebra", "kiwi"].map(str::to_owned).to_vec();
    let asked = request("x#y", |d| {
        d.choices.clone_from(&choices);
        d.logprobs = true;
    });
    let scores = generate::score(model.as_ref(), &Letters, &asked, &choices).expect("scores");
    let scores: Vec<f64> = scores.iter().map(|one| one.log_probability).collect();
    let best = (0..4)
        .max_by(|&a, &b| scores[a].total_cmp(&scores[b]))
        .expect("four");
    let done = run(
        model.as_ref(),
        Options::default(),
        std::slice::from_ref(&asked),
    );
    assert_eq!(
        (done[0].text.as_str(), &done[0].error),
        (choices[best].as_str(), &None)
    );
    let found = done[0].logprobs.as_deref().expect("values");
    assert!(found.iter().zip(&scores).all(|(a, b)| (a - b).abs() < 1e-4));
    // Drawn in proportion to the likelihoods, by each request's own seed.
    let total: f64 = scores.iter().map(|s| s.exp()).sum();
    let asked: Vec<Request> = (0..400)
        .map(|i| Request {
            id: i.to_string(),
            ..request("x#y", |d| {
                d.choices.clone_from(&choices);
                d.temperature = 1.0;
            })
        })
        .collect();
    let done = run(model.as_ref(), Options::default(), &asked);
    for (choice, score) in choices.iter().zip(&scores) {
        let share = done.iter().filter(|one| one.text == *choice).count() as f64 / 400.0;
        assert!(
            (share - score.exp() / total).abs() < 0.08,
            "{choice}: {share}"
        );
    }
    let refused = request("x#y", |d| d.choices = vec!["a".to_owned(); 2]);
    let done = run(model.as_ref(), Options::default(), &[refused]);
    assert!(
        done[0]
            .error
            .as_deref()
            .is_some_and(|e| e.contains("twice"))
    );
}

#[test]
fn the_likeliest_tokens_are_told_beside_the_written_ones() {
    let model = model();
    let asked = request("hello", |d| {
        d.max_new_tokens = 4;
        d.top_logprobs = 3;
    });
    let done = run(model.as_ref(), Options::default(), &[asked]);
    let told = done[0].top_logprobs.as_ref().expect("asked for");
    assert_eq!(told.len(), done[0].completion_tokens);
    let (ids, images) = Letters::encode("hello").expect("letters");
    let expected = next(model.as_ref(), &ids, &images);
    assert_eq!(told[0].len(), 3);
    for one in &told[0] {
        assert!((one.logprob - expected[one.id as usize]).abs() < 1e-4);
        assert_eq!(one.token, Letters.decode(&[one.id], false));
    }
    assert!(told[0][0].logprob >= told[0][1].logprob && told[0][1].logprob >= told[0][2].logprob);
}

#[test]
fn a_penalty_counts_prompt_and_answer() {
    let model = model();
    let write = |penalty: f64| {
        let asked = request("hello", |d| {
            d.max_new_tokens = 8;
            d.repetition_penalty = penalty;
            d.stop_ids = vec![1];
        });
        run(model.as_ref(), Options::default(), &[asked])
            .remove(0)
            .text
    };
    // By whole forwards.
    let (mut ids, images) = Letters::encode("hello").expect("letters");
    let mut expected = Vec::new();
    for _ in 0..8 {
        let logits = Vec::<f64>::try_from(logits(model.as_ref(), &ids, &images)).expect("values");
        let penalised = |id: usize| {
            let logit = logits[id];
            match ids.contains(&(id as i64)) {
                true if logit < 0.0 => logit * 1.7,
                true => logit / 1.7,
                false => logit,
            }
        };
        let choice = (0..logits.len()).filter(|&id| id != 1);
        let best = choice
            .max_by(|&a, &b| penalised(a).total_cmp(&penalised(b)))
            .expect("one");
        ids.push(best as i64);
        expected.push(best as i64);
    }
    assert_eq!(write(1.7), Letters.decode(&expected, false));
    assert_ne!(write(1.7), write(1.0));
}
