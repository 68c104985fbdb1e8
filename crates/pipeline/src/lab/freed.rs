//! Weights of finished stages that were removed to save disk. The stage stays done for all that is made from it already;
//! what is added later does it again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use corpus::sealed::{read_sealed, write_sealed};
use run::{Manifest, StageFolder, State};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The note in a stage's folder of what was removed from it.
const NOTE: &str = ".freed.json";

#[derive(Serialize, Deserialize)]
struct Freed {
    files: BTreeSet<String>,
}

/// What was removed from a stage's folder; none where nothing was.
fn noted(folder: &Path) -> Option<BTreeSet<String>> {
    let freed: Option<Freed> = read_sealed(&folder.join(NOTE));
    freed.map(|freed| freed.files)
}

/// The manifest of a stage that is done, and whether its weights were removed since.
pub(super) fn done(folder: &StageFolder, state: &State) -> Option<(Box<Manifest>, bool)> {
    let found = match state {
        State::Done(manifest) => return Some((manifest.clone(), false)),
        State::Damaged(found) => found,
        _ => return None,
    };
    let freed = noted(&folder.path)?;
    let lost: BTreeSet<&str> = found.iter().map(|name| name.trim_matches('`')).collect();
    let is_freed = |name: &&str| freed.contains(*name) && !folder.path.join(name).exists();
    let manifest = folder.manifest()?;
    lost.iter()
        .all(is_freed)
        .then(|| (Box::new(manifest), true))
}

/// Removes the weights that a finished stage made; gives how many bytes that freed.
///
/// Gives [`Error::Io`] and [`Error::Corpus`].
pub(super) fn free(folder: &StageFolder, manifest: &Manifest) -> Result<u64> {
    let weights = manifest.outputs.keys();
    let weights: BTreeSet<String> = weights
        .filter(|name| {
            Path::new(name)
                .extension()
                .is_some_and(|e| e == "safetensors")
        })
        .cloned()
        .collect();
    if weights.is_empty() || noted(&folder.path).is_some() {
        return Ok(0);
    }
    // The note comes first: weights that are gone without one are damage.
    let note = Freed {
        files: weights.clone(),
    };
    write_sealed(&folder.path.join(NOTE), &note)?;
    let mut bytes = 0;
    for path in weights.iter().map(|name| folder.path.join(name)) {
        bytes += fs::metadata(&path).map_or(0, |found| found.len());
        remove(&path)?;
    }
    Ok(bytes)
}

/// Forgets that weights were removed, before the stage makes them again. Gives [`Error::Io`].
pub(super) fn forget(folder: &Path) -> Result<()> {
    remove(&folder.join(NOTE))
}

fn remove(path: &PathBuf) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
