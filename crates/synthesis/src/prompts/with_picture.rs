//! Texts of the baseline made by a multimodal model.

use serde::{Deserialize, Serialize};

/// Texts of the baseline that sees the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithPicturePrompts {
    /// Kept in manifests.
    pub version: String,
    /// The system message; none if empty.
    pub system: String,
    /// Places: `{caption}` and `{setting}`.
    pub request: String,
    /// What begins a question.
    pub question: String,
    /// What begins an answer.
    pub answer: String,
    /// What a model adds for whoever asked it: a last paragraph that begins so belongs to no answer.
    pub closing: Vec<String>,
    /// One is drawn for each pair.
    pub settings: Vec<String>,
}
