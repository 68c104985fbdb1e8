//! AdamW (Loshchilov and Hutter, 2019), one rate a parameter group. Weights, moments and sums of gradients are in f32 (those of
//! a model in f64 are in f64) unless a training's settings choose fewer bits (`choices.rs`).
//!
//! Of several processes each does this for all parameters, or for a piece of them (`shards.rs`).

mod slot;

use std::collections::BTreeMap;

use model::{Group, Mllm, Parameter};
use torch::{Argument, Kind, Tensor, compact};

pub(crate) use self::slot::{Kept, MASTER, Slot};
use self::slot::{Rule, update_plain};
use crate::ranks::Team;
use crate::shards::Shards;
use crate::{Config, Error};

/// The optimizer.
pub(crate) struct Optimizer {
    pub slots: Vec<Slot>,
    /// The piece of each process, whether it keeps the state of that alone or of all.
    pub shards: Shards,
    betas: [f64; 2],
    eps: f64,
    max_grad_norm: f64,
    /// How often gradients were added to the sums of this step, counted from a number that is this process's.
    parts: usize,
    first_part: usize,
}

/// Numbers that are counted from 0 in the first process are counted from other ones in the others, so that what is drawn with
/// them differs.
pub(crate) fn first_of(rank: usize) -> usize {
    rank << 32
}

/// With an adapter nothing but that is trained.
fn trains(parameter: &Parameter, config: &Config) -> bool {
    let is_asked = config.lora.is_some() == parameter.adapter.is_some();
    is_asked && parameter.reachable && config.trains(parameter.group)
}

impl Optimizer {
    /// Marks which parameters take gradients and makes the state of those.
    pub fn new(model: &dyn Mllm, config: &Config, team: &Team<'_>) -> Result<Self, Error> {
        let trained = || model.parameters().iter().filter(|p| trains(p, config));
        config.choices().check(trained().map(|p| p.tensor.kind()))?;
        let shards = Shards::new(trained().map(|p| p.tensor.numel()), team.size());
        let mut slots = Vec::new();
        for parameter in model.parameters() {
            let trained = trains(parameter, config);
            let weight = parameter.tensor.shallow_clone();
            let _ = weight.f_set_requires_grad(trained)?;
            torch::clear_grad(&weight)?;
            if trained {
                let own = team
                    .is_sharded()
                    .then(|| shards.range(team.rank(), slots.len()));
                slots.push(Slot::new(parameter, config, own)?);
            }
        }
        if slots.is_empty() {
            return Err(Error::NothingTrained);
        }
        Ok(Self {
            slots,
            shards,
            betas: config.betas,
            eps: config.eps,
            max_grad_norm: config.max_grad_norm,
            parts: 0,
            first_part: first_of(team.rank()),
        })
    }

    /// Whether this tensor is trained (tied weights share memory).
    pub fn trains(&self, tensor: &Tensor) -> bool {
        self.slots.iter().any(|slot| slot.is_of(tensor))
    }

    /// Forgets all gradients. Unlike zeroing them this gives their memory back.
    pub fn clear(&mut self) -> Result<(), Error> {
        self.parts = 0;
        self.slots.iter_mut().try_for_each(Slot::clear)
    }

    fn next_part(&mut self) -> usize {
        self.parts += 1;
        self.first_part + self.parts
    }

