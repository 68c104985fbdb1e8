//! Vision towers, projectors, decoders and the MLLM families made of them; Hugging Face checkpoints in and out.

pub mod error;
pub mod mllm;

pub use error::Error;
pub use mllm::{Batch, Cache, Group, Mllm, Parameter};
