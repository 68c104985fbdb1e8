//! What a block computes, and how often.

use corpus::FinishReason;
use generate::Options;

use crate::counting::Counting;
use crate::support::{model, request, run};

#[test]
fn one_that_ends_makes_room_for_the_next() {
    let model = model();
    let counting = Counting::new(model.as_ref());
    let requests: Vec<_> = ["a", "b", "c", "d", "e", "f"]
        .iter()
        .map(|p| request(p, |d| d.max_new_tokens = if *p == "c" { 10 } else { 2 }))
        .collect();
    let options = Options {
        group_size: 2,
        ..Options::default()
    };
    let found = run(&counting, options, &requests);
    assert!(
        found
            .iter()
            .all(|c| c.finish_reason == FinishReason::Length)
    );
    // One row writes ten tokens, the other five times two, and a prompt's forward gives its first one. Two and two without
    // refilling take 10 + 2 + 2.
    assert_eq!(counting.forwards.get(), 10);
    assert_eq!(counting.tokens.get(), 10 + 5 * 2);
}

#[test]
fn the_cache_takes_no_more_than_it_may() {
    let model = model();
    let requests: Vec<_> = (1..30)
        .map(|i| {
            request(&"abcdefghijklmnopqrstuvwxyzabcd"[..i], |d| {
                d.max_new_tokens = 30 - i
            })
        })
        .collect();
    let plenty = run(model.as_ref(), Options::default(), &requests);
    for cache_tokens in [31, 64, 100, 500] {
        let counting = Counting::new(model.as_ref());
        let options = Options {
            cache_tokens,
            ..Options::default()
        };
        assert_eq!(run(&counting, options, &requests), plenty, "{cache_tokens}");
        let room = counting.room.get();
        assert!(
            (30..=cache_tokens).contains(&room),
            "{room} for {cache_tokens}"
        );
    }
}

#[test]
fn a_request_without_room_fails_with_what_it_needs() {
    let model = model();
    let requests = [
        request("abc", |d| d.max_new_tokens = 5),
        request(&"a".repeat(20), |d| d.max_new_tokens = 13),
    ];
    let options = Options {
        cache_tokens: 32,
        ..Options::default()
    };
    let found = run(model.as_ref(), options, &requests);
    assert_eq!(found[0].error, None);
    let problem = found[1].error.as_deref().expect("it does not fit");
    assert!(problem.contains("33 or more"), "{problem}");
    assert_eq!(found[1].prompt_tokens, 20);
}

#[test]
fn a_block_of_failures_is_no_error() {
    let model = model();
    let requests = ["a!", "b?", "", "b!", "c!"].map(|p| request(p, |_| {}));
    for share in [true, false] {
        let options = Options {
            block_size: 3,
            share,
            ..Options::default()
        };
        let found = run(model.as_ref(), options, &requests);
        assert_eq!(found.len(), 5);
        assert!(found.iter().all(|c| c.error.is_some()), "{found:?}");
    }
}

#[test]
fn a_picture_is_encoded_once_wherever_it_stands() {
    let model = model();
    let requests = ["a#b", "xx#c", "#d", "a##b"].map(|p| request(p, |_| {}));
    let count = |share| {
        let counting = Counting::new(model.as_ref());
        let options = Options {
            share,
            ..Options::default()
        };
        let found = run(&counting, options, &requests);
        (found, counting.pictures.get())
    };
    let ((once, one), (each, five)) = (count(true), count(false));
    assert_eq!((one, five), (1, 5));
    assert_eq!(once, each);
}

#[test]
fn a_common_beginning_is_run_once() {
    let model = model();
    let common = "sharedbeginning#of";
    let requests: Vec<_> = ["one", "two", "three", "on", "one"]
        .iter()
        .map(|end| request(&format!("{common}{end}"), |d| d.max_new_tokens = 4))
        .collect();
    let count = |share, group_size| {
        let counting = Counting::new(model.as_ref());
        let options = Options {
            share,
            group_size,
            ..Options::default()
        };
        let found = run(&counting, options, &requests);
        (found, counting.tokens.get(), counting.pictures.get())
    };
    let (each, tokens, pictures) = count(false, 32);
    let own: usize = [3, 3, 5, 2, 3].iter().sum();
    // A picture is ten tokens; a prompt's forward gives the first of four.
    assert_eq!((tokens, pictures), (5 * 27 + own + 5 * 3, 5));
    for group_size in [1, 2, 32] {
        let (once, tokens, pictures) = count(true, group_size);
        assert_eq!(once, each);
        assert_eq!((tokens, pictures), (27 + own + 5 * 3, 1));
    }
}

#[test]
fn a_bad_picture_in_a_common_beginning_is_told_to_each() {
    let model = model();
    let mut requests: Vec<_> = ["one", "two", "three"]
        .iter()
        .map(|end| request(&format!("sharedbeginning!of{end}"), |_| {}))
        .collect();
    requests.push(request("sharedbeginningofall", |_| {}));
    let found = run(model.as_ref(), Options::default(), &requests);
    for failed in &found[..3] {
        let problem = failed.error.as_deref().unwrap_or_default();
        assert!(problem.contains("picture"), "{problem}");
    }
    let alone = run(model.as_ref(), Options::default(), &requests[3..]);
    assert_eq!(found[3], alone[0]);
}
