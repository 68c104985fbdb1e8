//! Seeded splits that never cut a group: all pictures of one patient, study or recipe lie on one side.

use crate::Pair;
use crate::names::Names;
use crate::seed::hash;

/// Splits pairs into those to train on and those held out, both in the order given.
///
/// A pair without a group is a group of its own. Groups are held out in the order of a hash of seed and name, as long
/// as that brings the share of held-out pairs nearer to `fraction`; so the choice does not depend on the order of the
/// pairs or on the platform. With two groups or more and a positive fraction, neither side is empty.
///
/// ```
/// # let pair = |id: &str| corpus::Pair { id: id.into(), images: vec![], caption: "A dish.".into(), request: None,
/// #     group: None, source: None, meta: serde_json::Map::new() };
/// let pairs: Vec<_> = ["a", "b", "c", "d"].map(pair).into();
/// let (train, held_out) = corpus::splits::split(&pairs, 0.25, 7);
/// assert_eq!((train.len(), held_out.len()), (3, 1));
/// ```
pub fn split(pairs: &[Pair], fraction: f64, seed: u64) -> (Vec<Pair>, Vec<Pair>) {
    let groups: Vec<&str> = pairs
        .iter()
        .map(|pair| pair.group.as_deref().unwrap_or(&pair.id))
        .collect();
    let (mut train, mut held_out) = (Vec::new(), Vec::new());
    for (pair, held) in pairs.iter().zip(held_out_rows(&groups, fraction, seed)) {
        if held {
            held_out.push(pair.clone());
        } else {
            train.push(pair.clone());
        }
    }
    (train, held_out)
}

/// Whether each row is held out, by the rows' groups; see [`split`].
pub fn held_out_rows(groups: &[&str], fraction: f64, seed: u64) -> Vec<bool> {
    let mut all = Groups::default();
    for group in groups {
        all.add(group);
    }
    all.held_out(fraction, seed)
}

/// The groups of rows that come one by one; of a row four bytes are kept, and the name of each group once.
///
/// ```
/// let mut groups = corpus::splits::Groups::default();
/// for group in ["a", "b", "a", "c"] {
///     groups.add(group);
/// }
/// let held = groups.held_out(0.5, 7);
/// assert!(held[0] == held[2] && held.contains(&true) && held.contains(&false));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Groups {
    names: Names,
    /// Rows by the number of their group.
    sizes: Vec<u32>,
    /// The number of each row's group.
    rows: Vec<u32>,
}

impl Groups {
    /// The group of the next row.
    pub fn add(&mut self, group: &str) {
        let (number, is_new) = self.names.add(group);
        if is_new {
            self.sizes.push(0);
        }
        self.sizes[number] += 1;
        self.rows.push(number as u32);
    }

    /// How many rows there are.
    pub fn num_rows(&self) -> usize {
        self.rows.len()
    }

    /// Whether each row is held out; see [`split`].
    pub fn held_out(&self, fraction: f64, seed: u64) -> Vec<bool> {
        // Not a number counts as nothing held out.
        if self.names.len() < 2 || fraction.is_nan() || fraction <= 0.0 {
            return vec![false; self.rows.len()];
        }
        // A seed of its own, so that the choice has nothing to do with other draws for the same ids.
        let seed = hash(seed, "held out");
        let keyed = |number| (hash(seed, self.names.get(number)), number);
        let mut order: Vec<(u64, usize)> = (0..self.names.len()).map(keyed).collect();
        order.sort_unstable_by(|a, b| {
            let names = || self.names.get(a.1).cmp(self.names.get(b.1));
            a.0.cmp(&b.0).then_with(names)
        });
        let size = |number: usize| self.sizes[number] as usize;
        let target = fraction.min(1.0) * self.rows.len() as f64;
        let mut is_held = vec![false; self.names.len()];
        let (mut count, mut last) = (0, None);
        let mut num_held = 0;
        for &(_, group) in &order {
            let with = count + size(group);
            if (with as f64 - target).abs() < (count as f64 - target).abs() {
                is_held[group] = true;
                (count, last) = (with, Some(group));
                num_held += 1;
            }
        }
        match last {
            None => {
                let smallest = order.iter().min_by_key(|&&(_, group)| size(group));
                if let Some(&(_, group)) = smallest {
                    is_held[group] = true;
                }
            }
            Some(last) if num_held == order.len() => is_held[last] = false,
            Some(_) => {}
        }
        let held = |&group: &u32| is_held[group as usize];
        self.rows.iter().map(held).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

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
            assert!((2..=4).contains(&held.len()));
            assert_eq!(train.len() + held.len(), all.len());
            let groups: HashSet<_> = train.iter().map(|pair| &pair.group).collect();
            assert!(held.iter().all(|pair| !groups.contains(&pair.group)));
        }
    }

    #[test]
    fn reaches_the_fraction_without_groups() {
        for (num_pairs, fraction, expected) in [
            (40, 0.1, 4),
            (2, 0.01, 1),
            (5, 0.0, 0),
            (5, f64::NAN, 0),
            (5, 1.0, 4),
            (5, 7.0, 4),
            (1, 0.5, 0),
            (0, 0.5, 0),
            (1000, 0.333, 333),
        ] {
            let (train, held) = split(&pairs(&vec![""; num_pairs]), fraction, 1);
            assert_eq!((train.len(), held.len()), (num_pairs - expected, expected));
        }
        assert_eq!(split(&pairs(&["one", "one"]), 0.5, 1).1.len(), 0);
    }

    #[test]
    fn the_choice_depends_on_the_seed_and_not_on_the_order() {
        let groups: Vec<String> = (0..200).map(|i| format!("g{}", i / 3)).collect();
        let mut groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let chosen = |groups: &[&str], seed| -> HashSet<String> {
            let held = held_out_rows(groups, 0.2, seed);
            let held = groups.iter().zip(held).filter(|(_, held)| *held);
            held.map(|(group, _)| (*group).to_owned()).collect()
        };
        let first = chosen(&groups, 3);
        groups.reverse();
        assert_eq!(chosen(&groups, 3), first);
        assert_ne!(chosen(&groups, 4), first);
    }

    #[test]
    fn stays_the_same_in_every_version() {
        // Computed apart, in Python, from the definitions of FNV-1a and SplitMix64.
        let groups: Vec<String> = (0..20).map(|i| i.to_string()).collect();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let held = held_out_rows(&groups, 0.2, 1);
        let held: Vec<usize> = (0..20).filter(|&i| held[i]).collect();
        assert_eq!(held, [1, 4, 6, 18]);
    }

    #[test]
    fn one_group_of_everything_else_stays() {
        // A group larger than the target goes over only when nothing else would.
        let mut groups = vec!["large"; 90];
        groups.extend(["s"; 10]);
        for seed in 0..20 {
            let held = held_out_rows(&groups, 0.1, seed);
            assert_eq!(held.iter().filter(|&&h| h).count(), 10);
            assert_eq!(
                held_out_rows(&["large", "large", "s"], 0.01, seed),
                [false, false, true]
            );
        }
    }
}
