//! NWPU-Captions (Cheng et al., 2022): describe an aerial picture.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "nwpu-captions",
        title: "NWPU-Captions",
        domain: super::domain::REMOTE_SENSING,
        scoring: Scoring::Text,
        metrics: &[Metric::RougeL],
        prompt: "Describe this aerial picture in one detailed sentence.",
        max_new_tokens: 1024,
        names: &[],
        ignored: &[],
        splits: &[("test", 3150, None)],
        reference: false,
        version: 2,
        source: "NWPU-Captions, test pictures with five captions each; no scoring code was published: the best label counts; packaged as AdaptLLM/remote-sensing-VQA-benchmark, NWPU-Captions",
    }
    .into()
}
