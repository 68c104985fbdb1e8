//! PMC-VQA (Zhang et al., 2023): multiple choice on figures of medical papers.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "pmc-vqa",
        title: "PMC-VQA",
        domain: super::domain::BIOMEDICINE,
        scoring: Scoring::Choice,
        metrics: &[Metric::Accuracy],
        prompt: "Question: {question}\nPick the right choice:\n{choices}",
        max_new_tokens: 1024,
        names: &[],
        ignored: &[],
        splits: &[("test", 2000, None)],
        reference: true,
        version: 2,
        source: "PMC-VQA, cleaned test set; packaged as AdaptLLM/biomed-VQA-benchmark, PMC-VQA",
    }
    .into()
}
