//! Bytes of a training by part, for each choice.

use serde::{Deserialize, Serialize};

use super::architecture::Architecture;
use super::choices::{
    Choices, Gradients, Lora, Masters, OptimizerDevice, OptimizerState, lora_order, order,
};
use super::device::{Device, for_tensors};
use super::kept::{Flow, Kept, Numerics, kept, width};
use super::load::Load;
use super::parameters::{Parameter, parameters};
use crate::recipe::training::{Group, Training};
use crate::recipe::{DeviceKind, Dtype};

/// Logits of one piece of the loss may take so many bytes, as crate `train` cuts them.
const LOGITS: u64 = 64 << 20;

/// Values that share a scale in moments of 8 bits.
const SCALED: u64 = 256;

/// Parameters of fewer values keep moments in f32, as crate `train` says.
const SMALL: u64 = 4096;

/// A rank that a plan shows LoRA with where a recipe says none.
pub const RANK: u64 = 16;

/// Bytes at the largest moment of a training, by part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Of the weights, small matrices of LoRA among them.
    pub weights: u64,
    /// Sums of gradients, and those that wait to be added to them.
    pub gradients: u64,
    /// Moments and masters.
    pub state: u64,
    /// What forwards keep for their backwards.
    pub activations: u64,
    /// What comes and goes besides.
    pub workspace: u64,
    /// Bytes of moments and masters that lie in the host's memory beside all that.
    pub host: u64,
}

impl Needs {
    /// Bytes on the device.
    pub fn total(&self) -> u64 {
        self.weights + self.gradients + self.state + self.activations + self.workspace
    }
}

/// Answers what trainings of one model take.
#[derive(Clone, Debug)]
pub struct Planner {
    model: Architecture,
    parameters: Vec<Parameter>,
    dtype: Dtype,
    freeze: Vec<Group>,
    /// The largest microbatch.
    pub load: Load,
}

/// One way to train and what it takes.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What is chosen.
    pub choices: Choices,
    /// Among how many devices optimizer state and gradients are parted; 1 for none.
    pub shards: u64,
    /// Bytes by part.
    pub needs: Needs,
    /// Bytes in all on the device.
    pub total: u64,
    /// Whether that is within what the device gives to tensors, and what lies in the host's memory within what that gives.
    pub fits: bool,
    /// As a share of the plain way's speed.
    pub speed: f64,
}

impl Planner {
    /// For a model with so wide weights, frozen groups and microbatches.
    pub fn new(model: Architecture, dtype: Dtype, freeze: &[Group], load: Load) -> Self {
        Self {
            parameters: parameters(&model),
            model,
            dtype,
            freeze: freeze.to_vec(),
            load,
        }
    }

    /// For the training of a recipe.
    pub fn of_training(model: Architecture, dtype: Dtype, training: &Training) -> Self {
        let rate = &training.learning_rate;
        let still = |group: &Group| {
            let rate = match group {
                Group::VisionTower => rate.vision_tower,
                Group::Projector => rate.projector,
                Group::LanguageModel => rate.language_model,
            };
            // As the optimizer says: a rate of 0 freezes as well.
            rate <= 0.0 || training.freeze.contains(group)
        };
        let freeze: Vec<Group> = Group::ALL.into_iter().filter(still).collect();
        let load = Load::most(
            &model,
            training.micro_tokens as u64,
            training.max_seq_len as u64,
        );
        Self::new(model, dtype, &freeze, load)
    }

    /// Parameters of a group.
    pub fn parameters_of(&self, group: Group) -> u64 {
        let own = self.parameters.iter().filter(|p| p.group == group);
        own.map(Parameter::count).sum()
    }

    /// All parameters, without those of LoRA.
    pub fn num_parameters(&self) -> u64 {
        self.parameters.iter().map(Parameter::count).sum()
    }

    /// Parameters that an optimizer moves.
    pub fn trained(&self, lora: Option<&Lora>) -> u64 {
        if let Some(lora) = lora {
            return self.lora_parameters(lora);
        }
        let own = self.parameters.iter().filter(|p| self.trains(p));
        own.map(Parameter::count).sum()
    }

    fn trains(&self, parameter: &Parameter) -> bool {
        parameter.reachable && !self.freeze.contains(&parameter.group)
    }

    /// Values of both small matrices beside each target.
    fn lora_parameters(&self, lora: &Lora) -> u64 {
        let is_target = |p: &&Parameter| p.inputs > 1 && lora.takes(p.group, p.part);
        let targets = self.parameters.iter().filter(is_target);
        targets.map(|p| lora.rank * (p.inputs + p.outputs)).sum()
    }

    /// Whether something of a group is trained.
    fn moves(&self, group: Group, lora: Option<&Lora>) -> bool {
        match lora {
            None => !self.freeze.contains(&group),
            Some(lora) => (self.parameters.iter())
                .any(|p| p.group == group && p.inputs > 1 && lora.takes(group, p.part)),
        }
    }

