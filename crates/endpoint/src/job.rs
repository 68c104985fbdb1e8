//! One thing that an endpoint is asked: its identity, its bounds, its body, and how its answer is read.

use std::path::Path;

use corpus::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ledger::{Amount, Settlement};
use crate::picture;
use crate::prices::Usage;
use crate::settings::Settings;
use crate::wire::answer::{Answer, Expected, usage};
use crate::wire::question::{self, Asking, LIMITS};
use crate::wire::{Service, scoring};

/// Counted up when the same request is to be asked again where answers were kept.
const FORMAT: u32 = 1;

/// What an endpoint is asked of a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    /// To complete it.
    Complete,
    /// How likely this answer is after it. `before`: characters of a raw prompt, or tokens of turns where they were counted.
    Score {
        answer: String,
        before: Option<usize>,
    },
}

/// One thing that an endpoint is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    /// Its place among all that are asked.
    pub number: usize,
    pub request: Request,
    pub what: What,
}

/// What came of it, as it is kept by content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kept {
    Answer(Answer),
    Likelihood { log_probability: f64, tokens: usize },
}

/// Takes what came of a job, or what is wrong with it.
pub(crate) type Done<'d> = dyn FnMut(&Job, Result<Kept, String>) -> Result<(), String> + 'd;

/// The words that endpoints are asked in, as far as they differ in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// For the most tokens of an answer.
    pub limit: &'static str,
    /// Whether what is usual is said too.
    pub says_all: bool,
}

/// A body that is ready to leave.
#[derive(Debug)]
pub(crate) struct Body {
    pub bytes: Vec<u8>,
    /// Pictures in it that were scaled down.
    pub scaled: u64,
}

impl Job {
    pub fn service(&self) -> Service {
        question::service(&self.request)
    }

    /// The identity of what is asked: model, text, pictures by content, decoding. An address, a price and a name are no part.
    ///
    /// An error is one of the request.
    pub fn key(&self, settings: &Settings) -> Result<String, String> {
        let pictures = settings.pictures;
        let mut named = |path: &Path| {
            let read = corpus::digest::file(path);
            let digest = read.map_err(|error| format!("`{}`: {error}", path.display()))?;
            let side = pictures.max_side.unwrap_or_default();
            Ok(format!("{digest} {} {side}", pictures.format.as_str()))
        };
        let asking = Asking {
            model: &settings.model,
            seed: settings.seed,
            stream: false,
            limit: LIMITS[0],
            says_all: false,
        };
        let body = self.value(asking, &mut named)?;
        let body = json!({"format": FORMAT, "service": self.service().path(), "body": body});
        Ok(corpus::digest::bytes(body.to_string().as_bytes()))
    }

    /// The body with its pictures encoded anew.
    pub fn body(&self, settings: &Settings, words: Words) -> Result<Body, String> {
        let mut scaled = 0;
        let mut encoded = |path: &Path| {
            let sent = picture::encode(path, settings.pictures)?;
            scaled += u64::from(sent.scaled);
            Ok(sent.url)
        };
        let asking = Asking {
            model: &settings.model,
            seed: settings.seed,
            stream: settings.stream && self.what == What::Complete,
            limit: words.limit,
            says_all: words.says_all,
        };
        let value = self.value(asking, &mut encoded)?;
        let bytes = value.to_string().into_bytes();
        Ok(Body { bytes, scaled })
    }

    fn value(
        &self,
        asking: Asking<'_>,
        picture: &mut dyn FnMut(&Path) -> Result<String, String>,
    ) -> Result<Value, String> {
        match &self.what {
            What::Complete => question::body(&self.request, asking, picture),
            What::Score { answer, .. } => scoring::body(&self.request, answer, asking, picture),
        }
    }

    /// What is wrong with the request itself, whichever endpoint it goes to.
    pub fn problem(&self, settings: &Settings) -> Option<String> {
        let request = &self.request;
        if !request.decoding.choices.is_empty() {
            return Some("an endpoint cannot be asked to choose among given answers".to_owned());
        }
        let ordinary = request.turns.iter().map(|turn| (&turn.text, turn.marks));
        let raw = request.prompt.iter().map(|prompt| (prompt, false));
        for (text, marks) in ordinary.chain(raw) {
            let read = |token: &&String| {
                let mark = marks && token.as_str() == corpus::IMAGE_MARK;
                !mark && text.contains(token.as_str())
            };
            if let Some(token) = settings.control_tokens.iter().find(read) {
                return Some(format!(
                    "its text holds `{token}`, which the endpoint would read as a control token"
                ));
            }
        }
        None
    }

