//! Errors as OpenAI words them.

use serde_json::{Value, json};

use crate::request::Service;

/// An error as an object.
pub(crate) fn error(kind: &str, code: Option<&str>, message: &str) -> Value {
    json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
}

/// The fields that OpenAI's services know, as its reference lists them.
const KNOWN: [&str; 36] = [
    "model",
    "messages",
    "prompt",
    "audio",
    "best_of",
    "echo",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "suffix",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
];

/// Fields that only one of the two services knows.
const CHAT_ONLY: [&str; 19] = [
    "messages",
    "audio",
    "function_call",
    "functions",
    "max_completion_tokens",
    "metadata",
    "modalities",
    "parallel_tool_calls",
    "prediction",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "service_tier",
    "store",
    "tool_choice",
    "tools",
    "top_logprobs",
    "verbosity",
    "web_search_options",
];
const COMPLETIONS_ONLY: [&str; 4] = ["prompt", "best_of", "echo", "suffix"];

/// The first field of a body that OpenAI's service does not know.
pub(crate) fn unknown_field(service: Service, body: &Value) -> Option<String> {
    let others: &[&str] = match service {
        Service::Chat => &COMPLETIONS_ONLY,
        Service::Completions => &CHAT_ONLY,
    };
    let fields = body.as_object()?.keys();
    fields
        .map(String::as_str)
        .find(|field| !KNOWN.contains(field) || others.contains(field))
        .map(str::to_owned)
}
