//! A training that learns as many tokens as another recipe's.

use run::StageFolder;

use crate::error::{Error, Result};
use crate::trained::Trained;

/// What a training is matched with: the trainings of an adapted model in the same store.
#[derive(Clone, Debug)]
pub struct Matched {
    /// The keys of these trainings: what they learn follows from them.
    pub keys: Vec<String>,
    /// Where they lie.
    pub folders: Vec<StageFolder>,
}

impl Matched {
    /// Tokens that the other trainings learned in all.
    ///
    /// Gives [`Error::NoManifest`] and [`Error::Counts`].
    pub fn learned(&self) -> Result<u64> {
        let mut learned = 0;
        for folder in &self.folders {
            let stage = folder.stage.clone();
            let Some(manifest) = folder.manifest() else {
                return Err(Error::NoManifest { stage });
            };
            let counts: Trained = serde_json::from_value(manifest.counts)
                .map_err(|source| Error::Counts { stage, source })?;
            learned += counts.learned;
        }
        Ok(learned)
    }
}
