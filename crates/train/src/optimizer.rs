//! AdamW with f32 master weights and moments, one rate a parameter group.

use model::{Mllm, Parameter};
use torch::{AdamW, Kind, Tensor};

use crate::{Config, Error};

/// One trained parameter with its state.
pub(crate) struct Slot {
    pub name: String,
    /// The leaf that the model computes with.
    pub weight: Tensor,
    /// f32: the leaf itself for an f32 model, else a copy of full precision.
    pub master: Tensor,
    pub average: Tensor,
    pub square: Tensor,
    pub step: Tensor,
    rate: f64,
    decay: f64,
}

/// The optimizer.
pub(crate) struct Optimizer {
    pub slots: Vec<Slot>,
    betas: [f64; 2],
    eps: f64,
    max_grad_norm: f64,
}

fn trains(parameter: &Parameter, config: &Config) -> bool {
    let rate = config.learning_rate.of(parameter.group);
    parameter.reachable && rate > 0.0 && !config.freeze.contains(&parameter.group)
}

impl Optimizer {
    /// Marks which parameters take gradients and makes the state of those.
    pub fn new(model: &dyn Mllm, config: &Config) -> Result<Self, Error> {
        let mut slots = Vec::new();
        for parameter in model.parameters() {
            let trained = trains(parameter, config);
            let weight = parameter.tensor.shallow_clone();
            let _ = weight.f_set_requires_grad(trained)?;
            torch::clear_grad(&weight)?;
            if !trained {
                continue;
            }
            // The detached view of an f32 parameter shares its memory, so updating the master updates the model.
            let plain = weight.f_detach()?;
            let master = if plain.kind() == Kind::Float { plain } else { plain.f_to_kind(Kind::Float)? };
            let (average, square) = (master.f_zeros_like()?, master.f_zeros_like()?);
            slots.push(Slot {
                name: parameter.name.clone(),
                weight,
                average,
                square,
                step: Tensor::f_zeros([0_i64; 0], (Kind::Float, master.device()))?,
                master,
                rate: config.learning_rate.of(parameter.group),
                decay: if parameter.decay { config.weight_decay } else { 0.0 },
            });
        }
        Ok(Self { slots, betas: config.betas, eps: config.eps, max_grad_norm: config.max_grad_norm })
    }

    /// The slot whose weight is this tensor (tied weights share memory).
    pub fn slot_of(&self, tensor: &Tensor) -> Option<&Slot> {
        self.slots.iter().find(|s| s.weight.data_ptr() == tensor.data_ptr())
    }

    /// Clips, updates with the given factor of the peak rates, drops the gradients, and gives the norm before clipping.
    pub fn step(&mut self, factor: f64) -> Result<f64, Error> {
        let _guard = torch::no_grad_guard();
        let mut ready: Vec<(&Slot, Tensor)> = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let gradient = slot.weight.f_grad()?;
            if gradient.defined() {
                ready.push((slot, gradient.f_to_kind(Kind::Float)?));
            }
        }
        let gradients: Vec<Tensor> = ready.iter().map(|(_, g)| g.shallow_clone()).collect();
        let norm = torch::foreach_norm(&gradients)?;
        if self.max_grad_norm > 0.0 && norm > self.max_grad_norm {
            // The small term is PyTorch's, so that clipped runs compare.
            torch::foreach_mul(&gradients, self.max_grad_norm / (norm + 1e-6))?;
        }
        let mut sets: Vec<(f64, f64)> = ready.iter().map(|(s, _)| (s.rate, s.decay)).collect();
        sets.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
        sets.dedup();
        for (rate, decay) in sets {
            let members: Vec<&(&Slot, Tensor)> = ready.iter().filter(|(s, _)| (s.rate, s.decay) == (rate, decay)).collect();
            let pick = |f: fn(&Slot) -> &Tensor| members.iter().map(|(s, _)| f(s).shallow_clone()).collect::<Vec<_>>();
            torch::fused_adamw(&AdamW {
                parameters: &pick(|s| &s.master),
                gradients: &members.iter().map(|(_, g)| g.shallow_clone()).collect::<Vec<_>>(),
                averages: &pick(|s| &s.average),
                squares: &pick(|s| &s.square),
                steps: &pick(|s| &s.step),
                learning_rate: rate * factor,
                beta1: self.betas[0],
                beta2: self.betas[1],
                weight_decay: decay,
                epsilon: self.eps,
            })?;
        }
        drop(ready);
        for slot in &self.slots {
            if slot.weight.kind() != Kind::Float {
                slot.weight.f_detach()?.f_copy_(&slot.master)?;
            }
            torch::clear_grad(&slot.weight)?;
        }
        Ok(norm)
    }
}
