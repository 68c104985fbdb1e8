//! FoodSeg103 (Wu et al., 2021): name the foods in a picture.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "foodseg103",
        title: "FoodSeg103",
        domain: super::domain::FOOD,
        scoring: Scoring::List,
        metrics: &[Metric::F1],
        prompt: "Which of these foods can be seen in the picture? {names}\nAnswer with a list, such as ['rice', 'egg'], and nothing else.",
        max_new_tokens: 256,
        names: &[],
        ignored: &["background", "other ingredients"],
        splits: &[("test", 2135, None)],
        reference: true,
        version: 2,
        source: "FoodSeg103, test set; its 102 names (without background and other ingredients) come with the data; packaged as AdaptLLM/food-VQA-benchmark, FoodSeg103",
    }
    .into()
}
