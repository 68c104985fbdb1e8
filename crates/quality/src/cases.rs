//! Cases (the paper's Figures 4 and 8): one pair, and what every set makes of it, side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use corpus::seed::hash;
use serde::{Deserialize, Serialize};

use crate::item::Item;

/// Which pairs are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseChoice {
    /// These, by id, in this order.
    Pairs(Vec<String>),
    /// So many, drawn by the seed among the pairs that the most sets have.
    Drawn {
        /// How many.
        count: usize,
        /// The seed.
        seed: u64,
    },
}

/// A pair with the tasks of all sets about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The pair.
    pub pair: String,
    /// Its pictures.
    pub images: Vec<PathBuf>,
    /// Its caption, where a set has it.
    pub caption: Option<String>,
    /// One for each set, in their order.
    pub sets: Vec<CaseSet>,
}

/// What a set makes of a pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseSet {
    /// The set's name.
    pub set: String,
    /// Its tasks about the pair; none where it has nothing about it.
    pub items: Vec<Item>,
}

/// The chosen pairs, and which of the asked ones no set has.
///
/// ```
/// use quality::{CaseChoice, Item, cases};
/// let item = |set: &str, pair: &str| Item { set: set.to_owned(), pair: pair.to_owned(), ..Item::default() };
/// let items = [item("a", "1"), item("a", "2"), item("b", "2")];
/// let (found, _) = cases(&items, &["a", "b"], &CaseChoice::Drawn { count: 1, seed: 1 });
/// assert_eq!((found[0].pair.as_str(), found[0].sets.len()), ("2", 2));
/// ```
pub fn cases(items: &[Item], sets: &[&str], choice: &CaseChoice) -> (Vec<Case>, Vec<String>) {
    let mut by_pair: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in items
        .iter()
        .filter(|item| sets.contains(&item.set.as_str()))
    {
        by_pair.entry(&item.pair).or_default().push(item);
    }
    let case = |pair: &str| {
        let items = by_pair.get(pair)?;
        let of = |set: &&str| CaseSet {
            set: (*set).to_owned(),
            items: items
                .iter()
                .filter(|item| item.set == *set)
                .map(|item| (*item).clone())
                .collect(),
        };
        let pictured = items.iter().find(|item| !item.images.is_empty());
        Some(Case {
            pair: pair.to_owned(),
            images: pictured.map(|item| item.images.clone()).unwrap_or_default(),
            caption: items.iter().find_map(|item| item.caption.clone()),
            sets: sets.iter().map(of).collect(),
        })
    };
    match choice {
        CaseChoice::Pairs(asked) => {
            let missing = asked
                .iter()
                .filter(|pair| !by_pair.contains_key(pair.as_str()));
            let missing = missing.cloned().collect();
            (
                asked.iter().filter_map(|pair| case(pair)).collect(),
                missing,
            )
        }
        CaseChoice::Drawn { count, seed } => {
            let num_sets = |pair: &str| {
                let sets: BTreeSet<&str> = by_pair[pair].iter().map(|i| i.set.as_str()).collect();
                sets.len()
            };
            let mut pairs: Vec<&str> = by_pair.keys().copied().collect();
            pairs.sort_by_key(|pair| {
                let drawn = hash(*seed, &format!("case {pair}"));
                (std::cmp::Reverse(num_sets(pair)), drawn)
            });
            let chosen = pairs.into_iter().take(*count);
            (chosen.filter_map(case).collect(), Vec::new())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(set: &str, pair: &str, id: &str) -> Item {
        Item {
            set: set.to_owned(),
            pair: pair.to_owned(),
            id: id.to_owned(),
            ..Item::default()
        }
    }

    fn items() -> Vec<Item> {
        let mut all: Vec<Item> = (0..30)
            .flat_map(|at| {
                let pair = format!("p{at}");
                let second = (at % 3 > 0).then(|| item("b", &pair, "1"));
                [Some(item("a", &pair, "1")), second].into_iter().flatten()
            })
            .collect();
        all.push(item("b", "p4", "2"));
        all[0].images = vec!["p0.png".into()];
        all
    }

    #[test]
    fn asked_pairs_come_in_their_order_with_every_set_beside_them() {
        let asked = CaseChoice::Pairs(["p4", "none", "p0"].map(str::to_owned).to_vec());
        let (found, missing) = cases(&items(), &["b", "a"], &asked);
        assert_eq!(missing, ["none"]);
        let shape = |case: &Case| -> Vec<(String, usize)> {
            let sets = case.sets.iter();
            sets.map(|of| (of.set.clone(), of.items.len())).collect()
        };
        let pair = |b, a| vec![("b".to_owned(), b), ("a".to_owned(), a)];
        assert_eq!(shape(&found[0]), pair(2, 1));
        assert_eq!(shape(&found[1]), pair(0, 1));
        assert_eq!(found[1].images, [PathBuf::from("p0.png")]);
    }

    #[test]
    fn a_seed_draws_among_pairs_that_all_sets_have() {
        let draw = |seed, count| {
            let choice = CaseChoice::Drawn { count, seed };
            let (found, _) = cases(&items(), &["a", "b"], &choice);
            found.into_iter().map(|case| case.pair).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 5), draw(1, 5));
        assert_ne!(draw(1, 5), draw(2, 5));
        for pair in draw(1, 20) {
            let at: usize = pair[1..].parse().expect("a number");
            assert!(!at.is_multiple_of(3), "{pair} has one set alone");
        }
        assert_eq!(draw(1, 99).len(), 30);
    }
}
