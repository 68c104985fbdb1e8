//! Each fault, as bytes show it.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use faults::{Answer, Arrival, Fault, Faults, KeyPlace, Server, Setup, WrongCount};
use serde_json::{Value, json};

use crate::raw::{Outcome, ask, connect, post, read, sent, wait_until};

/// The key that `ask` sends.
const KEY: &str = "sk-0123456789";

/// A server whose every arrival meets this fault.
fn server(fault: Fault) -> Server {
    let setup = Setup::default()
        .answering(|_| Answer::text("one two three"))
        .with_faults(Faults::always(fault));
    Server::start(setup).unwrap()
}

/// What comes back with this fault, and what the log says of it. The question counts as 2 tokens, the answer as 4.
fn met(fault: Fault, fields: &Value) -> (Outcome, Arrival) {
    let server = server(fault);
    let outcome = ask(server.address(), "hello", fields);
    wait_until(|| server.arrivals()[0].gone > 0.0);
    let arrival = server.arrivals().remove(0);
    assert_eq!(arrival.fault, Some(fault.name()));
    (outcome, arrival)
}

fn plain(fault: Fault) -> (Outcome, Arrival) {
    met(fault, &json!({}))
}

fn stream(fault: Fault) -> (Outcome, Arrival) {
    met(
        fault,
        &json!({"stream": true, "stream_options": {"include_usage": true}}),
    )
}

#[test]
fn a_dropped_connection_brings_nothing_and_may_be_billed() {
    let (outcome, arrival) = plain(Fault::DropBeforeReading);
    assert_eq!((outcome.status, outcome.is_whole), (0, false));
    assert_eq!(
        (arrival.billed(), &*arrival.digest, arrival.sound),
        (0, "", false)
    );
    let (outcome, arrival) = plain(Fault::DropAfterReading);
    assert_eq!((outcome.status, outcome.is_whole), (0, false));
    assert_eq!(
        (arrival.billed(), arrival.status, arrival.sound),
        (6, 0, false)
    );
    assert_eq!(arrival.digest.len(), 64);
}

#[test]
fn slow_answers_are_right_and_slow() {
    let ms = Duration::from_millis;
    let (clean, _) = plain(Fault::Late(Duration::ZERO));
    let check = |fault, first: Duration, last: Duration| {
        let (outcome, arrival) = plain(fault);
        assert_eq!(outcome.json(), clean.json());
        assert!(
            outcome.first_byte >= first && outcome.last_byte >= last,
            "{outcome:?}"
        );
        assert!(arrival.sound && arrival.status == 200);
        outcome
    };
    check(Fault::Late(ms(150)), ms(145), ms(145));
    check(Fault::Pause(ms(150)), ms(0), ms(145));
    // A millisecond and more for each of the bytes.
    let bytes = clean.body.len() as u64;
    check(Fault::Drip(ms(1)), ms(0), ms(bytes));
    let (outcome, _) = stream(Fault::Pause(ms(150)));
    assert!(outcome.events().1 && outcome.last_byte >= ms(145));
}

#[test]
fn statuses_come_with_their_headers_and_cost_nothing() {
    let second = Some(Duration::from_secs(1));
    let check = |fault: Fault, status: u16, retry_after: Option<&str>, says: &str| {
        for fields in [json!({}), json!({"stream": true})] {
            let (outcome, arrival) = met(fault, &fields);
            assert_eq!(
                (outcome.status, outcome.header("retry-after")),
                (status, retry_after)
            );
            let message = outcome.json()["error"]["message"].to_string();
            assert!(message.contains(says), "{message}");
            assert_eq!(
                (arrival.status, arrival.billed(), arrival.sound),
                (status, 0, false)
            );
        }
    };
    check(Fault::TooMany(None), 429, None, "Rate limit");
    check(Fault::TooMany(second), 429, Some("1"), "Rate limit");
    // Whole seconds, rounded up.
    let odd = Some(Duration::from_millis(1200));
    check(Fault::TooMany(odd), 429, Some("2"), "Rate limit");
    for status in [500, 502, 503, 504] {
        check(Fault::Down(status, None), status, None, "had an error");
    }
    check(Fault::Down(503, second), 503, Some("1"), "had an error");
    // As OpenAI does, with both ends of the key.
    check(
        Fault::WrongKey,
        401,
        None,
        "Incorrect API key provided: sk-01234****6789",
    );
    check(Fault::Forbidden, 403, None, "not allowed");
    check(Fault::NoSuchModel, 404, None, "does not exist");
    check(Fault::ContextTooLong, 400, None, "maximum context length");
    check(Fault::TooLarge, 413, None, "image");
    check(
        Fault::UnknownField,
        400,
        None,
        "Unrecognized request argument",
    );
}

