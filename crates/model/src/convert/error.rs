//! Why a model cannot be converted.

use std::path::PathBuf;

use serde_json::Value;

use super::gguf_error::GgufError;
use super::layout::Layout;
use crate::proof::ProofError;

/// A model that cannot be converted. Hints name the flags of the program.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The output holds something already.
    #[error("`{}` is not empty; name a new folder", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// No conversion goes from one layout to the other.
    #[error(
        "there is no way from that layout to this one; known: open-llava-next to hf and back, gguf to hf, hf to llava"
    )]
    NoWay {
        /// The input's layout.
        from: Layout,
        /// The layout that is asked for.
        to: Layout,
    },
    /// A LLaVA of parts needs two folders.
    #[error("name the folder of the vision tower with `--vision`")]
    NoVision,
    /// A file or folder cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not JSON.
    #[error("`{}` is not valid JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// The language model of a LLaVA of parts is of another kind.
    #[error("`{}` has the model type `{found}`; the language model of a LLaVA is a llama or mistral", folder.display())]
    TextModel {
        /// The folder.
        folder: PathBuf,
        /// What its `config.json` says.
        found: String,
    },
    /// A vision tower is of another kind.
    #[error("`{}` has the model type `{found}`; vision towers are clip, clip_vision_model and dinov2", folder.display())]
    VisionModel {
        /// The folder.
        folder: PathBuf,
        /// What its `config.json` says.
        found: String,
    },
    /// A folder in the original code's layout has a model of another kind.
    #[error("`{}` has the model type `{found}`; the original code's are llava_llama and llava_mistral", folder.display())]
    OriginalModel {
        /// The folder.
        folder: PathBuf,
        /// What its `config.json` says.
        found: String,
    },
    /// A CLIP's `config.json` says nothing of its tower.
    #[error("the vision tower has no configuration")]
    NoVisionConfig {
        /// The folder.
        folder: PathBuf,
    },
    /// The original code's layout knows CLIP alone.
    #[error("`{}` is no CLIP vision tower", folder.display())]
    NotClip {
        /// The folder.
        folder: PathBuf,
    },
    /// The tower was frozen, and lies in a folder of its own that is not named.
    #[error(
        "`{}` holds no vision tower; name its folder with `--vision` ({})",
        folder.display(),
        named.as_deref().unwrap_or("a CLIP ViT-L/14 at 336 pixels")
    )]
    NoTower {
        /// The folder.
        folder: PathBuf,
        /// What its `config.json` calls the tower.
        named: Option<String>,
    },
    /// A tokenizer that only the original code can read.
    #[error(
        "`{}` has no `tokenizer.json`; make one with `AutoTokenizer.from_pretrained(...).save_pretrained(...)` of \
         transformers",
        folder.display()
    )]
    NoTokenizer {
        /// The folder.
        folder: PathBuf,
    },
    /// A setting of the original code that no published model has.
    #[error("`{key}` is `{found}`, which this conversion does not know; known: {}", known.join(", "))]
    Setting {
        /// The key of `config.json`.
        key: &'static str,
        /// What it is.
        found: String,
        /// What it could be.
        known: &'static [&'static str],
    },
    /// The original code's layout holds LLaVA-NeXT alone.
    #[error("only a model of type llava_next can be written in this layout; this one is {found}")]
    NotLlavaNext {
        /// The model type.
        found: Value,
    },
    /// The original code leaves the class token out.
    #[error("`vision_feature_select_strategy` full has no counterpart in this layout")]
    FullFeatures,
    /// The configuration says nothing of the language model.
    #[error("`config.json` has no `text_config`")]
    NoTextConfig,
    /// A GGUF file is of another kind, or lacks something.
    #[error(transparent)]
    Gguf(#[from] GgufError),
    /// Configuration and weights do not make a model.
    #[error("`{}` cannot be converted", input.display())]
    Model {
        /// The input.
        input: PathBuf,
        /// What is wrong.
        source: crate::Error,
    },
    /// A file of weights cannot be read or written.
    #[error(transparent)]
    Weights(#[from] crate::Error),
    /// The settings beside the model cannot be written.
    #[error(transparent)]
    Processor(#[from] processor::Error),
    /// What was written does not compute what the model in memory does.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

impl From<torch::TchError> for ConvertError {
    fn from(error: torch::TchError) -> Self {
        Self::Weights(error.into())
    }
}
