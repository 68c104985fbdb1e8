//! What a generator writes for a request.

use serde::{Deserialize, Serialize};

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// A stop token or string.
    Stop,
    /// `max_new_tokens` or the context is used up.
    Length,
    /// It failed; see `error`.
    Error,
    /// A model at an endpoint would not answer; see `error`.
    Refusal,
    /// An endpoint's filter of contents stopped it; see `error`.
    ContentFilter,
}

crate::words!(FinishReason {
    Stop = "stop",
    Length = "length",
    Error = "error",
    Refusal = "refusal",
    ContentFilter = "content_filter",
});

/// What a generator wrote for a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// Id of the request.
    pub id: String,
    /// The text, without the stop string.
    pub text: String,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Tokens of the prompt, image tokens included.
    pub prompt_tokens: usize,
    /// Tokens written, the stop token included.
    pub completion_tokens: usize,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Log-probability (nats) of each written token, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<f64>>,
    /// The likeliest tokens at the place of each written token, the likeliest first, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_logprobs: Option<Vec<Vec<LikelyToken>>>,
}

impl Completion {
    /// Of a request that got no answer.
    pub fn failed(id: &str, problem: String) -> Self {
        Self {
            id: id.to_owned(),
            text: String::new(),
            finish_reason: FinishReason::Error,
            prompt_tokens: 0,
            completion_tokens: 0,
            error: Some(problem),
            logprobs: None,
            top_logprobs: None,
        }
    }

    /// Why there is no text to read, if so: the reason that a record of what was left out bears, and what is known of it.
    ///
    /// ```
    /// let line = r#"{"id": "1", "text": "", "finish_reason": "refusal", "prompt_tokens": 3, "completion_tokens": 1, "error": "no"}"#;
    /// let completion: corpus::Completion = serde_json::from_str(line).unwrap();
    /// assert_eq!(completion.failure(), Some(("refusal", "no")));
    /// ```
    pub fn failure(&self) -> Option<(&'static str, &str)> {
        let reason = match self.finish_reason {
            FinishReason::Stop | FinishReason::Length => return None,
            FinishReason::Error => "generation-error",
            FinishReason::Refusal => "refusal",
            FinishReason::ContentFilter => "content-filter",
        };
        Some((reason, self.error.as_deref().unwrap_or_default()))
    }
}

/// A token that could have been written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LikelyToken {
    /// Its id; -1 where an endpoint tells none.
    pub id: i64,
    /// Its text by itself; half a character is told as `�`.
    pub token: String,
    /// Its log-probability in nats, at temperature 1 and before any filter.
    pub logprob: f64,
}
