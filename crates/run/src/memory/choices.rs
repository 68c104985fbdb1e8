//! What a training can do to take less memory, and in which order it is tried.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::device::Device;
pub use crate::recipe::training::{Gradients, Masters, OptimizerDevice, OptimizerState, Recompute};
use crate::recipe::training::{Group, Training};
use crate::recipe::{DeviceKind, Dtype};

/// Small matrices that are trained beside the frozen weights. They are in f32 whatever the model is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lora {
    /// Columns of the first and rows of the second of them.
    pub rank: u64,
    /// What has them: groups, and linear maps by their names, of which the last part counts; the language model where there
    /// are none.
    pub targets: Vec<String>,
}

/// Matrices that are no linear maps, and the head, which takes no adapter by its group.
const NO_TARGETS: [&str; 7] = [
    "embed_tokens",
    "lm_head",
    "patch",
    "position",
    "class",
    "mask",
    "newline",
];

impl Lora {
    /// What a training says of it.
    pub fn of(lora: &crate::recipe::training::Lora) -> Self {
        Self {
            rank: lora.rank.unsigned_abs(),
            targets: lora.targets.clone(),
        }
    }

    /// Its rank.
    pub fn rank(&self) -> u64 {
        self.rank
    }

    /// The maps of a decoder.
    pub const TARGETS: [&str; 7] = [
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    ];

    /// Of this rank beside every linear map of the language model.
    pub fn of_rank(rank: u64) -> Self {
        Self {
            rank,
            targets: Vec::new(),
        }
    }

    /// Whether it is beside a linear map of this group and name.
    pub fn takes(&self, group: Group, part: &str) -> bool {
        let by_group = |group: Group| {
            if self.targets.is_empty() {
                group == Group::LanguageModel
            } else {
                self.targets.iter().any(|target| target == group.as_str())
            }
        };
        let last = |target: &str| target.rsplit('.').next() == Some(part);
        !NO_TARGETS.contains(&part) && by_group(group)
            || self.targets.iter().any(|target| last(target))
    }
}

/// The choices of one training.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// `recompute`.
    pub recompute: Recompute,
    /// `gradients`.
    pub gradients: Gradients,
    /// `optimizer_state`.
    pub optimizer_state: OptimizerState,
    /// `masters`.
    pub masters: Masters,
    /// `optimizer_device`.
    pub optimizer_device: OptimizerDevice,
    /// `lora`.
    pub lora: Option<Lora>,
}

impl Serialize for Choices {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, word) in KEYS.into_iter().zip(self.words()) {
            map.serialize_entry(key, word)?;
        }
        if let Some(lora) = &self.lora {
            map.serialize_entry("lora", lora)?;
        }
        map.end()
    }
}

/// The names of the keys that choices are written to, as they stand in a section of a recipe.
pub const KEYS: [&str; 5] = [
    "recompute",
    "gradients",
    "optimizer_state",
    "masters",
    "optimizer_device",
];

impl Choices {
    /// What a training says.
    pub fn of(training: &Training) -> Self {
        Self {
            recompute: training.recompute,
            gradients: training.gradients,
            optimizer_state: training.optimizer_state,
            masters: training.masters,
            optimizer_device: training.optimizer_device,
            lora: training.lora.as_ref().map(Lora::of),
        }
    }

    /// The words of [`KEYS`], in their order.
    pub fn words(&self) -> [&'static str; 5] {
        [
            self.recompute.as_str(),
            self.gradients.as_str(),
            self.optimizer_state.as_str(),
            self.masters.as_str(),
            self.optimizer_device.as_str(),
        ]
    }

    /// The keys that differ from the presets, each with its word.
    pub fn changed(&self) -> Vec<(&'static str, &'static str)> {
        let presets = Self::default().words();
        let pairs = KEYS.into_iter().zip(self.words()).zip(presets);
        pairs
            .filter(|((_, word), preset)| word != preset)
            .map(|(pair, _)| pair)
            .collect()
    }

