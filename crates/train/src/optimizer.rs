//! AdamW (Loshchilov and Hutter, 2019), one rate a parameter group. Weights, moments and sums of gradients are in f32 unless a
//! training's settings choose fewer bits (`choices.rs`).

mod slot;

use std::collections::BTreeMap;

use model::{Group, Mllm, Parameter};
use torch::{Argument, Kind, Tensor, compact};

pub(crate) use self::slot::Slot;
use self::slot::{Rule, update_plain};
use crate::{Config, Error};

/// The optimizer.
pub(crate) struct Optimizer {
    pub slots: Vec<Slot>,
    betas: [f64; 2],
    eps: f64,
    max_grad_norm: f64,
    /// How often gradients were added to the sums of this step.
    parts: usize,
}

/// With an adapter nothing but that is trained.
fn trains(parameter: &Parameter, config: &Config) -> bool {
    let is_asked = config.lora.is_some() == parameter.adapter.is_some();
    is_asked && parameter.reachable && config.trains(parameter.group)
}

impl Optimizer {
    /// Marks which parameters take gradients and makes the state of those.
    pub fn new(model: &dyn Mllm, config: &Config) -> Result<Self, Error> {
        let trained = model.parameters().iter().filter(|p| trains(p, config));
        config.choices().check(trained.map(|p| p.tensor.kind()))?;
        let mut slots = Vec::new();
        for parameter in model.parameters() {
            let trained = trains(parameter, config);
            let weight = parameter.tensor.shallow_clone();
            let _ = weight.f_set_requires_grad(trained)?;
            torch::clear_grad(&weight)?;
            if trained {
                slots.push(Slot::new(parameter, config)?);
            }
        }
        if slots.is_empty() {
            return Err(Error::NothingTrained);
        }
        Ok(Self {
            slots,
            betas: config.betas,
            eps: config.eps,
            max_grad_norm: config.max_grad_norm,
            parts: 0,
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

    /// After each backward: gradients of a half-precision model are summed apart, as a sum of many in half precision
    /// loses the small ones. Those of an f32 model are summed where they lie.
    pub fn collect(&mut self) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        self.parts += 1;
        let part = self.parts;
        self.slots
            .iter_mut()
            .filter(|slot| !slot.sums_at_the_leaf())
            .try_for_each(|slot| slot.collect(part))
    }

    /// Adds a gradient (f32) that was computed by hand to that of a trained tensor.
    pub fn add(&mut self, tensor: &Tensor, gradient: &Tensor) -> Result<(), Error> {
        let _guard = torch::no_grad_guard();
        self.parts += 1;
        let slot = self.slots.iter_mut().find(|slot| slot.is_of(tensor));
        slot.map_or(Ok(()), |slot| slot.add(gradient, self.parts))
    }

    /// The L2 norm of all gradients, and of those of each group; each gradient is read once.
    pub fn norms(&mut self) -> Result<(f64, BTreeMap<String, f64>), Error> {
        let _guard = torch::no_grad_guard();
        let part = self.parts + 1;
        self.slots
            .iter_mut()
            .try_for_each(|slot| slot.collect(part))?;
        let (full, half): (Vec<_>, Vec<_>) = self
            .slots
            .iter()
            .filter_map(|slot| Some((slot.group, slot.gradient()?.shallow_clone())))
            .partition(|(_, gradient)| gradient.kind() == Kind::Float);
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
        let own = |group: Group| Ok((group.as_str().to_owned(), of(&|other| other == group)?));
        let groups: Result<_, Error> = Group::ALL.into_iter().map(own).collect();
        Ok((of(&|_| true)?, groups?))
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
        self.write_back()?;
        self.clear()
    }

    /// Updates what is in f32 and beside the model, all parameters of a group at once.
    fn step_plain(&mut self, rule: Rule, clip: f64) -> Result<(), Error> {
        let is_ready = |slot: &&Slot| slot.is_plain() && slot.gradient().is_some();
        let ready: Vec<(&Slot, Tensor)> = self
            .slots
            .iter()
            .filter(is_ready)
            .filter_map(|slot| Some((slot, slot.gradient()?.shallow_clone())))
            .collect();
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
            if slot.is_plain() && slot.gradient().is_some() {
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

/// The norm of gradients of these norms, those in f32 and those in half precision.
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
