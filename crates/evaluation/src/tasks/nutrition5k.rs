//! Nutrition5k (Thames et al., 2021): name the ingredients of a dish.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "nutrition5k",
        title: "Nutrition5K",
        domain: super::domain::FOOD,
        scoring: Scoring::List,
        metrics: &[Metric::Recall],
        prompt: "Which ingredients went into the dish in this picture?",
        max_new_tokens: 256,
        names: &[],
        ignored: &[],
        splits: &[("test", 507, None)],
        reference: true,
        version: 2,
        source: "Nutrition5k, test dishes; its 555 ingredient names come with the data; packaged as AdaptLLM/food-VQA-benchmark, Nutrition5K",
    }
    .into()
}
