//! Which way to train fits a device: the first of a fixed order.

use super::choices::{Choices, KEYS, Lora, Masters, OptimizerDevice, lora_order, order};
use super::device::Device;
use super::planner::{Planner, RANK, Row};
use crate::plan::bytes;
use crate::recipe::training::Sharding;

/// What a recipe says of its choices.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The present word of each of [`KEYS`].
    pub choices: Choices,
    /// Those of the keys that may not be changed: a recipe sets them, or nothing reads them.
    pub fixed: Vec<&'static str>,
    /// What each of several processes keeps of the optimizer's state.
    pub sharding: Sharding,
}

impl Said {
    /// Among how many devices a choice parts the optimizer's state.
    pub fn shards(&self, device: &Device, choices: &Choices) -> u64 {
        if self.sharding == Sharding::None || choices.lora.is_some() {
            1
        } else {
            device.count
        }
    }
}

/// The way that is taken.
#[derive(Clone, Debug)]
pub struct Fit {
    /// What is chosen, and what it takes.
    pub row: Row,
    /// The way before it in the order that takes least; none where the first fits.
    pub better: Option<Row>,
}

/// Why there is no way.
#[derive(Clone, Debug)]
pub struct NothingFits {
    /// The way that takes least.
    pub least: Row,
    /// A way with LoRA that would fit.
    pub lora: Option<Row>,
    /// Whether weights, gradients and state alone would fit, so that a smaller microbatch may help.
    pub microbatch_helps: bool,
}

/// The ways of the order that say what a recipe says.
fn allowed(planner: &Planner, device: &Device, said: &Said) -> Vec<Choices> {
    let words = said.choices.words();
    let mut all: Vec<Choices> = Vec::new();
    for mut choices in order(device, planner.dtype()) {
        for (key, word) in KEYS.into_iter().zip(words) {
            if said.fixed.contains(&key)
                && let Some(changed) = choices.clone().with(key, word)
            {
                choices = changed;
            }
        }
        choices.lora.clone_from(&said.choices.lora);
        // Weights cannot be updated in place and elsewhere.
        let clash =
            choices.masters == Masters::None && choices.optimizer_device == OptimizerDevice::Cpu;
        if !clash && !all.contains(&choices) {
            all.push(choices);
        }
    }
    all
}

impl Planner {
    /// The first way of the order that fits the device.
    pub fn fit(&self, device: &Device, said: &Said) -> Result<Fit, Box<NothingFits>> {
        let ways = allowed(self, device, said);
        let mut before: Vec<Row> = Vec::new();
        for choices in ways {
            let shards = said.shards(device, &choices);
            let row = self.row(choices, device, shards);
            if row.fits {
                let better = before.into_iter().min_by_key(|row| row.total);
                return Ok(Fit { row, better });
            }
            before.push(row);
        }
        let least = before.into_iter().min_by_key(|row| row.total);
        let least = least.unwrap_or_else(|| self.row(said.choices.clone(), device, 1));
        let with_lora = lora_order(RANK)
            .into_iter()
            .map(|one| self.row(one, device, 1));
        let lora = if said.choices.lora.is_some() {
            None
        } else {
            with_lora.into_iter().find(|row| row.fits)
        };
        let needs = &least.needs;
        let held = needs.weights + needs.gradients + needs.state;
        Err(Box::new(NothingFits {
            microbatch_helps: held < device.for_tensors(),
            least,
            lora,
        }))
    }
}

impl Fit {
    /// What was chosen and why, in one sentence.
    pub fn text(&self, device: &Device) -> String {
        let room = bytes(device.for_tensors());
        let needs = told(&self.row);
        match &self.better {
            None => format!(
                "{} needs {needs}, and {device} gives tensors {room}",
                self.row.choices.text()
            ),
            Some(better) => format!(
                "{} needs {needs}, and {device} gives tensors {room}; of the ways before it the smallest ({}) needs {}",
                self.row.choices.text(),
                better.choices.text(),
                told(better)
            ),
        }
    }
}

/// What a way needs, in words.
fn told(row: &Row) -> String {
    match row.needs.host {
        0 => bytes(row.total),
        host => format!("{} and {} of the host", bytes(row.total), bytes(host)),
    }
}

impl NothingFits {
    /// What does not fit and what would, in one sentence; `section` is the training's part of the recipe.
    pub fn text(&self, section: &str, device: &Device) -> String {
        let mut would = Vec::new();
        if let Some(row) = &self.lora {
            let rank = row.choices.lora.as_ref().map_or(RANK, Lora::rank);
            let recompute = match row.choices.changed().first() {
                Some((key, word)) => format!(" and `{section}.{key} = \"{word}\"`"),
                None => String::new(),
            };
            would.push(format!(
                "LoRA, which is another method, with {} (write `[{section}.lora]` and below it `rank = {rank}`{recompute})",
                told(row)
            ));
        }
        would.push(format!(
            "a device of {} or more (and a `model.memory` of as much, where a recipe says it)",
            bytes(needed(&self.least))
        ));
        if self.microbatch_helps {
            would.push(format!(
                "perhaps a smaller `{section}.micro_tokens` and `{section}.max_seq_len`, which bound the {} of activations",
                bytes(self.least.needs.activations)
            ));
        }
        format!(
            "`[{section}]` has no way that fits: the smallest ({}) needs {}, and {device} gives tensors {}; what would fit: {}; \
             `{section}.fit = \"off\"` trains as the recipe says and refuses nothing",
            self.least.choices.text(),
            told(&self.least),
            bytes(device.for_tensors()),
            would.join(", or ")
        )
    }
}

/// The memory in all of a device that would do.
fn needed(row: &Row) -> u64 {
    let mut total = row.total;
    while super::device::for_tensors(total) < row.total {
        // The share is a tenth, so that a few steps do.
        total += total / 100 + 1;
    }
    total
}
