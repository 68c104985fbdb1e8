#![doc = include_str!("../README.md")]
//!
//! Which requests are made, where completions are stored and what is read out of them is the business of others.

#![deny(missing_docs)]

mod decode;
mod draw;
mod error;
mod generator;
mod likelihood;
mod local;
mod score;
mod stop;

pub use error::Error;
pub use generator::Generator;
pub use likelihood::{Likelihood, likelihoods};
pub use local::{LocalGenerator, Options};
pub use score::{answered, score};
