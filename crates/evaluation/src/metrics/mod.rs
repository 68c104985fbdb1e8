//! Strict scorers: one answer against one label gives a [`Score`]. No task and no model is known here.
//!
//! An answer that cannot be read is wrong, never guessed, and says so. Scorers that copy the published code's
//! behaviour, for comparing numbers, are another module.

mod bleu;
mod choice;
mod cider;
mod closed;
mod confusion;
mod names;
mod normalise;
mod overlap;
mod rouge;
mod short;

use serde::{Deserialize, Serialize};

pub use bleu::Bleu;
pub use choice::{Choices, ChoicesError, choice};
pub use cider::cider;
pub use closed::{read_yes_no, yes_no};
pub use confusion::{ClassScore, Confusion};
pub use names::{Names, list_overlap, top1};
pub use normalise::normalise;
pub use overlap::{Overlap, exact_match, token_overlap};
pub use rouge::{Rouge, rouge_l, rouge_l_best};
pub use short::short_answer;

/// What one answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// 0 to 100.
    pub value: f64,
    /// Whether no answer could be read; the value is then 0.
    pub unreadable: bool,
}

impl Score {
    /// Nothing could be read: wrong, and counted.
    pub const UNREADABLE: Self = Self {
        value: 0.0,
        unreadable: true,
    };

    /// Right is 100, wrong is 0.
    pub fn hit(right: bool) -> Self {
        Self::fraction(if right { 1.0 } else { 0.0 })
    }

    /// A score from a fraction between 0 and 1.
    pub fn fraction(fraction: f64) -> Self {
        Self {
            value: 100.0 * fraction,
            unreadable: false,
        }
    }

    /// Right if what was read is the truth; nothing read is unreadable.
    pub(crate) fn read<T: PartialEq>(read: Option<T>, truth: &T) -> Self {
        read.map_or(Self::UNREADABLE, |read| Self::hit(read == *truth))
    }
}
