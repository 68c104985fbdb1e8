//! FloodNet (Rahnemoonfar et al., 2020): questions on drone pictures after a flood.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

/// The conditions that answers name.
const CONDITIONS: [&str; 2] = ["flooded", "non flooded"];

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "floodnet",
        title: "FloodNet",
        domain: super::domain::REMOTE_SENSING,
        scoring: Scoring::Short,
        metrics: &[Metric::Accuracy],
        prompt: "{question}",
        max_new_tokens: 1024,
        names: &CONDITIONS,
        ignored: &[],
        splits: &[("train", 4511, None)],
        reference: false,
        version: 2,
        source: "FloodNet challenge, questions of the training split (the only ones with answers); no scoring code was published, the rule is ours; packaged as AdaptLLM/remote-sensing-VQA-benchmark, FloodNet",
    }
    .into()
}