    /// Whether the head takes a gradient of its own, in f32.
    fn trains_head(&self, lora: Option<&Lora>) -> bool {
        lora.is_none() && !self.freeze.contains(&Group::LanguageModel)
    }

    /// What a choice takes on a device of this kind, its optimizer state parted among `shards`. Gradients are summed whole in each
    /// until the step ends.
    pub fn needs(&self, choices: &Choices, kind: DeviceKind, shards: u64) -> Needs {
        let numerics = Numerics {
            dtype: self.dtype,
            kind,
        };
        let s = numerics.width();
        let lora = choices.lora.as_ref();
        let trained = self.trained(lora);
        let own = lora.map_or(0, |lora| self.lora_parameters(lora));
        let state = self.state(choices, trained) / shards;
        let on_host = kind == DeviceKind::Gpu && choices.optimizer_device == OptimizerDevice::Cpu;
        let sums = self.gradient_sums(choices, trained);
        let moment = self.largest(choices, numerics);
        Needs {
            weights: s * self.num_parameters() + 4 * own,
            gradients: sums + moment.gradients,
            state: if on_host { 0 } else { state },
            activations: moment.activations,
            workspace: moment.workspace,
            host: if on_host { state } else { 0 },
        }
    }

    /// Moments and masters of so many parameters.
    fn state(&self, choices: &Choices, trained: u64) -> u64 {
        let moments = match choices.optimizer_state {
            OptimizerState::F32 => 8 * trained,
            OptimizerState::Bf16 => 4 * trained,
            OptimizerState::EightBit => {
                let small = self.small(choices.lora.as_ref());
                let large = trained - small;
                8 * small + 2 * (large + 4 * large.div_ceil(SCALED))
            }
        };
        let has_masters =
            self.dtype == Dtype::Bf16 && choices.masters == Masters::F32 && choices.lora.is_none();
        moments + if has_masters { 4 * trained } else { 0 }
    }

    /// Values of trained parameters that are too small for moments of 8 bits.
    fn small(&self, lora: Option<&Lora>) -> u64 {
        if lora.is_some() {
            return 0;
        }
        let own = self.parameters.iter().filter(|p| self.trains(p));
        let counts = own.map(Parameter::count);
        counts.filter(|&count| count < SMALL).sum()
    }

    /// Sums that are held from microbatch to microbatch.
    fn gradient_sums(&self, choices: &Choices, trained: u64) -> u64 {
        let each = match choices.gradients {
            Gradients::Bf16 if choices.lora.is_none() => 2,
            Gradients::F32 | Gradients::Bf16 => 4,
        };
        // The head's is in f32 and apart from the embedding's, be they one weight or not.
        let head = self.model.text.vocabulary * self.model.text.width;
        let apart = match (self.trains_head(choices.lora.as_ref()), self.model.tied) {
            (false, _) => 0,
            (true, true) => 4 * head,
            (true, false) => (4 - each) * head,
        };
        each * trained + apart
    }

    /// The largest of the moments of a microbatch that is not the first of its step.
    fn largest(&self, choices: &Choices, numerics: Numerics) -> Moment {
        let s = numerics.width();
        let lora = choices.lora.as_ref();
        let text = &self.model.text;
        let (t, d) = (self.load.tokens, text.width);
        let flow = Flow {
            tower: self.moves(Group::VisionTower, lora),
            projector: self.moves(Group::Projector, lora),
        };
        let kept: Kept = kept(&self.model, &self.load, numerics, flow, lora);
        let recompute = choices.recompute;
        // Gradients in half precision lie at the weights until the microbatch is done; those in f32 are added where they lie.
        let waits = numerics.dtype == Dtype::Bf16 && lora.is_none();
        let waiting = |counts: u64| if waits { s * counts } else { 0 };
        let (in_text, embedding) = self.leaves(lora);
        let in_vision = self.trained(lora) - in_text - embedding - self.head_alone(lora);
        let rows = 2 * s * self.load.learned * d;
        let mut moments = vec![
            // The loss, or the last layer's backward, when all is kept.
            Moment {
                gradients: 0,
                activations: kept.of_text(recompute) + kept.of_tower(recompute),
                workspace: rows
                    + self
                        .loss(numerics, self.trains_head(lora))
                        .max(kept.text_moment(recompute)),
            },
            // The tower's backward begins; what goes to the embedding waits, or has been there.
            Moment {
                gradients: waiting(in_text),
                activations: kept.of_tower(recompute),
                workspace: rows + s * t * d + kept.tower_moment(recompute),
            },
            // The embedding's gradient is there.
            Moment {
                gradients: waiting(in_text + in_vision),
                activations: 0,
                workspace: rows + s * t * d + s * embedding,
            },
        ];
        if waits {
            moments.push(self.collecting(choices));
            // The head's gradient joins sums in half precision as a copy.
            if choices.gradients == Gradients::Bf16 {
                moments.push(Moment {
                    gradients: s * self.head_alone(lora),
                    ..Moment::default()
                });
            }
        }
        let largest = moments.into_iter().max_by_key(Moment::total);
        largest.unwrap_or_default()
    }

