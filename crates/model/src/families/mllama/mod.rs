//! Llama 3.2 Vision: a tower on up to four tiles with embeddings of their arrangement, global layers over all tiles, the
//! outputs of chosen layers beside the last one, and a Llama decoder with gated cross-attention layers.
//! Follows `transformers` 5.17.0, `MllamaForConditionalGeneration`.

pub mod config;
pub mod cross_mask;
pub mod model;
pub mod tower;

pub use config::Config;
pub use model::Mllama;
