//! What somebody said of an item.

use serde::{Deserialize, Serialize};

use crate::aspect::Aspect;

/// On what a rater goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    /// A model judges.
    Model,
    /// A person judges.
    Person,
    /// What is true of the pair is known.
    Truth,
}

corpus::words!(Ground {
    Model = "model",
    Person = "person",
    Truth = "truth",
});

/// Who rates.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rater {
    /// On what.
    pub ground: Ground,
    /// A model's name, or how a person calls themself.
    pub name: String,
}

/// One value that a rater gave an aspect of an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// [`Item::key`](crate::Item::key).
    pub key: String,
    /// Of what.
    pub aspect: Aspect,
    /// On the aspect's scale, from 1. None: asked, and nothing that can be read was said.
    pub value: Option<usize>,
    /// Which time the same was asked, from 0: a model is asked twice, with the order turned round.
    #[serde(default)]
    pub pass: usize,
    /// Where among the items of one request it stood, from 0.
    #[serde(default)]
    pub position: usize,
}
