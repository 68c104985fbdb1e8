//! What the readers of rows share beside the rows.

use std::path::Path;

/// Where a row comes from, for its `origin`.
pub(super) struct Origin<'a> {
    pub(super) path: &'a Path,
    pub(super) row: usize,
}

/// Counts of what is worth a note.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) num_made_ids: usize,
    pub(super) num_longer: usize,
}
