//! The settings of a training.

use model::{Group, Lora, Recompute};
use serde::{Deserialize, Serialize};

use crate::OnSpike;
use crate::choices::{Choices, Gradients, Masters, OptimizerDevice, OptimizerState, StateBytes};

/// Peak learning rates by group.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Of the image encoder.
    pub vision_tower: f64,
    /// Of the projector.
    pub projector: f64,
    /// Of the decoder.
    pub language_model: f64,
}

impl Rates {
    /// The same rate everywhere.
    pub fn all(rate: f64) -> Self {
        Self {
            vision_tower: rate,
            projector: rate,
            language_model: rate,
        }
    }

    /// The rate of a group.
    pub fn of(&self, group: Group) -> f64 {
        match group {
            Group::VisionTower => self.vision_tower,
            Group::Projector => self.projector,
            Group::LanguageModel => self.language_model,
        }
    }
}

/// How the learning rate falls after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheduler {
    /// Half a cosine.
    Cosine,
    /// A straight line.
    Linear,
    /// Not at all.
    Constant,
}

/// What becomes of a sample that is longer than `max_seq_len`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TooLong {
    /// Training stops.
    Error,
    /// The end of its text is cut; never an image token.
    TruncateText,
    /// It is left out, with the reason.
    Drop,
}

/// All settings of one training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
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
    /// What is computed again in the backward instead of being kept; it changes no number.
    #[serde(default)]
    pub recompute: Recompute,
    /// In what gradients of a model of half precision are summed.
    #[serde(default, skip_serializing_if = "is_preset")]
    pub gradients: Gradients,
    /// In what moments are kept.
    #[serde(default, skip_serializing_if = "is_preset")]
    pub optimizer_state: OptimizerState,
    /// What is updated in a model of half precision.
    #[serde(default, skip_serializing_if = "is_preset")]
    pub masters: Masters,
    /// Where masters and moments are.
    #[serde(default, skip_serializing_if = "is_preset")]
    pub optimizer_device: OptimizerDevice,
    /// What becomes of a step whose loss or gradient norm is no number or jumps.
    #[serde(default)]
    pub on_spike: OnSpike,
    /// An adapter that is trained instead of the model's own weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora: Option<Lora>,
}

/// Settings that came later are not written where they say what was always done: checkpoints from before stay usable.
fn is_preset<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Config {
    /// Small-model settings that tests and the demo start from.
    pub fn small(rate: f64, batch_size: usize, steps: usize) -> Self {
        Self {
            epochs: 1000.0,
            max_steps: Some(steps),
            batch_size,
            micro_tokens: 2048,
            max_seq_len: 1024,
            too_long: TooLong::Error,
            shuffle: true,
            seed: 0,
            learning_rate: Rates::all(rate),
            freeze: Vec::new(),
            scheduler: Scheduler::Cosine,
            warmup_ratio: 0.05,
            min_lr: 0.05,
            weight_decay: 0.0,
            betas: [0.9, 0.99],
            eps: 1e-8,
            max_grad_norm: 1.0,
            recompute: Recompute::None,
            gradients: Gradients::F32,
            optimizer_state: OptimizerState::F32,
            masters: Masters::F32,
            optimizer_device: OptimizerDevice::Model,
            on_spike: OnSpike::default(),
            lora: None,
        }
    }

    /// What so many trained parameters take beside the weights that the model computes with, where these are in half precision
    /// or in f32. Every parameter counts as a large one ([`OptimizerState::SMALL`]).
    pub fn state_bytes(&self, parameters: u64, is_half: bool) -> StateBytes {
        StateBytes::of(self.choices(), parameters, is_half)
    }

    pub(crate) fn choices(&self) -> Choices {
        Choices {
            gradients: self.gradients,
            optimizer_state: self.optimizer_state,
            masters: self.masters,
            optimizer_device: self.optimizer_device,
        }
    }

    /// Whether parameters of this group are trained. A rate of 0 freezes as well: weight decay is multiplied with it, so
    /// nothing would move.
    pub(crate) fn trains(&self, group: Group) -> bool {
        self.learning_rate.of(group) > 0.0 && !self.freeze.contains(&group)
    }
}
