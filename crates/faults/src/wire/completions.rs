//! Completions.

use serde_json::{Map, Value, json};

use super::served::Served;
use crate::answer::Answer;
use crate::request::Request;
use crate::tokens::{self, Scored};

pub(super) fn whole(served: &Served<'_>) -> Value {
    let mut whole = served.frame(false);
    let choices = choices(served).map(|(index, request, answer)| {
        let pieces = shown(served, request, answer);
        let mut text = if request.says("echo") {
            request.text()
        } else {
            String::new()
        };
        text.push_str(words(answer));
        let mut choice = json!({
            "index": index,
            "text": text,
            "logprobs": logprobs(served, request, &pieces, true),
            "finish_reason": answer.finish.as_str(),
        });
        if let Some(list) = served.prompt_logprobs(request) {
            choice["prompt_logprobs"] = list;
        }
        choice
    });
    whole["choices"] = choices.collect();
    whole
}

pub(super) fn events(served: &Served<'_>) -> Vec<Value> {
    let event = |index: usize, text: &str, logprobs: Value, finish: Value| {
        let mut event = served.frame(true);
        event["choices"] =
            json!([{"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}]);
        event
    };
    let mut events = Vec::new();
    for (index, request, answer) in choices(served) {
        let pieces = tokens_of(served, request, answer);
        for (at, piece) in pieces.iter().enumerate() {
            let is_first = at == 0 && request.says("echo");
            let logprobs = logprobs(served, request, std::slice::from_ref(piece), is_first);
            events.push(event(index, &piece.text, logprobs, Value::Null));
        }
        events.push(event(index, "", Value::Null, answer.finish.as_str().into()));
    }
    events
}

/// What is written for each request, with its place.
fn choices<'a>(served: &'a Served<'_>) -> impl Iterator<Item = (usize, &'a Request, &'a Answer)> {
    let all = served.requests.iter().zip(served.answers).enumerate();
    all.filter(|_| served.gives_choices)
        .map(|(index, (request, answer))| (index, request, answer))
}

/// A refusal has no field here; it is the text.
fn words(answer: &Answer) -> &str {
    answer.refusal.as_ref().unwrap_or(&answer.text)
}

/// The pieces with log-probabilities, if those were asked for.
fn shown(served: &Served<'_>, request: &Request, answer: &Answer) -> Vec<Scored> {
    match request.logprobs() {
        Some(_) => tokens_of(served, request, answer),
        None => Vec::new(),
    }
}

/// The pieces of the text, and before them those of the prompt if it is to be repeated.
fn tokens_of(served: &Served<'_>, request: &Request, answer: &Answer) -> Vec<Scored> {
    let others = request.logprobs().unwrap_or(0);
    let mut pieces = if request.says("echo") {
        served.prompt_pieces(request, others)
    } else {
        Vec::new()
    };
    let before = request.text();
    pieces.extend(tokens::scored(
        &before,
        words(answer),
        others,
        served.likely,
    ));
    if !request.says("echo") {
        for piece in &mut pieces {
            piece.offset -= before.len();
        }
    }
    pieces
}

/// The lists of a choice. The very first token of a repeated prompt has nothing before it and no log-probability.
fn logprobs(served: &Served<'_>, request: &Request, pieces: &[Scored], holds_first: bool) -> Value {
    if !served.gives_logprobs || request.logprobs().is_none() {
        return Value::Null;
    }
    let is_first = |at: usize| holds_first && at == 0 && request.says("echo");
    let logprob = |(at, piece): (usize, &Scored)| {
        if is_first(at) {
            Value::Null
        } else {
            piece.logprob.into()
        }
    };
    let top = |(at, piece): (usize, &Scored)| {
        if is_first(at) {
            Value::Null
        } else {
            // The token itself is among them, whatever its rank.
            let others = piece.others.iter();
            let told: Map<String, Value> = others
                .map(|(text, logprob)| (text.clone(), (*logprob).into()))
                .chain([(piece.text.clone(), piece.logprob.into())])
                .collect();
            Value::Object(told)
        }
    };
    let all = || pieces.iter().enumerate();
    json!({
        "tokens": pieces.iter().map(|piece| &piece.text).collect::<Vec<_>>(),
        "token_logprobs": all().map(logprob).collect::<Vec<_>>(),
        "top_logprobs": all().map(top).collect::<Vec<_>>(),
        "text_offset": pieces.iter().map(|piece| piece.offset).collect::<Vec<_>>(),
    })
}
