//! AdamW (Loshchilov and Hutter, 2019) with f32 master weights, moments and gradient sums, one rate a parameter group.

use model::{Mllm, Parameter};
use torch::{AdamW, Kind, Tensor};

use crate::{Config, Error};

/// One trained parameter with its state.
pub(crate) struct Slot {
    /// The published name.
    pub name: String,
    /// The leaf that the model computes with.
    pub weight: Tensor,
    /// f32: the leaf itself for an f32 model, else a copy of full precision.
    pub master: Tensor,
    pub average: Tensor,
    pub square: Tensor,
    /// Updates done, a zero-dimensional f32.
    pub step: Tensor,
    /// f32 gradient beside what lies at the leaf.
    sum: Option<Tensor>,
    rate: f64,
    decay: f64,
}

impl Slot {
    fn is_own_master(&self) -> bool {
        self.weight.kind() == Kind::Float
    }

    fn add(&mut self, gradient: Tensor) -> Result<(), Error> {
        match &mut self.sum {
            Some(sum) => drop(sum.f_add_(&gradient)?),
            None => self.sum = Some(gradient),
        }
        Ok(())
    }

    /// Moves the leaf's gradient into the sum.
    fn collect(&mut self) -> Result<(), Error> {
        let gradient = self.weight.f_grad()?;
        if gradient.defined() {
            torch::clear_grad(&self.weight)?;
            self.add(gradient.f_to_kind(Kind::Float)?)?;
        }
        Ok(())
    }
}

/// The optimizer.
pub(crate) struct Optimizer {
    pub slots: Vec<Slot>,
    betas: [f64; 2],
    eps: f64,
    max_grad_norm: f64,
}

/// With an adapter nothing but that is trained.
fn trains(parameter: &Parameter, config: &Config) -> bool {
    let is_asked = config.lora.is_some() == parameter.adapter.is_some();
    is_asked && parameter.reachable && config.trains(parameter.group)
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
            let master = weight.f_detach()?.f_to_kind(Kind::Float)?;
            slots.push(Slot {
                name: parameter.name.clone(),
                average: master.f_zeros_like()?,
                square: master.f_zeros_like()?,
                step: Tensor::f_zeros([0_i64; 0], (Kind::Float, master.device()))?,
                sum: None,
                rate: config.learning_rate.of(parameter.group),
                decay: if parameter.decay {
                    config.weight_decay
                } else {
                    0.0
                },
                weight,
                master,
            });
        }
        if slots.is_empty() {
            return Err(Error::NothingTrained);
        }
        Ok(Self {
            slots,
            betas: config.betas,
            eps: config.eps,
            max_grad_norm: config.max_grad_norm,
        })
    }

    /// Whether this tensor is trained (tied weights share memory).
    pub fn trains(&self, tensor: &Tensor) -> bool {
        let place = tensor.data_ptr();
        self.slots.iter().any(|s| s.weight.data_ptr() == place)
    }

    /// Forgets all gradients. Unlike zeroing them this gives their memory back.
    pub fn clear(&mut self) -> Result<(), Error> {
        for slot in &mut self.slots {
            slot.sum = None;
            torch::clear_grad(&slot.weight)?;
        }
        Ok(())
    }

    /// After each backward: gradients of a half-precision model are summed in f32, as a sum of many in half precision
    /// loses the small ones. Those of an f32 model are summed where they lie.
    pub fn collect(&mut self) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        self.slots
            .iter_mut()
            .filter(|slot| !slot.is_own_master())
            .try_for_each(Slot::collect)
    }

    /// Adds a gradient (f32) that was computed by hand to that of a trained tensor.
    pub fn add(&mut self, tensor: &Tensor, gradient: Tensor) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        let place = tensor.data_ptr();
        let slot = self.slots.iter_mut().find(|s| s.weight.data_ptr() == place);
        slot.map_or(Ok(()), |slot| slot.add(gradient))
    }

    /// The L2 norm of all gradients.
    pub fn norm(&mut self) -> Result<f64, Error> {
        let _guard = torch::no_grad_guard();
        self.slots.iter_mut().try_for_each(Slot::collect)?;
        Ok(torch::foreach_norm(&self.gradients())?)
    }

    fn gradients(&self) -> Vec<Tensor> {
        let sums = self.slots.iter().filter_map(|s| s.sum.as_ref());
        sums.map(Tensor::shallow_clone).collect()
    }

    /// Clips gradients of this norm, updates with the given factor of the peak rates, and forgets the gradients.
    /// A parameter without a gradient keeps its moments, as in PyTorch.
    pub fn step(&mut self, factor: f64, norm: f64) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        if self.max_grad_norm > 0.0 && norm > self.max_grad_norm {
            // The small term is PyTorch's, so that clipped runs compare.
            torch::foreach_mul(&self.gradients(), self.max_grad_norm / (norm + 1e-6))?;
        }
        let ready: Vec<(&Slot, &Tensor)> = self
            .slots
            .iter()
            .filter_map(|slot| Some((slot, slot.sum.as_ref()?)))
            .collect();
        let mut sets: Vec<(f64, f64)> = ready.iter().map(|(s, _)| (s.rate, s.decay)).collect();
        sets.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        sets.dedup();
        for (rate, decay) in sets {
            let members = || {
                let same = move |s: &Slot| (s.rate, s.decay) == (rate, decay);
                ready.iter().filter(move |(slot, _)| same(slot))
            };
            let pick = |f: fn(&Slot) -> &Tensor| -> Vec<Tensor> {
                members().map(|(s, _)| f(s).shallow_clone()).collect()
            };
            torch::fused_adamw(&AdamW {
                parameters: &pick(|s| &s.master),
                gradients: &members()
                    .map(|(_, g)| g.shallow_clone())
                    .collect::<Vec<_>>(),
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
        self.write_back()?;
        self.clear()
    }

    /// Rounds the masters into a half-precision model.
    pub fn write_back(&self) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        for slot in self.slots.iter().filter(|s| !s.is_own_master()) {
            slot.weight.f_detach()?.f_copy_(&slot.master)?;
        }
        Ok(())
    }
}
