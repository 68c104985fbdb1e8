//! The stepper: encode, pack, forward, backward, update.

use std::time::Instant;

use model::{Group, Mllm};
use processor::Encoded;
use serde::{Deserialize, Serialize};
use torch::{Kind, Tensor};

use crate::optimizer::Optimizer;
use crate::pack::num_learned;
use crate::{Config, Error, Plan, TooLong, loss, pack};

/// Where samples come from. Encoding runs on another thread than training.
pub trait SampleSource: Sync {
    /// Number of samples.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Id of a sample, for messages.
    fn id(&self, index: usize) -> &str;
    /// Prepares a sample; the error says what is wrong with it.
    fn encode(&self, index: usize) -> Result<Encoded, String>;
}

/// A sample that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dropped {
    /// Its id.
    pub id: String,
    /// `too-long` or `nothing-learned`.
    pub reason: &'static str,
    /// What was found.
    pub detail: String,
}

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Optimizer steps done, from 1.
    pub step: usize,
    /// Nats per learned token of the global batch.
    pub loss: f64,
    /// L2 norm of all gradients before clipping.
    pub grad_norm: f64,
    /// Rate of each group.
    pub learning_rate: std::collections::BTreeMap<String, f64>,
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
pub struct Trainer<'a> {
    pub(crate) model: &'a dyn Mllm,
    source: &'a dyn SampleSource,
    config: Config,
    pub(crate) plan: Plan,
    pub(crate) optimizer: Optimizer,
    /// Optimizer steps done.
    pub(crate) done: usize,
    next: Option<Result<Fetched, Error>>,
    dropped: Vec<Dropped>,
}

struct Fetched {
    step: usize,
    samples: Vec<Encoded>,
    dropped: Vec<Dropped>,
}

