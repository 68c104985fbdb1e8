#![doc = include_str!("../README.md")]
//!
//! The pictures are pictograms of [`corpus::pictograms`], and what is said and asked of them is a little world whose truth
//! is known ([`world`]). The program `demo-base` of this package makes the base model that is shipped, and needs the parts
//! of the library that are no more than data.

#![deny(missing_docs)]

pub mod world;

pub mod parts;
pub mod pictures;
pub mod redrawing;

pub mod tasks;
pub mod time;
pub mod truth;

mod domain;
mod duplicates;
mod error;
mod general;
mod recipe;
mod shipped;

pub use domain::write_domain;
pub use error::Error;
pub use recipe::{QUICK, RECIPE};
pub use shipped::{BASE_CONFIG, refresh, write_shipped};
