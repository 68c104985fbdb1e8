//! Everything about models that needs more than one module.

mod checkpoint;
mod common;
mod forward;
mod golden;
