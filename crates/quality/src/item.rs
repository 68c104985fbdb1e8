//! A task of a set, in one form for whatever made it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A task about a picture: what is asked and answered, and what is known of where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Says neither set nor maker: a digest of both and of the sample's seed, unique in a sample. Empty before a sample is drawn.
    #[serde(default)]
    pub key: String,
    /// The name of its set.
    pub set: String,
    /// Unique in its set.
    pub id: String,
    /// The pair or picture that it is about: items of one are dependent.
    pub pair: String,
    /// Its pictures, as paths that can be opened; none of a set without pictures.
    #[serde(default)]
    pub images: Vec<PathBuf>,
    /// The picture's caption, where the set has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Requests and responses in order; of a triplet one, with the answer that is trained (joined, unless the run trains one alone).
    pub exchanges: Vec<[String; 2]>,
    /// What a triplet asks, where a template puts other words around it in the exchange.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// Of a triplet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub informative: Option<String>,
    /// Of a triplet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precise: Option<String>,
    /// The data's own name of the kind of task, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Who wrote it: the digest of a model's folder, or the name of a model at its endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Whether a filter kept it, where one judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<bool>,
    /// The filter's probability of consistency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_yes: Option<f64>,
}

impl Item {
    /// Whether it has two answers.
    pub fn is_triplet(&self) -> bool {
        self.informative.is_some() && self.precise.is_some()
    }
}