    /// The most tokens that are written; some servers count the end beside them.
    pub fn most_written(&self) -> u64 {
        match self.what {
            What::Complete => self.request.decoding.max_new_tokens as u64 + 1,
            What::Score { .. } => 2,
        }
    }

    /// The most tokens that are read, with a picture of at most so many.
    pub fn most_read(&self, of_picture: u64) -> u64 {
        let answer = match &self.what {
            What::Complete => 0,
            What::Score { answer, .. } => answer.len() as u64,
        };
        question::most_prompt_tokens(&self.request, of_picture) + answer
    }

    /// What it may cost at most.
    pub fn most(&self, settings: &Settings, of_picture: u64) -> Amount {
        let usage = Usage {
            prompt_tokens: self.most_read(of_picture),
            completion_tokens: self.most_written(),
            cached_tokens: 0,
        };
        Amount {
            cost: settings
                .prices
                .map(|prices| prices.cost(&usage))
                .unwrap_or_default(),
            tokens: usage.tokens(),
        }
    }

    /// Tokens that it is likely to take: what a limit of tokens a minute is held by.
    pub fn likely_tokens(&self, of_picture: u64) -> u64 {
        let pictures = self.request.images.len() as u64 * of_picture;
        (self.most_read(0) / 4) + pictures + self.most_written()
    }

    /// The most bytes of its answer.
    pub fn most_bytes(&self) -> usize {
        // A token with its alternatives takes some hundred bytes each.
        const TOKEN: u64 = 256;
        let (mut tokens, mut each) = (self.most_written(), TOKEN);
        if matches!(self.what, What::Score { .. }) {
            tokens += self.most_read(20_000);
        }
        each += TOKEN * self.request.decoding.top_logprobs as u64;
        usize::try_from((1 << 20) + tokens.saturating_mul(each)).unwrap_or(usize::MAX)
    }

    /// Reads what came, and what the endpoint counted.
    pub fn read(
        &self,
        value: &Value,
        settings: &Settings,
    ) -> Result<(Kept, Option<Usage>), String> {
        let expected = Expected {
            service: self.service(),
            model: &settings.model,
            accept_other_model: settings.accept_other_model,
            logprobs: self.request.decoding.logprobs,
        };
        let counted = usage(value);
        match &self.what {
            What::Complete => {
                let mut answer = expected.read(value)?;
                if let Some(key) = &settings.key {
                    // One that answers with the key it was sent is not helped to spread it.
                    answer.text = key.hidden_in(&answer.text);
                    answer.error = answer.error.map(|told| key.scrubbed(&told));
                    for token in answer.top_logprobs.iter_mut().flatten().flatten() {
                        token.token = key.hidden_in(&token.token);
                    }
                }
                Ok((Kept::Answer(answer), counted))
            }
            What::Score { answer, before } => {
                expected.check_model(value)?;
                let found = scoring::read(value, expected.service, *before, answer)?;
                let kept = Kept::Likelihood {
                    log_probability: found.log_probability,
                    tokens: found.tokens,
                };
                Ok((kept, counted))
            }
        }
    }

    /// What an answer costs by what the endpoint counted, or what is wrong with its count.
    pub fn settlement(
        &self,
        usage: Option<Usage>,
        kept: &Kept,
        settings: &Settings,
    ) -> Result<Settlement, String> {
        // A picture may take more than anybody expects, but not all that there is.
        const PICTURE: u64 = 100_000;
        let Some(usage) = usage else {
            return Err("it counts no tokens".to_owned());
        };
        let (read, written) = (self.most_read(PICTURE), self.most_written());
        let has_text = matches!(kept, Kept::Answer(answer) if !answer.text.is_empty());
        let (prompt, completion) = (usage.prompt_tokens, usage.completion_tokens);
        if prompt == 0 || prompt > read {
            return Err(format!(
                "it counts {prompt} tokens of a prompt that can have 1 to {read}"
            ));
        }
        if completion > written || (has_text && completion == 0) {
            return Err(format!(
                "it counts {completion} tokens of an answer that can have 1 to {written}"
            ));
        }
        let cost = settings.prices.map(|prices| prices.cost(&usage));
        Ok(Settlement::Paid {
            usage,
            cost: cost.unwrap_or_default(),
        })
    }
}
