//! PathVQA (He et al., 2020): questions on pathology pictures.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "path-vqa",
        title: "PathVQA",
        domain: super::domain::BIOMEDICINE,
        scoring: Scoring::Vqa,
        metrics: &[Metric::Recall, Metric::ClosedAccuracy],
        prompt: "{question}",
        max_new_tokens: 1024,
        names: &[],
        ignored: &[],
        splits: &[("open", 3357, None), ("closed", 3362, None)],
        reference: true,
        version: 2,
        source: "PathVQA, test split; packaged as AdaptLLM/biomed-VQA-benchmark, PathVQA",
    }
    .into()
}
