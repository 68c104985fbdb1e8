//! A seeded sample of each set, to be judged.
//!
//! - **Strata.** A set is drawn by the kinds of task that its items name, each in proportion, with one at least; items that name
//!   none are a kind of their own. A set with more kinds than are drawn is drawn as a whole. A set that measures a filter is
//!   drawn by what was kept and what was dropped, as many of each.
//! - **The same pairs.** Pairs are drawn by a number that depends on the seed and the pair alone, so of sets about the same
//!   pairs judges see the same ones; of one pair one item is drawn before a second. Where pairs have several items, those of
//!   pairs with few are therefore likelier to be drawn than others. A set that measures a filter is drawn item by item.
//! - **The same sample.** Neither the order of records nor the place of files changes it. Memory holds what may still be drawn.

mod allocate;
mod nearest;

use std::collections::{BTreeMap, BTreeSet};

use corpus::digest;
use serde_json::json;

pub use allocate::allocate;

use crate::item::Item;
use crate::sample::{Sample, SetSample, Stratum};
use crate::sets::{Error, Read, Source, check_names, read};
use nearest::Nearest;

/// What a filter kept, as a stratum's name.
pub const KEPT: &str = "kept";
/// What it dropped.
pub const DROPPED: &str = "dropped";

/// Hexadecimal digits of a key, unless two items of a sample share them.
const DIGITS: usize = 16;

/// How much is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// The seed.
    pub seed: u64,
    /// Items of each set.
    pub count: usize,
    /// Items of what a filter kept, and as many of what it dropped.
    pub each: usize,
}

impl Draw {
    /// 200 of each set, as in the paper, and 100 kept and 100 dropped of one that measures a filter.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            count: 200,
            each: 100,
        }
    }
}

/// A sample and what reading its sets gave.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The sample.
    pub sample: Sample,
    /// Each set, in the order of the sample's.
    pub read: Vec<Read>,
}

impl Drawn {
    /// The sets that have fewer items than were asked for, a sentence each.
    pub fn short(&self, draw: &Draw) -> Vec<String> {
        let sets = self.sample.sets.iter();
        sets.filter_map(|set| set.short(draw)).collect()
    }
}

impl SetSample {
    /// A sentence if fewer were drawn than were asked for.
    pub fn short(&self, draw: &Draw) -> Option<String> {
        let name = &self.name;
        if self.is_of_filter {
            let part = |stratum: &Stratum| format!("{} {}", stratum.drawn, stratum.name);
            let short = self.strata.iter().any(|one| one.drawn < draw.each);
            let parts: Vec<String> = self.strata.iter().map(part).collect();
            let asked = draw.each;
            return short.then(|| {
                format!(
                    "set `{name}`: {} were drawn where {asked} of each were asked for",
                    parts.join(" and ")
                )
            });
        }
        let drawn: usize = self.strata.iter().map(|one| one.drawn).sum();
        let asked = draw.count;
        (drawn < asked)
            .then(|| format!("set `{name}`: it has {drawn} items where {asked} were asked for"))
    }
}

/// Draws from sets.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// use quality::{Draw, Source, draw};
/// let file = folder.path().join("triplets.jsonl");
/// let lines: Vec<String> = (0..9).map(|at| format!(
///     r#"{{"id": "{at}", "pair": "{at}", "instruction": "What?", "informative": "It is tea.", "precise": "tea"}}"#)).collect();
/// std::fs::write(&file, lines.join("\n"))?;
/// let options = Draw { count: 4, ..Draw::new(1) };
/// let drawn = draw(&[Source::new("ours", &file)], &options)?;
/// assert_eq!((drawn.sample.items.len(), drawn.sample.sets[0].total), (4, 9));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn draw(sources: &[Source], draw: &Draw) -> Result<Drawn, Error> {
    check_names(sources)?;
    let (mut sets, mut items, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    for source in sources {
        let mut drawing = Drawing::new(source, draw);
        reads.push(read(source, |item| drawing.add(&item))?);
        let (set, of_set) = drawing.finish()?;
        sets.push(set);
        items.extend(of_set);
    }
    Ok(Drawn {
        sample: sample(draw.seed, sets, items),
        read: reads,
    })
}

