//! One trained parameter with its state.

use corpus::seed::hash;
use model::{Group, Parameter};
use torch::compact::{self, Moment, Update};
use torch::{AdamW, Device, Kind, Tensor};

use crate::choices::{Gradients, Masters, OptimizerDevice, OptimizerState};
use crate::{Config, Error};

/// One trained parameter with its state.
pub(crate) struct Slot {
    /// The published name.
    pub name: String,
    pub group: Group,
    /// The leaf that the model computes with.
    weight: Tensor,
    /// f32, and what is updated; none where that is the leaf itself.
    master: Option<Tensor>,
    /// Whether master and moments lie on another device than the model.
    is_apart: bool,
    average: Moment,
    square: Moment,
    /// Updates done.
    updates: u32,
    /// The same as libtorch's kernel takes it, a zero-dimensional f32.
    step: Tensor,
    /// Gradients beside what lies at the leaf.
    sum: Option<Tensor>,
    /// Whether the sum is kept in bf16.
    sums_in_bf16: bool,
    seed: u64,
    rate: f64,
    decay: f64,
}

/// The part of an update that all parameters share.
#[derive(Clone, Copy)]
pub(crate) struct Rule {
    /// Of the peak rates.
    pub factor: f64,
    pub betas: [f64; 2],
    pub eps: f64,
}

impl Slot {
    pub fn new(parameter: &Parameter, config: &Config) -> Result<Self, Error> {
        let weight = parameter.tensor.shallow_clone();
        // The detached view shares the leaf's memory, so updating it updates the model.
        let leaf = weight.f_detach()?;
        let (kind, place) = (weight.kind(), weight.device());
        let home = match config.optimizer_device {
            OptimizerDevice::Model => place,
            OptimizerDevice::Cpu => Device::Cpu,
        };
        let is_rounded =
            kind != Kind::Float && !(kind == Kind::BFloat16 && config.masters == Masters::None);
        let master = if is_rounded || home != place {
            Some(leaf.f_to_device(home)?.f_to_kind(Kind::Float)?)
        } else {
            None
        };
        let updated = master.as_ref().unwrap_or(&leaf);
        let is_small = updated.numel() < OptimizerState::SMALL;
        let moment = || match config.optimizer_state {
            OptimizerState::Bf16 => Moment::whole(updated, Kind::BFloat16),
            OptimizerState::EightBit if !is_small => Moment::eight_bit(updated),
            OptimizerState::F32 | OptimizerState::EightBit => Moment::whole(updated, Kind::Float),
        };
        Ok(Self {
            name: parameter.name.clone(),
            group: parameter.group,
            average: moment()?,
            square: moment()?,
            updates: 0,
            step: Tensor::f_zeros([0_i64; 0], (Kind::Float, home))?,
            sum: None,
            sums_in_bf16: kind == Kind::BFloat16 && config.gradients == Gradients::Bf16,
            seed: config.seed,
            rate: config.learning_rate.of(parameter.group),
            decay: if parameter.decay {
                config.weight_decay
            } else {
                0.0
            },
            is_apart: home != place,
            weight,
            master,
        })
    }

