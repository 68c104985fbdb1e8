#![doc = include_str!("../README.md")]
//!
//! No stage is defined here: crate `pipeline` has them.

#![deny(missing_docs)]

mod error;
pub mod events;
pub mod folder;
pub mod graph;
pub mod grid;
pub mod hub;
pub mod identity;
pub mod launch;
pub mod layout;
pub mod lease;
mod lock;
pub mod looks;
pub mod memory;
pub mod operations;
pub mod plan;
pub mod process;
pub mod recipe;
pub mod run_folder;
pub mod shared_folder;
pub mod spending;
mod stop;
pub mod usage;

pub use error::Error;
pub use folder::{REJECTED, StageFolder, State};
pub use graph::{Graph, Node, Place, Span};
pub use identity::{Basis, Manifest, Reads};
pub use layout::{Layout, Store};
pub use run_folder::RunFolder;
pub use stop::{Stop, Stopped};
