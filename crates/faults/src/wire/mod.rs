//! Answers as JSON, whole or in pieces.

mod chat;
mod completions;
mod refusals;
mod served;

use serde_json::{Value, json};

use crate::request::Service;

pub(crate) use refusals::{error, worded};
use served::CREATED;
pub(crate) use served::Served;

/// An answer as one object.
pub(crate) fn whole(served: &Served<'_>) -> Value {
    let mut whole = match served.service() {
        Service::Chat => chat::whole(served),
        Service::Completions => completions::whole(served),
    };
    if let Some(usage) = &served.usage {
        whole["usage"] = usage.clone();
    }
    whole
}

/// An answer as the objects of a stream, without the mark of its end.
pub(crate) fn events(served: &Served<'_>) -> Vec<Value> {
    let mut events = match served.service() {
        Service::Chat => chat::events(served),
        Service::Completions => completions::events(served),
    };
    let wants_usage = served.requests[0].body["stream_options"]["include_usage"] == true;
    if wants_usage && let Some(usage) = &served.usage {
        for event in &mut events {
            event["usage"] = Value::Null;
        }
        let mut last = served.frame(true);
        last["choices"] = json!([]);
        last["usage"] = usage.clone();
        events.push(last);
    }
    events
}

/// The counts of an answer.
pub(crate) fn usage(prompt: i64, completion: i64, cached: u64) -> Value {
    json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    })
}

/// The list of models.
pub(crate) fn models(names: &[String]) -> Value {
    let each = names.iter().map(
        |name| json!({"id": name, "object": "model", "created": CREATED, "owned_by": "nobody"}),
    );
    json!({"object": "list", "data": each.collect::<Vec<_>>()})
}
