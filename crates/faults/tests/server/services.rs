//! What the services answer when nothing goes wrong, by hand-computed values.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use faults::{Answer, KeySeen, Server, Setup};
use serde_json::{Value, json};

use crate::raw::{ask, complete, connect, post, read, sent};

fn start(setup: Setup) -> Server {
    Server::start(setup).unwrap()
}

#[test]
fn a_chat_is_answered_with_its_counts() {
    let server = Server::answering(|request| Answer::text(request.text().to_uppercase())).unwrap();
    let outcome = ask(server.address(), "hello", &json!({}));
    let answer = outcome.json();
    assert_eq!(answer["object"], "chat.completion");
    assert_eq!(answer["model"], "model");
    assert_eq!(
        answer["choices"],
        json!([{"index": 0, "message": {"role": "assistant", "content": "HELLO", "refusal": null}, "logprobs": null, "finish_reason": "stop"}])
    );
    // Five bytes are two tokens.
    assert_eq!(
        answer["usage"],
        json!({"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4, "prompt_tokens_details": {"cached_tokens": 0}})
    );
    let totals = server.totals();
    assert_eq!(
        (totals.arrivals, totals.distinct_sound, totals.billed()),
        (1, 1, 4)
    );
}

#[test]
fn a_stream_holds_the_same_words_and_counts() {
    let server = start(Setup::default());
    let whole = ask(
        server.address(),
        "tell me",
        &json!({"logprobs": true, "top_logprobs": 1}),
    );
    let fields = json!({"stream": true, "stream_options": {"include_usage": true}, "logprobs": true, "top_logprobs": 1});
    let stream = ask(server.address(), "tell me", &fields);
    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
    let (mut events, is_done) = stream.events();
    assert!(is_done);
    let last = events.pop().unwrap();
    assert_eq!(
        (&last["choices"], &last["usage"]),
        (&json!([]), &whole.json()["usage"])
    );
    assert!(
        events
            .iter()
            .all(|event| event["usage"].is_null() && event["object"] == "chat.completion.chunk")
    );
    let choice = &whole.json()["choices"][0];
    let text: String = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(text, choice["message"]["content"]);
    let logprobs: Vec<Value> = events
        .iter()
        .filter_map(|event| event["choices"][0]["logprobs"]["content"].as_array())
        .flatten()
        .cloned()
        .collect();
    assert_eq!(&logprobs, choice["logprobs"]["content"].as_array().unwrap());
    assert_eq!(
        events.last().unwrap()["choices"][0]["finish_reason"],
        "stop"
    );
    // Nothing of how it is sent is in its digest.
    assert_eq!(server.totals().distinct, 1);
    let (events, _) = ask(server.address(), "tell me", &json!({"stream": true})).events();
    assert!(events.iter().all(|event| event.get("usage").is_none()));
}

#[test]
fn a_prompt_is_repeated_with_its_log_probabilities() {
    let setup = Setup::default()
        .answering(|_| Answer::text("!"))
        .scoring(|before, piece| -((10 * before.len() + piece.len()) as f64));
    let server = start(setup);
    let body = json!({"model": "model", "prompt": "Is it? Yes", "echo": true, "max_tokens": 0, "logprobs": 0});
    let choice = complete(server.address(), &body).json()["choices"][0].clone();
    assert_eq!(
        (&choice["text"], &choice["finish_reason"]),
        (&json!("Is it? Yes"), &json!("length"))
    );
    assert_eq!(
        choice["logprobs"],
        json!({
            "tokens": ["Is", " ", "it", "?", " ", "Yes"],
            "token_logprobs": [null, -21.0, -32.0, -51.0, -61.0, -73.0],
            "top_logprobs": [null, {" ": -21.0}, {"it": -32.0}, {"?": -51.0}, {" ": -61.0}, {"Yes": -73.0}],
            "text_offset": [0, 2, 3, 5, 6, 7],
        })
    );
    let body = json!({"model": "model", "prompt": "Is it?", "max_tokens": 9, "logprobs": 1});
    let choice = complete(server.address(), &body).json()["choices"][0].clone();
    assert_eq!(
        (&choice["text"], &choice["logprobs"]["text_offset"]),
        (&json!("!"), &json!([0]))
    );
    assert_eq!(choice["logprobs"]["token_logprobs"], json!([-61.0]));
    assert_eq!(
        choice["logprobs"]["top_logprobs"][0]
            .as_object()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn a_stream_of_completions_holds_the_same() {
    let server = start(Setup::default());
    let mut body = json!({"model": "model", "prompt": ["Is it?", "Or"], "echo": true, "logprobs": 2, "max_tokens": 8});
    let whole = complete(server.address(), &body).json();
    body["stream"] = json!(true);
    let (events, is_done) = complete(server.address(), &body).events();
    assert!(is_done);
    for index in [0, 1] {
        let choices: Vec<&Value> = events
            .iter()
            .map(|event| &event["choices"][0])
            .filter(|choice| choice["index"] == index)
            .collect();
        let joined = |field: &str| -> Vec<Value> {
            let lists = choices
                .iter()
                .filter_map(|choice| choice["logprobs"][field].as_array());
            lists.flatten().cloned().collect()
        };
        let text: String = choices
            .iter()
            .filter_map(|choice| choice["text"].as_str())
            .collect();
        let expected = &whole["choices"][index];
        assert_eq!(text, expected["text"]);
        for field in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
            assert_eq!(
                &joined(field),
                expected["logprobs"][field].as_array().unwrap(),
                "{field}"
            );
        }
    }
}

#[test]
fn prompts_of_numbers_have_log_probabilities_by_number() {
    let server = start(Setup::default().scoring(|_, piece| -(piece.len() as f64)));
    let body = json!({"model": "model", "prompt": [[7, 1000], [5]], "max_tokens": 1, "prompt_logprobs": 0});
    let answer = complete(server.address(), &body).json();
    let told = &answer["choices"][0]["prompt_logprobs"];
    // Six characters: `<1000>`.
    assert_eq!(
        told,
        &json!([null, {"1000": {"logprob": -6.0, "rank": 1, "decoded_token": "<1000>"}}])
    );
    assert_eq!(answer["choices"][1]["prompt_logprobs"], json!([null]));
    // Three numbers, and one token for each of two answers.
    assert_eq!(answer["usage"]["total_tokens"], 5);
    let chat = ask(server.address(), "ab cd", &json!({"prompt_logprobs": 1})).json();
    let told = chat["prompt_logprobs"].as_array().unwrap();
    // The end of the turn comes last.
    assert_eq!((told.len(), told[1].as_object().unwrap().len()), (4, 2));
}

#[test]
fn an_answer_depends_on_the_request_alone() {
    let (one, other) = (
        start(Setup::default()),
        start(Setup {
            seed: 9,
            ..Setup::default()
        }),
    );
    let words = |server: &Server, question: &str, fields: &Value| {
        ask(server.address(), question, fields).json()["choices"][0].clone()
    };
    let (a, b) = (words(&one, "a", &json!({})), words(&one, "b", &json!({})));
    assert_ne!(a["message"], b["message"]);
    assert_eq!(words(&other, "b", &json!({})), b);
    assert_eq!(words(&other, "a", &json!({"user": "me"})), a);
    assert_ne!(
        words(&other, "a", &json!({"temperature": 1}))["message"],
        a["message"]
    );
}

#[test]
fn pictures_are_counted_and_looked_into() {
    let chunk = |name: &[u8], content: &[u8]| {
        [
            &(content.len() as u32).to_be_bytes()[..],
            name,
            content,
            &[0; 4],
        ]
        .concat()
    };
    let picture = |more: Vec<u8>| {
        let file = [
            b"\x89PNG\r\n\x1a\n".to_vec(),
            chunk(b"IHDR", &[0; 13]),
            more,
            chunk(b"IDAT", b"x"),
            chunk(b"IEND", b""),
        ]
        .concat();
        let url = format!("data:image/png;base64,{}", STANDARD.encode(file));
        json!([{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What?"}])
    };
    let server = start(Setup::default());
    let asked = |content: Value| {
        let body = json!({"model": "model", "messages": [{"role": "user", "content": content}]});
        sent(server.address(), &post("/v1/chat/completions", None, &body)).json()
    };
    let clean = asked(picture(Vec::new()));
    let marked = asked(picture(chunk(b"eXIf", b"MM")));
    assert_eq!(clean["usage"]["prompt_tokens"], 85 + 2);
    assert_ne!(clean["choices"], marked["choices"]);
    let totals = server.totals();
    assert_eq!((totals.pictures, totals.pictures_with_more), (2, 1));
    assert_eq!(server.arrivals()[1].beside_pixels, ["eXIf"]);
}

#[test]
fn what_a_server_is_not_set_up_for_is_refused() {
    let server = start(Setup {
        models: vec!["model".to_owned(), "other".to_owned()],
        context: Some(10),
        max_body: Some(300),
        is_strict: true,
        has_completions: false,
        ..Setup::default()
    });
    let address = server.address();
    let check = |fields: Value, status: u16, says: &str| {
        let outcome = ask(address, "hello", &fields);
        assert_eq!(outcome.status, status);
        let told = outcome.json()["error"]["message"].to_string();
        assert!(told.contains(says), "{told}");
    };
    check(json!({"model": "gpt"}), 404, "`gpt` does not exist");
    check(
        json!({"max_tokens": 9}),
        400,
        "context length is 10 tokens. However, you requested 11",
    );
    check(json!({"top_k": 5}), 400, "supplied: top_k");
    check(json!({"echo": true}), 400, "supplied: echo");
    check(json!({"user": "x".repeat(300)}), 413, "larger");
    check(json!({"n": 2}), 400, "one choice");
    assert_eq!(
        ask(address, "hello", &json!({"max_tokens": 8, "seed": 1})).status,
        200
    );
    assert_eq!(
        complete(address, &json!({"model": "model", "prompt": "x"})).status,
        404
    );
    let listed = sent(address, b"GET /v1/models HTTP/1.1\r\n\r\n").json();
    let names: Vec<&str> = listed["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|model| model["id"].as_str())
        .collect();
    assert_eq!(names, ["model", "other"]);
    assert_eq!(sent(address, b"GET /v2 HTTP/1.1\r\n\r\n").status, 404);
    assert!(server.totals().billed() > 0 && server.totals().sound == 1);
}

#[test]
fn only_the_right_key_opens() {
    let server = start(Setup {
        key: Some("sk-0123456789".to_owned()),
        ..Setup::default()
    });
    let body = json!({"model": "model", "messages": [{"role": "user", "content": "x"}]});
    let with = |key: Option<&str>| {
        sent(server.address(), &post("/v1/chat/completions", key, &body)).status
    };
    assert_eq!(
        (
            with(None),
            with(Some("sk-wrong")),
            with(Some("sk-0123456789"))
        ),
        (401, 401, 200)
    );
    assert_eq!(
        sent(server.address(), b"GET /v1/models HTTP/1.1\r\n\r\n").status,
        401
    );
    let keys: Vec<KeySeen> = server
        .arrivals()
        .iter()
        .map(|arrival| arrival.key)
        .collect();
    assert_eq!(
        keys,
        [KeySeen::None, KeySeen::Wrong, KeySeen::Right, KeySeen::None]
    );
}

#[test]
fn requests_come_in_every_form_that_http_has() {
    let server = start(Setup::default());
    let body = r#"{"model": "model", "prompt": "hello"}"#;
    let (first, second) = body.split_at(10);
    let chunked = format!(
        "POST /v1/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\na\r\n{first}\r\n{:x};x=1\r\n{second}\r\n0\r\n\r\n",
        second.len()
    );
    let whole = format!(
        "POST http://127.0.0.1/v1/completions?x HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    // Two after the other on one connection, sent at once, then one that waits for a word.
    let mut stream = connect(server.address());
    stream.write_all((chunked + &whole).as_bytes()).unwrap();
    let (first, second) = (read(&mut stream), read(&mut stream));
    assert_eq!((first.status, first.body), (200, second.body));
    let head = format!(
        "POST /v1/completions HTTP/1.1\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut word = [0; 25];
    std::io::Read::read_exact(&mut stream, &mut word).unwrap();
    assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).unwrap();
    let third = read(&mut stream);
    assert_eq!(
        (third.status, third.header("connection")),
        (200, Some("close"))
    );
    assert_eq!(std::io::Read::read(&mut stream, &mut word).unwrap(), 0);
    assert_eq!(server.totals().distinct, 1);
}
