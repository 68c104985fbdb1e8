//! `[synthesizer]` by type.

use std::path::PathBuf;

use synthesis::{Corruption, Input, SameQuestion};

use super::endpoints::EndpointPlace;
use super::training::Training;
use super::values::Values;

/// `[synthesizer]`.
#[derive(Clone, Debug)]
pub struct Synthesizer {
    /// A tuned synthesizer.
    pub checkpoint: Option<PathBuf>,
    /// A tuned synthesizer that is asked at an endpoint.
    pub endpoint: Option<EndpointPlace>,
    /// Seed data to tune one from the model.
    pub seed_data: Option<PathBuf>,
    /// Whether it is a tuned one; else the general model is asked.
    pub tuned: bool,
    /// What it sees: picture, caption, both or none.
    pub input: Input,
    /// Share of blank pictures in tuning.
    pub blank_images: f64,
    /// What is made worse for it.
    pub corrupt: Corruption,
    /// How instructions are compared.
    pub same_question: SameQuestion,
    /// Tuning.
    pub train: Training,
    /// 0 is greedy.
    pub temperature: f64,
    /// Nucleus sampling.
    pub top_p: f64,
    /// The least share of the likeliest token's probability; 0 is off.
    pub min_p: f64,
    /// Makes tokens of prompt and answer less likely; 1 is off.
    pub repetition_penalty: f64,
    /// The most tokens it writes.
    pub max_new_tokens: usize,
    /// A TOML file that replaces prompts by name.
    pub prompts: Option<PathBuf>,
}

impl Values<'_> {
    /// `[synthesizer]`.
    pub fn synthesizer(&mut self) -> Synthesizer {
        Synthesizer {
            checkpoint: self.model("synthesizer.checkpoint"),
            endpoint: self.endpoint("synthesizer"),
            seed_data: self.path("synthesizer.seed_data"),
            input: self.word("synthesizer.input"),
            tuned: self.flag("synthesizer.tuned"),
            corrupt: self.word("synthesizer.corrupt"),
            blank_images: self.number("synthesizer.blank_images"),
            same_question: self.word("synthesizer.same_question"),
            train: self.training("synthesizer.train"),
            temperature: self.number("synthesizer.temperature"),
            top_p: self.number("synthesizer.top_p"),
            min_p: self.number("synthesizer.min_p"),
            repetition_penalty: self.number("synthesizer.repetition_penalty"),
            max_new_tokens: self.integer("synthesizer.max_new_tokens") as usize,
            prompts: self.path("synthesizer.prompts"),
        }
    }
}
