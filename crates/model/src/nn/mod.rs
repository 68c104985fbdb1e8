//! Layers that several families share. Each takes its tensors from `Weights` by name.

pub mod activation;
pub mod attention;
pub mod clip;
pub mod config;
pub mod cross;
pub mod decoder;
pub mod decoder_config;
pub mod dino;
pub mod feed_forward;
pub mod layers;
pub mod projector;
pub mod rope;
pub mod shared;
