//! What stages would cost: counts from their files, sizes from the model, times from a short measurement.

mod measured;
mod prompts;

use std::collections::BTreeMap;

use run::plan::Cost;
use run::recipe::Training;

pub use self::measured::{
    ANSWER, FewPairs, Measured, Probe, SAMPLES, Sizes, caption_sample, caption_samples,
};
pub use self::prompts::{Asked, Prompts, SHARE};
use crate::settings;

/// Bytes of a pair's records in a stage, and of an answer.
const PAIR_BYTES: u64 = 4096;
const ANSWER_BYTES: u64 = 1024;

/// What is known when a stage says what it would cost.
pub struct Estimate<'a> {
    /// Pairs that are trained on.
    pub training: usize,
    /// Pairs that are kept for evaluation.
    pub held_out: usize,
    /// What the general model's folder told.
    pub measured: &'a Measured,
    /// How long prompts for models at endpoints are; none where that was not looked at.
    pub prompts: Option<&'a Prompts>,
    /// The costs of the stages before.
    pub before: BTreeMap<String, Cost>,
}

impl Estimate<'_> {
    /// What a stage before would cost.
    pub fn cost(&self, stage: &str) -> Cost {
        self.before.get(stage).cloned().unwrap_or_default()
    }

    /// Records that a stage before would hand on.
    pub fn records(&self, stage: &str) -> usize {
        self.before.get(stage).map_or(0, |cost| cost.records)
    }

    /// A training of the general model on so many samples.
    pub fn training_of(&self, samples: usize, training: &Training) -> Cost {
        let config = settings::config(training);
        // Whatever they are called, as many are drawn.
        let plan = train::Plan::new(std::iter::repeat_n("", samples), &config);
        let drawn = plan.num_drawn();
        let sizes = &self.measured.sizes;
        let kept = if training.save_steps > 0 {
            training.keep.max(1) + 1
        } else {
            1
        };
        let each = sizes.weights + sizes.state.moments + sizes.state.masters;
        let seconds = self.measured.costs.as_ref();
        let cost = Cost {
            records: samples,
            least_memory: sizes.weights + sizes.beside(),
            seconds: seconds.map(|c| c.train * self.measured.sample_tokens * drawn as f64),
            disk: BTreeMap::from([("models".to_owned(), sizes.weights)]),
            passing_disk: BTreeMap::from([(
                "checkpoints while training".to_owned(),
                kept as u64 * each,
            )]),
            ..Cost::default()
        };
        cost.with("samples", samples)
            .with("steps", plan.total_steps())
    }

    /// So many answers that may have so many tokens each.
    pub fn answers_of(&self, answers: usize, tokens: f64) -> Cost {
        let seconds = self.measured.costs.as_ref();
        let sizes = &self.measured.sizes;
        Cost {
            records: answers,
            least_memory: sizes.weights + sizes.cached_token * self.measured.prompt_tokens as u64,
            seconds: seconds.map(|c| c.answer * tokens * SHARE * answers as f64),
            disk: records(answers as u64 * ANSWER_BYTES),
            ..Cost::default()
        }
    }

    /// Answers of a model at an endpoint.
    pub fn asked(&self, asked: &Asked<'_>) -> Cost {
        Cost {
            records: asked.answers,
            seconds: None,
            disk: records(asked.answers as u64 * ANSWER_BYTES),
            endpoint: self.prompts.map(|prompts| prompts.cost(asked)),
            ..Cost::default()
        }
    }

    /// Records of so many pairs or samples.
    pub fn records_of(pairs: usize) -> Cost {
        Cost {
            disk: records(pairs as u64 * PAIR_BYTES),
            ..Cost::nothing(pairs)
        }
    }
}

fn records(bytes: u64) -> BTreeMap<String, u64> {
    BTreeMap::from([("records".to_owned(), bytes)])
}