    /// After each backward: gradients of a half-precision model are summed apart, as a sum of many in half precision
    /// loses the small ones. Those of an f32 model are summed where they lie.
    pub fn collect(&mut self) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        let part = self.next_part();
        self.slots
            .iter_mut()
            .filter(|slot| !slot.sums_at_the_leaf())
            .try_for_each(|slot| slot.collect(part))
    }

    /// Adds a gradient (f32 or f64) that was computed by hand to that of a trained tensor.
    pub fn add(&mut self, tensor: &Tensor, gradient: &Tensor) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        let part = self.next_part();
        let slot = self.slots.iter_mut().find(|slot| slot.is_of(tensor));
        slot.map_or(Ok(()), |slot| slot.add(gradient, part))
    }

    /// After the last backward: takes the gradients that are summed where autograd lays them.
    pub fn collect_leaves(&mut self) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        let part = self.first_part + self.parts + 1;
        self.slots
            .iter_mut()
            .try_for_each(|slot| slot.collect(part))
    }

    /// Which parameters have a gradient, 1 or 0 for each.
    pub fn gradient_flags(&self) -> impl Iterator<Item = f64> + '_ {
        let flag = |slot: &Slot| f64::from(u8::from(slot.has_gradient()));
        self.slots.iter().map(flag)
    }

    /// The L2 norm of all gradients, and of those of each group; each gradient is read once. All processes get the same bits.
    pub fn norms(&self, team: &Team<'_>) -> Result<(f64, BTreeMap<String, f64>), Error> {
        let (whole, groups) = self.own_norms()?;
        let mut all: Vec<f64> = std::iter::once(whole).chain(groups).collect();
        if team.is_sharded() {
            let mut squares: Vec<f64> = all[1..].iter().map(|norm| norm * norm).collect();
            team.sum(&mut squares)?;
            let whole = squares.iter().sum::<f64>().sqrt();
            let groups = squares.into_iter().map(f64::sqrt);
            all = std::iter::once(whole).chain(groups).collect();
        } else {
            // Other processors might round otherwise, and whether a step jumps is decided by all alike.
            team.of_first(&mut all)?;
        }
        let names = Group::ALL.map(|group| group.as_str().to_owned());
        let groups = names.into_iter().zip(all[1..].iter().copied());
        Ok((all[0], groups.collect()))
    }

    /// Of the gradients that are here.
    fn own_norms(&self) -> Result<(f64, [f64; Group::ALL.len()]), Error> {
        let _guard = torch::no_grad_guard();
        let (mut full, mut half) = (Vec::new(), Vec::new());
        for slot in &self.slots {
            let Some(gradient) = slot.gradient()? else {
                continue;
            };
            match gradient.kind() {
                Kind::Float | Kind::Double => full.push((slot.group, gradient)),
                _ => half.push((slot.group, gradient)),
            }
        }
        let (groups, full): (Vec<Group>, Vec<Tensor>) = full.into_iter().unzip();
        let norms = if full.is_empty() {
            Vec::new()
        } else {
            torch::call("aten::_foreach_norm", "Scalar", &[Argument::Tensors(&full)])?
        };
        let full: Vec<_> = groups.into_iter().zip(norms).collect();
        let half: Vec<(Group, f64)> = half
            .iter()
            .map(|(group, gradient)| Ok((*group, compact::norm(gradient)?)))
            .collect::<Result<_, Error>>()?;
        let of = |is_own: &dyn Fn(Group) -> bool| {
            let full = full.iter().filter(|(group, _)| is_own(*group));
            let half = half.iter().filter(|(group, _)| is_own(*group));
            together(full.map(|(_, norm)| norm), half.map(|(_, norm)| norm))
        };
        let mut groups = [0.0; Group::ALL.len()];
        for (norm, group) in groups.iter_mut().zip(Group::ALL) {
            *norm = of(&|other| other == group)?;
        }
        Ok((of(&|_| true)?, groups))
    }

    /// Clips gradients of this norm, updates with the given factor of the peak rates, and forgets the gradients.
    /// A parameter without a gradient keeps its moments, as in PyTorch.
    pub fn step(&mut self, factor: f64, norm: f64) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        // The small term is PyTorch's, so that clipped runs compare.
        let clip = if self.max_grad_norm > 0.0 && norm > self.max_grad_norm {
            self.max_grad_norm / (norm + 1e-6)
        } else {
            1.0
        };
        let rule = Rule {
            factor,
            betas: self.betas,
            eps: self.eps,
        };
        self.step_plain(rule, clip)?;
        for slot in self.slots.iter_mut().filter(|slot| !slot.is_plain()) {
            slot.update(rule, clip)?;
        }
        self.slots.iter_mut().try_for_each(Slot::count_elsewhere)?;
        self.write_back()?;
        self.clear()
    }

    /// Updates what is in f32 or f64 and beside the model, all parameters of a group at once.
    fn step_plain(&mut self, rule: Rule, clip: f64) -> Result<(), Error> {
        let mut ready: Vec<(&Slot, Tensor)> = Vec::new();
        for slot in self.slots.iter().filter(|slot| slot.is_plain()) {
            ready.extend(slot.gradient()?.map(|gradient| (slot, gradient)));
        }
        if clip < 1.0 {
            let gradients: Vec<Tensor> = ready.iter().map(|(_, g)| g.shallow_clone()).collect();
            torch::foreach_mul(&gradients, clip)?;
        }
        let mut groups: Vec<(f64, f64)> = ready.iter().map(|(slot, _)| slot.group()).collect();
        groups.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        groups.dedup();
        for group in groups {
            let members = || ready.iter().filter(|(slot, _)| slot.group() == group);
            let slots: Vec<&Slot> = members().map(|(slot, _)| *slot).collect();
            let gradients: Vec<Tensor> = members().map(|(_, g)| g.shallow_clone()).collect();
            update_plain(&slots, &gradients, rule)?;
        }
        drop(ready);
        for slot in &mut self.slots {
            if slot.is_plain() && slot.has_gradient() {
                slot.count();
            }
        }
        Ok(())
    }

    /// Rounds the masters into a half-precision model.
    pub fn write_back(&self) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        self.slots.iter().try_for_each(Slot::write_back)
    }

    /// Takes masters over from the model's weights where a checkpoint has them there only.
    pub fn take_over(&self) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        self.slots.iter().try_for_each(Slot::take_over)
    }
}

