//! Who hears how requests are answered.

use run::Stop;
use run::events::Reporter;

/// Who hears how it goes, and who may stop it.
#[derive(Clone, Copy)]
pub struct Progress<'a> {
    /// What is answered, such as `base colour`.
    pub label: &'a str,
    /// Who hears of it.
    pub report: Reporter<'a>,
    /// Whether the run is asked to stop.
    pub stop: Stop<'a>,
}

impl Progress<'_> {
    /// So many are done.
    pub(super) fn tell(&self, done: usize, total: usize) {
        self.report.progress(self.label, done as u64, total as u64);
    }
}
