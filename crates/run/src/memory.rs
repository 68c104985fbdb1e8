//! The memory of a training, by arithmetic: from a model's `config.json` and a recipe's numbers, without weights and without a
//! tensor library.
//!
//! ```
//! use run::memory::{Architecture, Choices, Device, Load, Planner};
//! use run::recipe::Dtype;
//!
//! let config = serde_json::json!({
//!     "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
//!     "num_attention_heads": 4, "vocab_size": 1000,
//! });
//! let model = Architecture::of_config(&config)?;
//! let load = Load::most(&model, 1024, 512);
//! let planner = Planner::new(model, Dtype::F32, &[], load);
//! let device: Device = "24GB".parse()?;
//! let row = planner.row(Choices::default(), &device, 1);
//! assert!(row.fits && row.total > row.needs.weights);
//! # Ok::<(), run::memory::MemoryError>(())
//! ```

mod architecture;
mod choices;
mod device;
mod error;
mod fit;
mod kept;
mod load;
mod parameters;
mod planner;

pub use architecture::{Architecture, Text, Tower, Vision};
pub use choices::{
    Choices, Gradients, KEYS, Lora, Masters, OptimizerDevice, OptimizerState, Recompute, order,
};
pub use device::{Device, for_tensors};
pub use error::MemoryError;
pub use fit::{Fit, NothingFits, Said};
pub use kept::{Block, Flow, Kept, Numerics, kept};
pub use load::{Load, PATCHES_A_TOKEN};
pub use parameters::{Parameter, parameters};
pub use planner::{Needs, Planner, RANK, Row};

#[cfg(test)]
mod tests;
