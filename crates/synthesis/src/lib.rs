#![doc = include_str!("../README.md")]
//!
//! In the order of the method: [`seed_samples()`], [`synthesis_requests`], [`triplets`], [`judge_requests`], [`verdicts`], [`keep`],
//! [`mix()`]. [`prompts`] has the words, [`makers`] what the method is compared with.

#![deny(missing_docs)]

mod outcome;
pub mod text;
pub mod truth;

#[cfg(test)]
mod show;

pub mod prompts;

pub mod corruption;
pub mod opening;
pub mod parse;
pub mod requests;
pub mod seed_samples;

pub mod filter;
pub mod judge;
pub mod spoil;

pub mod join;
pub mod mix;

pub mod makers;

pub mod funnel;
pub mod measure;
pub mod quality;

pub use corruption::Corruption;
pub use filter::{KeepRule, keep};
pub use funnel::Funnel;
pub use join::{Joined, Joiner, alone, join};
pub use judge::{
    JudgeKind, JudgeOptions, LabelledTriplet, judge_requests, judge_samples, likelihood_samples,
    verdicts, with_likelihood,
};
pub use makers::Maker;
pub use mix::{
    Answers, CaptionPosition, MixEntry, MixOptions, Mixing, SyntheticTask, TwoStage,
    WithoutTriplet, again, mix, mix_tasks, synthetic_task, synthetic_tasks, two_stage,
};
pub use opening::Input;
pub use outcome::Outcome;
pub use parse::{ParseOptions, SameQuestion, parse, triplets};
pub use prompts::{PromptError, Prompts};
pub use requests::{synthesis_decoding, synthesis_requests};
pub use seed_samples::{Blank, SeedOptions, seed_samples, split_seeds};
pub use spoil::spoil;

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    /// The words are those that `serde` writes.
    fn check<T: Serialize + Copy>(all: &[T], as_str: impl Fn(T) -> &'static str) {
        for &one in all {
            let written = serde_json::to_value(one).expect("serializable");
            assert_eq!(written, as_str(one));
        }
    }

    #[test]
    fn words_are_those_of_the_files() {
        check(&Input::ALL, Input::as_str);
        check(&Corruption::ALL, Corruption::as_str);
        check(&SameQuestion::ALL, SameQuestion::as_str);
        check(&JudgeKind::ALL, JudgeKind::as_str);
        check(&Joiner::ALL, Joiner::as_str);
        check(&WithoutTriplet::ALL, WithoutTriplet::as_str);
        check(&CaptionPosition::ALL, CaptionPosition::as_str);
        check(&Answers::ALL, Answers::as_str);
        check(&Maker::ALL, Maker::as_str);
    }
}
