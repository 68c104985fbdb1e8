//! `state.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::choices::Choices;
use crate::fit::Dropped;
use crate::spike;

/// What one process writes, and what several do. Before version 2 all was in f32, and no choices were noted.
pub(super) const OF_ONE: u32 = 2;
pub(super) const OF_SEVERAL: u32 = 3;
const OLDEST: u32 = 1;
pub(super) const OPTIMIZER: &str = "optimizer.safetensors";
pub(super) const STATE: &str = "state.json";

/// What a file has of the optimizer's state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub file: String,
    /// For each parameter of which it has something, the first element and the one after the last.
    pub ranges: BTreeMap<String, [usize; 2]>,
}

/// `state.json`: the state beside the checksum of its own text.
#[derive(Serialize, Deserialize)]
pub(super) struct Sealed {
    pub sha256: String,
    pub state: State,
}

#[derive(Serialize, Deserialize)]
pub(super) struct State {
    pub version: u32,
    /// Optimizer steps done.
    pub step: usize,
    pub plan: String,
    /// The CPU generator of libtorch, in hexadecimal.
    pub generator: String,
    /// Updates done of each trained parameter.
    pub updates: BTreeMap<String, u32>,
    pub dropped: Vec<Dropped>,
    /// Absent in version 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choices: Option<Choices>,
    #[serde(default, skip_serializing_if = "spike::Watch::is_new")]
    pub spikes: spike::Watch,
    /// What each file has of the optimizer's state, where several processes wrote it; absent where one file has all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// SHA-256 of every other file.
    pub files: BTreeMap<String, String>,
}

impl State {
    pub fn sealed(self) -> Sealed {
        Sealed {
            sha256: self.digest(),
            state: self,
        }
    }

    fn digest(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        corpus::digest::bytes(text.as_bytes())
    }
}

/// The state of a checkpoint folder and the checksum of its text, or what is wrong with it.
pub(super) fn read_state(folder: &Path) -> Result<Sealed, String> {
    let text = fs::read_to_string(folder.join(STATE))
        .map_err(|e| format!("`{STATE}` cannot be read ({e})"))?;
    let sealed: Sealed =
        serde_json::from_str(&text).map_err(|e| format!("`{STATE}` does not parse ({e})"))?;
    if sealed.state.digest() != sealed.sha256 {
        return Err(damaged(STATE));
    }
    if !(OLDEST..=OF_SEVERAL).contains(&sealed.state.version) {
        return Err(format!(
            "it has version {}, this program knows {OLDEST} to {OF_SEVERAL}",
            sealed.state.version
        ));
    }
    Ok(sealed)
}

pub(super) fn damaged(name: &str) -> String {
    format!("`{name}` does not have its checksum; it is damaged, so go on from an earlier one")
}
