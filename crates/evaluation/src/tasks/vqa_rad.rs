//! VQA-RAD (Lau et al., 2018): clinicians' questions on radiology pictures.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "vqa-rad",
        title: "VQA-RAD",
        domain: super::domain::BIOMEDICINE,
        scoring: Scoring::Vqa,
        metrics: &[Metric::Recall, Metric::ClosedAccuracy],
        prompt: "{question}",
        max_new_tokens: 1024,
        names: &[],
        ignored: &[],
        splits: &[("open", 179, None), ("closed", 272, None), ("open", 200, Some("200/251")), ("closed", 251, Some("200/251"))],
        reference: true,
        version: 2,
        source: "VQA-RAD, test split as LLaVA-Med types its answers (179 open, 272 closed; others count 200 and 251); packaged as AdaptLLM/biomed-VQA-benchmark, VQA_RAD",
    }
    .into()
}