/// Puts items that were drawn into a sample: gives them their keys, and the sample its id.
pub fn sample(seed: u64, sets: Vec<SetSample>, mut items: Vec<Item>) -> Sample {
    let keys: Vec<String> = items
        .iter()
        .map(|item| digest::bytes(json!([seed, item.set, item.id]).to_string().as_bytes()))
        .collect();
    let is_unique = |digits: &usize| {
        let mut beginnings = BTreeSet::new();
        keys.iter().all(|key| beginnings.insert(&key[..*digits]))
    };
    let longest = keys.first().map_or(DIGITS, String::len);
    let digits = (DIGITS..longest).find(is_unique).unwrap_or(longest);
    for (item, key) in items.iter_mut().zip(&keys) {
        key[..digits].clone_into(&mut item.key);
        for image in &mut item.images {
            // A sample may be shown from anywhere.
            if let Ok(full) = std::path::absolute(&image) {
                *image = full;
            }
        }
    }
    Sample {
        id: id(seed, &items),
        seed,
        sets,
        items,
    }
}

/// A digest of all that is judged. Where pictures lie is no part of it, but how they are called.
fn id(seed: u64, items: &[Item]) -> String {
    let content = items.iter().map(|item| {
        let names = item.images.iter().filter_map(|image| image.file_name());
        let mut placeless = item.clone();
        placeless.images = names.map(Into::into).collect();
        json!(placeless)
    });
    let content: Vec<_> = content.collect();
    let mut digest = digest::bytes(json!([seed, content]).to_string().as_bytes());
    digest.truncate(DIGITS);
    digest
}

/// Draws from one set while it is read.
pub struct Drawing {
    name: String,
    draw: Draw,
    is_of_filter: bool,
    total: usize,
    /// By the stratum's name; none once there are more strata than items to draw.
    strata: Option<BTreeMap<String, Nearest>>,
    whole: Nearest,
    num_judged: usize,
}

impl Drawing {
    /// Of a set.
    pub fn new(source: &Source, draw: &Draw) -> Self {
        Self {
            name: source.name.clone(),
            draw: *draw,
            is_of_filter: source.is_of_filter,
            total: 0,
            strata: Some(BTreeMap::new()),
            whole: Nearest::new(draw.seed, draw.count, true),
            num_judged: 0,
        }
    }

    /// An item of the set.
    pub fn add(&mut self, item: &Item) {
        self.total += 1;
        let Draw { seed, count, each } = self.draw;
        if self.is_of_filter {
            let name = match item.kept {
                None => return,
                Some(true) => KEPT,
                Some(false) => DROPPED,
            };
            self.num_judged += 1;
            let strata = self.strata.get_or_insert_default();
            let stratum = strata.entry(name.to_owned());
            stratum
                .or_insert_with(|| Nearest::new(seed, each, false))
                .add(item);
            return;
        }
        if let Some(strata) = &mut self.strata {
            let name = item.task.clone().unwrap_or_default();
            let stratum = strata.entry(name);
            let stratum = stratum.or_insert_with(|| Nearest::new(seed, count, true));
            stratum.add(item);
            if strata.len() > count {
                self.strata = None;
            }
        }
        self.whole.add(item);
    }

    /// What was drawn.
    pub fn finish(self) -> Result<(SetSample, Vec<Item>), Error> {
        if self.is_of_filter && self.num_judged == 0 {
            return Err(Error::NotJudged { set: self.name });
        }
        let whole = || BTreeMap::from([(String::new(), self.whole)]);
        let mut strata = match self.strata {
            Some(strata) => strata,
            None => whole(),
        };
        let mut total = self.total;
        let wanted = if self.is_of_filter {
            for name in [KEPT, DROPPED] {
                let none = || Nearest::new(self.draw.seed, self.draw.each, false);
                strata.entry(name.to_owned()).or_insert_with(none);
            }
            // What no judge judged tells nothing about the filter.
            total = self.num_judged;
            vec![self.draw.each; strata.len()]
        } else {
            let totals: Vec<usize> = strata.values().map(Nearest::total).collect();
            allocate(&totals, self.draw.count)
        };
        let (mut shares, mut items) = (Vec::new(), Vec::new());
        let mut parts: Vec<_> = strata.into_iter().zip(wanted).collect();
        if self.is_of_filter {
            // Kept first, as one reads it.
            parts.reverse();
        }
        for ((name, stratum), wanted) in parts {
            let total = stratum.total();
            let drawn = stratum.first(wanted);
            shares.push(Stratum {
                name,
                total,
                drawn: drawn.len(),
            });
            items.extend(drawn);
        }
        let set = SetSample {
            name: self.name,
            total,
            strata: shares,
            is_of_filter: self.is_of_filter,
        };
        Ok((set, items))
    }
}

#[cfg(test)]
mod tests;
