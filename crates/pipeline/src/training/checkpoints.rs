//! The checkpoints of a training in its stage's folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{best, token_counts};
use crate::error::{Error, Result};

/// Removes the checkpoints of a stage that is done, and what else only goes on with them.
pub fn clear(folder: &Path) -> Result<()> {
    clear_leftovers(folder)?;
    let counts = folder.join(token_counts::FILE);
    if counts.exists() {
        fs::remove_file(&counts).map_err(Error::io("remove", &counts))?;
    }
    best::prune(folder, &BTreeSet::new())?;
    prune(folder, 0)
}

/// Removes what an attempt that was killed had only half written: it fills the disk and is read by nobody.
pub fn clear_leftovers(folder: &Path) -> Result<()> {
    let is_half = |name: &str| {
        let ending = Path::new(name).extension().unwrap_or_default();
        name.starts_with("checkpoint-") && (ending == "part" || ending == "old")
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_half(&entry.file_name().to_string_lossy()) {
            let path = entry.path();
            fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    for entry in fs::read_dir(folder.join("model"))
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') && name.ends_with(".partial") {
            let path = entry.path();
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Checkpoints of the folder, the newest last.
pub fn found(folder: &Path) -> Vec<(usize, PathBuf)> {
    let mut found: Vec<(usize, PathBuf)> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((
                name.strip_prefix("checkpoint-")?.parse().ok()?,
                entry.path(),
            ))
        })
        .collect();
    found.sort();
    found
}

/// Removes all checkpoints but the newest `keep`.
pub fn prune(folder: &Path, keep: usize) -> Result<()> {
    let mut all = found(folder);
    all.truncate(all.len().saturating_sub(keep));
    for (_, path) in all {
        fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
    }
    Ok(())
}
