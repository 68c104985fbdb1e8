#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod answering;
mod asked;
mod bad_records;
pub mod benchmarks;
pub mod blank;
mod by_likelihood;
mod cards;
mod corruption;
pub mod driver;
pub mod endpoints;
pub mod engine;
pub mod error;
pub mod estimate;
pub mod forecast;
pub mod generation;
mod imbalance;
pub mod lab;
mod length_error;
pub mod likelihood;
pub mod memory;
mod pair_files;
pub mod pictures;
pub mod planner;
pub mod preflight;
mod questions;
pub mod reader;
pub mod records;
mod remote;
pub mod runner;
mod samples;
pub mod settings;
mod sighted;
pub mod sources;
pub mod stage;
pub mod stages;
mod swap;
mod tasks;
mod trained;
mod training;
mod truths;
mod watch_error;

pub use driver::Driver;
pub use engine::Engine;
pub use error::{Error, Result};
pub use stages::Stages;
