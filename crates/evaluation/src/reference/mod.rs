//! The scoring rules that the method's authors published, quirks included, so that numbers compare with theirs.
//!
//! Written from the rules as the project's notes describe them, and held to the values that were noted there; where the
//! notes are silent the choice is ours and said so. The `strict` metrics are in [`crate::metrics`].

mod choice;
mod labels;
mod rouge;
mod vqa;

pub use choice::{Chosen, Options, choice};
pub use labels::{ListMetric, list_score, multi_label};
pub use rouge::rouge_l;
pub use vqa::{closed, normalise, open_recall};
