//! LLaVA with one tile a picture (LLaVA-v1.5): a CLIP or DINOv2 tower, a two-layer projector, a Llama decoder.
//! Follows `transformers` 5.17.0, `LlavaForConditionalGeneration`.

pub mod config;
pub mod model;

pub use config::{Config, TowerConfig};
pub use model::Llava;
