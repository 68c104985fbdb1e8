//! The stepper: encode, pack, forward, backward, update.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use model::adapter::Draw;
use model::{Group, Mllm};
use processor::Encoded;

use crate::balance::Share;
use crate::choices::Sharding;
use crate::feed::{Feed, prepared};
use crate::fit::Dropped;
use crate::flops::{Flops, matrix_rate};
use crate::metrics::{Metrics, peak_rss_bytes};
use crate::microbatches::{self, Microbatches};
use crate::optimizer::{Optimizer, Slot, first_of};
use crate::ranks::{Ranks, Team};
use crate::spike::{self, MOST_SKIPPED, OnSpike, Spike};
use crate::taken::{self, Taken};
use crate::{Config, Error, Plan, SampleSource, exchange, lora};

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
    pub(crate) team: Team<'a>,
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
        Self::of(model, source, config, Team::new(None))
    }

    /// As [`Trainer::new`], as one of several processes that train together. Each has the whole source and a model of its own
    /// with the same weights, takes its part of every batch, and has all weights after each step. The loss is that of one
    /// process but for rounding.
    ///
    /// From here on every process makes the same calls of `step`, `validate`, `save_checkpoint` and `resume` in the
    /// same order, and all of them succeed or fail together. Gives [`Error::ShardedAdapter`], and [`Error::Unlike`] where
    /// settings or samples differ.
    pub fn together(
        model: &'a dyn Mllm,
        source: &'a dyn SampleSource,
        config: &Config,
        ranks: Ranks<'a>,
    ) -> Result<Self, Error> {
        let team = Team::new(Some(ranks));
        let made = if ranks.sharding == Sharding::Optimizer && config.lora.is_some() {
            Err(Error::ShardedAdapter)
        } else {
            Self::of(model, source, config, Team::new(Some(ranks)))
        };
        let made = team.agree(made)?;
        let digest = made.plan.digest().as_bytes();
        made.compare("settings or samples", digest)?;
        Ok(made)
    }

    fn of(
        model: &'a dyn Mllm,
        source: &'a dyn SampleSource,
        config: &Config,
        team: Team<'a>,
    ) -> Result<Self, Error> {
        if source.is_empty() {
            return Err(Error::NoSamples);
        }
        lora::check(model, config)?;
        let optimizer = Optimizer::new(model, config, &team)?;
        let mut feed = Feed::of_machine();
        feed.share(Share::of(team.rank(), team.size(), Vec::new()));
        Ok(Self {
            model,
            source,
            config: config.clone(),
            plan: Plan::new((0..source.len()).map(|i| source.id(i)), config),
            flops: Flops::of(model, |tensor| optimizer.trains(tensor)),
            rate: 0.0,
            optimizer,
            done: 0,
            feed,
            team,
            dropped: Vec::new(),
            spikes: spike::Watch::default(),
        })
    }

    /// Says what each sample of the source costs, in tokens, so that processes get parts of a batch that take as long. Every
    /// process says the same; without it all samples count alike.
    pub fn balance_by(&mut self, tokens: Vec<u32>) -> Result<(), Error> {
        let bytes: Vec<u8> = tokens.iter().flat_map(|n| n.to_le_bytes()).collect();
        self.compare("costs of samples", corpus::digest::bytes(&bytes).as_bytes())?;
        let (rank, size) = (self.team.rank(), self.team.size());
        self.feed.share(Share::of(rank, size, tokens));
        Ok(())
    }

    /// Gives an error in every process if one has something else here than the first.
    fn compare(&self, what: &'static str, own: &[u8]) -> Result<(), Error> {
        let all = self.team.gather(own)?;
        match all.iter().position(|other| *other != all[0]) {
            Some(rank) => Err(Error::Unlike { rank, what }),
            None => Ok(()),
        }
    }

    /// Measures what the machine can do at most, so that steps tell what share of it they use.
    pub fn measure_rate(&mut self) -> Result<(), Error> {
        self.rate = matrix_rate(self.model.device(), self.model.kind())?;
        Ok(())
    }

    /// Bytes of masters and moments that this process keeps.
    pub fn state_bytes(&self) -> u64 {
        self.optimizer.slots.iter().map(Slot::state_bytes).sum()
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
    ///
    /// Of several processes all end so when one is stopped; when one has an error, the others give [`Error::Elsewhere`].
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
        let (model, optimizer, team) = (self.model, &mut self.optimizer, &self.team);
        let prepare = |index| prepared(source, config, index);
        let worth = |sample: &Encoded| self.flops.sample(model, sample);
        team.take_seconds();
        // The next step's samples are prepared while this one is computed.
        let (computed, joined) = feed.during(&prepare, || -> Result<_, Error> {
            let places = feed.places(number - 1);
            let own = feed.take(&prepare, stop);
            let own = own.map(|own| own.map(|(all, waited)| Taken::of(all, places, waited)));
            let Some((taken, counts)) = taken::counted(team, own, worth)? else {
                return Ok(None);
            };
            let dropped = taken.all_dropped(team, &counts)?;
            let microbatches = Microbatches {
                model,
                config,
                learned: counts.learned,
                draw: Draw {
                    seed: config.seed,
                    step: number as u64,
                    microbatch: first_of(team.rank()) as u64,
                },
                stop,
                feed,
            };
            let own = microbatches.compute(taken.samples, optimizer);
            let sums = microbatches::added_up(team, own, optimizer)?;
            Ok(sums.map(|(sums, flags)| (sums, flags, counts, dropped, taken.waited)))
        });
        let Some((sums, flags, counts, dropped, waited)) = computed? else {
            return Err(Error::Stopped { step: number });
        };
        let factor = self.plan.rate(self.done);
        let (mut loss, mut grad_norm, mut skipped) = (0.0, 0.0, None);
        let mut norms = BTreeMap::new();
        if counts.learned > 0 {
            loss = sums.loss / counts.learned as f64;
            exchange::gradients(team, optimizer, &flags)?;
            (grad_norm, norms) = optimizer.norms(team)?;
            if !grad_norm.is_finite() {
                norms.clear();
            }
            skipped = self.left_out(number, loss, grad_norm)?;
            if skipped.is_none() {
                self.optimizer.step(factor, grad_norm)?;
                exchange::weights(&self.team, &self.optimizer)?;
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
        let possible = self.rate * seconds * self.team.size() as f64;
        let worth = counts.worth;
        Ok(Metrics {
            step: number,
            loss,
            grad_norm,
            grad_norm_by_group: norms,
            learning_rate: Group::ALL.map(rate).into(),
            samples: counts.samples,
            tokens: counts.tokens,
            learned_tokens: counts.learned,
            padding: sums.padding(counts.tokens),
            seconds,
            data_wait_seconds: waited + joined,
            communication_seconds: self.team.take_seconds(),
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
