//! Layers that several families share. Each takes its tensors from `Weights` by name.

pub mod activation;
pub mod attention;
pub mod clip;
pub mod config;
pub mod decoder;
pub mod layers;
pub mod rope;
