//! UC Merced Land Use (Yang and Newsam, 2010): one of 21 classes.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

/// The classes in alphabetical order; the folders write them in one word.
#[rustfmt::skip]
const CLASSES: [&str; 21] = [
    "agricultural", "airplane", "baseball diamond", "beach", "buildings", "chaparral", "dense residential", "forest",
    "freeway", "golf course", "harbor", "intersection", "medium residential", "mobile home park", "overpass",
    "parking lot", "river", "runway", "sparse residential", "storage tanks", "tennis court",
];

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "uc-merced",
        title: "UC Merced",
        domain: super::domain::REMOTE_SENSING,
        scoring: Scoring::Class,
        metrics: &[Metric::Accuracy],
        prompt: "Which category does this aerial picture show? {names}\nAnswer with one of these, in a single word or phrase.",
        max_new_tokens: 1024,
        names: &CLASSES,
        ignored: &[],
        splits: &[("all", 2100, None)],
        reference: false,
        version: 2,
        source: "UC Merced Land Use, all 2,100 pictures (the paper prints 21,000); no scoring code was published, the rule is ours; packaged as AdaptLLM/remote-sensing-VQA-benchmark, UCMerced",
    }
    .into()
}
