//! What a training counted.

use serde::{Deserialize, Serialize};

/// What a training counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_field_names,
    reason = "`trained on` is what manifests and cards say"
)]
pub struct Trained {
    /// Samples that it was given.
    pub samples: u64,
    /// Of these, how many were trained on.
    #[serde(rename = "trained on")]
    pub trained_on: u64,
    /// Of these, how many no step drew.
    #[serde(rename = "not drawn")]
    pub not_drawn: u64,
    /// Of these, how many were left out.
    pub dropped: u64,
    /// Steps of the optimizer.
    pub steps: u64,
    /// Tokens of all steps.
    pub tokens: u64,
    /// Of these, how many carried loss.
    #[serde(rename = "learned tokens", default)]
    pub learned: u64,
}
