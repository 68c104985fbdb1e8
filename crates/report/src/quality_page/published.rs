//! What the paper's people found, to stand beside (tables 7 and 8).

use std::collections::BTreeMap;

use quality::Aspect;

use super::Published;

/// Diversity, knowledge, complexity and accuracy of table 8.
const TABLE_8: [(&str, [f64; 4]); 6] = [
    ("Recipe1M, rules", [23.5, 20.9, 38.4, 98.7]),
    ("Recipe1M, synthesizer", [52.9, 21.9, 69.9, 84.3]),
    ("PMC-Raw, GPT-4", [47.1, 44.9, 41.7, 84.4]),
    ("PMC-Raw, synthesizer", [58.8, 58.9, 83.2, 75.1]),
    ("PMC-Refined, GPT-4V", [64.7, 67.7, 49.6, 87.5]),
    ("PMC-Refined, synthesizer", [76.5, 63.2, 80.5, 79.6]),
];

/// Consistency and accuracy of table 7, food.
const TABLE_7: [(&str, f64, Aspect, f64); 3] = [
    (
        "Recipe1M, no filter, precise",
        35.7,
        Aspect::PreciseAccuracy,
        77.2,
    ),
    (
        "Recipe1M, no filter, informative",
        35.7,
        Aspect::InformativeAccuracy,
        75.5,
    ),
    ("Recipe1M, filter, both", 97.1, Aspect::Accuracy, 84.3),
];

/// The paper's sets; those of table 7 where there are triplets.
pub fn published(has_triplets: bool) -> Vec<Published> {
    let people = |table: &str| {
        format!("{table}, 200 samples, people, rescaled by a formula that is not told")
    };
    let mut all: Vec<Published> = TABLE_8
        .iter()
        .map(
            |&(name, [diversity, knowledge, complexity, accuracy])| Published {
                name: name.to_owned(),
                source: people("table 8"),
                values: BTreeMap::from([
                    (Aspect::Knowledge, knowledge),
                    (Aspect::Complexity, complexity),
                    (Aspect::Accuracy, accuracy),
                ]),
                diversity: Some(diversity),
            },
        )
        .collect();
    if has_triplets {
        all.extend(
            TABLE_7.map(|(name, consistency, aspect, accuracy)| Published {
                name: name.to_owned(),
                source: people("table 7"),
                values: BTreeMap::from([(Aspect::Consistency, consistency), (aspect, accuracy)]),
                diversity: None,
            }),
        );
    }
    all
}
