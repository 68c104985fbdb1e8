#![doc = include_str!("../README.md")]
//!
//! One path trains the synthesizer, a judge and the adapted model; they differ in their samples and settings only.

#![deny(missing_docs)]

mod checkpoint;
mod choices;
mod config;
mod error;
mod feed;
mod fit;
mod flops;
mod lora;
mod loss;
mod optimizer;
mod pack;
mod plan;
mod presets;
mod samples;
mod source;
mod spike;
mod state_file;
mod trainer;
mod validation;
mod weights;

pub use choices::{Gradients, Masters, OptimizerDevice, OptimizerState, StateBytes};
pub use config::{Config, Rates, Scheduler, TooLong};
pub use error::Error;
pub use fit::{Dropped, left_out};
pub use lora::prepared;
pub use pack::{Packed, num_learned, pack};
pub use plan::Plan;
pub use samples::Samples;
pub use source::SampleSource;
pub use spike::{OnSpike, Spike};
pub use trainer::{Metrics, Trainer, peak_rss_bytes};
pub use validation::Validation;
