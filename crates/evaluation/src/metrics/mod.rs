//! Strict scorers: one answer against one label gives a [`Score`]. No task and no model is known here.
//!
//! An answer that cannot be read is wrong, never guessed, and says so. Scorers that copy the published code's
//! behaviour, for comparing numbers, are another module.

mod bleu;
mod choice;
mod cider;
mod closed;
mod conclusion;
mod confusion;
mod distinct;
mod names;
mod normalise;
mod overlap;
mod rouge;
mod score;
mod self_bleu;
mod short;

pub use bleu::Bleu;
pub use choice::{Choices, ChoicesError, choice};
pub use cider::cider;
pub use closed::{read_yes_no, yes_no};
pub use conclusion::conclusion;
pub use confusion::{ClassScore, Confusion};
pub use distinct::{Distinct, distinct};
pub use names::{Names, list_overlap, top1};
pub use normalise::normalise;
pub use overlap::{Overlap, exact_match, token_overlap};
pub use rouge::{Rouge, rouge_l, rouge_l_best};
pub use score::Score;
pub use self_bleu::self_bleu;
pub use short::short_answer;
