//! What tokens cost.

use serde::{Deserialize, Serialize};

/// An amount of the currency that prices are in, in units of 10^-12, so that sums are exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub u64);

/// What an answer used, as the endpoint counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens that were read, pictures' included.
    pub prompt_tokens: u64,
    /// Tokens that were written.
    pub completion_tokens: u64,
    /// Of those that were read, how many the endpoint had in its own cache.
    #[serde(default)]
    pub cached_tokens: u64,
}

/// Prices of a model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Of a million tokens that are read.
    pub input: f64,
    /// Of a million tokens that are written.
    pub output: f64,
    /// Of a million read tokens that the endpoint had in its cache; as `input` where it is not given.
    #[serde(default)]
    pub cached_input: Option<f64>,
    /// Of a request, whatever it holds.
    #[serde(default)]
    pub request: f64,
}
