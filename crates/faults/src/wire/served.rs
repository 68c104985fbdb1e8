//! The answers to one body, before they have a form.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::request::{Prompt, Request, Service};
use crate::tokens::{self, Likely, Scored};

/// When every answer was made; a clock would make the same request's answers differ.
pub(crate) const CREATED: u64 = 1_700_000_000;

/// The answers to the requests of one body, and what is told with them.
pub(crate) struct Served<'a> {
    pub requests: &'a [Request],
    pub answers: &'a [Answer],
    pub model: &'a str,
    pub usage: Option<Value>,
    pub likely: Option<&'a Likely>,
    pub gives_logprobs: bool,
    pub gives_choices: bool,
    pub gives_content: bool,
}

impl Served<'_> {
    pub fn service(&self) -> Service {
        self.requests[0].service
    }

    /// What stands around the choices.
    pub fn frame(&self, is_piece: bool) -> Value {
        let digest = &self.requests[0].digest[..24];
        let (id, object) = match (self.service(), is_piece) {
            (Service::Chat, false) => (format!("chatcmpl-{digest}"), "chat.completion"),
            (Service::Chat, true) => (format!("chatcmpl-{digest}"), "chat.completion.chunk"),
            (Service::Completions, _) => (format!("cmpl-{digest}"), "text_completion"),
        };
        json!({"id": id, "object": object, "created": CREATED, "model": self.model})
    }

    /// The pieces of a request's prompt, if it may see their log-probabilities.
    pub fn prompt_pieces(&self, request: &Request, others: usize) -> Vec<Scored> {
        match &request.prompt {
            Some(Prompt::Tokens(ids)) => {
                let names: Vec<String> = ids.iter().map(|id| format!("<{id}>")).collect();
                let pieces = names.iter().map(String::as_str).zip(ids.iter().copied());
                tokens::scored_pieces("", pieces, others, self.likely)
            }
            _ => tokens::scored("", &request.text(), others, self.likely),
        }
    }

    /// vLLM's list of a prompt's log-probabilities: nothing for the first token, then each token and those that might
    /// have stood there, by number.
    pub fn prompt_logprobs(&self, request: &Request) -> Option<Value> {
        let others = request.prompt_logprobs().filter(|_| self.gives_logprobs)?;
        let mut list = self.prompt_pieces(request, others);
        if request.prompt.is_none() {
            // As templates write it after a turn.
            list.push(Scored {
                text: "<end>".to_owned(),
                offset: 0,
                logprob: self.likely.map_or(-0.5, |likely| likely("", "<end>")),
                others: Vec::new(),
                id: 2,
            });
        }
        let told = list.iter().enumerate().map(|(at, piece)| {
            if at == 0 {
                return Value::Null;
            }
            let mut by_number = serde_json::Map::new();
            let rank = 1 + piece
                .others
                .iter()
                .filter(|(_, logprob)| *logprob > piece.logprob)
                .count();
            let told = json!({"logprob": piece.logprob, "rank": rank, "decoded_token": piece.text});
            by_number.insert(piece.id.to_string(), told);
            for (at, (text, logprob)) in piece.others.iter().enumerate() {
                let told = json!({"logprob": logprob, "rank": at + 1, "decoded_token": text});
                by_number.insert((32_000 + at).to_string(), told);
            }
            Value::Object(by_number)
        });
        Some(told.collect())
    }
}
