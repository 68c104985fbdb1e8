//! How much is worked on at once: the largest microbatch that a training may meet.

use serde::Serialize;

use super::architecture::{Architecture, Tower};

/// Patches that a microbatch may hold for each of its tokens, as crate `train` packs them.
pub const PATCHES_A_TOKEN: u64 = 2;

/// One microbatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Load {
    /// Tokens of all its samples, pictures included.
    pub tokens: u64,
    /// Of them, those with loss.
    pub learned: u64,
    /// Samples that lie in it.
    pub samples: u64,
    /// Patches that the tower computes.
    pub patches: u64,
    /// Pictures.
    pub pictures: u64,
}

impl Load {
    /// The most that a recipe's `micro_tokens` and `max_seq_len` allow: a longer sample stands alone, pictures fill all the
    /// patches that may be there, and every token is learned.
    pub fn most(model: &Architecture, micro_tokens: u64, longest: u64) -> Self {
        let tokens = micro_tokens.max(longest);
        let mut load = Self {
            tokens,
            learned: tokens,
            // Where there are several, parts of attention's output are put together.
            samples: 2,
            patches: 0,
            pictures: 0,
        };
        let Some(vision) = &model.vision else {
            return load;
        };
        let least = vision.least_patches();
        let room = match vision.tower {
            // Each patch is a token of the text.
            Tower::Tiles { newline: false, .. } => tokens,
            _ => PATCHES_A_TOKEN * micro_tokens,
        };
        // One picture is there whatever its size.
        load.patches = (room / least).max(1) * least;
        load.pictures = match vision.tower {
            Tower::Canvas { .. } => load.patches / least,
            _ => 1,
        };
        load
    }
}