    /// The same with another word for one of [`KEYS`]; none where key or word is unknown.
    #[must_use]
    pub fn with(mut self, key: &str, word: &str) -> Option<Self> {
        match key {
            "recompute" => self.recompute = word.parse().ok()?,
            "gradients" => self.gradients = word.parse().ok()?,
            "optimizer_state" => self.optimizer_state = word.parse().ok()?,
            "masters" => self.masters = word.parse().ok()?,
            "optimizer_device" => self.optimizer_device = word.parse().ok()?,
            _ => return None,
        }
        Some(self)
    }

    /// In a few words, as they would stand in a recipe.
    pub fn text(&self) -> String {
        let mut parts: Vec<String> = self
            .changed()
            .into_iter()
            .map(|(key, word)| format!("{key} = \"{word}\""))
            .collect();
        if let Some(lora) = &self.lora {
            parts.push(format!("lora of rank {}", lora.rank));
        }
        if parts.is_empty() {
            "plain".to_owned()
        } else {
            parts.join(", ")
        }
    }

    /// Whether a training ends in the bits that it would end in without them.
    pub fn keep_bits(&self) -> bool {
        let mut others = self.clone();
        others.recompute = Recompute::None;
        others.optimizer_device = OptimizerDevice::Model;
        others == Self::default()
    }

    /// How fast a training is, as a share of the plain one: the product of what each choice takes, by a table and not by
    /// measurement on the device that is planned for.
    pub fn speed(&self) -> f64 {
        let recompute = match self.recompute {
            Recompute::None => 1.0,
            // Less than 2 % of the operations of an 8B model (docs/hardware.md).
            Recompute::Cheap => 0.98,
            // A forward more: 4 of 3 parts.
            Recompute::Blocks => 0.75,
        };
        let place = match self.optimizer_device {
            OptimizerDevice::Model => 1.0,
            // Twice over the bus and an update by the processor, once a step.
            OptimizerDevice::Cpu => 0.95,
        };
        recompute * place
    }
}

/// Every way to train all of a model on a device, in the order in which `Planner::fit` tries them: those that
/// change no bit of the result first, of these the fastest first; then by how much precision is given up, and again by speed.
/// On a processor the host's memory is the device's, and weights in f32 are their own masters, so there are fewer.
pub fn order(device: &Device, dtype: Dtype) -> Vec<Choices> {
    let plain = Choices::default();
    let half = dtype == Dtype::Bf16;
    let mut levels = vec![plain.clone()];
    let gradients = if half {
        Gradients::Bf16
    } else {
        Gradients::F32
    };
    if half {
        levels.push(Choices {
            gradients,
            ..plain.clone()
        });
    }
    for masters in Masters::ALL {
        // The moments follow in the order of what they give up.
        for optimizer_state in [OptimizerState::Bf16, OptimizerState::EightBit] {
            if half || masters == Masters::F32 {
                levels.push(Choices {
                    gradients,
                    optimizer_state,
                    masters,
                    ..plain.clone()
                });
            }
        }
    }
    let mut all = Vec::new();
    for level in levels {
        let mut ways = Vec::new();
        for optimizer_device in OptimizerDevice::ALL {
            // Moments that are smaller are smaller in order to stay on the device.
            let elsewhere = optimizer_device == OptimizerDevice::Cpu;
            let small = level.optimizer_state != OptimizerState::F32;
            if elsewhere && (device.kind == DeviceKind::Cpu || small) {
                continue;
            }
            for recompute in Recompute::ALL {
                ways.push(Choices {
                    recompute,
                    optimizer_device,
                    ..level.clone()
                });
            }
        }
        ways.sort_by(|a, b| b.speed().total_cmp(&a.speed()));
        all.extend(ways);
    }
    all
}

/// The ways to train with LoRA that a plan shows beside: another method, which is never chosen by itself.
pub fn lora_order(rank: u64) -> Vec<Choices> {
    let with = |recompute| Choices {
        recompute,
        lora: Some(Lora::of_rank(rank)),
        ..Choices::default()
    };
    Recompute::ALL.map(with).to_vec()
}
