//! What a recipe says of who makes the data, where that is not the synthesizer.

use std::path::PathBuf;

use synthesis::Maker;

use super::endpoints::EndpointPlace;
use super::values::Values;

/// `[maker]`, and who makes the data.
#[derive(Clone, Debug)]
pub struct Making {
    /// `[data] maker`.
    pub maker: Maker,
    /// The model that is asked.
    pub checkpoint: Option<PathBuf>,
    /// The model that is asked, at an endpoint.
    pub endpoint: Option<EndpointPlace>,
    /// 0 is greedy.
    pub temperature: f64,
    /// Nucleus sampling.
    pub top_p: f64,
    /// The most tokens of an answer.
    pub max_new_tokens: usize,
    /// How often what gave no task is asked again; never where the same would be answered.
    pub rounds: usize,
    /// The record's key with passages that mention the picture.
    pub mentions: String,
    /// A TOML file that replaces prompts by name.
    pub prompts: Option<PathBuf>,
}

impl Making {
    /// Whether there is a synthesizer.
    pub fn is_by_synthesizer(&self) -> bool {
        self.maker == Maker::Synthesizer
    }

    /// Whether a model is asked and shown pictures.
    pub fn shows_pictures(&self) -> bool {
        self.maker
            .asks()
            .is_some_and(synthesis::makers::Asks::shows_pictures)
    }

    /// What is wrong with it. `is_used` is whether tasks are made at all.
    pub(super) fn problems(&self, is_used: bool) -> Vec<String> {
        let mut out = Vec::new();
        if !is_used || self.maker.asks().is_none() {
            return out;
        }
        let word = self.maker.as_str();
        if self.checkpoint.is_none() && self.endpoint.is_none() {
            out.push(format!(
                "`data.maker = \"{word}\"` asks a model: name one in `maker.checkpoint`, or in `maker.endpoint` with its name there \
                 in `maker.endpoint_model`"
            ));
        }
        let is_kept = self
            .endpoint
            .as_ref()
            .is_some_and(|place| !place.send_images);
        if is_kept && self.shows_pictures() {
            out.push(format!(
                "with `data.maker = \"{word}\"` the pictures and captions of `data.pairs` would leave this machine for \
                 `maker.endpoint`; allow it with `maker.send_images = true`, or send captions alone with `data.maker = \
                 \"text-only\"`"
            ));
        }
        out
    }
}

impl Values<'_> {
    /// `[maker]`.
    pub fn making(&mut self) -> Making {
        let temperature = self.number("maker.temperature");
        let rounds = self.integer("maker.rounds") as usize;
        Making {
            maker: self.word("data.maker"),
            checkpoint: self.model("maker.checkpoint"),
            endpoint: self.endpoint("maker"),
            temperature,
            top_p: self.number("maker.top_p"),
            max_new_tokens: self.integer("maker.max_new_tokens") as usize,
            rounds: if temperature > 0.0 { rounds } else { 0 },
            mentions: self.text("maker.mentions"),
            prompts: self.path("maker.prompts"),
        }
    }
}
