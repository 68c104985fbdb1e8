//! LLaVA-NeXT (LLaVA-v1.6): a CLIP tower on any-resolution tiles, a two-layer projector, a Llama decoder.
//! Follows `transformers` 5.17.0, `LlavaNextForConditionalGeneration`.

pub mod config;
pub mod model;
pub mod tiles;

pub use config::Config;
pub use model::LlavaNext;
