//! What every generator does.

use corpus::{Completion, Request};

use crate::error::Error;

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
