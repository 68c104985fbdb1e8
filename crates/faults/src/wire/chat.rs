//! Chat completions.

use serde_json::{Value, json};

use super::served::Served;
use crate::tokens::{self, Scored};

pub(super) fn whole(served: &Served<'_>) -> Value {
    let (request, answer) = (&served.requests[0], &served.answers[0]);
    let mut whole = served.frame(false);
    let content = match &answer.refusal {
        Some(_) => Value::Null,
        None if !served.gives_content => Value::Null,
        None => answer.text.clone().into(),
    };
    let choice = json!({
        "index": 0,
        "message": {"role": "assistant", "content": content, "refusal": answer.refusal},
        "logprobs": logprobs(served, &written(served)),
        "finish_reason": answer.finish.as_str(),
    });
    whole["choices"] = if served.gives_choices {
        json!([choice])
    } else {
        json!([])
    };
    if let Some(list) = served.prompt_logprobs(request) {
        whole["prompt_logprobs"] = list;
    }
    whole
}

pub(super) fn events(served: &Served<'_>) -> Vec<Value> {
    let answer = &served.answers[0];
    let event = |delta: Value, logprobs: Value, finish: Value| {
        let mut event = served.frame(true);
        event["choices"] = if served.gives_choices {
            json!([{"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}])
        } else {
            json!([])
        };
        event
    };
    let begin = json!({"role": "assistant", "content": "", "refusal": null});
    let mut events = vec![event(begin, Value::Null, Value::Null)];
    if let Some(refusal) = &answer.refusal {
        for piece in tokens::pieces(refusal) {
            events.push(event(json!({"refusal": piece}), Value::Null, Value::Null));
        }
    } else if served.gives_content {
        for piece in written(served) {
            let delta = json!({"content": piece.text});
            let logprobs = logprobs(served, std::slice::from_ref(&piece));
            events.push(event(delta, logprobs, Value::Null));
        }
    }
    events.push(event(json!({}), Value::Null, answer.finish.as_str().into()));
    events
}

/// The pieces of the text.
fn written(served: &Served<'_>) -> Vec<Scored> {
    let (request, answer) = (&served.requests[0], &served.answers[0]);
    let wants = request.logprobs().is_some() || request.says("stream");
    if !wants {
        return Vec::new();
    }
    let others = request.logprobs().unwrap_or(0);
    tokens::scored(&request.text(), &answer.text, others, served.likely)
}

/// The log-probabilities of pieces, if they were asked for.
fn logprobs(served: &Served<'_>, pieces: &[Scored]) -> Value {
    if !served.gives_logprobs || served.requests[0].logprobs().is_none() {
        return Value::Null;
    }
    let token = |text: &str, logprob: f64| json!({"token": text, "logprob": logprob, "bytes": text.as_bytes()});
    let told = pieces.iter().map(|piece| {
        let mut told = token(&piece.text, piece.logprob);
        let others = piece.others.iter();
        told["top_logprobs"] = others
            .map(|(text, logprob)| token(text, *logprob))
            .collect();
        told
    });
    json!({"content": told.collect::<Vec<_>>(), "refusal": null})
}
