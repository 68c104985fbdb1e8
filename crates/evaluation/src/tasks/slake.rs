//! SLAKE (Liu et al., 2021): questions on radiology pictures, English test set.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "slake",
        title: "SLAKE",
        domain: super::domain::BIOMEDICINE,
        scoring: Scoring::Vqa,
        metrics: &[Metric::Recall, Metric::ClosedAccuracy],
        prompt: "{question}",
        max_new_tokens: 1024,
        names: &[],
        ignored: &[],
        splits: &[("open", 645, None), ("closed", 416, None)],
        reference: true,
        version: 2,
        source: "SLAKE 1.0, English questions of the test split; packaged as AdaptLLM/biomed-VQA-benchmark, SLAKE",
    }
    .into()
}
