//! Training: samples become packed microbatches, packed microbatches become steps.
//!
//! [`Trainer`] is a stepper that the program drives: printing, evaluating and saving are calls in the program's loop.
//! One path trains the synthesizer, a judge and the adapted model; they differ in their samples and settings only.

#![deny(missing_docs)]

mod checkpoint;
mod config;
mod error;
mod feed;
mod loss;
mod optimizer;
mod pack;
mod plan;
mod state_file;
mod trainer;

pub use config::{Config, Rates, Scheduler, TooLong};
pub use error::Error;
pub use feed::{Dropped, SampleSource, left_out};
pub use pack::{Packed, pack};
pub use plan::Plan;
pub use trainer::{Metrics, Trainer, peak_rss_bytes};
