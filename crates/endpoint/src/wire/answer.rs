//! What an endpoint answers, read out of its JSON.

use corpus::{Completion, FinishReason, LikelyToken};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Service;
use crate::prices::Usage;

/// An answer without the id of who asked: what is kept by content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub text: String,
    pub finish_reason: FinishReason,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// As the endpoint counted, where that can be.
    #[serde(default)]
    pub usage: Option<Usage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<Vec<Vec<LikelyToken>>>,
}

impl Answer {
    /// As the completion of a request.
    pub fn completion(self, id: &str) -> Completion {
        let usage = self.usage.unwrap_or_default();
        let tokens = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        Completion {
            id: id.to_owned(),
            text: self.text,
            finish_reason: self.finish_reason,
            prompt_tokens: tokens(usage.prompt_tokens),
            completion_tokens: tokens(usage.completion_tokens),
            error: self.error,
            logprobs: self.logprobs,
            top_logprobs: self.top_logprobs,
        }
    }
}

/// What is expected of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub service: Service,
    /// The model that was asked.
    pub model: &'a str,
    /// Whether one of another name will do.
    pub accept_other_model: bool,
    /// Whether log-probabilities were asked for.
    pub logprobs: bool,
}

impl Expected<'_> {
    /// Reads a whole answer, or says what is wrong with it.
    pub fn read(&self, value: &Value) -> Result<Answer, String> {
        self.check_model(value)?;
        let choice = &value["choices"][0];
        if !choice.is_object() {
            return Err(format!("an answer without `choices`{}", told(value)));
        }
        let (text, refusal) = match self.service {
            Service::Chat => {
                let message = &choice["message"];
                if !message.is_object() {
                    return Err("a choice without `message`".to_owned());
                }
                (&message["content"], message["refusal"].as_str())
            }
            Service::Completions => (&choice["text"], None),
        };
        let text = match text {
            Value::String(text) => text.clone(),
            Value::Null if self.service == Service::Chat => String::new(),
            other => return Err(format!("a text that is {}", kind(other))),
        };
        let logprobs = &choice["logprobs"];
        let (likely, likeliest) = match self.service {
            Service::Chat => of_chat(logprobs),
            Service::Completions => of_completions(logprobs),
        };
        if self.logprobs && likely.is_none() {
            return Err("no log-probabilities, which were asked for".to_owned());
        }
        let (finish_reason, error) = ended(choice["finish_reason"].as_str(), refusal)?;
        Ok(Answer {
            text,
            finish_reason,
            error,
            usage: usage(value),
            logprobs: likely.filter(|_| self.logprobs),
            top_logprobs: likeliest,
        })
    }

    /// Refuses an answer of another model: a longer name that begins with what was asked for is one of its versions.
    pub fn check_model(&self, value: &Value) -> Result<(), String> {
        let Some(found) = value["model"].as_str() else {
            return Ok(());
        };
        let (found, asked) = (found.to_lowercase(), self.model.to_lowercase());
        if self.accept_other_model || found.starts_with(&asked) {
            return Ok(());
        }
        Err(format!(
            "an answer of the model `{found}`, where `{asked}` was asked (`endpoints.accept_other_model` takes it)"
        ))
    }
}

/// How an answer ended, with the reason where it is none.
fn ended(
    reason: Option<&str>,
    refusal: Option<&str>,
) -> Result<(FinishReason, Option<String>), String> {
    if let Some(refusal) = refusal.filter(|text| !text.is_empty()) {
        let told = format!("the model refuses: {refusal}");
        return Ok((FinishReason::Refusal, Some(told)));
    }
    match reason {
        Some("stop" | "eos" | "eos_token" | "stop_sequence" | "end_turn") => {
            Ok((FinishReason::Stop, None))
        }
        Some("length" | "max_tokens") => Ok((FinishReason::Length, None)),
        Some("content_filter") => {
            let told = "the endpoint's content filter stopped the answer".to_owned();
            Ok((FinishReason::ContentFilter, Some(told)))
        }
        Some(other) => Err(format!("an answer that ended with `{other}`")),
        None => Err("an answer without `finish_reason`".to_owned()),
    }
}

