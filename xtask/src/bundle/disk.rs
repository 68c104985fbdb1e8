//! Sentences for what the disk says when it does not take the set-up.

use std::io::{self, ErrorKind};
use std::path::Path;

/// The disk of this folder is full.
pub fn full_disk(path: &Path) -> String {
    // The staging folder is gone when the user reads this.
    let place = path
        .ancestors()
        .find(|folder| !folder.to_string_lossy().contains(".partial-"))
        .unwrap_or(path);
    format!(
        "the disk of `{}` is full: free 1.1 GB there, or set XDG_CACHE_HOME to a folder on another disk",
        place.display()
    )
}

/// What an error of the file system means for the set-up.
pub fn disk(error: &io::Error, path: &Path) -> anyhow::Error {
    if matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    ) {
        return anyhow::anyhow!(full_disk(path));
    }
    anyhow::anyhow!(
        "cannot write `{}` ({error}): set XDG_CACHE_HOME to a folder that you may write",
        path.display()
    )
}
