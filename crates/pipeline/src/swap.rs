//! Pictures that change hands, for controls: what is learned from pairs whose pictures are of other pairs.

use std::path::PathBuf;

use corpus::Pair;
use corpus::seed::{Rng, hash};

/// Gives each pair the pictures of another pair; pairs of one picture keep having one.
pub fn shuffle(pairs: &mut [Pair], seed: u64) {
    let own: Vec<String> = pairs.iter().map(|p| format!("{:?}", p.images)).collect();
    swap(pairs, &own, seed);
}

/// Gives the pairs of each group the pictures of one other group.
pub fn swap_groups(pairs: &mut [Pair], seed: u64) {
    let groups: Vec<String> = pairs.iter().map(group).collect();
    swap(pairs, &groups, seed);
}

fn group(pair: &Pair) -> String {
    pair.group.clone().unwrap_or_else(|| pair.id.clone())
}

/// Gives the pairs of each group the pictures of another group; no group keeps its own unless there is only one.
fn swap(pairs: &mut [Pair], groups: &[String], seed: u64) {
    let mut order: Vec<&String> = groups.iter().collect();
    order.sort();
    order.dedup();
    Rng::new(hash(seed, "swapped pictures")).shuffle(&mut order);
    let pictures: Vec<Vec<PathBuf>> = pairs.iter().map(|p| p.images.clone()).collect();
    for (at, group) in order.iter().enumerate() {
        let giver = order[(at + 1) % order.len()];
        let theirs: Vec<&Vec<PathBuf>> = (0..pairs.len())
            .filter(|&i| groups[i] == *giver)
            .map(|i| &pictures[i])
            .collect();
        let takers = (0..pairs.len()).filter(|&i| groups[i] == **group);
        for (nth, taker) in takers.enumerate() {
            pairs[taker].images.clone_from(theirs[nth % theirs.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(groups: &[&str]) -> Vec<Pair> {
        let pair = |(at, group): (usize, &&str)| Pair {
            id: at.to_string(),
            images: vec![format!("{group}-{at}.png").into()],
            caption: String::new(),
            request: None,
            group: Some((*group).to_owned()),
            source: None,
            meta: serde_json::Map::new(),
        };
        groups.iter().enumerate().map(pair).collect()
    }

    #[test]
    fn every_group_gets_the_pictures_of_one_other_group() {
        let names = ["a", "a", "b", "b", "c", "a"];
        let mut swapped = pairs(&names);
        swap_groups(&mut swapped, 3);
        let mut givers = std::collections::BTreeMap::new();
        for (pair, own) in swapped.iter().zip(names) {
            let picture = pair.images[0].display().to_string();
            let giver = picture.split('-').next().unwrap_or_default().to_owned();
            assert_ne!(giver, own);
            assert_eq!(*givers.entry(own).or_insert_with(|| giver.clone()), giver);
        }
    }
}