/// Log-probabilities of the written tokens and the likeliest ones at their places.
type Likely = (Option<Vec<f64>>, Option<Vec<Vec<LikelyToken>>>);

/// An endpoint tells no ids.
const NO_ID: i64 = -1;

fn of_chat(logprobs: &Value) -> Likely {
    let Some(content) = logprobs["content"].as_array() else {
        return (None, None);
    };
    let chosen = content.iter().map(|one| one["logprob"].as_f64());
    let likeliest = content.iter().map(|one| {
        let top = one["top_logprobs"].as_array();
        let read = |one: &Value| {
            Some(LikelyToken {
                id: NO_ID,
                token: one["token"].as_str()?.to_owned(),
                logprob: one["logprob"].as_f64()?,
            })
        };
        top.into_iter().flatten().filter_map(read).collect()
    });
    (chosen.collect(), some(likeliest.collect()))
}

fn of_completions(logprobs: &Value) -> Likely {
    let Some(chosen) = logprobs["token_logprobs"].as_array() else {
        return (None, None);
    };
    let likeliest = logprobs["top_logprobs"].as_array().into_iter().flatten();
    let likeliest = likeliest.map(|one| {
        let top = one.as_object().into_iter().flatten();
        let read = |(token, logprob): (&String, &Value)| {
            Some(LikelyToken {
                id: NO_ID,
                token: token.clone(),
                logprob: logprob.as_f64()?,
            })
        };
        let mut all: Vec<LikelyToken> = top.filter_map(read).collect();
        all.sort_by(|a, b| b.logprob.total_cmp(&a.logprob));
        all
    });
    let chosen = chosen.iter().map(Value::as_f64);
    (chosen.collect(), some(likeliest.collect()))
}

fn some(all: Vec<Vec<LikelyToken>>) -> Option<Vec<Vec<LikelyToken>>> {
    all.iter().any(|one| !one.is_empty()).then_some(all)
}

/// What the endpoint counted; none where it did not.
pub(crate) fn usage(value: &Value) -> Option<Usage> {
    let usage = value["usage"].as_object()?;
    let count = |key: &str| usage.get(key).and_then(Value::as_u64);
    let details = usage.get("prompt_tokens_details");
    let cached = details.and_then(|details| details["cached_tokens"].as_u64());
    Some(Usage {
        prompt_tokens: count("prompt_tokens")?,
        completion_tokens: count("completion_tokens").unwrap_or_default(),
        cached_tokens: cached.unwrap_or_default(),
    })
}

/// The message of an endpoint's error, or what there is in its place.
pub(crate) fn problem(text: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    let message = [
        &value["error"]["message"],
        &value["message"],
        &value["detail"],
        &value["error"],
    ];
    let told = message.into_iter().find_map(Value::as_str);
    let told = told.unwrap_or(if is_page(text) { "a web page" } else { text });
    shortened(told.trim())
}

/// Whether the text is a web page.
pub(crate) fn is_page(text: &str) -> bool {
    let start = text.trim_start().get(..14).unwrap_or_default();
    start.to_lowercase().starts_with("<!doctype html") || text.trim_start().starts_with("<html")
}

/// A text in one line of at most some hundred characters.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 400;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

