//! Texts of the maker that asks once for an instruction with its answer.

use serde::{Deserialize, Serialize};

/// Texts of the maker that asks once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OneShotPrompts {
    /// Kept with every task.
    pub version: String,
    /// The system message; none if empty.
    pub system: String,
    /// Place: `{caption}`.
    pub request: String,
    /// What begins the instruction.
    pub question: String,
    /// What begins the answer.
    pub answer: String,
    /// What a model adds for whoever asked it: a last paragraph that begins so belongs to no answer.
    pub closing: Vec<String>,
}
