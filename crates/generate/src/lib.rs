//! Generators: requests in, completions out.
//!
//! A generator only continues what it is given. Which requests are made, where completions are stored and what is
//! read out of them is the business of others. [`LocalGenerator`] runs a model of this program with a key-value cache;
//! [`score`] compares given answers instead of writing one.

mod decode;
mod draw;
mod error;
mod local;
mod score;
mod stop;

use corpus::{Completion, Request};

pub use error::Error;
pub use local::{LocalGenerator, Options};
pub use score::score;

/// Completes requests.
pub trait Generator {
    /// Gives every request one completion; a request that fails gets one with the reason and stops nobody else.
    /// An error of `sink` ends the run.
    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), String>,
    ) -> Result<(), Error>;
}
