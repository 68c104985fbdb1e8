//! Steps whose loss or gradient is no number, or jumps: they are seen before the weights change.
//!
//! The rule is a robust one, since a mean and a deviation would be moved by the very thing that is looked for. Of the last
//! [`WINDOW`] steps that were done, once there are [`FEWEST`], the median and the median absolute deviation (times 1.4826,
//! which makes it the standard deviation of normal values) are taken. A loss jumps where it is above the median by more
//! than [`DEVIATIONS`] of these *and* by more than [`NATS`], *and* is more than [`LOSS_TIMES`] the largest of them; a
//! gradient norm where it is above the median by as many deviations, and more than [`NORM_TIMES`] the largest. In the
//! demo's own trainings, of 450 and 650 steps, no loss is further up than 5 deviations and 1.4 times the largest, and no
//! norm further than 7 deviations and 1.7 times.
//!
//! A batch that is left out changes nothing: no weight, no moment, no random number. The weights before it are those that
//! going back to any earlier checkpoint and doing the steps since then again would give, bit by bit, so nothing is done
//! again for it.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// Steps that a step is compared with.
pub(crate) const WINDOW: usize = 32;
/// Nothing jumps before so many steps are done.
pub(crate) const FEWEST: usize = 16;
const DEVIATIONS: f64 = 12.0;
const NATS: f64 = 1.0;
const LOSS_TIMES: f64 = 2.0;
const NORM_TIMES: f64 = 10.0;

/// Batches that a training may leave out.
pub(crate) const MOST_SKIPPED: usize = 3;

/// What becomes of a step whose loss or gradient norm is no number or jumps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSpike {
    /// Training stops.
    #[default]
    Stop,
    /// Its batch is left out, three times at most; then training stops.
    Skip,
}

/// Why a batch was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spike {
    /// What was found.
    pub why: String,
    /// Ids of the samples of its batch.
    pub samples: Vec<String>,
}

/// What steps are compared with, and which were left out. It is part of a checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Watch {
    /// Loss and gradient norm of the last steps, the bits of each: a text of digits need not come back as it was.
    recent: VecDeque<[u64; 2]>,
    /// Steps whose batches were left out.
    skipped: Vec<usize>,
}

impl Watch {
    pub fn is_new(&self) -> bool {
        *self == Self::default()
    }

    /// Steps whose batches were left out.
    pub fn skipped(&self) -> &[usize] {
        &self.skipped
    }

    pub fn skip(&mut self, step: usize) {
        self.skipped.push(step);
    }

    /// Takes in a step that is done.
    pub fn done(&mut self, loss: f64, grad_norm: f64) {
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back([loss.to_bits(), grad_norm.to_bits()]);
    }

    /// What is wrong with a step; nothing as a rule.
    pub fn look(&self, loss: f64, grad_norm: f64) -> Option<String> {
        if !loss.is_finite() {
            return Some("the loss is no number".to_owned());
        }
        if !grad_norm.is_finite() {
            return Some("the gradient norm is no number".to_owned());
        }
        let of = |nth: usize| Usual::of(self.recent.iter().map(|pair| f64::from_bits(pair[nth])));
        let told = |what: &str, usual: &Usual| {
            format!(
                "the {what} jumped: of the last {} steps the median is {:.4} and the largest {:.4}",
                usual.count, usual.median, usual.largest
            )
        };
        let loss_before = of(0)?;
        if loss_before.is_far(loss, LOSS_TIMES) && loss > loss_before.median + NATS {
            return Some(told("loss", &loss_before));
        }
        let norm_before = of(1)?;
        norm_before
            .is_far(grad_norm, NORM_TIMES)
            .then(|| told("gradient norm", &norm_before))
    }
}

/// What is usual for a number.
struct Usual {
    count: usize,
    median: f64,
    deviation: f64,
    largest: f64,
}

