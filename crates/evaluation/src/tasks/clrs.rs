//! CLRS (Li et al., 2020): one of 25 classes of land use.

use super::spec::{BuiltIn, Metric, Scoring, Spec};

/// The classes in alphabetical order.
#[rustfmt::skip]
const CLASSES: [&str; 25] = [
    "airport", "bare land", "beach", "bridge", "commercial", "desert", "farmland", "forest", "golf course",
    "highway", "industrial", "meadow", "mountain", "overpass", "park", "parking", "playground", "port", "railway",
    "railway station", "residential", "river", "runway", "stadium", "storage tank",
];

pub(super) fn spec() -> Spec {
    BuiltIn {
        id: "clrs",
        title: "CLRS",
        domain: super::domain::REMOTE_SENSING,
        scoring: Scoring::Class,
        metrics: &[Metric::Accuracy],
        prompt: "Which category does this aerial picture show? {names}\nAnswer with one of these, in a single word or phrase.",
        max_new_tokens: 1024,
        names: &CLASSES,
        ignored: &[],
        splits: &[("all", 15000, None)],
        reference: false,
        version: 2,
        source: "CLRS, all 15,000 pictures; no scoring code was published, the rule is ours; packaged as AdaptLLM/remote-sensing-VQA-benchmark, CLRS",
    }
    .into()
}
