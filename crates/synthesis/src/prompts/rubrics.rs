//! Texts that grade data.

use serde::{Deserialize, Serialize};

/// Texts of the rubrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RubricPrompts {
    /// Kept with every score.
    pub version: String,
    /// Places: `{instruction}`, `{response}`, `{question}` and `{1}` to `{5}`.
    pub request: String,
    /// Places: `{instruction}`, `{response}`, `{question}` and `{options}`.
    pub classify: String,
    /// Knowledge.
    pub knowledge: Rubric,
    /// Complexity.
    pub complexity: Rubric,
    /// Accuracy.
    pub accuracy: Rubric,
    /// Task types.
    pub task_type: Classes,
    /// Image domains.
    pub image_domain: Classes,
}

/// Five levels, the worst first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rubric {
    /// What the levels answer.
    pub question: String,
    /// What each level means.
    pub levels: [String; 5],
}

/// A list to choose one from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// What is chosen.
    pub question: String,
    /// The choices.
    pub options: Vec<String>,
}
