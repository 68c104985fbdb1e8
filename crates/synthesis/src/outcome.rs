//! What every step gives.

use corpus::Rejected;

use crate::text;

/// What a step gives: its results, and what it left out with the reason for each.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome<T> {
    /// The results, in the order of the inputs.
    pub items: Vec<T>,
    /// What was left out.
    pub rejected: Vec<Rejected>,
}

impl<T> Default for Outcome<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            rejected: Vec::new(),
        }
    }
}

/// A reject record without a stage, which its caller knows; long details are cut for the reader.
pub(crate) fn reject(id: &str, reason: &str, detail: &str) -> Rejected {
    Rejected {
        id: id.to_owned(),
        stage: String::new(),
        reason: reason.to_owned(),
        detail: text::shortened(detail, 300),
    }
}