    /// Gradients that a backward leaves at weights of the language model, but for head and embedding; and the embedding's.
    fn leaves(&self, lora: Option<&Lora>) -> (u64, u64) {
        if let Some(lora) = lora {
            return (self.lora_parameters(lora), 0);
        }
        let own = self.parameters.iter().filter(|p| self.trains(p));
        let (mut layers, mut embedding) = (0, 0);
        for parameter in own.filter(|p| p.group == Group::LanguageModel) {
            match parameter.part {
                "embed_tokens" => embedding += parameter.count(),
                "lm_head" => {}
                _ => layers += parameter.count(),
            }
        }
        (layers, embedding)
    }

    /// The head's parameters where it is trained and no embedding.
    fn head_alone(&self, lora: Option<&Lora>) -> u64 {
        if self.trains_head(lora) && !self.model.tied {
            self.model.text.vocabulary * self.model.text.width
        } else {
            0
        }
    }

    /// Gradients in half precision are added to their sums one after the other, to those in f32 each as a copy.
    fn collecting(&self, choices: &Choices) -> Moment {
        let s = width(self.dtype);
        let copied = match choices.gradients {
            Gradients::F32 => 4,
            Gradients::Bf16 => 0,
        };
        let own = self.parameters.iter().filter(|p| self.trains(p));
        let own = own.filter(|p| p.part != "lm_head");
        let mut waiting: Vec<u64> = own.map(Parameter::count).collect();
        waiting.reverse();
        // From the last one on, what is still there grows.
        let mut left = 0;
        let moments = waiting.into_iter().map(|count| {
            left += s * count;
            Moment {
                gradients: left,
                activations: 0,
                workspace: copied * count,
            }
        });
        moments.max_by_key(Moment::total).unwrap_or_default()
    }

    /// The largest moment of the loss: logits of some rows, and with a trained head its gradient of those rows.
    fn loss(&self, numerics: Numerics, trains_head: bool) -> u64 {
        let s = numerics.width();
        let text = &self.model.text;
        let (v, d) = (text.vocabulary, text.width);
        let rows = (LOGITS / (4 * v)).max(1).min(self.load.learned);
        let product = if trains_head { s * v * d } else { 0 };
        let scaled = s * rows * d;
        match numerics.kind {
            // A product in half precision is added to a sum in f32 through a copy of it in f32.
            DeviceKind::Cpu => {
                let copy = if s == 4 { 0 } else { 2 * product };
                s * rows * v + product + copy + scaled
            }
            // In f32, and once more inside of the sum over a row's exponentials. Weights in f32 add in place.
            DeviceKind::Gpu => {
                let product = if s == 4 { 0 } else { product };
                (8 * rows * v).max(s * rows * v + product + scaled)
            }
        }
    }

    /// One way on a device.
    pub fn row(&self, choices: Choices, device: &Device, shards: u64) -> Row {
        let needs = self.needs(&choices, device.kind, shards);
        let total = needs.total();
        let host = device.host.map_or(u64::MAX, for_tensors);
        Row {
            shards,
            total,
            fits: total <= device.for_tensors() && needs.host * device.count <= host,
            speed: choices.speed(),
            choices,
            needs,
        }
    }

    /// Every way on a device in the order of [`order`], then with LoRA, then those of all weights with the optimizer's state parted among
    /// several devices.
    pub fn rows(&self, device: &Device, lora: Option<&Lora>) -> Vec<Row> {
        let rank = lora.map_or(RANK, |lora| lora.rank);
        let mut with_lora = lora_order(rank);
        for choices in &mut with_lora {
            if let Some(lora) = lora {
                choices.lora = Some(lora.clone());
            }
        }
        let ways = order(device, self.dtype);
        let single = ways.iter().cloned().chain(with_lora);
        let mut rows: Vec<Row> = single.map(|one| self.row(one, device, 1)).collect();
        if device.count > 1 {
            let plain = |one: &&Choices| {
                one.lora.is_none() && one.optimizer_device == OptimizerDevice::Model
            };
            let parted = ways.iter().filter(plain).cloned();
            rows.extend(parted.map(|one| self.row(one, device, device.count)));
        }
        rows
    }

    /// The dtype of the weights.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }
}

/// Bytes at one moment beside weights, state and sums.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    gradients: u64,
    activations: u64,
    workspace: u64,
}

impl Moment {
    fn total(&self) -> u64 {
        self.gradients + self.activations + self.workspace
    }
}
