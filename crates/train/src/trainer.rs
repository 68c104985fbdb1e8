//! The stepper: encode, pack, forward, backward, update.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use model::adapter::{self, Draw};
use model::{Group, Mllm, Patches};
use processor::Encoded;
use serde::{Deserialize, Serialize};
use torch::{Kind, Tensor};

use crate::feed::{self, Feed, prepared};
use crate::fit::Dropped;
use crate::flops::{Flops, matrix_rate};
use crate::optimizer::Optimizer;
use crate::pack::num_learned;
use crate::spike::{self, MOST_SKIPPED, OnSpike, Spike};
use crate::{Config, Error, Plan, SampleSource, lora, loss, pack};

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Optimizer steps done, from 1.
    pub step: usize,
    /// Nats per learned token of the global batch; 0 where every sample of it was dropped.
    #[serde(deserialize_with = "number")]
    pub loss: f64,
    /// L2 norm of all gradients before clipping.
    #[serde(deserialize_with = "number")]
    pub grad_norm: f64,
    /// Likewise of the gradients of each group; empty where they were no numbers.
    #[serde(default)]
    pub grad_norm_by_group: BTreeMap<String, f64>,
    /// Rate of each group; 0 for a frozen one.
    pub learning_rate: BTreeMap<String, f64>,
    /// Samples of the batch.
    pub samples: usize,
    /// Tokens of the batch, pictures included.
    pub tokens: usize,
    /// Of these, with loss.
    pub learned_tokens: usize,
    /// Of the tokens that the language model and the patches that the vision tower computed, the share that stands for
    /// nothing of the batch: empty tiles of pictures and their edges ([`Patches`]). Packing pads no text.
    pub padding: f64,
    /// Wall time of the step.
    pub seconds: f64,
    /// Of it, waiting for samples.
    pub data_wait_seconds: f64,
    /// Floating-point operations that the step is worth: forward and backward of what stands for something.
    #[serde(default)]
    pub flops: f64,
    /// These in a second, as a share of what products of large matrices reach here; 0 where nobody measured that.
    #[serde(default)]
    pub mfu: f64,
    /// Largest resident memory so far.
    pub peak_rss_bytes: u64,
    /// The most that the allocator of CPU tensors held so far ([`torch::memory`]); 0 where that is not used.
    #[serde(default)]
    pub peak_memory_bytes: u64,
    /// Of it, what no tensor had asked for: blocks kept for later ones, and what is lost by rounding.
    #[serde(default)]
    pub wasted_memory_bytes: u64,
    /// Why the batch was left out, if it was: the step changed nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Spike>,
}

