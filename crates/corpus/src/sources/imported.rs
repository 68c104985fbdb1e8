//! What reading a data set gives.

use std::collections::BTreeMap;

use crate::Rejected;

/// What a source gave.
#[derive(Debug, Default)]
pub struct Imported<T> {
    /// Records, paths of pictures as from where the program runs.
    pub rows: Vec<T>,
    /// Seed data alone: a tenth of each task, kept for validation.
    pub dev: Vec<T>,
    /// What was left out.
    pub rejected: Vec<Rejected>,
    /// Counts, by task for seed data.
    pub counts: BTreeMap<String, usize>,
    /// Seed data alone: pictures by image domain, [`domain`](super::domain) of their task.
    pub domains: BTreeMap<String, usize>,
    /// Where a count is not the published one.
    pub warnings: Vec<String>,
}

impl<T> Imported<T> {
    pub(super) fn new() -> Self {
        Self {
            rows: Vec::new(),
            dev: Vec::new(),
            rejected: Vec::new(),
            counts: BTreeMap::new(),
            domains: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    pub(super) fn reject(&mut self, id: &str, reason: &str, detail: impl Into<String>) {
        self.rejected.push(Rejected {
            id: id.to_owned(),
            stage: "read".to_owned(),
            reason: reason.to_owned(),
            detail: detail.into(),
        });
    }

    /// Warns if there are not about as many as were published.
    pub(super) fn expect(&mut self, what: &str, found: usize, low: usize, high: usize) {
        if !(low..=high).contains(&found) {
            let range = if low == high {
                low.to_string()
            } else {
                format!("{low} to {high}")
            };
            self.warnings.push(format!(
                "{found} {what} where {range} were published; is the file complete"
            ));
        }
    }
}
