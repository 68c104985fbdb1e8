//! A new recipe from three answers.

use std::path::{Path, PathBuf};

use super::keys::DEMO;
use super::resolution::{Surroundings, resolve};

/// What is asked for, in the order of [`Answers::new`].
pub const QUESTIONS: [&str; 3] = [
    "The general model (a Hugging Face folder, or `demo` for the shipped toy)",
    "Your image-caption pairs (a file or folder in any layout)",
    "A tuned synthesizer's folder or a file of seed data (`none` with `demo`)",
];

/// Why no recipe is made of the answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NewError {
    /// One of the two answers that every recipe needs is empty.
    #[error("a recipe needs a model and pairs")]
    NoModelOrPairs,
    /// Only the demo base comes with seed data.
    #[error(
        "a model of your own needs a tuned synthesizer or seed data to tune one from it; name its folder or file"
    )]
    NoSynthesizer,
    /// What the recipe would have against it.
    #[error("the recipe would have errors:\n  {}", .0.join("\n  "))]
    Wrong(Vec<String>),
}

/// What a new recipe is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    checkpoint: String,
    pairs: String,
    synthesizer: String,
}

impl Answers {
    /// Answers to [`QUESTIONS`], as they would stand in the recipe.
    pub fn new([checkpoint, pairs, synthesizer]: [String; 3]) -> Result<Self, NewError> {
        if checkpoint.is_empty() || pairs.is_empty() {
            return Err(NewError::NoModelOrPairs);
        }
        Ok(Self {
            checkpoint,
            pairs,
            synthesizer,
        })
    }

    /// What is named and does not lie below the recipe's folder yet: what it is, and where it would lie.
    pub fn missing(&self, folder: &Path) -> Vec<(&'static str, PathBuf)> {
        [
            ("model", &self.checkpoint),
            ("pairs", &self.pairs),
            ("synthesizer", &self.synthesizer),
        ]
        .into_iter()
        .filter(|(_, name)| *name != DEMO && *name != "none" && !name.is_empty())
        .map(|(what, name)| (what, folder.join(name)))
        .filter(|(_, path)| !path.exists())
        .collect()
    }

    /// The commented text of the recipe that will lie in `folder`.
    pub fn recipe(&self, folder: &Path, surroundings: &Surroundings) -> Result<String, NewError> {
        if self.has_no_synthesizer() && self.checkpoint != DEMO {
            return Err(NewError::NoSynthesizer);
        }
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let source = if self.has_no_synthesizer() {
            "# The synthesizer is tuned from the demo base on the shipped seed data.\n# checkpoint = \"models/my-synthesizer\"\n"
                .to_owned()
        } else if folder.join(&self.synthesizer).is_dir() {
            format!(
                "# Already tuned; then nothing is tuned.\ncheckpoint = {}\n",
                quoted(&self.synthesizer)
            )
        } else {
            format!(
                "# Seed data that it is tuned on.\nseed_data = {}\n",
                quoted(&self.synthesizer)
            )
        };
        let text = format!(
            "# Every other key has a preset; `adamllm recipe explain` prints each with where it comes from.\n\
             # Paths are relative to this file's folder.\n\n\
             [model]\n# The general model that is adapted: a Hugging Face folder, or \"demo\".\ncheckpoint = {}\n\n\
             [data]\n# Image-caption pairs; `adamllm inspect data` shows what is in them.\npairs = {}\n\
             # Where the file has other names for its keys:\n# columns = {{ image = \"photo\", caption = \"title\" }}\n\
             # The share kept for evaluation; pairs of one group stay together.\nheld_out = 0.1\n\n\
             [synthesizer]\n{source}\n\
             [train]\n# Passes over the data, and the global batch in samples (paper, table 10).\nepochs = 1.0\nbatch_size = 128\n\
             # A checkpoint every so many steps; a run that is stopped goes on from the last.\nsave_steps = 500\n",
            quoted(&self.checkpoint),
            quoted(&self.pairs),
        );
        let text = if self.checkpoint == DEMO {
            // The presets of the demo fit its toy model; the paper's would not.
            let at = text.find("[train]").unwrap_or(text.len());
            format!(
                "{}# With the demo base, the presets of tuning, filter and training fit a toy model.\n",
                &text[..at]
            )
        } else {
            text
        };
        resolve(&text, &[], folder, surroundings).map_err(NewError::Wrong)?;
        Ok(text)
    }

    fn has_no_synthesizer(&self) -> bool {
        self.synthesizer.is_empty() || self.synthesizer == "none"
    }
}