    /// What the model computes with.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    pub fn is_of(&self, tensor: &Tensor) -> bool {
        self.weight.data_ptr() == tensor.data_ptr()
    }

    /// Whether gradients are summed where autograd lays them.
    pub fn sums_at_the_leaf(&self) -> bool {
        self.weight.kind() == Kind::Float
    }

    pub fn updates(&self) -> u32 {
        self.updates
    }

    pub fn set_updates(&mut self, updates: u32) -> Result<(), Error> {
        self.updates = updates;
        let _ = self.step.f_fill_(f64::from(updates))?;
        Ok(())
    }

    pub fn gradient(&self) -> Option<&Tensor> {
        self.sum.as_ref()
    }

    pub fn clear(&mut self) -> Result<(), Error> {
        self.sum = None;
        Ok(torch::clear_grad(&self.weight)?)
    }

    /// What noise is drawn with: of the run's seed, the update, the parameter, and what is rounded.
    fn key(&self, what: &str) -> u64 {
        let update = u64::from(self.updates) + 1;
        hash(
            self.seed,
            &format!("{what} of update {update} of {}", self.name),
        )
    }

    /// Moves the leaf's gradient into the sum, as the `part`th that is added to it in this step.
    pub fn collect(&mut self, part: usize) -> Result<(), Error> {
        let gradient = self.weight.f_grad()?;
        if !gradient.defined() {
            return Ok(());
        }
        torch::clear_grad(&self.weight)?;
        self.add(&gradient, part)
    }

    /// Adds a gradient to the sum, which may become the sum itself.
    pub fn add(&mut self, gradient: &Tensor, part: usize) -> Result<(), Error> {
        if !self.sums_in_bf16 {
            let gradient = gradient.f_to_kind(Kind::Float)?;
            match &mut self.sum {
                Some(sum) => drop(sum.f_add_(&gradient)?),
                None => self.sum = Some(gradient),
            }
            return Ok(());
        }
        let key = || self.key(&format!("gradient {part}"));
        match &self.sum {
            Some(sum) => compact::add_rounded(sum, gradient, key())?,
            None if gradient.kind() == Kind::BFloat16 => self.sum = Some(gradient.f_contiguous()?),
            None => self.sum = Some(compact::rounded(gradient, key())?),
        }
        Ok(())
    }

    /// What is updated: f32, or bf16 where there is no master.
    fn updated(&self) -> Result<Tensor, Error> {
        match &self.master {
            Some(master) => Ok(master.shallow_clone()),
            None => Ok(self.weight.f_detach()?),
        }
    }

    /// Whether libtorch's own update takes all of it where it is.
    pub fn is_plain(&self) -> bool {
        let updated = self.master.as_ref().unwrap_or(&self.weight);
        updated.kind() == Kind::Float
            && self.average.is_f32()
            && !self.sums_in_bf16
            && !self.is_apart
    }

    /// Rate and weight decay, by which parameters are updated together.
    pub fn group(&self) -> (f64, f64) {
        (self.rate, self.decay)
    }

    /// Updates it alone, with `clip` times its gradient, which is given up as soon as it is not needed. Without a gradient the
    /// moments stay as they are, as in PyTorch.
    pub fn update(&mut self, rule: Rule, clip: f64) -> Result<(), Error> {
        let Some(gradient) = self.sum.take() else {
            return Ok(());
        };
        let updated = self.updated()?;
        let gradient = gradient.f_to_device(updated.device())?;
        if updated.kind() == Kind::Float && self.average.is_f32() && !self.sums_in_bf16 {
            if clip < 1.0 {
                torch::foreach_mul(&[gradient.shallow_clone()], clip)?;
            }
            update_plain(&[self], &[gradient], rule)?;
            self.updates += 1;
            return Ok(());
        }
        compact::update(&Update {
            weight: &updated,
            gradient: &gradient,
            gradient_factor: clip,
            average: &self.average,
            square: &self.square,
            step: u64::from(self.updates) + 1,
            key: self.key("values"),
            learning_rate: self.rate * rule.factor,
            beta1: rule.betas[0],
            beta2: rule.betas[1],
            weight_decay: self.decay,
            epsilon: rule.eps,
        })?;
        self.set_updates(self.updates + 1)
    }

    /// Counts an update that [`update_plain`] did.
    pub fn count(&mut self) {
        self.updates += 1;
    }

    /// Rounds the master into the model.
    pub fn write_back(&self) -> Result<(), Error> {
        if let Some(master) = &self.master {
            self.weight.f_detach()?.f_copy_(master)?;
        }
        Ok(())
    }

    /// Takes over a master from the model, where both have the same bits.
    pub fn take_over(&self) -> Result<(), Error> {
        if let Some(master) = self
            .master
            .as_ref()
            .filter(|_| self.weight.kind() == Kind::Float)
        {
            master.shallow_clone().f_copy_(&self.weight.f_detach()?)?;
        }
        Ok(())
    }

    /// What a checkpoint has of it, by kind: masters where the model's files do not hold the same bits.
    pub fn tensors(&self, has_weight_files: bool) -> Result<Vec<(&'static str, Tensor)>, Error> {
        let mut all = Vec::new();
        let moments = [
            ("average", "average_scales", &self.average),
            ("square", "square_scales", &self.square),
        ];
        for (kind, scales_kind, moment) in moments {
            let (values, scales) = moment.parts();
            all.push((kind, values.shallow_clone()));
            all.extend(scales.map(|scales| (scales_kind, scales.shallow_clone())));
        }
        let is_rounded = self.master.is_some() && self.weight.kind() != Kind::Float;
        if is_rounded || !has_weight_files {
            all.push(("master", self.updated()?));
        }
        Ok(all)
    }

    /// As if the state were on another device.
    #[cfg(test)]
    pub fn keep_apart(&mut self) -> Result<(), Error> {
        let copy = self.updated()?.f_to_kind(Kind::Float)?.copy();
        self.master = Some(copy);
        self.is_apart = true;
        Ok(())
    }
}

/// libtorch's update of parameters of one group, all in f32.
pub(crate) fn update_plain(slots: &[&Slot], gradients: &[Tensor], rule: Rule) -> Result<(), Error> {
    let Some((rate, decay)) = slots.first().map(|slot| slot.group()) else {
        return Ok(());
    };
    let pick = |of: fn(&Slot) -> &Tensor| -> Vec<Tensor> {
        slots.iter().map(|slot| of(slot).shallow_clone()).collect()
    };
    let parameters: Result<Vec<Tensor>, Error> = slots.iter().map(|slot| slot.updated()).collect();
    torch::fused_adamw(&AdamW {
        parameters: &parameters?,
        gradients,
        averages: &pick(|slot| slot.average.parts().0),
        squares: &pick(|slot| slot.square.parts().0),
        steps: &pick(|slot| &slot.step),
        learning_rate: rate * rule.factor,
        beta1: rule.betas[0],
        beta2: rule.betas[1],
        weight_decay: decay,
        epsilon: rule.eps,
    })?;
    Ok(())
}
