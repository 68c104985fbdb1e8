//! What every family offers: one forward over packed sequences, for training and for generation.
//!
//! Shapes: t packed tokens, d model width, v vocabulary, r hidden rows, f rows of image features.

use processor::ImageInput;
use torch::{Device, Kind, Tensor};

pub use crate::batch::Batch;
pub use crate::cache::{Cache, Pictures};
use crate::error::Error;
pub use crate::parameter::{Group, Parameter};
use crate::patches::Patches;

/// A multimodal LLM.
pub trait Mllm {
    /// Final, normalised hidden states `[t, d]` of a packed batch. With a cache, sequence i of the batch continues
    /// row i of the cache and its keys and values are appended there.
    fn hidden(&self, batch: &Batch, cache: Option<&mut Cache>) -> Result<Tensor, Error>;

    /// Features `[f, d]` of the pictures, one after the other: what takes the place of their image tokens, or what the
    /// cross-attention layers see.
    fn image_features(&self, images: &[ImageInput]) -> Result<Tensor, Error>;

    /// What the vision tower computes for a picture that it can take, and how much of that shows the picture; nothing
    /// without a tower.
    fn patches(&self, image: &ImageInput) -> Patches {
        let _ = image;
        Patches::default()
    }

    /// The head `[v, d]`: logits are `hidden · headᵀ`.
    fn head(&self) -> &Tensor;

    /// All parameters, tied ones once.
    fn parameters(&self) -> &[Parameter];

    /// An empty cache for `rows` sequences of at most `capacity` tokens.
    fn new_cache(&self, rows: usize, capacity: usize) -> Cache;

    /// The longest sequence that the positions allow.
    fn max_positions(&self) -> usize;

    /// Where the weights are.
    fn device(&self) -> Device;

    /// Dtype of the weights.
    fn kind(&self) -> Kind;

    /// The `config.json` that the model was made from, unchanged; empty for one that cannot be saved.
    #[expect(
        clippy::unnecessary_literal_bound,
        reason = "a family returns its own text"
    )]
    fn config_text(&self) -> &str {
        ""
    }
}

/// Logits `[r, v]` of hidden rows `[r, d]`.
pub fn logits(model: &dyn Mllm, hidden: &Tensor) -> Result<Tensor, Error> {
    Ok(torch::linear(hidden, model.head(), None)?)
}

impl std::fmt::Debug for dyn Mllm + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mllm")
            .field("parameters", &self.parameters().len())
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}
