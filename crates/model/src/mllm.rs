//! What every family offers: one forward over packed sequences, for training and for generation.
//!
//! Shapes: t packed tokens, d model width, v vocabulary, r hidden rows, f rows of image features.

use processor::ImageInput;
use torch::{Device, Kind, Tensor, no_grad_guard};

pub use crate::batch::{Batch, Picture};
pub use crate::cache::{Cache, Pool, SeenPictures, Sequence, Slot};
use crate::error::Error;
pub use crate::parameter::{Group, Parameter};

/// A multimodal LLM.
pub trait Mllm {
    /// Final, normalised hidden states `[t, d]` of a packed batch. With a cache, sequence i of the batch continues
    /// row i of the cache and its keys and values are appended there. After an error rows with new pictures are to be cleared; the others hold what they held.
    fn hidden(&self, batch: &Batch, cache: Option<&mut Cache>) -> Result<Tensor, Error>;

    /// Features `[f, d]` of the pictures, one after the other: what takes the place of their image tokens, or what the
    /// cross-attention layers see.
    fn image_features(&self, images: &[ImageInput]) -> Result<Tensor, Error>;

    /// Pictures as [`Batch::pictures`] takes them. No gradient flows.
    fn pictures(&self, images: &[ImageInput]) -> Result<Vec<Picture>, Error> {
        let _guard = no_grad_guard();
        let counts: Vec<i64> = images.iter().map(|i| i.num_tokens as i64).collect();
        let features = self.image_features(images)?;
        let found = features.size()[0];
        let tokens: i64 = counts.iter().sum();
        if found != tokens {
            return Err(Error::ImageTokens {
                tokens: tokens as usize,
                features: found as usize,
                images: images.len(),
            });
        }
        let picture = |part: Tensor| {
            // A copy, so that no picture holds on to its neighbours' memory.
            let mut features = part.f_empty_like()?;
            features.f_copy_(&part)?;
            let layers = Vec::new();
            Ok(Picture { features, layers })
        };
        let parts = features.f_split_with_sizes(&counts, 0)?;
        parts.into_iter().map(picture).collect()
    }

    /// The head `[v, d]`: logits are `hidden · headᵀ`.
    fn head(&self) -> &Tensor;

    /// All parameters, tied ones once.
    fn parameters(&self) -> &[Parameter];

    /// Room for `slots` sequences of at most `capacity` tokens, to be wiped slot by slot before it is used.
    fn new_pool(&self, slots: usize, capacity: usize) -> Pool;

    /// An empty cache for `rows` sequences of at most `capacity` tokens.
    fn new_cache(&self, rows: usize, capacity: usize) -> Cache {
        let pool = self.new_pool(rows, capacity);
        for (keys, values) in &pool.layers {
            for stored in [keys, values] {
                let _ = stored.shallow_clone().zero_();
            }
        }
        Cache::of(vec![pool])
    }

    /// Whether tokens before a picture see it too, as in Llama 3.2: then a beginning can be run for several sequences only
    /// where all their pictures are in it.
    fn sees_ahead(&self) -> bool {
        false
    }

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
    Ok(hidden.f_linear(model.head(), None::<Tensor>)?)
}

impl std::fmt::Debug for dyn Mllm + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mllm")
            .field("parameters", &self.parameters().len())
            .field("kind", &self.kind())
            .finish_non_exhaustive()
    }
}
