//! Texts of the baseline made by a language model.

use serde::{Deserialize, Serialize};

/// Texts of the text-only baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextOnlyPrompts {
    /// Kept in manifests.
    pub version: String,
    /// The task.
    pub system: String,
    /// Places: `{caption}` and `{mentions}`.
    pub request: String,
    /// For each passage; place: `{mention}`.
    pub mention: String,
    /// What begins a question.
    pub question: String,
    /// What begins an answer.
    pub answer: String,
    /// What a model adds for whoever asked it: a last paragraph that begins so belongs to no answer.
    pub closing: Vec<String>,
    /// Worked examples.
    pub examples: Vec<TextOnlyExample>,
    /// Phrases that betray that the answer was read.
    pub betraying: Vec<Betraying>,
    /// What an exchange must not have after that.
    pub reading: ReadingWords,
}

/// A worked example.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextOnlyExample {
    /// The caption.
    pub caption: String,
    /// Passages that mention the picture.
    pub mentions: Vec<String>,
    /// What to write.
    pub conversation: String,
}

/// A phrase and what takes its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Betraying {
    /// In any case.
    pub phrase: String,
    /// Empty to leave it out.
    pub replacement: String,
}

/// Words of someone who reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingWords {
    /// In any case.
    pub words: Vec<String>,
}