impl Usual {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.collect();
        if values.len() < FEWEST {
            return None;
        }
        let median = median_of(values.clone());
        let away = values.iter().map(|value| (value - median).abs()).collect();
        Some(Self {
            count: values.len(),
            median,
            deviation: 1.4826 * median_of(away),
            largest: values.into_iter().fold(f64::MIN, f64::max),
        })
    }

    fn is_far(&self, value: f64, times: f64) -> bool {
        value > self.median + DEVIATIONS * self.deviation && value > times * self.largest
    }
}

fn median_of(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len().is_multiple_of(2) {
        f64::midpoint(values[half - 1], values[half])
    } else {
        values[half]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(steps: impl IntoIterator<Item = (f64, f64)>) -> Watch {
        let mut watch = Watch::default();
        for (loss, norm) in steps {
            watch.done(loss, norm);
        }
        watch
    }

    #[test]
    fn what_is_no_number_is_seen_at_once() {
        let watch = Watch::default();
        assert_eq!(watch.look(1e9, 1e9), None);
        let found = watch.look(f64::NAN, 1.0).expect("NaN");
        assert_eq!(found, "the loss is no number");
        let found = watch.look(1.0, f64::INFINITY).expect("infinite");
        assert_eq!(found, "the gradient norm is no number");
    }

    /// Losses 1.0 and 1.2 in turn: the median is 1.1, each is 0.1 from it, so the deviation is 0.14826 and 12 of them are
    /// 1.779. The largest is 1.2.
    #[test]
    fn a_jump_is_far_above_what_is_usual() {
        let turns = |n: usize| (0..n).map(|i| (1.0 + 0.2 * (i % 2) as f64, 2.0));
        let watch = after(turns(FEWEST));
        // 1.1 + 1.779 is more than 2 × 1.2.
        assert_eq!(watch.look(2.87, 2.0), None);
        let found = watch.look(2.89, 2.0).expect("a jump");
        assert_eq!(
            found,
            "the loss jumped: of the last 16 steps the median is 1.1000 and the largest 1.2000"
        );
        // Norms are all the same, so only the tenfold counts.
        assert_eq!(watch.look(1.0, 20.0), None);
        let found = watch.look(1.0, 20.1).expect("a jump");
        assert!(found.starts_with("the gradient norm jumped"), "{found}");
        // One step less is too few.
        assert_eq!(after(turns(FEWEST - 1)).look(100.0, 1e9), None);
    }

    #[test]
    fn small_losses_do_not_jump_by_less_than_a_nat() {
        let watch = after((0..20).map(|_| (0.01, 1.0)));
        assert_eq!(watch.look(1.0, 1.0), None);
        assert!(watch.look(1.02, 1.0).is_some());
    }

    #[test]
    fn old_steps_are_forgotten() {
        let mut watch = after([(50.0, 1.0)]);
        for _ in 0..WINDOW {
            watch.done(0.5, 1.0);
        }
        assert!(watch.look(5.0, 1.0).is_some());
        let text = serde_json::to_string(&watch).expect("text");
        let back: Watch = serde_json::from_str(&text).expect("a state");
        assert_eq!(back, watch);
    }

    /// A loss that falls by nine tenths, with noise of a third and a batch of twice the loss now and then.
    #[test]
    fn ordinary_training_does_not_jump() {
        for seed in 0..20_u64 {
            let mut rng = corpus::seed::Rng::new(seed);
            let mut watch = Watch::default();
            for step in 0..2000 {
                let fallen = 0.4 + 3.6 * (-f64::from(step) / 300.0).exp();
                let noise = 1.0 + 0.33 * (rng.below(2001) as f64 / 1000.0 - 1.0);
                let hard = if rng.below(40) == 0 { 1.8 } else { 1.0 };
                let (loss, norm) = (fallen * noise * hard, 3.0 * noise * hard * hard);
                assert_eq!(watch.look(loss, norm), None, "seed {seed}, step {step}");
                watch.done(loss, norm);
            }
        }
    }
}
