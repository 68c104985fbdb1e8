//! LoRA (Hu et al. 2021; the scale of rsLoRA, Kalajdzievski 2023): two small matrices beside frozen linear layers, equal to
//! those of `peft` 0.21.
//!
//! [`adapt`] puts a new adapter on a model and [`adapted`] one from a folder; both share the model's tensors. [`save`] writes
//! `peft`'s folder, [`merged`] adds the update to the weights.

pub mod dropout;
pub mod error;
pub(crate) mod fingerprint;
pub mod folder;
pub(crate) mod layer;
pub mod lora;
pub mod merge;
pub mod peft;
pub mod put;
pub(crate) mod source;

pub use dropout::{Draw, Dropping};
pub use error::AdapterError;
pub use folder::{save, save_with};
pub use lora::Lora;
pub use merge::merged;
pub use peft::CONFIG;
pub use put::{adapt, adapted, dropping, has_adapter, is_folder, layers};
pub use source::WEIGHTS;
