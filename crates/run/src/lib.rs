//! A run: its recipe, the graph of its stages with their identities, the folder where results lie, its events, its plan.
//!
//! Takes a recipe and a folder, gives what is to be done and where it goes. No tensors: it loads no model, and no stage is
//! defined here. Crate `pipeline` has the stages.

#![deny(missing_docs)]

mod error;
pub mod events;
pub mod folder;
pub mod graph;
pub mod hub;
pub mod identity;
pub mod plan;
pub mod recipe;
mod stop;

pub use error::Error;
pub use folder::{RunFolder, StageFolder, State};
pub use graph::{Graph, Node, Place, Span};
pub use identity::{Basis, Manifest, Reads};
pub use stop::{Stop, Stopped};
