#![doc = include_str!("../README.md")]
//!
//! [`load`] opens a folder, [`fresh`] makes random weights, [`save()`] writes; [`Mllm`] is what every family offers. [`convert`]
//! knows other layouts, [`inspect`] counts, [`proof`] runs what was saved.

#![deny(missing_docs)]

pub mod adapter;
mod batch;
mod cache;
pub mod checkpoint;
pub mod convert;
pub mod error;
pub mod families;
pub mod gguf;
pub mod init;
pub mod inspect;
pub mod mllm;
pub mod nn;
mod parameter;
mod patches;
pub mod proof;
mod recompute;
pub mod save;
pub mod weights;

pub use adapter::Lora;
pub use error::Error;
pub use families::{fresh, load, outline, with_checkpoint};
pub use mllm::{Batch, Cache, Group, Mllm, Parameter, Picture, Pool, Sequence, Slot, logits};
pub use patches::Patches;
pub use recompute::Recompute;
pub use save::{export, save, save_as, save_sharded};
