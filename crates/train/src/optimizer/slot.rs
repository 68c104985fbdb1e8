//! One trained parameter with its state: all of it, or the range of elements that this process updates.

use std::ops::Range;

use corpus::seed::hash;
use model::{Group, Parameter};
use torch::compact::{self, BLOCK, Moment, Update};
use torch::{AdamW, Device, Kind, Tensor};

use crate::choices::{Gradients, Masters, OptimizerDevice, OptimizerState};
use crate::loss::summed_in;
use crate::{Config, Error};

/// Of what is updated, where the model's own weights are not it.
pub(crate) const MASTER: &str = "master";

/// One trained parameter with its state.
pub(crate) struct Slot {
    /// The published name.
    pub name: String,
    pub group: Group,
    /// The leaf that the model computes with.
    weight: Tensor,
    /// The elements whose state is kept and which are updated here, all in a row; without it all, in the leaf's shape.
    own: Option<Range<usize>>,
    /// f32 (or f64, as the model), and what is updated; none where that is the leaf itself.
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
    /// Whether other processes alone update it in this step.
    is_updated_elsewhere: bool,
    seed: u64,
    rate: f64,
    decay: f64,
}

/// A tensor of a parameter's state as a checkpoint has it.
pub(crate) struct Kept {
    /// `average`, `square`, their scales, or `master`.
    pub kind: &'static str,
    pub values: Tensor,
    /// Elements of the parameter for each of its numbers.
    pub unit: usize,
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
    /// With the state of the elements of `own`, or of all in the parameter's shape.
    pub fn new(
        parameter: &Parameter,
        config: &Config,
        own: Option<Range<usize>>,
    ) -> Result<Self, Error> {
        let weight = parameter.tensor.shallow_clone();
        // The detached view shares the leaf's memory, so updating it updates the model.
        let leaf = part_of(&weight.f_detach()?, own.as_ref())?;
        let (kind, place) = (weight.kind(), weight.device());
        let home = match config.optimizer_device {
            OptimizerDevice::Model => place,
            OptimizerDevice::Cpu => Device::Cpu,
        };
        // Moments of fewer bits go with f32.
        let full = match config.optimizer_state {
            OptimizerState::F32 => summed_in(kind),
            OptimizerState::Bf16 | OptimizerState::EightBit => Kind::Float,
        };
        let is_rounded =
            kind != full && !(kind == Kind::BFloat16 && config.masters == Masters::None);
        let master = if is_rounded || home != place {
            Some(leaf.f_to_device(home)?.f_to_kind(full)?)
        } else {
            None
        };
        let updated = master.as_ref().unwrap_or(&leaf);
        let is_small = weight.numel() < OptimizerState::SMALL;
        let moment = || match config.optimizer_state {
            OptimizerState::Bf16 => Moment::whole(updated, Kind::BFloat16),
            OptimizerState::EightBit if !is_small => Moment::eight_bit(updated),
            OptimizerState::F32 | OptimizerState::EightBit => Moment::whole(updated, full),
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
            is_updated_elsewhere: false,
            own,
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
        self.weight.kind() == summed_in(self.weight.kind())
    }

    pub fn updates(&self) -> u32 {
        self.updates
    }

    pub fn set_updates(&mut self, updates: u32) -> Result<(), Error> {
        self.updates = updates;
        let _ = self.step.f_fill_(f64::from(updates))?;
        Ok(())
    }

    /// The elements that are updated here.
    pub fn range(&self) -> Range<usize> {
        self.own.clone().unwrap_or(0..self.weight.numel())
    }

    /// The sum of gradients of what is updated here.
    pub fn gradient(&self) -> Result<Option<Tensor>, Error> {
        let sum = self.sum.as_ref();
        sum.map(|sum| part_of(sum, self.own.as_ref())).transpose()
    }

    pub fn has_gradient(&self) -> bool {
        self.sum.is_some()
    }

    /// The sum of gradients of the whole parameter, all in a row.
    pub fn flat_sum(&self) -> Result<Option<Tensor>, Error> {
        Ok(self.sum.as_ref().map(|sum| sum.f_view([-1])).transpose()?)
    }

    /// Makes a sum of nothing where another process has a gradient and this one has none; and lays one in a row that does not.
    pub fn open_sum(&mut self) -> Result<(), Error> {
        let kind = self.sum_kind();
        self.sum = Some(match self.sum.take() {
            Some(sum) => sum.f_contiguous()?,
            None => Tensor::f_zeros(self.weight.size(), (kind, self.weight.device()))?,
        });
        Ok(())
    }

    /// In what gradients are summed.
    pub fn sum_kind(&self) -> Kind {
        if self.sums_in_bf16 {
            Kind::BFloat16
        } else {
            summed_in(self.weight.kind())
        }
    }

    /// Puts what all processes have added up in place of the sum's elements from `start` on, with the same rounding in each.
    pub fn put_sum(&self, start: usize, values: &Tensor) -> Result<(), Error> {
        let Some(sum) = self.flat_sum()? else {
            return Ok(());
        };
        let mut place = sum.f_narrow(0, start as i64, values.numel() as i64)?;
        if self.sums_in_bf16 {
            let key = compact::key_from(self.key("gradients of all"), start as u64);
            place.f_copy_(&compact::rounded(values, key)?)?;
        } else {
            place.f_copy_(values)?;
        }
        Ok(())
    }

    /// Gives up a sum that other processes use, and counts the update with them.
    pub fn leave_to_others(&mut self) {
        self.sum = None;
        self.is_updated_elsewhere = true;
    }

    /// All elements that the model computes with, in a row.
    pub fn flat_weight(&self) -> Result<Tensor, Error> {
        Ok(self.weight.f_detach()?.f_view([-1])?)
    }

    pub fn clear(&mut self) -> Result<(), Error> {
        self.sum = None;
        self.is_updated_elsewhere = false;
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
            let gradient = gradient.f_to_kind(self.sum_kind())?;
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

    /// What is updated: f32 or f64, or bf16 where there is no master.
    fn updated(&self) -> Result<Tensor, Error> {
        match &self.master {
            Some(master) => Ok(master.shallow_clone()),
            None => part_of(&self.weight.f_detach()?, self.own.as_ref()),
        }
    }

    /// Whether libtorch's own update takes all of it where it is.
    pub fn is_plain(&self) -> bool {
        self.is_full() && !self.is_apart
    }

    /// Whether weights, moments and gradients all are in f32, or all in f64.
    fn is_full(&self) -> bool {
        let kind = self.master.as_ref().unwrap_or(&self.weight).kind();
        let kept = [self.average.parts().0.kind(), self.sum_kind()];
        matches!(kind, Kind::Float | Kind::Double) && kept == [kind; 2]
    }

    /// Rate and weight decay, by which parameters are updated together.
    pub fn group(&self) -> (f64, f64) {
        (self.rate, self.decay)
    }

    /// Updates it alone, with `clip` times its gradient, which is given up as soon as it is not needed. Without a gradient the
    /// moments stay as they are, as in PyTorch.
    pub fn update(&mut self, rule: Rule, clip: f64) -> Result<(), Error> {
        let Some(gradient) = self.gradient()? else {
            return Ok(());
        };
        self.sum = None;
        let updated = self.updated()?;
        let gradient = gradient.f_to_device(updated.device())?;
        if self.is_full() {
            if clip < 1.0 {
                torch::foreach_mul(&[gradient.shallow_clone()], clip)?;
            }
            update_plain(&[self], &[gradient], rule)?;
            self.updates += 1;
            return Ok(());
        }
        let gradient = match gradient.kind() {
            Kind::Double => gradient.f_to_kind(Kind::Float)?,
            _ => gradient,
        };
        compact::update(&Update {
            weight: &updated,
            gradient: &gradient,
            gradient_factor: clip,
            average: &self.average,
            square: &self.square,
            step: u64::from(self.updates) + 1,
            key: compact::key_from(self.key("values"), self.range().start as u64),
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

    /// Counts an update that other processes did.
    pub fn count_elsewhere(&mut self) -> Result<(), Error> {
        if self.is_updated_elsewhere {
            self.set_updates(self.updates + 1)?;
        }
        Ok(())
    }

    /// Rounds the master into the model.
    pub fn write_back(&self) -> Result<(), Error> {
        if let Some(master) = &self.master {
            part_of(&self.weight.f_detach()?, self.own.as_ref())?.f_copy_(master)?;
        }
        Ok(())
    }

    /// Takes over a master from the model, where both have the same bits.
    pub fn take_over(&self) -> Result<(), Error> {
        if let Some(master) = self
            .master
            .as_ref()
            .filter(|master| self.weight.kind() == master.kind())
        {
            let leaf = part_of(&self.weight.f_detach()?, self.own.as_ref())?;
            master.shallow_clone().f_copy_(&leaf)?;
        }
        Ok(())
    }

    /// What a checkpoint has of it: masters where the model's files do not hold the same bits.
    pub fn kept(&self, has_weight_files: bool) -> Result<Vec<Kept>, Error> {
        let kept = |kind, values: &Tensor, unit| Kept {
            kind,
            values: values.shallow_clone(),
            unit,
        };
        let mut all = Vec::new();
        let moments = [
            ("average", "average_scales", &self.average),
            ("square", "square_scales", &self.square),
        ];
        for (kind, scales_kind, moment) in moments {
            let (values, scales) = moment.parts();
            all.push(kept(kind, values, 1));
            all.extend(scales.map(|scales| kept(scales_kind, scales, BLOCK)));
        }
        let updated = self.updated()?;
        if updated.kind() != self.weight.kind() || !has_weight_files {
            all.push(kept(MASTER, &updated, 1));
        }
        Ok(all)
    }

    /// Bytes of master and moments.
    pub fn state_bytes(&self) -> u64 {
        let master = self.master.as_ref();
        let master = master.map_or(0, |m| m.numel() * m.kind().elt_size_in_bytes());
        (master + self.average.bytes() + self.square.bytes()) as u64
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

/// The elements of `own` in a row, or all as they are.
fn part_of(tensor: &Tensor, own: Option<&Range<usize>>) -> Result<Tensor, Error> {
    let Some(Range { start, end }) = own else {
        return Ok(tensor.shallow_clone());
    };
    let flat = tensor.f_view([-1])?;
    Ok(flat.f_narrow(0, *start as i64, (end - start) as i64)?)
}

/// libtorch's update of parameters of one group, all in f32 or all in f64.
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
