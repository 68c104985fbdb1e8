//! Benchmark tasks, metrics and statistics. No tensors, no models.
//!
//! Takes answers beside their labels, gives scores from 0 to 100 with intervals. It runs no model and prints nothing.

pub mod benchmarks;
pub mod contamination;
pub use corpus::mersenne;
pub mod metrics;
pub mod predictions;
mod python;
pub mod questions;
pub mod reference;
pub mod scoring;
pub mod statistics;
mod task_score;
pub mod tasks;
mod vqa;

pub use task_score::{Paired, TaskScore, average, majority};
