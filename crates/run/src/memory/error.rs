//! What can be wrong with a question about memory.

use std::path::PathBuf;

/// Why a plan of memory cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The folder holds no model.
    #[error(
        "`{}` has no `config.json`, which is what a plan is made of; weights are not needed",
        folder.display()
    )]
    NoConfig {
        /// The folder.
        folder: PathBuf,
    },
    /// The configuration cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration is no JSON.
    #[error("`{}` is not valid JSON", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The arithmetic does not know this kind of model.
    #[error("the memory of the model type `{found}` is not known; known are {known}")]
    UnknownFamily {
        /// What `model_type` says.
        found: String,
        /// The names that are known.
        known: String,
    },
    /// A size of the configuration is no size.
    #[error("`{key}` of the model's configuration is {found}, expected a whole number above 0")]
    Size {
        /// Its dotted name.
        key: String,
        /// What stands there.
        found: String,
    },
    /// Sizes of the configuration that do not go together.
    #[error("`{key}` of the model's configuration is {found}, which does not fit `{other}`")]
    Mismatch {
        /// Its dotted name.
        key: String,
        /// What stands there.
        found: u64,
        /// The key that it contradicts.
        other: String,
    },
    /// A device whose size is not understood.
    #[error(
        "`{found}` is no device to plan for; write its memory as `24GB`, several equal ones as `8x80GB`, a machine without a \
         GPU as `host:24GB`, a GPU in a machine of known memory as `24GB+host:64GB`, and several with commas between them"
    )]
    Device {
        /// What was written.
        found: String,
    },
}
