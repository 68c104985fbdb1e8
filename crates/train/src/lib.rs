#![doc = include_str!("../README.md")]
//!
//! One path trains the synthesizer, a judge and the adapted model; they differ in their samples and settings only.

#![deny(missing_docs)]

mod balance;
mod checkpoint;
mod choices;
mod config;
mod error;
mod exchange;
mod feed;
mod fit;
mod flops;
mod lora;
mod loss;
mod metrics;
mod microbatches;
mod optimizer;
mod pack;
mod plan;
mod presets;
mod ranks;
mod samples;
mod shards;
mod source;
mod spike;
mod state_file;
mod taken;
mod trainer;
mod validation;
mod weights;

pub use choices::{Gradients, Masters, OptimizerDevice, OptimizerState, Sharding, StateBytes};
pub use config::{Config, Rates, Scheduler, TooLong};
pub use error::Error;
pub use fit::{Dropped, left_out};
pub use lora::prepared;
pub use metrics::{Metrics, peak_rss_bytes};
pub use pack::{Packed, num_learned, pack};
pub use plan::Plan;
pub use ranks::Ranks;
pub use samples::Samples;
pub use source::SampleSource;
pub use spike::{OnSpike, Spike};
pub use trainer::Trainer;
pub use validation::Validation;
