//! The stepper: encode, pack, forward, backward, update.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use model::{Group, Mllm};
use processor::Encoded;
use serde::{Deserialize, Serialize};
use torch::{Kind, Tensor};

use crate::feed::{Dropped, Fetched, SampleSource, fetch, panicked};
use crate::optimizer::Optimizer;
use crate::pack::num_learned;
use crate::{Config, Error, Plan, loss, pack};

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Optimizer steps done, from 1.
    pub step: usize,
    /// Nats per learned token of the global batch; 0 where every sample of it was dropped.
    pub loss: f64,
    /// L2 norm of all gradients before clipping.
    pub grad_norm: f64,
    /// Rate of each group; 0 for a frozen one.
    pub learning_rate: BTreeMap<String, f64>,
    /// Samples of the batch.
    pub samples: usize,
    /// Tokens of the batch, pictures included.
    pub tokens: usize,
    /// Of these, with loss.
    pub learned_tokens: usize,
    /// Padded tokens ÷ computed tokens; packing pads nothing.
    pub padding: f64,
    /// Wall time of the step.
    pub seconds: f64,
    /// Of it, waiting for samples.
    pub data_wait_seconds: f64,
    /// Largest resident memory so far.
    pub peak_rss_bytes: u64,
}

/// Trains a model step by step.
///
/// ```no_run
/// # fn run(model: &dyn model::Mllm, source: &dyn train::SampleSource) -> Result<(), train::Error> {
/// use train::{Config, Trainer};
/// let mut trainer = Trainer::new(model, source, &Config::small(1e-3, 16, 100))?;
/// while let Some(metrics) = trainer.step()? {
///     if metrics.step % 50 == 0 {
///         trainer.save_checkpoint(&std::path::Path::new("run").join(format!("checkpoint-{}", metrics.step)))?;
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Trainer<'a> {
    pub(crate) model: &'a dyn Mllm,
    source: &'a dyn SampleSource,
    config: Config,
    pub(crate) plan: Plan,
    pub(crate) optimizer: Optimizer,
    /// Optimizer steps done.
    pub(crate) done: usize,
    pub(crate) next: Option<Result<Fetched, Error>>,
    pub(crate) dropped: Vec<Dropped>,
}

impl<'a> Trainer<'a> {
    /// Prepares training from the model's present weights.
    pub fn new(
        model: &'a dyn Mllm,
        source: &'a dyn SampleSource,
        config: &Config,
    ) -> Result<Self, Error> {
        if source.is_empty() {
            return Err(Error::NoSamples);
        }
        Ok(Self {
            model,
            source,
            config: config.clone(),
            plan: Plan::new((0..source.len()).map(|i| source.id(i)), config),
            optimizer: Optimizer::new(model, config)?,
            done: 0,
            next: None,
            dropped: Vec::new(),
        })
    }

    /// Steps in all.
    pub fn total_steps(&self) -> usize {
        self.plan.total_steps()
    }

    /// Steps done.
    pub fn steps_done(&self) -> usize {
        self.done
    }

    /// Which samples come when, and at which rate.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Samples that were left out so far, each once.
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    /// Does one optimizer step; `None` when all are done. After an error the weights are those before the step.
    pub fn step(&mut self) -> Result<Option<Metrics>, Error> {
        self.step_unless(&AtomicBool::new(false))
    }