fn told(value: &Value) -> String {
    match value["error"]["message"].as_str() {
        Some(message) => format!(": {}", shortened(message)),
        None => String::new(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CHAT: Expected<'static> = Expected {
        service: Service::Chat,
        model: "gpt-4o",
        accept_other_model: false,
        logprobs: false,
    };

    fn chat(message: &Value, reason: &str) -> Value {
        json!({
            "model": "gpt-4o-2024-08-06",
            "choices": [{"message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}},
        })
    }

    #[test]
    fn a_chat_is_read_with_how_it_ended() {
        let read = |message, reason: &str| CHAT.read(&chat(&message, reason)).expect("answer");
        let answer = read(json!({"role": "assistant", "content": "Tea."}), "stop");
        let found = answer.completion("7");
        assert_eq!(
            (
                found.id.as_str(),
                found.text.as_str(),
                found.prompt_tokens,
                found.completion_tokens
            ),
            ("7", "Tea.", 9, 3)
        );
        assert_eq!(found.finish_reason, FinishReason::Stop);
        let cut = read(json!({"content": "Te"}), "length");
        assert_eq!(cut.finish_reason, FinishReason::Length);
        let refused = read(json!({"content": null, "refusal": "I cannot."}), "stop");
        assert_eq!(refused.finish_reason, FinishReason::Refusal);
        assert_eq!(
            refused.error.as_deref(),
            Some("the model refuses: I cannot.")
        );
        let filtered = read(json!({"content": "Te"}), "content_filter");
        assert_eq!(filtered.finish_reason, FinishReason::ContentFilter);
    }

    #[test]
    fn an_answer_that_is_none_is_said() {
        let error = |value: Value| CHAT.read(&value).expect_err("no answer");
        let other = json!({"model": "gpt-3", "choices": [{}]});
        assert!(error(other).contains("of the model `gpt-3`"));
        assert!(error(json!({"choices": []})).contains("without `choices`"));
        let failed = json!({"error": {"message": "out of memory"}});
        assert!(error(failed).contains("out of memory"));
        assert!(
            error(json!({"choices": [{"message": {"content": "x"}}]})).contains("finish_reason")
        );
        let lacking = Expected {
            logprobs: true,
            ..CHAT
        };
        let told = lacking.read(&chat(&json!({"content": "x"}), "stop"));
        assert!(told.expect_err("none").contains("no log-probabilities"));
    }

    #[test]
    fn log_probabilities_of_both_services_are_read() {
        let likely = |token: &str, logprob: f64| LikelyToken {
            id: NO_ID,
            token: token.to_owned(),
            logprob,
        };
        let expected = Expected {
            logprobs: true,
            ..CHAT
        };
        let mut value = chat(&json!({"content": "Tea."}), "stop");
        value["choices"][0]["logprobs"] = json!({"content": [
            {"token": "Tea", "logprob": -0.5, "top_logprobs": [{"token": "Tea", "logprob": -0.5}, {"token": "A", "logprob": -1.5}]},
        ]});
        let answer = expected.read(&value).expect("answer");
        assert_eq!(answer.logprobs, Some(vec![-0.5]));
        assert_eq!(
            answer.top_logprobs,
            Some(vec![vec![likely("Tea", -0.5), likely("A", -1.5)]])
        );
        let raw = json!({"model": "gpt-4o", "choices": [{"text": " yes", "finish_reason": "length", "logprobs":
            {"tokens": [" yes"], "token_logprobs": [-0.25], "top_logprobs": [{" no": -2.0, " yes": -0.25}]}}]});
        let expected = Expected {
            service: Service::Completions,
            ..expected
        };
        let answer = expected.read(&raw).expect("answer");
        assert_eq!(answer.logprobs, Some(vec![-0.25]));
        assert_eq!(
            answer.top_logprobs,
            Some(vec![vec![likely(" yes", -0.25), likely(" no", -2.0)]])
        );
        assert_eq!(answer.usage, None);
    }

    #[test]
    fn errors_of_servers_are_told_in_a_line() {
        assert_eq!(
            problem(r#"{"error": {"message": "no  such\nmodel"}}"#),
            "no such model"
        );
        assert_eq!(problem(r#"{"detail": "Not Found"}"#), "Not Found");
        assert_eq!(problem("<!DOCTYPE html><p>x"), "a web page");
        assert_eq!(problem(&"x".repeat(500)).chars().count(), 402);
    }
}
