//! The weights of the best step, apart from the checkpoints: nothing can be gone on from them.
//!
//! A checkpoint is gone on from with what was the best when it was made, so the weights of that step stay as long as the
//! checkpoint does.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use corpus::sealed::{read_sealed, write_sealed};
use serde::{Deserialize, Serialize};
use train::Trainer;

use crate::error::{Error, Result};

const FOLDER: &str = "checkpoint-best-";
const WEIGHTS: &str = "weights.safetensors";
const NOTE: &str = "best.json";

#[derive(Serialize, Deserialize)]
struct Note {
    step: usize,
    /// SHA-256 of the file.
    weights: String,
}

/// Writes the weights as they are: beside their place, then renamed.
pub fn save(trainer: &Trainer<'_>, folder: &Path, step: usize) -> Result<()> {
    let place = place(folder, step);
    let mut aside = place.clone().into_os_string();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    remove(&aside)?;
    fs::create_dir_all(&aside).map_err(Error::io("make", &aside))?;
    let weights = trainer.save_weights(&aside.join(WEIGHTS))?;
    write_sealed(&aside.join(NOTE), &Note { step, weights })?;
    remove(&place)?;
    fs::rename(&aside, &place).map_err(Error::io("write", &place))
}

/// The file of a step's weights, or what is wrong with it.
pub fn sound(folder: &Path, step: usize) -> Result<PathBuf, String> {
    let place = place(folder, step);
    let told = |what: &str| format!("the weights of step {step}, the best until then, are {what}");
    let note: Note = read_sealed(&place.join(NOTE)).ok_or_else(|| told("missing"))?;
    let file = place.join(WEIGHTS);
    match corpus::digest::file(&file) {
        Ok(found) if found == note.weights && note.step == step => Ok(file),
        _ => Err(told("damaged")),
    }
}

/// Removes all weights of best steps but those of these steps.
pub fn prune(folder: &Path, kept: &BTreeSet<usize>) -> Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(step) = name.strip_prefix(FOLDER) else {
            continue;
        };
        let is_kept = step.parse().is_ok_and(|step| kept.contains(&step));
        if !is_kept {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn place(folder: &Path, step: usize) -> PathBuf {
    folder.join(format!("{FOLDER}{step}"))
}

fn remove(path: &Path) -> Result<()> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(Error::io("remove", path))?;
    }
    Ok(())
}
