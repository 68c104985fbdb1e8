//! What a training is given, and what it counts.

use std::path::Path;

use run::recipe::Training;

use super::watched::Watched;
use crate::cards::Card;
use crate::sample_set::SampleSet;

/// The name of the unit that a training's progress counts.
pub const STEPS: &str = "steps";

/// The samples of a training, and what was lost of the records that they were made of.
#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    /// The samples.
    pub samples: &'a SampleSet,
    /// Records that were read.
    pub read: usize,
    /// Of these, how many cannot be used.
    pub unusable: usize,
}

/// What a trained model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be asked in conversations, as its base is.
    Conversations,
    /// To write conversations itself, from a bare user header to end-of-text.
    Synthesis,
}

/// What is trained, and how.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// The model folder that it starts from.
    pub base: &'a Path,
    /// What it is given.
    pub data: Data<'a>,
    /// How it trains.
    pub training: &'a Training,
    /// How many tokens it learns, instead of so many epochs.
    pub learns: Option<u64>,
    /// The largest share of records that may be lost (`data.max_bad`).
    pub max_bad: f64,
    /// How it is watched.
    pub watched: &'a Watched,
    /// What the model is for; its folder is made fit for that.
    pub purpose: Purpose,
    /// What the cards beside the model say.
    pub card: &'a Card,
}
