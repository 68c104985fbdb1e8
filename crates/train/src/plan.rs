//! Which samples a step takes, and its learning rate: functions of the settings and the step alone.

use corpus::seed::{Rng, hash};

use crate::{Config, Scheduler};

/// The order of the samples and the number of steps.
#[derive(Clone, Debug)]
pub struct Plan {
    samples: usize,
    batch_size: usize,
    total: usize,
    warmup: usize,
    config: Config,
    digest: String,
}

impl Plan {
    /// A plan for the samples of these ids.
    pub fn new<'a>(ids: impl Iterator<Item = &'a str>, config: &Config) -> Self {
        let mut text = serde_json::to_string(config).unwrap_or_default();
        let mut samples = 0;
        for id in ids {
            samples += 1;
            text.push('\n');
            text.push_str(id);
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
            total,
            warmup,
            config: config.clone(),
            digest: corpus::digest::bytes(text.as_bytes()),
        }
    }

    /// Optimizer steps in all.
    pub fn total_steps(&self) -> usize {
        self.total
    }

    /// The samples of a step (from 0), in order. Batches run over the ends of epochs; the last one may be short.
    pub fn batch(&self, step: usize) -> Vec<usize> {
        let drawn = (self.samples as f64 * self.config.epochs).ceil() as usize;
        let (from, to) = (
            step * self.batch_size,
            ((step + 1) * self.batch_size).min(drawn),
        );
        let mut out = Vec::with_capacity(to.saturating_sub(from));
        let mut at = from;
        while at < to {
            let epoch = at / self.samples;
            let end = ((epoch + 1) * self.samples).min(to);
            let order = self.order(epoch);
            out.extend((at..end).map(|i| order[i % self.samples]));
            at = end;
        }
        out
    }

    fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.samples).collect();
        if self.config.shuffle {
            Rng::new(hash(self.config.seed, &format!("epoch {epoch}"))).shuffle(&mut order);
        }
        order
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