#[test]
fn too_many_for_a_time_holds_for_everybody_and_ends() {
    let length = Duration::from_millis(300);
    let fault = Fault::TooManyFor {
        length,
        retry_after: Some(Duration::from_secs(5)),
    };
    let faults = Faults::default().and_at(2, fault);
    let server = Server::start(Setup::default().with_faults(faults)).unwrap();
    let status = |words: &str| ask(server.address(), words, &json!({})).status;
    assert_eq!(status("first"), 200);
    assert_eq!(status("second"), 429);
    wait_until(|| status("third") == 200);
    let arrivals = server.arrivals();
    let refused: Vec<&Arrival> = arrivals
        .iter()
        .filter(|arrival| arrival.status == 429)
        .collect();
    assert_eq!(
        refused[0].fault.as_deref(),
        Some("too-many-for-retry-after")
    );
    assert!(
        refused[1..]
            .iter()
            .all(|arrival| arrival.fault.as_deref() == Some("too-many-retry-after"))
    );
    let last = arrivals.last().unwrap();
    assert!(last.came >= refused[0].came + 0.299, "{last:?}");
}

#[test]
fn bodies_are_not_what_they_should_be() {
    let (outcome, arrival) = plain(Fault::Html);
    assert_eq!(
        (outcome.status, outcome.header("content-type")),
        (200, Some("text/html"))
    );
    assert!(outcome.text().starts_with("<!DOCTYPE html>") && outcome.is_whole);
    assert_eq!((arrival.billed(), arrival.sound), (0, false));

    let (clean, _) = plain(Fault::Late(Duration::ZERO));
    let (outcome, arrival) = plain(Fault::HalfJson);
    assert!(outcome.is_whole && outcome.body == clean.body[..clean.body.len() / 2]);
    assert_eq!((arrival.billed(), arrival.sound), (6, false));

    let (outcome, arrival) = plain(Fault::Broken);
    assert!(!outcome.is_whole && outcome.body == clean.body[..clean.body.len() / 2]);
    assert_eq!((arrival.billed(), arrival.sound), (6, false));

    let (outcome, _) = plain(Fault::WrongContentType);
    assert_eq!(outcome.header("content-type"), Some("text/plain"));
    assert_eq!(outcome.json(), clean.json());
}

#[test]
fn nothing_and_errors_come_with_a_good_status() {
    let (outcome, arrival) = plain(Fault::Empty);
    assert!(outcome.is_whole && outcome.status == 200 && outcome.body.is_empty());
    assert!(!arrival.sound);
    let (outcome, _) = stream(Fault::Empty);
    assert!(outcome.is_whole && outcome.status == 200 && outcome.body.is_empty());
    let (outcome, arrival) = plain(Fault::ErrorInside);
    assert_eq!((outcome.status, arrival.sound), (200, false));
    assert!(outcome.json()["error"]["message"].is_string());
    let (outcome, _) = stream(Fault::ErrorInside);
    let (events, is_done) = outcome.events();
    assert!(is_done && events[0]["choices"].is_array());
    assert!(events.last().unwrap()["error"]["message"].is_string());
}

#[test]
fn a_connection_closes_and_nobody_was_told() {
    let server = server(Fault::SilentClose);
    let mut stream = connect(server.address());
    let body = json!({"model": "model", "prompt": "hello"});
    let bytes = post("/v1/completions", None, &body);
    stream.write_all(&bytes).unwrap();
    let outcome = read(&mut stream);
    assert!(outcome.is_whole && outcome.header("connection").is_none());
    let mut byte = [0];
    assert_eq!(stream.read(&mut byte).unwrap(), 0);
    assert!(server.arrivals()[0].sound);
}

#[test]
fn streams_break_off() {
    let (whole, _) = stream(Fault::Late(Duration::ZERO));
    let (events, is_done) = whole.events();
    assert!(is_done && whole.is_whole);
    // Ended as a message, and not as a stream.
    let (outcome, arrival) = stream(Fault::HalfJson);
    assert!(outcome.is_whole && !outcome.events().1);
    assert!(outcome.events().0.len() < events.len() && !arrival.sound);
    // Not ended at all.
    let (outcome, arrival) = stream(Fault::Broken);
    assert!(!outcome.is_whole && !outcome.events().1);
    assert_eq!((arrival.billed(), arrival.sound), (6, false));
}

#[test]
fn an_answer_without_end_ends_when_the_client_closes() {
    for fields in [json!({}), json!({"stream": true})] {
        // This client takes two megabytes and closes; `met` waits until the server noticed.
        let (outcome, arrival) = met(Fault::Endless, &fields);
        assert!(!outcome.is_whole && outcome.body.len() >= 2 << 20);
        assert!(!arrival.sound && arrival.sent >= 2 << 20);
    }
}

#[test]
fn redirects_lead_to_where_somebody_counts() {
    for status in [302, 307, 308] {
        let server = server(Fault::Redirect(status));
        let outcome = ask(server.address(), "hello", &json!({}));
        assert_eq!(outcome.status, status);
        let location = outcome.header("location").unwrap().to_owned();
        assert!(
            location.starts_with("http://127.0.0.1:") && location.ends_with("/v1/chat/completions")
        );
        assert!(!location.contains(&server.address().to_string()));
        assert_eq!(server.strays(), []);
        let (host, path) = location["http://".len()..].split_once('/').unwrap();
        let follow =
            format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {KEY}\r\n\r\n");
        assert_eq!(sent(host.parse().unwrap(), follow.as_bytes()).status, 200);
        let strays = server.strays();
        assert_eq!((strays.len(), strays[0].brought_key), (1, true));
    }
}

