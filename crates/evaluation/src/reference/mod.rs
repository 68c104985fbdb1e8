//! Scorers that reproduce the published evaluation code to the digit, accidents included, so that numbers can be
//! compared with the paper's. For any other purpose use [`metrics`](crate::metrics).
//!
//! What is reproduced: the VQA metrics of LLaVA-Med v1.0.0, MMMU's option parser as the method's authors changed it,
//! their multi-label matching, and the `rouge` package 1.0.1, all as run by CPython 3.10. The behaviour was taken down
//! as rules and is checked against values that the published code gave.

mod choice;
mod labels;
mod rouge;
mod vqa;

pub use choice::{Chosen, choice};
pub use labels::{ListMetric, list_score, multi_label};
pub use rouge::rouge_l;
pub use vqa::{closed, normalise, open_recall};