impl<'a> Trainer<'a> {
    /// Prepares training from the model's present weights.
    pub fn new(model: &'a dyn Mllm, source: &'a dyn SampleSource, config: &Config) -> Result<Self, Error> {
        if source.is_empty() {
            return Err(Error::NoSamples);
        }
        Ok(Self {
            model,
            source,
            config: config.clone(),
            plan: Plan::new(source.len(), config),
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

    /// Samples that were left out so far, each once.
    pub fn dropped(&self) -> &[Dropped] {
        &self.dropped
    }

    /// Does one optimizer step; `None` when all are done.
    pub fn step(&mut self) -> Result<Option<Metrics>, Error> {
        if self.done >= self.plan.total_steps() {
            return Ok(None);
        }
        let start = Instant::now();
        let fetched = match self.next.take() {
            Some(fetched) => fetched?,
            None => self.fetch(self.done)?,
        };
        debug_assert_eq!(fetched.step, self.done);
        let mut waited = start.elapsed().as_secs_f64();
        for dropped in fetched.dropped {
            if !self.dropped.contains(&dropped) {
                self.dropped.push(dropped);
            }
        }
        let more = self.done + 1 < self.plan.total_steps();
        let (source, config, plan, following) = (self.source, &self.config, &self.plan, self.done + 1);
        let model = self.model;
        let optimizer = &self.optimizer;
        // The next batch is prepared while this one is computed.
        let (computed, next, joined) = std::thread::scope(|scope| {
            let worker = more.then(|| scope.spawn(move || fetch(source, config, plan, following)));
            let computed = accumulate(model, optimizer, &fetched.samples, config.micro_tokens);
            let join = Instant::now();
            let next = worker.map(|w| {
                w.join().unwrap_or_else(|_| {
                    Err(Error::Sample { id: "?".to_owned(), problem: "preparing it panicked".to_owned() })
                })
            });
            (computed, next, join.elapsed().as_secs_f64())
        });
        waited += joined;
        self.next = next;
        let (sum, learned) = computed?;
        let loss = if learned == 0 { 0.0 } else { sum / learned as f64 };
        if !loss.is_finite() {
            return Err(Error::NotFinite { step: self.done + 1, loss });
        }
        // Warm-up starts at the first step with a rate above 0, as a rate of 0 would waste that batch.
        let factor = self.plan.rate(self.done + usize::from(self.plan.rate(0) == 0.0));
        let grad_norm = if learned == 0 { 0.0 } else { self.optimizer.step(factor)? };
        self.done += 1;
        let groups = [Group::VisionTower, Group::Projector, Group::LanguageModel];
        Ok(Some(Metrics {
            step: self.done,
            loss,
            grad_norm,
            learning_rate: groups
                .iter()
                .map(|&g| (g.as_str().to_owned(), factor * self.config.learning_rate.of(g)))
                .collect(),
            samples: fetched.samples.len(),
            tokens: fetched.samples.iter().map(|s| s.ids.len()).sum(),
            learned_tokens: learned,
            padding: 0.0,
            seconds: start.elapsed().as_secs_f64(),
            data_wait_seconds: waited,
            peak_rss_bytes: peak_rss_bytes(),
        }))
    }

    fn fetch(&self, step: usize) -> Result<Fetched, Error> {
        fetch(self.source, &self.config, &self.plan, step)
    }
}

fn fetch(source: &dyn SampleSource, config: &Config, plan: &Plan, step: usize) -> Result<Fetched, Error> {
    let mut fetched = Fetched { step, samples: Vec::new(), dropped: Vec::new() };
    for index in plan.batch(step) {
        let id = source.id(index);
        let sample = source.encode(index).map_err(|problem| Error::Sample { id: id.to_owned(), problem })?;
        match fit(sample, id, config)? {
            Ok(sample) => fetched.samples.push(sample),
            Err(dropped) => fetched.dropped.push(dropped),
        }
    }
    Ok(fetched)
}

/// The sample as it will be trained on, or why it is left out.
fn fit(mut sample: Encoded, id: &str, config: &Config) -> Result<Result<Encoded, Dropped>, Error> {
    let (found, limit) = (sample.ids.len(), config.max_seq_len);
    let drop = |reason, detail: String| Ok(Err(Dropped { id: id.to_owned(), reason, detail }));
    if found > limit {
        match config.too_long {
            TooLong::Error => return Err(Error::TooLong { id: id.to_owned(), found, limit }),
            TooLong::Drop => return drop("too-long", format!("{found} tokens, at most {limit}")),
            TooLong::TruncateText => {
                if cuts_a_picture(&sample, limit) {
                    return drop("too-long", format!("a picture lies beyond the first {limit} of {found} tokens"));
                }
                if !sample.learn.iter().take(limit).any(|&l| l) {
                    return drop("too-long", format!("the first {limit} of {found} tokens hold nothing learned"));
                }
                sample.ids.truncate(limit);
                sample.learn.truncate(limit);
            }
        }
    }
    if num_learned(&sample) == 0 {
        return drop("nothing-learned", "no token carries loss".to_owned());
    }
    Ok(Ok(sample))
}

/// Whether image tokens lie past `limit`: each picture is a run of so many equal ids.
fn cuts_a_picture(sample: &Encoded, limit: usize) -> bool {
    let mut at = 0;
    let mut left = sample.images.iter().map(|i| i.num_tokens);
    let mut wanted = left.next();
    for run in sample.ids.chunk_by(|a, b| a == b) {
        at += run.len();
        while let Some(length) = wanted.filter(|&n| run.len() >= n) {
            if at > limit {
                return true;
            }
            wanted = left.next();
            if run.len() < 2 * length {
                break;
            }
        }
    }
    wanted.is_some()
}

/// Forward and backward over all microbatches; gives the summed loss and the learned tokens of the batch.
fn accumulate(
    model: &dyn Mllm,
    optimizer: &Optimizer,
    samples: &[Encoded],
    micro_tokens: usize,
) -> Result<(f64, usize), Error> {
    let learned: usize = samples.iter().map(num_learned).sum();
    if learned == 0 {
        return Ok((0.0, 0));
    }
    let scale = 1.0 / learned as f64;
    let head = model.head().f_detach()?;
    let trained_head = optimizer.slot_of(model.head());
    let mut head_gradient = match trained_head {
        Some(_) => Some(Tensor::f_zeros(head.size(), (Kind::Float, head.device()))?),
        None => None,
    };
    let mut sum = 0.0;
    for packed in pack(samples, micro_tokens) {
        let rows = Tensor::f_from_slice(&packed.rows)?.f_to_device(model.device())?;
        let targets = Tensor::f_from_slice(&packed.targets)?.f_to_device(model.device())?;
        let hidden_nd = model.hidden(&packed.batch, None)?.f_index_select(0, &rows)?;
        let (part, gradient_nd) = loss::backward(&hidden_nd.f_detach()?, &head, &targets, scale, head_gradient.as_mut())?;
        sum += part;
        if hidden_nd.requires_grad() {
            torch::backward_with(&hidden_nd, &gradient_nd)?;
        }
    }
    if let (Some(slot), Some(gradient)) = (trained_head, head_gradient) {
        let _guard = torch::no_grad_guard();
        let gradient = gradient.f_to_kind(slot.weight.kind())?;
        let before = slot.weight.f_grad()?;
        let total = if before.defined() { before.f_add(&gradient)? } else { gradient };
        torch::set_grad(&slot.weight, &total)?;
    }
    Ok((sum, learned))
}

fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().map_or(0, |kib| kib * 1024)
}