#[test]
fn right_answers_come_with_wrong_facts() {
    let (outcome, arrival) = plain(Fault::OtherModel);
    assert_eq!(outcome.json()["model"], "another-model");
    assert!(!arrival.sound);

    let check = |count, prompt: Value, completion: Value| {
        for is_stream in [false, true] {
            let (usage, arrival) = if is_stream {
                let (outcome, arrival) = stream(Fault::Count(count));
                let last = outcome.events().0.pop().unwrap();
                (last["usage"].clone(), arrival)
            } else {
                let (outcome, arrival) = plain(Fault::Count(count));
                assert_eq!(
                    outcome.json()["choices"][0]["message"]["content"],
                    "one two three"
                );
                (outcome.json()["usage"].clone(), arrival)
            };
            assert_eq!(
                (&usage["prompt_tokens"], &usage["completion_tokens"]),
                (&prompt, &completion)
            );
            // What the model did is another matter than what is told of it.
            assert_eq!((arrival.billed(), arrival.sound), (6, true));
        }
    };
    check(WrongCount::Zero, json!(0), json!(0));
    check(WrongCount::Absent, Value::Null, Value::Null);
    check(WrongCount::TenTimes, json!(20), json!(40));
    check(
        WrongCount::Absurd,
        json!(1_000_000_000_000_u64),
        json!(1_000_000_000_000_u64),
    );
    check(WrongCount::Negative, json!(-1), json!(-1));

    let (outcome, arrival) = met(Fault::NoLogprobs, &json!({"logprobs": true}));
    assert_eq!(outcome.json()["choices"][0]["logprobs"], Value::Null);
    assert!(!arrival.sound);
    // Nobody asked for them.
    assert!(plain(Fault::NoLogprobs).1.sound);
}

#[test]
fn models_refuse_and_stop() {
    let choice = |fault| plain(fault).0.json()["choices"][0].clone();
    let refusal = choice(Fault::Refusal);
    assert_eq!(refusal["message"]["content"], Value::Null);
    assert_eq!(refusal["message"]["refusal"], "I cannot help with that.");
    let filtered = choice(Fault::ContentFilter);
    assert_eq!(
        (&filtered["finish_reason"], &filtered["message"]["content"]),
        (&json!("content_filter"), &json!("one tw"))
    );
    let cut = choice(Fault::Length);
    assert_eq!(
        (&cut["finish_reason"], &cut["message"]["content"]),
        (&json!("length"), &json!("one tw"))
    );
    assert_eq!(plain(Fault::NoChoices).0.json()["choices"], json!([]));
    assert_eq!(choice(Fault::NoContent)["message"]["content"], Value::Null);

    let deltas = |fault, field: &str| -> String {
        let (events, _) = stream(fault).0.events();
        let words = events.iter().map(|event| {
            event["choices"][0]["delta"][field]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        });
        words.collect()
    };
    assert_eq!(
        deltas(Fault::Refusal, "refusal"),
        "I cannot help with that."
    );
    assert_eq!(deltas(Fault::ContentFilter, "content"), "one tw");
    assert_eq!(deltas(Fault::NoContent, "content"), "");
    assert_eq!(deltas(Fault::NoChoices, "content"), "");
}

#[test]
fn a_key_comes_back_everywhere() {
    let outcome = |place| plain(Fault::EchoKey(place)).0;
    assert!(
        outcome(KeyPlace::Text).json()["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .contains(KEY)
    );
    let error = outcome(KeyPlace::Error);
    assert_eq!(error.status, 500);
    assert!(
        error.json()["error"]["message"]
            .as_str()
            .unwrap()
            .contains(KEY)
    );
    let header = outcome(KeyPlace::Header);
    assert!(header.header("x-request-id").unwrap().contains(KEY) && header.status == 200);
    let redirect = outcome(KeyPlace::Redirect);
    assert!(
        redirect
            .header("location")
            .unwrap()
            .ends_with(&format!("?key=Bearer%20{KEY}"))
    );
}

#[test]
fn every_fault_is_met_at_both_services_in_both_ways() {
    for fault in Fault::ALL {
        // These two take their time, which others measure.
        let fault = match fault {
            Fault::Late(_) => Fault::Late(Duration::ZERO),
            Fault::Pause(_) | Fault::Drip(_) => Fault::Pause(Duration::ZERO),
            other => other,
        };
        for is_stream in [false, true] {
            let server = server(fault);
            let body =
                json!({"model": "model", "prompt": "hello", "stream": is_stream, "logprobs": 1});
            let outcome = crate::raw::complete(server.address(), &body);
            wait_until(|| server.arrivals()[0].gone > 0.0);
            let arrival = server.arrivals().remove(0);
            assert_eq!(
                (arrival.fault, arrival.status),
                (Some(fault.name()), outcome.status)
            );
        }
    }
}
