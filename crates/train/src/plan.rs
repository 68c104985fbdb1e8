//! Which samples a step takes, and its learning rate: functions of the settings and the step alone.

use std::ops::Range;

use corpus::digest::Growing;
use corpus::seed::{Rng, hash};

use crate::{Config, Scheduler};

/// The order of the samples of one epoch, kept for all of its steps.
#[derive(Debug, Default)]
pub(crate) struct Order {
    epoch: Option<usize>,
    samples: Vec<usize>,
    #[cfg(test)]
    made: usize,
}

impl Order {
    /// That of an epoch, which is made if it is another one than last time.
    fn of(&mut self, plan: &Plan, epoch: usize) -> &[usize] {
        if self.epoch != Some(epoch) {
            self.samples.clear();
            self.samples.extend(0..plan.samples);
            let config = &plan.config;
            if config.shuffle {
                Rng::new(hash(config.seed, &format!("epoch {epoch}"))).shuffle(&mut self.samples);
            }
            self.epoch = Some(epoch);
            #[cfg(test)]
            {
                self.made += 1;
            }
        }
        &self.samples
    }
}

/// The order of the samples and the number of steps.
#[derive(Clone, Debug)]
pub struct Plan {
    samples: usize,
    batch_size: usize,
    /// Samples of all steps.
    drawn: usize,
    total: usize,
    warmup: usize,
    config: Config,
    digest: String,
}

