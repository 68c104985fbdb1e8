//! Texts that grade data.

use serde::{Deserialize, Serialize};

/// Texts of the rubrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RubricPrompts {
    /// Kept with every score.
    pub version: String,
    /// One task. Places: `{task}`, `{question}`, `{options}` and `{form}`.
    pub one: String,
    /// Several tasks. Places: `{count}`, `{tasks}`, `{question}`, `{options}` and `{form}`.
    pub group: String,
    /// What stands above each of several tasks. Place: `{number}`.
    pub heading: String,
    /// What is judged. Places: `{instruction}` and `{response}`.
    pub exchange: String,
    /// A triplet whose answers are judged together. Places: `{instruction}`, `{informative}` and `{precise}`.
    pub answers: String,
    /// What is asked for where there are levels.
    pub level: String,
    /// What is asked for where there is a list.
    pub entry: String,
    /// What is asked for where it is yes or no.
    pub word: String,
    /// Knowledge.
    pub knowledge: Rubric,
    /// Complexity.
    pub complexity: Rubric,
    /// Accuracy.
    pub accuracy: Rubric,
    /// Consistency.
    pub consistency: YesNo,
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

/// What yes and no mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YesNo {
    /// What they answer.
    pub question: String,
    /// What yes means.
    pub yes: String,
    /// What no means.
    pub no: String,
}
