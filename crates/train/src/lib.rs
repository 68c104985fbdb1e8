//! Training: samples become packed microbatches, packed microbatches become steps.
//!
//! [`Trainer`] is a stepper that the program drives: printing, evaluating and saving are calls in the program's loop.
//! One path trains the synthesizer, a judge and the adapted model; they differ in their samples and settings only.

mod checkpoint;
mod config;
mod error;
mod evaluate;
mod loss;
mod optimizer;
mod pack;
mod plan;
mod trainer;

pub use config::{Config, Rates, Scheduler, TooLong};
pub use error::Error;
pub use evaluate::losses;
pub use pack::{Packed, pack};
pub use plan::Plan;
pub use trainer::{Dropped, Metrics, SampleSource, Trainer};
