//! Generators: requests in, completions out.
//!
//! A generator only continues what it is given. Which requests are made, where completions are stored and what is
//! read out of them is the business of others. [`LocalGenerator`] runs a model of this program with a key-value cache;
//! [`likelihoods`] says how likely given texts are, and [`score`] compares given answers instead of writing one.

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
