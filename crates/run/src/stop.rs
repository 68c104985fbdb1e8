//! Being asked to stop: by a signal, or by whoever else sets the flag.

use std::sync::atomic::{AtomicBool, Ordering};

/// The run was asked to stop and did, with everything saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stopped as it was asked to; what is done is saved")]
pub struct Stopped;

/// Whether a run is asked to stop. It is looked at where everything done so far is safe.
#[derive(Clone, Copy, Debug)]
pub struct Stop<'a>(&'a AtomicBool);

impl<'a> Stop<'a> {
    /// Stops once the flag is set.
    pub fn when(flag: &'a AtomicBool) -> Self {
        Self(flag)
    }

    /// An error once the run is asked to stop.
    pub fn check(self) -> Result<(), Stopped> {
        if self.0.load(Ordering::Relaxed) {
            Err(Stopped)
        } else {
            Ok(())
        }
    }

    /// The flag itself, for loops that look at it between two microbatches.
    pub fn flag(self) -> &'a AtomicBool {
        self.0
    }
}
