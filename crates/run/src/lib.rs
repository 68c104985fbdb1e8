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
pub mod looks;
pub mod memory;
pub mod operations;
pub mod plan;
pub mod recipe;
pub mod spending;
mod stop;
pub mod usage;

pub use error::Error;
pub use folder::{REJECTED, RunFolder, StageFolder, State};
pub use graph::{Graph, Node, Place, Span};
pub use identity::{Basis, Manifest, Reads};
pub use layout::{Layout, Store};
pub use stop::{Stop, Stopped};
