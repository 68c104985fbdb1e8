//! What can go wrong while training.

use std::path::PathBuf;

use torch::OutOfMemory;

/// An error of training.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing to train on.
    #[error("there are no samples to train on")]
    NoSamples,
    /// A sample could not be prepared.
    #[error("sample `{id}`: {problem}")]
    Sample {
        /// Its id.
        id: String,
        /// What was wrong.
        problem: String,
    },
    /// A sample does not fit.
    #[error(
        "sample `{id}` has {found} tokens, more than `max_seq_len` = {limit}; raise it, or set `too_long` to \
         `truncate_text` or `drop`"
    )]
    TooLong {
        /// Its id.
        id: String,
        /// Its length after image expansion.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// Loss or gradient norm of a step are no numbers, or jump. The weights are those before the step.
    #[error(
        "step {step} has loss {loss} and gradient norm {grad_norm}: {why}; its samples are {}; {}",
        named(samples),
        remedy(*skipped)
    )]
    Spike {
        /// The step.
        step: usize,
        /// Its loss.
        loss: f64,
        /// Its norm before clipping.
        grad_norm: f64,
        /// What was found.
        why: String,
        /// Ids of the samples of its batch.
        samples: Vec<String>,
        /// Batches that were left out before.
        skipped: usize,
    },
    /// Samples that the loss is to be watched on have no learned token that fits.
    #[error("no sample of the validation has a learned token within `max_seq_len`")]
    NothingToValidate,
    /// Every parameter is frozen.
    #[error(
        "every parameter is frozen; leave a group out of `freeze` or give one a `learning_rate` above 0"
    )]
    NothingTrained,
    /// A choice for weights in bf16, of which none is trained.
    #[error(
        "`{key} = \"{value}\"` would have no effect: it is for weights in bf16, and those that are trained are in f32"
    )]
    NothingInBf16 {
        /// `gradients` or `masters`.
        key: &'static str,
        /// What it says.
        value: &'static str,
    },
    /// Weights that are updated in place, and elsewhere.
    #[error(
        "`masters = \"none\"` updates the model's own weights where they are, and `optimizer_device = \"cpu\"` keeps masters in \
         the host's memory; leave one of them out"
    )]
    NoMastersElsewhere,
    /// The caller asked to stop before the step was finished.
    #[error("stopped on the way to step {step}")]
    Stopped {
        /// The step that was not finished.
        step: usize,
    },
    /// A process of the training failed, and so the step or the checkpoint of all did. This process is as it was before it.
    #[error("the process of rank {rank} failed: {problem}")]
    Elsewhere {
        /// Its rank.
        rank: usize,
        /// What it says.
        problem: String,
    },
    /// Processes that are to train together were not given the same.
    #[error(
        "the process of rank {rank} has other {what} than that of rank 0; give all processes the same recipe and data"
    )]
    Unlike {
        /// The first one that differs.
        rank: usize,
        /// `settings or samples`, or `costs of samples`.
        what: &'static str,
    },
    /// A process is gone or silent. Weights and state may be between two steps: go on from a checkpoint.
    #[error("the processes lost each other, since one has ended or was silent for too long: {0}")]
    Collective(torch::Error),
    /// An adapter's state is small, and is not shared out.
    #[error("`sharding = \"optimizer\"` cannot be used with `lora`; set `sharding = \"none\"`")]
    ShardedAdapter,
    /// There was no memory for a tensor. The weights are those before the step.
    #[error(transparent)]
    OutOfMemory(torch::OutOfMemory),
    /// The model refused.
    #[error(transparent)]
    Model(model::Error),
    /// libtorch refused.
    #[error("libtorch: {0}")]
    Torch(torch::Error),
    /// A file could not be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A checkpoint that cannot be gone on from.
    #[error("checkpoint `{}` cannot be used: {problem}", path.display())]
    Checkpoint {
        /// Its folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

/// Samples that a message names.
const NAMED: usize = 8;

fn named(samples: &[String]) -> String {
    let first = samples.iter().take(NAMED);
    let first: Vec<String> = first.map(|id| format!("`{id}`")).collect();
    match samples.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

fn remedy(skipped: usize) -> String {
    if skipped == 0 {
        return "lower the learning rate, check weights and data, or leave such batches out with `on_spike = \"skip\"`"
            .to_owned();
    }
    format!(
        "{skipped} batches were left out before, so lower the learning rate, or check weights and data"
    )
}

impl From<torch::TchError> for Error {
    fn from(error: torch::TchError) -> Self {
        torch::Error::from(error).into()
    }
}

impl From<torch::Error> for Error {
    fn from(error: torch::Error) -> Self {
        OutOfMemory::of(&error.0).map_or(Self::Torch(error), Self::OutOfMemory)
    }
}

impl From<model::Error> for Error {
    fn from(error: model::Error) -> Self {
        OutOfMemory::of(&error.to_string()).map_or(Self::Model(error), Self::OutOfMemory)
    }
}
