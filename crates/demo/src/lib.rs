//! The demo: from a seed a folder with a base model, image-caption pairs of a domain, seed data, replay, task files, what is
//! true of the pairs, and a recipe that says what to make of them.
//!
//! The pictures are pictograms of [`corpus::pictograms`], and what is said and asked of them is a little world whose truth
//! is known ([`world`]). Nothing here runs a model; the program `demo-base` of this package makes the base model that is
//! shipped, and needs the parts of the library that are no more than data.

pub mod world;

pub mod parts;
pub mod pictures;
pub mod redrawing;

pub mod tasks;
pub mod time;
pub mod truth;

mod domain;
mod duplicates;
mod general;
mod recipe;
mod shipped;

pub use domain::write_domain;
pub use recipe::{QUICK, RECIPE};
pub use shipped::{refresh, write_shipped};
