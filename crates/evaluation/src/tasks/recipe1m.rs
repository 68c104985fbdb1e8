//! Recipe1M (Salvador et al., 2017): write the recipe of a dish.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "recipe1m",
        title: "Recipe1M",
        domain: super::domain::FOOD,
        scoring: Scoring::Text,
        metrics: &[Metric::RougeL],
        prompt: "Write the recipe of the dish in this picture.",
        max_new_tokens: 1024,
        names: &[],
        ignored: &[],
        splits: &[("test", 1000, None)],
        reference: true,
        version: 2,
        source: "Recipe1M, 1,000 test recipes; packaged as AdaptLLM/food-VQA-benchmark, Recipe1M",
    }
    .into()
}
