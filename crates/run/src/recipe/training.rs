//! What a recipe says of one training, in plain types: the trainer has its own, with tensors behind them.

use std::path::PathBuf;

pub use super::fit_choice::FitChoice;
use super::watching::Watching;

/// Keys of a training that change nothing of what it gives: they are in no identity and on no card.
pub const PASSING: [&str; 6] = [
    "save_steps",
    "keep",
    "recompute",
    "fit",
    "tensorboard",
    "sharding",
];

/// Part of the model that a parameter belongs to; learning rates and freezing are given per group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// The image encoder.
    VisionTower,
    /// What maps image features into the language model.
    Projector,
    /// The decoder, its embeddings and its head.
    LanguageModel,
}

corpus::words!(Group {
    VisionTower = "vision_tower",
    Projector = "projector",
    LanguageModel = "language_model",
});

/// Peak learning rates by group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Of the image encoder.
    pub vision_tower: f64,
    /// Of the projector.
    pub projector: f64,
    /// Of the decoder.
    pub language_model: f64,
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheduler {
    /// Half a cosine.
    #[default]
    Cosine,
    /// A straight line.
    Linear,
    /// Not at all.
    Constant,
}

corpus::words!(Scheduler {
    Cosine = "cosine",
    Linear = "linear",
    Constant = "constant",
});

/// What becomes of a sample that is longer than `max_seq_len`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TooLong {
    /// Training stops.
    #[default]
    Error,
    /// The end of its text is cut; never an image token.
    TruncateText,
    /// It is left out, with the reason.
    Drop,
}

corpus::words!(TooLong {
    Error = "error",
    TruncateText = "truncate_text",
    Drop = "drop",
});

/// What a training computes again in the backward instead of keeping it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Recompute {
    /// Nothing.
    #[default]
    None,
    /// Norms, gated products and activations.
    Cheap,
    /// Whole blocks of the model.
    Blocks,
}

corpus::words!(Recompute {
    None = "none",
    Cheap = "cheap",
    Blocks = "blocks",
});

/// In what gradients of a model of half precision are summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Gradients {
    /// Single precision.
    #[default]
    F32,
    /// Half of it, rounded stochastically.
    Bf16,
}

corpus::words!(Gradients {
    F32 = "f32",
    Bf16 = "bf16",
});

/// In what AdamW's moments are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OptimizerState {
    /// Single precision.
    #[default]
    F32,
    /// Half of it, rounded stochastically.
    Bf16,
    /// Blocks of eight-bit numbers with a scale each; small parameters stay in f32.
    EightBit,
}

corpus::words!(OptimizerState {
    F32 = "f32",
    Bf16 = "bf16",
    EightBit = "8bit",
});

/// What is updated in a model of half precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Masters {
    /// A copy of the weights in single precision.
    #[default]
    F32,
    /// The weights themselves, rounded stochastically.
    None,
}

corpus::words!(Masters {
    F32 = "f32",
    None = "none",
});

/// Where masters and moments are kept and updated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OptimizerDevice {
    /// Where the model is.
    #[default]
    Model,
    /// In the host's memory.
    Cpu,
}

corpus::words!(OptimizerDevice {
    Model = "model",
    Cpu = "cpu",
});

/// What each of several processes keeps of the optimizer's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sharding {
    /// Its piece, where all weights are trained; of an adapter, all.
    #[default]
    Auto,
    /// All.
    None,
    /// Its piece.
    Optimizer,
}

corpus::words!(Sharding {
    Auto = "auto",
    None = "none",
    Optimizer = "optimizer",
});

/// What to train with, and how often to save.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// Sample file that is trained on instead of what the stages before made.
    pub data: Option<PathBuf>,
    /// A checkpoint every so many steps; 0 is never.
    pub save_steps: usize,
    /// How many checkpoints are kept.
    pub keep: usize,
    /// Passes over the data.
    pub epochs: f64,
    /// An upper bound of the steps.
    pub max_steps: Option<usize>,
    /// Samples of one optimizer step.
    pub batch_size: usize,
    /// Tokens of one packed microbatch; a longer sample stands alone.
    pub micro_tokens: usize,
    /// The longest sample in tokens, pictures included.
    pub max_seq_len: usize,
    /// What becomes of longer ones.
    pub too_long: TooLong,
    /// Whether every epoch has its own order.
    pub shuffle: bool,
    /// Seed of the order.
    pub seed: u64,
    /// Peak learning rates.
    pub learning_rate: Rates,
    /// Groups that are not trained.
    pub freeze: Vec<Group>,
    /// How the rate falls.
    pub scheduler: Scheduler,
    /// Share of the steps in which the rate rises from 0.
    pub warmup_ratio: f64,
    /// The final rate as a share of the peak.
    pub min_lr: f64,
    /// Decoupled weight decay; not on norms, biases and vectors.
    pub weight_decay: f64,
    /// Decay of AdamW's moments.
    pub betas: [f64; 2],
    /// AdamW's epsilon.
    pub eps: f64,
    /// Gradients are scaled down to this L2 norm; 0 is off.
    pub max_grad_norm: f64,
    /// What is computed again in the backward.
    pub recompute: Recompute,
    /// Whether what is not said below is chosen by the device's memory.
    pub fit: FitChoice,
    /// In what gradients of a model of half precision are summed.
    pub gradients: Gradients,
    /// In what AdamW's moments are kept.
    pub optimizer_state: OptimizerState,
    /// What is updated in a model of half precision.
    pub masters: Masters,
    /// Where masters and moments are kept and updated.
    pub optimizer_device: OptimizerDevice,
    /// What each of several processes keeps of the optimizer's state.
    pub sharding: Sharding,
    /// How it is watched.
    pub watching: Watching,
    /// An adapter that is trained instead of the model's own weights.
    pub lora: Option<Lora>,
}

/// A low-rank adapter.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// Rows of A and columns of B.
    pub rank: i64,
    /// The update is this over the rank, times B(A(x)).
    pub alpha: f64,
    /// Share of A's inputs that is left out while training.
    pub dropout: f64,
    /// Groups, and names of layers or their ends; nothing is the language model.
    pub targets: Vec<String>,
    /// Whether it is alpha over the rank's root.
    pub rslora: bool,
}
