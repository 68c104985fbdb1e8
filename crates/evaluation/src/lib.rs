#![doc = include_str!("../README.md")]
//!
//! [`scoring`] is the heart: predictions of a task in, numbers out. Around it, [`jobs`] finds tasks and their files,
//! [`session`] scores many and writes [`results`], [`systems`] puts several systems beside each other, [`grids`] ways of training
//! over seeds.

#![deny(missing_docs)]

pub mod benchmarks;
pub mod columns;
pub mod contamination;
pub mod grids;
pub mod jobs;
pub mod leaks;
pub use corpus::mersenne;
pub mod metrics;
pub mod predictions;
mod python;
pub mod reference;
pub mod results;
pub mod scored_task;
pub mod scoring;
pub mod session;
pub mod statistics;
pub mod systems;
mod task_score;
pub mod tasks;
mod vqa;

pub use scored_task::ScoredTask;
pub use task_score::{Differences, Paired, TaskScore, against, average, better_of, majority};
