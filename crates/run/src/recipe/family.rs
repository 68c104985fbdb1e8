//! The model families of the paper's table 10: each has a column of settings, and a checkpoint's `config.json` says which
//! is its own.

use std::path::Path;

use serde_json::Value;

/// A column of table 10, by the `model_type` of its checkpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// LLaVA-v1.6.
    LlavaNext,
    /// Qwen2-VL.
    Qwen2Vl,
    /// Llama 3.2 Vision.
    Mllama,
}

corpus::words!(Family {
    LlavaNext = "llava_next",
    Qwen2Vl = "qwen2_vl",
    Mllama = "mllama",
});

impl Family {
    /// What the column's head says.
    pub fn in_paper(self) -> &'static str {
        match self {
            Self::LlavaNext => "LLaVA-v1.6-8B",
            Self::Qwen2Vl => "Qwen2-VL-2B",
            Self::Mllama => "Llama-3.2-11B",
        }
    }
}

/// The `model_type` of a folder's `config.json`.
pub(super) fn model_type(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("config.json")).ok()?;
    let config: Value = serde_json::from_str(&text).ok()?;
    Some(config["model_type"].as_str()?.to_owned())
}

/// What a model's folder says of its family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// It is of this family.
    Is(Family),
    /// Table 10 has no column for this `model_type`; the settings of this family are the nearest.
    Near(Family, String),
    /// Nothing, for this reason.
    Nothing(String),
}

impl Found {
    /// Reads `config.json` of a folder, which may hold nothing else.
    pub fn in_folder(folder: &Path) -> Self {
        let path = folder.join("config.json");
        let Ok(text) = std::fs::read_to_string(&path) else {
            return Self::Nothing(format!("`{}` is not there", path.display()));
        };
        let config: Value = match serde_json::from_str(&text) {
            Ok(config) => config,
            Err(error) => {
                return Self::Nothing(format!("`{}` is not valid JSON: {error}", path.display()));
            }
        };
        match config["model_type"].as_str() {
            // LLaVA-v1.5 has the same parts, and its code became that of v1.6.
            Some(other @ "llava") => Self::Near(Family::LlavaNext, other.to_owned()),
            Some(name) => match name.parse() {
                Ok(family) => Self::Is(family),
                Err(_) => Self::Nothing(format!(
                    "table 10 of the paper has no column for the model type `{name}` of `{}`",
                    path.display()
                )),
            },
            None => Self::Nothing(format!("`{}` has no `model_type`", path.display())),
        }
    }
}