/// What is no number is written as `null`.
fn number<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
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
    pub(crate) config: Config,
    pub(crate) plan: Plan,
    pub(crate) optimizer: Optimizer,
    /// Optimizer steps done.
    pub(crate) done: usize,
    pub(crate) feed: Feed,
    pub(crate) dropped: Vec<Dropped>,
    pub(crate) spikes: spike::Watch,
    flops: Flops,
    /// Operations of a second that mean full use; 0 where that is not known.
    rate: f64,
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
        lora::check(model, config)?;
        let optimizer = Optimizer::new(model, config)?;
        Ok(Self {
            model,
            source,
            config: config.clone(),
            plan: Plan::new((0..source.len()).map(|i| source.id(i)), config),
            flops: Flops::of(model, |tensor| optimizer.trains(tensor)),
            rate: 0.0,
            optimizer,
            done: 0,
            feed: Feed::of_machine(),
            dropped: Vec::new(),
            spikes: spike::Watch::default(),
        })
    }

    /// Measures what the machine can do at most, so that steps tell what share of it they use.
    pub fn measure_rate(&mut self) -> Result<(), Error> {
        self.rate = matrix_rate(self.model.device(), self.model.kind())?;
        Ok(())
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

    /// Steps whose batches were left out so far (`on_spike`).
    pub fn steps_skipped(&self) -> &[usize] {
        self.spikes.skipped()
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
        if self.done >= self.plan.total_steps() {
            return Ok(None);
        }
        let metrics = self.next_step(stop);
        if metrics.is_err() {
            // What it took of the samples comes again if the caller goes on, and a checkpoint needs room.
            self.feed.clear();
            // The first error is the one to tell.
            let _ = self.optimizer.clear();
        }
        metrics.map(Some)
    }

    fn next_step(&mut self, stop: &AtomicBool) -> Result<Metrics, Error> {
        let start = Instant::now();
        let number = self.done + 1;
        self.feed.ask(&self.plan, self.done);
        let (source, config, feed) = (self.source, &self.config, &self.feed);
        let (model, optimizer, flops) = (self.model, &mut self.optimizer, &self.flops);
        let prepare = |index| prepared(source, config, index);
        // The next step's samples are prepared while this one is computed.
        let (computed, joined) = feed.during(&prepare, || -> Result<_, Error> {
            let Some((taken, waited)) = feed.take(&prepare, stop)? else {
                return Ok(None);
            };
            let (mut samples, mut dropped) = (Vec::with_capacity(taken.len()), Vec::new());
            for sample in taken {
                match sample {
                    Ok(sample) => samples.push(sample),
                    Err(out) => dropped.push(out),
                }
            }
            let worth: f64 = samples.iter().map(|s| flops.sample(model, s)).sum();
            let draw = Draw {
                seed: config.seed,
                step: number as u64,
                microbatch: 0,
            };
            let sums = accumulate(model, optimizer, samples, config, draw, stop, feed)?;
            Ok(sums.map(|sums| (sums, dropped, waited, worth)))
        });
        let Some((sums, dropped, waited, worth)) = computed? else {
            return Err(Error::Stopped { step: number });
        };
        let learned = sums.learned;
        let factor = self.plan.rate(self.done);
        let (mut loss, mut grad_norm, mut skipped) = (0.0, 0.0, None);
        let mut norms = BTreeMap::new();
        if learned > 0 {
            loss = sums.loss / learned as f64;
            (grad_norm, norms) = self.optimizer.norms()?;
            if !grad_norm.is_finite() {
                norms.clear();
            }
            skipped = self.left_out(number, loss, grad_norm)?;
            if skipped.is_none() {
                self.optimizer.step(factor, grad_norm)?;
                self.spikes.done(loss, grad_norm);
            }
        }
        for dropped in dropped {
            if !self.dropped.contains(&dropped) {
                self.dropped.push(dropped);
            }
        }
        self.done = number;
        let rate = |group: Group| {
            let frozen = self.config.freeze.contains(&group);
            let peak = self.config.learning_rate.of(group);
            let rate = if frozen { 0.0 } else { factor * peak };
            (group.as_str().to_owned(), rate)
        };
        let memory = torch::memory::stats();
        let seconds = start.elapsed().as_secs_f64();
        let possible = self.rate * seconds;
        Ok(Metrics {
            step: number,
            loss,
            grad_norm,
            grad_norm_by_group: norms,
            learning_rate: Group::ALL.map(rate).into(),
            samples: sums.samples,
            tokens: sums.tokens,
            learned_tokens: learned,
            padding: sums.padding(),
            seconds,
            data_wait_seconds: waited + joined,
            flops: worth,
            mfu: if possible > 0.0 {
                worth / possible
            } else {
                0.0
            },
            peak_rss_bytes: peak_rss_bytes(),
            peak_memory_bytes: memory.peak,
            wasted_memory_bytes: memory.peak.saturating_sub(memory.peak_requested),
            skipped,
        })
    }

    /// Looks whether a step is to be left out, before it changes any weight; an error where none may be, or no more.
    fn left_out(&mut self, step: usize, loss: f64, grad_norm: f64) -> Result<Option<Spike>, Error> {
        let Some(why) = self.spikes.look(loss, grad_norm) else {
            return Ok(None);
        };
        let batch = self.plan.batch(self.done).into_iter();
        let samples: Vec<String> = batch.map(|i| self.source.id(i).to_owned()).collect();
        let skipped = self.spikes.skipped().len();
        if self.config.on_spike == OnSpike::Stop || skipped >= MOST_SKIPPED {
            return Err(Error::Spike {
                step,
                loss,
                grad_norm,
                why,
                samples,
                skipped,
            });
        }
        self.optimizer.clear()?;
        self.spikes.skip(step);
        Ok(Some(Spike { why, samples }))
    }
}

