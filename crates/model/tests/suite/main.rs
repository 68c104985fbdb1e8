//! Everything about models that needs more than one module.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod checkpoint;
mod conversions;
mod forward;
mod golden;
mod hostile;
mod lora;
mod lora_golden;
mod memory;
mod patches;
mod recompute;
mod support;
