//! What the fields of a body may not hold.

use serde_json::Value;

/// Why a body asks nothing that can be answered: a status, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub status: u16,
    pub message: String,
}

pub(crate) fn unfit(message: impl Into<String>) -> Unfit {
    Unfit {
        status: 400,
        message: message.into(),
    }
}

/// The fields that one of OpenAI's two services knows, as its reference lists them.
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

/// Most other tokens that are named beside one.
const MOST_OTHERS: u64 = 20;

/// Most texts that end an answer, at OpenAI.
const MOST_STOPS: usize = 4;

/// The first field of a body that OpenAI's service does not know, or holds more than it takes.
pub(crate) fn strange(is_chat: bool, body: &Value) -> Result<(), Unfit> {
    let others: &[&str] = if is_chat {
        &COMPLETIONS_ONLY
    } else {
        &CHAT_ONLY
    };
    let mut fields = body
        .as_object()
        .into_iter()
        .flat_map(|fields| fields.keys());
    if let Some(field) =
        fields.find(|field| !KNOWN.contains(&&***field) || others.contains(&&***field))
    {
        return Err(unfit(format!(
            "Unrecognized request argument supplied: {field}"
        )));
    }
    if body["stop"]
        .as_array()
        .is_some_and(|all| all.len() > MOST_STOPS)
    {
        return Err(unfit("`stop` has more than 4 texts"));
    }
    Ok(())
}

/// What every service refuses, OpenAI's and vLLM's alike.
pub(crate) fn check(is_chat: bool, body: &Value) -> Result<(), Unfit> {
    let has = |field: &str| body.get(field).is_some_and(|value| !value.is_null());
    let is_stream = body["stream"] == true;
    if has("stream_options") && !is_stream {
        return Err(unfit("`stream_options` without `stream`"));
    }
    if body.get("n").is_some_and(|n| *n != 1) {
        return Err(unfit("this server gives one choice"));
    }
    for field in [
        "max_tokens",
        "max_completion_tokens",
        "seed",
        "prompt_logprobs",
        "top_logprobs",
    ] {
        if has(field) && !body[field].is_u64() {
            return Err(unfit(format!("`{field}` is no whole number from 0 on")));
        }
    }
    let echoes = body["echo"] == true;
    for field in ["max_tokens", "max_completion_tokens"] {
        if body[field] == 0 && !echoes {
            return Err(unfit(format!("`{field}` must be at least 1, got 0")));
        }
    }
    let ranges = [("temperature", 0.0, 2.0), ("top_p", f64::MIN_POSITIVE, 1.0)];
    for (field, least, most) in ranges {
        let is_within = |value: f64| (least..=most).contains(&value);
        if has(field) && !body[field].as_f64().is_some_and(is_within) {
            return Err(unfit(format!("`{field}` is not within its range")));
        }
    }
    let others = if is_chat {
        if has("top_logprobs") && body["logprobs"] != true {
            return Err(unfit("`top_logprobs` without `logprobs`"));
        }
        if has("logprobs") && !body["logprobs"].is_boolean() {
            return Err(unfit("`logprobs` is neither true nor false"));
        }
        &body["top_logprobs"]
    } else {
        if has("logprobs") && !body["logprobs"].is_u64() {
            return Err(unfit("`logprobs` is no number"));
        }
        &body["logprobs"]
    };
    if others.as_u64().unwrap_or(0) > MOST_OTHERS {
        return Err(unfit("more than 20 log-probabilities a token"));
    }
    if is_stream && body["prompt_logprobs"].as_u64().unwrap_or(0) > 0 {
        return Err(unfit(
            "`prompt_logprobs` are not available when `stream=True`",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn refuses_what_real_services_refuse() {
        let says = |is_chat: bool, body: Value, expected: &str| {
            let told = check(is_chat, &body).map_err(|unfit| unfit.message);
            match expected {
                "" => assert_eq!(told, Ok(()), "{body}"),
                _ => assert!(told.unwrap_err().contains(expected), "{body}"),
            }
        };
        says(
            true,
            json!({"stream_options": {"include_usage": true}}),
            "without `stream`",
        );
        says(true, json!({"stream_options": {}, "stream": true}), "");
        says(true, json!({"top_logprobs": 1}), "without `logprobs`");
        says(true, json!({"top_logprobs": 20, "logprobs": true}), "");
        says(
            true,
            json!({"top_logprobs": 21, "logprobs": true}),
            "more than 20",
        );
        says(true, json!({"logprobs": 1}), "neither");
        says(false, json!({"logprobs": true}), "no number");
        says(
            false,
            json!({"logprobs": 5, "echo": true, "max_tokens": 0}),
            "",
        );
        says(false, json!({"max_tokens": 0}), "at least 1");
        says(true, json!({"max_tokens": 1.5}), "no whole number");
        says(
            true,
            json!({"max_completion_tokens": -1}),
            "no whole number",
        );
        says(
            true,
            json!({"temperature": 0, "top_p": 1, "seed": 7, "n": 1, "max_tokens": null}),
            "",
        );
        says(true, json!({"temperature": 2.5}), "range");
        says(true, json!({"top_p": 0}), "range");
        says(true, json!({"n": 2}), "one choice");
        says(
            true,
            json!({"stream": true, "prompt_logprobs": 1}),
            "not available",
        );
        says(true, json!({"stream": true, "prompt_logprobs": 0}), "");
    }

    #[test]
    fn openai_takes_what_it_knows_and_no_more() {
        assert!(strange(true, &json!({"model": "m", "messages": [], "seed": 1})).is_ok());
        assert!(strange(false, &json!({"model": "m", "prompt": "", "echo": true})).is_ok());
        for (is_chat, field) in [
            (true, "top_k"),
            (true, "echo"),
            (false, "tools"),
            (false, "prompt_logprobs"),
        ] {
            let told = strange(is_chat, &json!({ field: 1 })).unwrap_err();
            assert_eq!(
                told.message,
                format!("Unrecognized request argument supplied: {field}")
            );
        }
        assert!(strange(true, &json!({"stop": ["a", "b", "c", "d", "e"]})).is_err());
    }
}