/// The norm of gradients of these norms, those in f32 or f64 and those in half precision.
fn together<'a>(
    full: impl Iterator<Item = &'a Tensor>,
    half: impl Iterator<Item = &'a f64>,
) -> Result<f64, Error> {
    let full: Vec<&Tensor> = full.collect();
    let norm = if full.is_empty() {
        0.0
    } else {
        Tensor::f_stack(&full, 0)?.f_norm()?.f_double_value(&[])?
    };
    let mut half = half.peekable();
    if half.peek().is_none() {
        return Ok(norm);
    }
    let squares: f64 = half.map(|norm| norm * norm).sum();
    Ok((norm * norm + squares).sqrt())
}

#[cfg(test)]
mod tests {
    use processor::Encoded;
    use torch::{Device, Kind};

    use crate::{Config, SampleSource, Trainer};

    const MODEL: &str = r#"{"model_type": "llama", "vocab_size": 40, "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": true}"#;

    struct Sums;

    impl SampleSource for Sums {
        fn len(&self) -> usize {
            6
        }
        fn id(&self, index: usize) -> &str {
            ["a", "b", "c", "d", "e", "f"][index]
        }
        fn encode(&self, index: usize) -> Result<Encoded, String> {
            let a = index as i64;
            Ok(Encoded {
                ids: vec![a, 3, a + 3],
                learn: vec![false, false, true],
                images: Vec::new(),
            })
        }
    }

    /// There is no second device to test on; a copy beside the model takes the same way.
    #[test]
    fn a_state_apart_from_the_model_gives_the_same_bits() {
        for kind in [Kind::Float, Kind::BFloat16] {
            let temporary = tempfile::tempdir().expect("temp folder");
            let folder = temporary.path().join("checkpoint");
            let config = Config {
                weight_decay: 0.1,
                max_grad_norm: 0.01,
                micro_tokens: 6,
                ..Config::small(1e-2, 4, 6)
            };
            let models =
                [(); 3].map(|()| model::fresh(MODEL, 1, Device::Cpu, kind).expect("model"));
            for (at, model) in models.iter().enumerate() {
                let mut trainer = Trainer::new(model.as_ref(), &Sums, &config).expect("trainer");
                if at > 0 {
                    for slot in &mut trainer.optimizer.slots {
                        slot.keep_apart().expect("copy");
                    }
                }
                if at == 2 {
                    trainer.step().expect("a step that is forgotten");
                    trainer.resume(&folder).expect("resume");
                }
                while let Some(metrics) = trainer.step().expect("step") {
                    if at == 1 && metrics.step == 2 {
                        trainer.save_checkpoint(&folder).expect("save");
                    }
                }
            }
            for other in &models[1..] {
                let pairs = models[0].parameters().iter().zip(other.parameters());
                for (a, b) in pairs {
                    assert!(a.tensor.equal(&b.tensor), "{kind:?}, {}", a.name);
                }
            }
        }
    }
}
