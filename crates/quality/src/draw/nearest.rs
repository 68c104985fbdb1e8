//! The items of a stratum that are drawn first, kept while a set is read.

use std::collections::BTreeMap;

use corpus::seed::hash;

use crate::item::Item;

/// Where an item or a pair stands: a hash, and the name where two have one hash.
type Place = (u64, String);

/// Keeps the first items of a stratum, whatever the order in which they come.
pub(super) struct Nearest {
    seed: u64,
    most: usize,
    /// Whether pairs are drawn first, and then the items of each.
    by_pair: bool,
    total: usize,
    /// Of the first pairs, the first items each. Where items are drawn, each is a pair of its own.
    pairs: BTreeMap<Place, BTreeMap<Place, Item>>,
}

impl Nearest {
    pub(super) fn new(seed: u64, most: usize, by_pair: bool) -> Self {
        Self {
            seed,
            most,
            by_pair,
            total: 0,
            pairs: BTreeMap::new(),
        }
    }

    /// Items that came.
    pub(super) fn total(&self) -> usize {
        self.total
    }

    fn pair_of(&self, item: &Item) -> Place {
        if self.by_pair {
            // Of no set, so that all sets draw the same pairs.
            let text = format!("pair {}", item.pair);
            return (hash(self.seed, &text), item.pair.clone());
        }
        place_of(self.seed, item)
    }

    /// Items that may be needed of a pair: the fewer pairs there are, the more of each.
    fn depth(&self) -> usize {
        (self.most + 1).saturating_sub(self.pairs.len()).max(1)
    }

    /// An item of the stratum, which is copied if it may be drawn.
    pub(super) fn add(&mut self, item: &Item) {
        self.total += 1;
        let pair = self.pair_of(item);
        let is_full = self.pairs.len() >= self.most;
        let last = self.pairs.last_key_value().map(|(last, _)| last);
        if is_full && last.is_none_or(|last| pair > *last) {
            return;
        }
        let place = place_of(self.seed, item);
        let is_new = !self.pairs.contains_key(&pair);
        let of_pair = self.pairs.entry(pair.clone()).or_default();
        of_pair.insert(place, item.clone());
        if self.pairs.len() > self.most {
            self.pairs.pop_last();
        }
        let depth = self.depth();
        let shorten = |items: &mut BTreeMap<Place, Item>| {
            while items.len() > depth {
                items.pop_last();
            }
        };
        if is_new {
            // With a pair more, fewer are needed of each.
            self.pairs.values_mut().for_each(shorten);
        } else if let Some(items) = self.pairs.get_mut(&pair) {
            shorten(items);
        }
    }

    /// The first so many: one of each pair in the order of pairs, then a second of each, and so on.
    pub(super) fn first(self, wanted: usize) -> Vec<Item> {
        let pairs = self.pairs.into_values();
        let mut pairs: Vec<_> = pairs.map(BTreeMap::into_values).collect();
        let mut drawn = Vec::new();
        while drawn.len() < wanted.min(self.most) {
            let before = drawn.len();
            let left = wanted.min(self.most) - before;
            drawn.extend(pairs.iter_mut().filter_map(Iterator::next).take(left));
            if drawn.len() == before {
                break;
            }
        }
        drawn
    }
}

/// Where an item stands among those of its pair.
fn place_of(seed: u64, item: &Item) -> Place {
    let text = format!("item {}\n{}", item.set, item.id);
    (hash(seed, &text), item.id.clone())
}