/// What a step's microbatches add up to.
#[derive(Default)]
struct Sums {
    samples: usize,
    tokens: usize,
    learned: usize,
    /// Nats.
    loss: f64,
    patches: Patches,
}

impl Sums {
    fn of(samples: &[Encoded]) -> Self {
        Self {
            samples: samples.len(),
            tokens: samples.iter().map(|s| s.ids.len()).sum(),
            learned: samples.iter().map(num_learned).sum(),
            ..Self::default()
        }
    }

    /// Of what language model and tower compute, the share that is padding.
    fn padding(&self) -> f64 {
        let Patches { computed, shown } = self.patches;
        computed.saturating_sub(shown) as f64 / (self.tokens + computed).max(1) as f64
    }
}

/// Forward and backward over all microbatches; nothing when it was stopped on the way. Pictures are given up as soon as
/// their microbatch is computed.
fn accumulate(
    model: &dyn Mllm,
    optimizer: &mut Optimizer,
    samples: Vec<Encoded>,
    config: &Config,
    mut draw: Draw,
    stop: &AtomicBool,
    feed: &Feed,
) -> Result<Option<Sums>, Error> {
    optimizer.clear()?;
    // Known before the first backward, so that each row's gradient has its final weight at once.
    let mut sums = Sums::of(&samples);
    let head = model.head().f_detach()?;
    let mut head_gradient = if optimizer.trains(model.head()) {
        Some(Tensor::f_zeros(head.size(), (Kind::Float, head.device()))?)
    } else {
        None
    };
    let microbatches = pack(&samples, config.micro_tokens, |image| {
        model.patches(image).computed
    });
    drop(samples);
    for mut packed in microbatches {
        packed.batch.recompute = config.recompute;
        if stop.load(Ordering::Relaxed) {
            optimizer.clear()?;
            return Ok(None);
        }
        // Until the backward is done, which may compute parts of the forward again.
        let _dropping = adapter::dropping(model, draw);
        draw.microbatch += 1;
        let rows = Tensor::f_from_slice(&packed.rows)?.f_to_device(model.device())?;
        let targets = Tensor::f_from_slice(&packed.targets)?.f_to_device(model.device())?;
        let hidden_nd = model
            .hidden(&packed.batch, None)?
            .f_index_select(0, &rows)?;
        for image in &packed.batch.images {
            let Patches { computed, shown } = model.patches(image);
            sums.patches.computed += computed;
            sums.patches.shown += shown;
        }
        // The forward has made tensors of them.
        feed.computed(feed::bytes(&packed.batch.images));
        drop(packed);
        let (part, gradient_nd) = loss::backward(
            &hidden_nd.f_detach()?,
            &head,
            &targets,
            1.0 / sums.learned as f64,
            head_gradient.as_mut(),
        )?;
        sums.loss += part;
        if hidden_nd.requires_grad() {
            torch::backward_with(&hidden_nd, &gradient_nd)?;
        }
        optimizer.collect()?;
    }
    if let Some(gradient) = head_gradient {
        optimizer.add(model.head(), &gradient)?;
    }
    Ok(Some(sums))
}

/// The largest resident memory of this process in bytes, from `/proc`; 0 where it cannot be read.
pub fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
