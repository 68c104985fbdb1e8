//! What all makers that ask a model have in common.

use corpus::{Completion, Decoding, Pair, Request};

use crate::mix::SyntheticTask;
use crate::outcome::Outcome;
use crate::prompts::Prompts;

/// What a maker that asks a model is told beside the pairs.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// How answers are drawn.
    pub decoding: &'a Decoding,
    /// The run's seed.
    pub seed: u64,
    /// The key of a record under which passages about the picture stand, as a text or a list.
    pub mentions: &'a str,
    /// The words.
    pub prompts: &'a Prompts,
}

/// Asks a model once for each pair, and reads a conversation out of each answer.
pub trait Asks: Sync {
    /// Whether pictures are sent beside captions.
    fn shows_pictures(&self) -> bool;

    /// Whether it reads passages about the picture.
    fn reads_mentions(&self) -> bool {
        false
    }

    /// The version of its words, which every task names.
    fn version<'a>(&self, prompts: &'a Prompts) -> &'a str;

    /// A request a pair, with the pair's id.
    fn requests(&self, pairs: &[Pair], asking: Asking<'_>) -> Outcome<Request>;

    /// What was written, in the order of the requests; `author` is the model as tasks name it.
    fn tasks(
        &self,
        requests: &[Request],
        completions: &[Completion],
        author: &str,
        prompts: &Prompts,
    ) -> Outcome<SyntheticTask>;
}
