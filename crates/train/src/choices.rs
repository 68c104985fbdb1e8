//! How much memory the optimizer takes for its precision, and where it keeps it.

use serde::{Deserialize, Serialize};
use torch::Kind;
use torch::compact::BLOCK;

use crate::Error;

/// In what the gradients of a model of half precision are summed over microbatches. Those of an f32 model are f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gradients {
    /// Four bytes a parameter.
    #[default]
    F32,
    /// Two bytes; what is added is rounded stochastically, so that small ones are not lost.
    Bf16,
}

/// In what AdamW's two moments are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerState {
    /// Eight bytes a parameter.
    #[default]
    F32,
    /// Four bytes, rounded stochastically.
    Bf16,
    /// Two bytes and a 32nd, rounded stochastically: eight bits each, and a scale for every [`BLOCK`] elements. Parameters of
    /// fewer than [`OptimizerState::SMALL`] elements (norms, biases) stay in f32.
    #[serde(rename = "8bit")]
    EightBit,
}

impl OptimizerState {
    /// Parameters of fewer elements keep f32 moments where others have eight bits.
    pub const SMALL: usize = 4096;
}

/// What is updated in a model of half precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Masters {
    /// A copy of the weights in f32, which is rounded into the model: four bytes a parameter.
    #[default]
    F32,
    /// The model's own weights, rounded stochastically.
    None,
}

/// Where masters and moments are kept and updated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerDevice {
    /// Where the model is.
    #[default]
    Model,
    /// In the host's memory: once a step gradients are copied there and weights back.
    Cpu,
}

/// What each of several processes keeps of the optimizer's state. It is no choice of the function that is trained: a checkpoint
/// of one way is gone on from in the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sharding {
    /// All of it. Gradients are added up over all processes, and each updates all weights.
    #[default]
    None,
    /// A piece of it (ZeRO-2 of Rajbhandari et al., 2020). Each process gets the sum of the gradients of its piece, updates that,
    /// and gives the weights to the others.
    Optimizer,
}

/// All choices but that of sharding, as a checkpoint has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Choices {
    pub gradients: Gradients,
    pub optimizer_state: OptimizerState,
    pub masters: Masters,
    pub optimizer_device: OptimizerDevice,
}

impl Choices {
    /// Errors where a choice would have no effect on weights of these kinds, or two of them cannot be meant.
    pub fn check(self, mut trained: impl Iterator<Item = Kind>) -> Result<(), Error> {
        if self.masters == Masters::None && self.optimizer_device == OptimizerDevice::Cpu {
            return Err(Error::NoMastersElsewhere);
        }
        let has_bf16 = trained.any(|kind| kind == Kind::BFloat16);
        for (key, value, is_plain) in [
            ("gradients", "bf16", self.gradients == Gradients::F32),
            ("masters", "none", self.masters == Masters::F32),
        ] {
            if !is_plain && !has_bf16 {
                return Err(Error::NothingInBf16 { key, value });
            }
        }
        Ok(())
    }

    /// A sentence that names the first key of which `other` says something else.
    pub fn difference(self, other: Self) -> Option<String> {
        let (own, others) = (self.words(), other.words());
        let mut pairs = own.into_iter().zip(others);
        let ((key, here), (_, there)) = pairs.find(|(here, there)| here != there)?;
        Some(format!(
            "it was made with `{key} = \"{there}\"`, and this training has \"{here}\"; train anew, or say what it was made with"
        ))
    }

    /// Keys and values as a recipe has them.
    fn words(self) -> Vec<(String, String)> {
        let value = serde_json::to_value(self).unwrap_or_default();
        let entries = value.as_object().into_iter().flatten();
        entries
            .map(|(key, word)| (key.clone(), word.as_str().unwrap_or_default().to_owned()))
            .collect()
    }
}

/// Bytes that a training keeps beside the weights that the model computes with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateBytes {
    /// Of the copy in full precision.
    pub masters: u64,
    /// Of both moments.
    pub moments: u64,
    /// Of the sum of gradients.
    pub gradients: u64,
}

impl StateBytes {
    pub(crate) fn of(choices: Choices, parameters: u64, is_half: bool) -> Self {
        Self {
            masters: match choices.masters {
                Masters::F32 if is_half => 4 * parameters,
                Masters::F32 | Masters::None => 0,
            },
            moments: match choices.optimizer_state {
                OptimizerState::F32 => 8 * parameters,
                OptimizerState::Bf16 => 4 * parameters,
                OptimizerState::EightBit => {
                    2 * (parameters + 4 * parameters.div_ceil(BLOCK as u64))
                }
            },
            gradients: match choices.gradients {
                Gradients::Bf16 if is_half => 2 * parameters,
                Gradients::F32 | Gradients::Bf16 => 4 * parameters,
            },
        }
    }

    /// All of them.
    pub fn sum(self) -> u64 {
        self.masters + self.moments + self.gradients
    }
}