impl Plan {
    /// A plan for the samples of these ids.
    pub fn new<'a>(ids: impl Iterator<Item = &'a str>, config: &Config) -> Self {
        let mut digest = Growing::default();
        digest.add(serde_json::to_string(config).unwrap_or_default());
        let mut samples = 0;
        for id in ids {
            samples += 1;
            digest.add("\n");
            digest.add(id);
        }
        let batch_size = config.batch_size.clamp(1, samples.max(1));
        let drawn = (samples as f64 * config.epochs).ceil() as usize;
        let total = drawn
            .div_ceil(batch_size)
            .min(config.max_steps.unwrap_or(usize::MAX));
        // A single step would otherwise be all warm-up, with a rate of 0.
        let warmup = (total as f64 * config.warmup_ratio).ceil() as usize;
        let warmup = warmup.min(total.saturating_sub(1));
        Self {
            samples,
            batch_size,
            drawn: drawn.min(total.saturating_mul(batch_size)),
            total,
            warmup,
            config: config.clone(),
            digest: digest.finish(),
        }
    }

    /// Optimizer steps in all.
    pub fn total_steps(&self) -> usize {
        self.total
    }

    /// Samples of all steps in all; one counts as often as it is drawn.
    pub fn num_drawn(&self) -> usize {
        self.drawn
    }

    /// How often each sample is drawn.
    pub fn times_drawn(&self) -> Vec<usize> {
        self.times_drawn_by(self.total)
    }

    /// How often each sample is drawn by the first steps.
    pub fn times_drawn_by(&self, steps: usize) -> Vec<usize> {
        let drawn = self.range(steps).start;
        let mut times = vec![drawn / self.samples.max(1); self.samples];
        let rest = drawn % self.samples.max(1);
        if rest > 0 {
            let mut last = Order::default();
            for &sample in &last.of(self, drawn / self.samples)[..rest] {
                times[sample] += 1;
            }
        }
        times
    }

    /// The samples of a step (from 0), in order. Batches run over the ends of epochs; the last one may be short. The order
    /// of a whole epoch is made for it, so ask for single steps only.
    pub fn batch(&self, step: usize) -> Vec<usize> {
        self.draw(step, &mut Order::default())
    }

    /// As [`Plan::batch`], with the order of the epoch that the step before was in.
    pub(crate) fn draw(&self, step: usize, order: &mut Order) -> Vec<usize> {
        let Range { start, end } = self.range(step);
        let mut out = Vec::with_capacity(end - start);
        let mut at = start;
        while at < end {
            let epoch = at / self.samples;
            let first = epoch * self.samples;
            let to = (first + self.samples).min(end);
            out.extend_from_slice(&order.of(self, epoch)[at - first..to - first]);
            at = to;
        }
        out
    }

    /// Which draws a step takes of all that are made, one epoch after the other.
    pub(crate) fn range(&self, step: usize) -> Range<usize> {
        let start = step.saturating_mul(self.batch_size).min(self.drawn);
        start..start.saturating_add(self.batch_size).min(self.drawn)
    }

    /// The factor of the peak learning rate at a step (from 0), as in `transformers`' schedules: the warm-up starts at
    /// 0, and `min_lr` is a share of the peak (its `min_lr_rate`).
    pub fn rate(&self, step: usize) -> f64 {
        if step < self.warmup {
            return step as f64 / self.warmup as f64;
        }
        let progress = (step - self.warmup) as f64 / (self.total - self.warmup).max(1) as f64;
        let fallen = match self.config.scheduler {
            Scheduler::Cosine => f64::midpoint(1.0, (std::f64::consts::PI * progress).cos()),
            Scheduler::Linear => 1.0 - progress,
            Scheduler::Constant => 1.0,
        };
        self.config.min_lr + (1.0 - self.config.min_lr) * fallen
    }

    /// Tells plans apart, by their settings and the ids of their samples: a checkpoint of another plan must not be
    /// gone on from.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(samples: usize, change: impl FnOnce(&mut Config)) -> Plan {
        let mut config = Config {
            epochs: 2.0,
            max_steps: None,
            ..Config::small(1.0, 4, 1)
        };
        change(&mut config);
        let ids: Vec<String> = (0..samples).map(|i| i.to_string()).collect();
        Plan::new(ids.iter().map(String::as_str), &config)
    }

    #[test]
    fn every_epoch_sees_every_sample_once() {
        let plan = plan(10, |_| {});
        assert_eq!(plan.total_steps(), 5);
        let mut drawn: Vec<usize> = (0..5).flat_map(|s| plan.batch(s)).collect();
        assert_ne!(drawn[..10], drawn[10..]);
        drawn[..10].sort_unstable();
        drawn[10..].sort_unstable();
        assert_eq!(drawn[..10], (0..10).collect::<Vec<_>>());
        assert_eq!(drawn[..10], drawn[10..]);
    }

    /// Ten samples, two and a half epochs, seed 7; from an implementation of the generator and the shuffle in Python.
    const GOLDEN: [&[usize]; 7] = [
        &[1, 9, 4, 0],
        &[5, 7, 6, 3],
        &[8, 2, 0, 9],
        &[8, 6, 4, 1],
        &[7, 5, 3, 2],
        &[6, 7, 9, 8],
        &[3],
    ];

    #[test]
    fn the_order_is_that_of_another_implementation() {
        let plan = plan(10, |c| (c.epochs, c.seed) = (2.5, 7));
        let drawn: Vec<Vec<usize>> = (0..7).map(|s| plan.batch(s)).collect();
        assert_eq!(drawn, GOLDEN);
    }

    #[test]
    fn an_epoch_is_put_in_order_once() {
        let plan = plan(10, |c| (c.epochs, c.seed) = (2.5, 7));
        let mut order = Order::default();
        let drawn: Vec<Vec<usize>> = (0..7).map(|s| plan.draw(s, &mut order)).collect();
        assert_eq!((drawn, order.made), (GOLDEN.map(<[_]>::to_vec).into(), 3));
    }

    #[test]
    fn draws_are_counted_without_drawing() {
        for (epochs, max_steps) in [(2.5, None), (2.0, None), (0.3, None), (9.0, Some(4))] {
            let plan = plan(10, |c| (c.epochs, c.max_steps) = (epochs, max_steps));
            let mut times = vec![0; 10];
            let mut all = 0;
            for sample in (0..plan.total_steps()).flat_map(|s| plan.batch(s)) {
                times[sample] += 1;
                all += 1;
            }
            assert_eq!(
                (plan.num_drawn(), plan.times_drawn()),
                (all, times),
                "{epochs}"
            );
        }
        // As many steps as a control may have.
        let plan = plan(3, |c| {
            (c.epochs, c.max_steps) = (f64::from(u32::MAX), Some(2));
        });
        assert_eq!(plan.times_drawn(), [2, 2, 2]);
    }

    #[test]
    fn draws_of_the_first_steps_are_counted() {
        let plan = plan(10, |c| (c.epochs, c.seed) = (2.5, 7));
        for steps in 0..=plan.total_steps() {
            let mut times = vec![0; 10];
            for &sample in GOLDEN[..steps].iter().copied().flatten() {
                times[sample] += 1;
            }
            assert_eq!(plan.times_drawn_by(steps), times, "{steps} steps");
        }
    }

    #[test]
    fn part_of_an_epoch_is_part_of_the_samples() {
        let plan = plan(10, |c| c.epochs = 0.5);
        assert_eq!(
            (0..plan.total_steps())
                .map(|s| plan.batch(s).len())
                .sum::<usize>(),
            5
        );
    }

    #[test]
    fn a_single_step_has_no_warm_up() {
        let plan = plan(3, |c| (c.max_steps, c.warmup_ratio) = (Some(1), 0.1));
        assert_eq!((plan.total_steps(), plan.rate(0)), (1, 1.0));
    }

    #[test]
    fn digest_is_that_of_the_settings_and_a_line_for_each_id() {
        let config = serde_json::to_string(&plan(3, |_| {}).config).expect("JSON");
        let digest = corpus::digest::bytes(format!("{config}\n0\n1\n2").as_bytes());
        assert_eq!(plan(3, |_| {}).digest(), digest);
    }

    #[test]
    fn digest_depends_on_settings_and_samples() {
        assert_eq!(plan(3, |_| {}).digest(), plan(3, |_| {}).digest());
        assert_ne!(plan(3, |_| {}).digest(), plan(4, |_| {}).digest());
        assert_ne!(plan(3, |_| {}).digest(), plan(3, |c| c.eps = 1e-7).digest());
    }

    #[test]
    fn rate_follows_the_cosine_schedule_of_transformers() {
        // get_cosine_schedule_with_warmup(num_warmup_steps=2, num_training_steps=10), factors of steps 0, 1, 2, 6, 9.
        let plan = plan(20, |c| {
            (c.warmup_ratio, c.min_lr, c.epochs) = (0.2, 0.0, 2.0);
        });
        let expected = [0.0, 0.5, 1.0, 0.5, 0.038_060_233_744_356_62];
        for (step, rate) in [0, 1, 2, 6, 9].into_iter().zip(expected) {
            assert!(
                (plan.rate(step) - rate).abs() < 1e-12,
                "step {step}: {}",
                plan.rate(step)
            );
        }
    }
}