    /// As [`Trainer::step`], but ends with [`Error::Stopped`] after the microbatch in which `stop` was set. What that
    /// step had summed up is dropped: the weights are those before it, and a checkpoint may be saved.
    pub fn step_unless(&mut self, stop: &AtomicBool) -> Result<Option<Metrics>, Error> {
        let total = self.plan.total_steps();
        if self.done >= total {
            return Ok(None);
        }
        let start = Instant::now();
        let (source, config, plan) = (self.source, &self.config, &self.plan);
        let fetched = match self.next.take() {
            Some(fetched) => fetched?,
            None => fetch(source, config, plan, self.done)?,
        };
        debug_assert_eq!(fetched.step, self.done);
        let mut waited = start.elapsed().as_secs_f64();
        let following = self.done + 1;
        let (model, optimizer) = (self.model, &mut self.optimizer);
        // The next batch is prepared while this one is computed.
        let (computed, next, joined) = std::thread::scope(|scope| {
            let worker = (following < total)
                .then(|| scope.spawn(move || fetch(source, config, plan, following)));
            let computed = accumulate(
                model,
                optimizer,
                &fetched.samples,
                config.micro_tokens,
                stop,
            );
            let join = Instant::now();
            let next = worker.map(|w| w.join().unwrap_or_else(|_| Err(panicked())));
            (computed, next, join.elapsed().as_secs_f64())
        });
        waited += joined;
        let Some((sum, learned)) = computed? else {
            // The same step comes again if the caller goes on.
            self.next = Some(Ok(fetched));
            return Err(Error::Stopped { step: following });
        };
        self.next = next;
        let factor = self.plan.rate(self.done);
        let (mut loss, mut grad_norm) = (0.0, 0.0);
        if learned > 0 {
            loss = sum / learned as f64;
            grad_norm = self.optimizer.norm()?;
            if !(loss.is_finite() && grad_norm.is_finite()) {
                return Err(Error::NotFinite {
                    step: following,
                    loss,
                    grad_norm,
                });
            }
            self.optimizer.step(factor, grad_norm)?;
        }
        for dropped in fetched.dropped {
            if !self.dropped.contains(&dropped) {
                self.dropped.push(dropped);
            }
        }
        self.done = following;
        let rate = |group: Group| {
            let frozen = self.config.freeze.contains(&group);
            let peak = self.config.learning_rate.of(group);
            let rate = if frozen { 0.0 } else { factor * peak };
            (group.as_str().to_owned(), rate)
        };
        Ok(Some(Metrics {
            step: self.done,
            loss,
            grad_norm,
            learning_rate: Group::ALL.map(rate).into(),
            samples: fetched.samples.len(),
            tokens: fetched.samples.iter().map(|s| s.ids.len()).sum(),
            learned_tokens: learned,
            padding: 0.0,
            seconds: start.elapsed().as_secs_f64(),
            data_wait_seconds: waited,
            peak_rss_bytes: peak_rss_bytes(),
        }))
    }
}

/// Forward and backward over all microbatches; gives the summed loss and the learned tokens of the batch, or nothing
/// when it was stopped on the way.
fn accumulate(
    model: &dyn Mllm,
    optimizer: &mut Optimizer,
    samples: &[Encoded],
    micro_tokens: usize,
    stop: &AtomicBool,
) -> Result<Option<(f64, usize)>, Error> {
    optimizer.clear()?;
    // Known before the first backward, so that each row's gradient has its final weight at once.
    let learned: usize = samples.iter().map(num_learned).sum();
    let head = model.head().f_detach()?;
    let mut head_gradient = if optimizer.trains(model.head()) {
        Some(Tensor::f_zeros(head.size(), (Kind::Float, head.device()))?)
    } else {
        None
    };
    let mut sum = 0.0;
    for packed in pack(samples, micro_tokens) {
        if stop.load(Ordering::Relaxed) {
            optimizer.clear()?;
            return Ok(None);
        }
        let rows = Tensor::f_from_slice(&packed.rows)?.f_to_device(model.device())?;
        let targets = Tensor::f_from_slice(&packed.targets)?.f_to_device(model.device())?;
        let hidden_nd = model
            .hidden(&packed.batch, None)?
            .f_index_select(0, &rows)?;
        let (part, gradient_nd) = loss::backward(
            &hidden_nd.f_detach()?,
            &head,
            &targets,
            1.0 / learned as f64,
            head_gradient.as_mut(),
        )?;
        sum += part;
        if hidden_nd.requires_grad() {
            torch::backward_with(&hidden_nd, &gradient_nd)?;
        }
        optimizer.collect()?;
    }
    if let Some(gradient) = head_gradient {
        optimizer.add(model.head(), gradient)?;
    }
    Ok(Some((sum, learned)))
}

/// The largest resident memory of this process in bytes, from `/proc`; 0 where it cannot be read.
pub fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
