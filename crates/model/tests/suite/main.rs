//! Everything about models that needs more than one module.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod checkpoint;
mod conversions;
mod forward;
mod golden;
mod hostile;
mod memory;
mod patches;
mod recompute;
mod support;
