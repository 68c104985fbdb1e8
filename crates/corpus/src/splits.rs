//! Seeded splits that never cut a group (a patient, a study, a recipe).

use std::collections::BTreeMap;

use crate::Pair;
use crate::seed::{Rng, hash};

/// Splits pairs into a training and a held-out part, both in the order of the input.
///
/// Whole groups are held out until `fraction` of the pairs is reached; a pair without a group is its own. With at least
/// two groups and a fraction above 0 neither part is empty.
pub fn split(pairs: &[Pair], fraction: f64, seed: u64) -> (Vec<Pair>, Vec<Pair>) {
    let mut groups: BTreeMap<&str, usize> = BTreeMap::new();
    for pair in pairs {
        *groups.entry(group(pair)).or_default() += 1;
    }
    let mut order: Vec<(&str, usize)> = groups.into_iter().collect();
    Rng::new(hash(seed, "split")).shuffle(&mut order);
    let wanted = pairs.len() as f64 * fraction.clamp(0.0, 1.0);
    let mut held: Vec<&str> = Vec::new();
    let mut count = 0;
    // One group always stays for training.
    for &(name, size) in order.iter().skip(1) {
        // A group goes over when that brings the count nearer to what is wanted; the first one whenever any is wanted.
        let nearer = (count + size) as f64 - wanted < wanted - count as f64;
        if wanted > 0.0 && (nearer || held.is_empty()) {
            held.push(name);
            count += size;
        }
        if count as f64 >= wanted {
            break;
        }
    }
    pairs.iter().cloned().partition(|pair| !held.contains(&group(pair)))
}

fn group(pair: &Pair) -> &str {
    pair.group.as_deref().unwrap_or(&pair.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(groups: &[&str]) -> Vec<Pair> {
        let pair = |(i, group): (usize, &&str)| Pair {
            id: i.to_string(),
            images: vec!["x.png".into()],
            caption: "c".to_owned(),
            request: None,
            group: (!group.is_empty()).then(|| (*group).to_owned()),
            source: None,
            meta: serde_json::Map::new(),
        };
        groups.iter().enumerate().map(pair).collect()
    }

    #[test]
    fn holds_out_whole_groups() {
        let all = pairs(&["a", "b", "a", "c", "d", "b", "e", "a", "f", "g"]);
        for seed in 0..50 {
            let (train, held) = split(&all, 0.3, seed);
            assert!(!train.is_empty() && !held.is_empty());
            assert!(held.iter().all(|h| train.iter().all(|t| t.group != h.group)));
        }
        assert_eq!(split(&all, 0.3, 7), split(&all, 0.3, 7));
    }

    #[test]
    fn reaches_the_fraction_without_groups() {
        let (train, held) = split(&pairs(&[""; 40]), 0.1, 1);
        assert_eq!((train.len(), held.len()), (36, 4));
        assert_eq!(split(&pairs(&[""; 2]), 0.01, 1).1.len(), 1);
        assert_eq!(split(&pairs(&[""; 5]), 0.0, 1).1.len(), 0);
        assert_eq!(split(&pairs(&["one", "one"]), 0.5, 1).1.len(), 0);
    }
}
