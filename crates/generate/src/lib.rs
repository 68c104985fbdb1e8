#![doc = include_str!("../README.md")]
//!
//! Which requests are made, where completions are stored and what is read out of them is the business of others.

#![deny(missing_docs)]

mod ahead;
mod beginning;
mod beginnings;
mod block;
mod choice;
mod decode;
mod draw;
mod error;
mod generator;
mod likelihood;
mod local;
mod options;
mod phase;
mod repeated;
mod room;
mod score;
mod shown;
mod stop;
mod taken;
mod trunk;

pub use error::Error;
pub use generator::Generator;
pub use likelihood::{Likelihood, Likelihoods, likelihoods};
pub use local::LocalGenerator;
pub use options::Options;
pub use score::{answered, score};
