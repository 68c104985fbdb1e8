//! Pictures that change hands, for controls: what is learned from pairs whose pictures are of other pairs.

use corpus::Pair;
use corpus::names::Names;
use corpus::seed::{Rng, hash};

use crate::error::Result;

/// Which pair's pictures each pair gets, by the pairs' rows: those of another pair; pairs of one picture keep having one.
pub fn shuffled(pairs: impl Iterator<Item = Result<Pair>>, seed: u64) -> Result<Vec<u32>> {
    givers(pairs.map(|pair| Ok(format!("{:?}", pair?.images))), seed)
}

/// As [`shuffled`], where the pairs of each group get the pictures of one other group.
pub fn of_groups(pairs: impl Iterator<Item = Result<Pair>>, seed: u64) -> Result<Vec<u32>> {
    let group = |pair: Pair| pair.group.unwrap_or(pair.id);
    givers(pairs.map(|pair| Ok(group(pair?))), seed)
}

/// Which row each row gets its pictures of, by the rows' groups: one of another group; no group keeps its own unless there is only
/// one.
fn givers(groups: impl Iterator<Item = Result<String>>, seed: u64) -> Result<Vec<u32>> {
    let (mut names, mut of_row) = (Names::default(), Vec::new());
    for group in groups {
        of_row.push(names.add(&group?).0);
    }
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| names.get(a).cmp(names.get(b)));
    Rng::new(hash(seed, "swapped pictures")).shuffle(&mut order);
    // The rows of each group stand together, in order.
    let mut starts = vec![0_usize; names.len() + 1];
    for &group in &of_row {
        starts[group + 1] += 1;
    }
    for group in 0..names.len() {
        starts[group + 1] += starts[group];
    }
    let (mut rows, mut ends) = (vec![0; of_row.len()], starts.clone());
    for (row, &group) in of_row.iter().enumerate() {
        rows[ends[group]] = row as u32;
        ends[group] += 1;
    }
    let members = |group: usize| &rows[starts[group]..starts[group + 1]];
    let mut givers = vec![0; of_row.len()];
    for (at, &group) in order.iter().enumerate() {
        let theirs = members(order[(at + 1) % order.len()]);
        for (nth, &taker) in members(group).iter().enumerate() {
            givers[taker as usize] = theirs[nth % theirs.len()];
        }
    }
    Ok(givers)
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
        let pairs = pairs(&names);
        let rows = of_groups(pairs.iter().cloned().map(Ok), 3).expect("no error");
        assert_eq!(
            shuffled(pairs.iter().cloned().map(Ok), 3)
                .expect("no error")
                .len(),
            6
        );
        let swapped = rows.iter().map(|&row| &pairs[row as usize]);
        let mut givers = std::collections::BTreeMap::new();
        for (pair, own) in swapped.zip(names) {
            let picture = pair.images[0].display().to_string();
            let giver = picture.split('-').next().unwrap_or_default().to_owned();
            assert_ne!(giver, own);
            assert_eq!(*givers.entry(own).or_insert_with(|| giver.clone()), giver);
        }
    }
}
