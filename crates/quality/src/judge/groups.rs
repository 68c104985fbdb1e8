//! Which items are shown together, and in which order.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;

use super::{JudgeOptions, Question};
use crate::aspect::{Aspect, Scale};
use crate::item::Item;
use crate::sample::Sample;

/// What is to be asked, aspect by aspect and pass by pass.
///
/// Where there are several sets, one item of each is shown in one request. Items of one pair come together first; a set that has no
/// item of the pair gives another one of its own. The place of the sets moves on from request to request, so that no set is always
/// first. Lists of classes are asked once and for one item each, the picture's once for all tasks about it.
pub fn questions(sample: &Sample, options: &JudgeOptions) -> Vec<Question> {
    let mut out = Vec::new();
    for &aspect in &options.aspects {
        let items: Vec<&Item> = sample.items.iter().filter(|i| aspect.is_of(i)).collect();
        if aspect == Aspect::ImageDomain {
            out.extend(by_pictures(&items));
            continue;
        }
        let is_list = aspect.scale() == Scale::Classes;
        let groups = if options.alone || is_list {
            items.iter().map(|item| vec![*item]).collect()
        } else {
            side_by_side(sample, &items)
        };
        for pass in 0..if is_list { 1 } else { 2 } {
            for group in &groups {
                let mut keys: Vec<String> = group.iter().map(|item| item.key.clone()).collect();
                if pass == 1 {
                    keys.reverse();
                }
                out.push(Question {
                    aspect,
                    pass,
                    keys,
                    is_shared: false,
                });
            }
        }
    }
    out
}

/// One question for all items that have the same pictures, in the order of the first.
fn by_pictures(items: &[&Item]) -> Vec<Question> {
    let mut places: HashMap<&[PathBuf], usize> = HashMap::new();
    let mut out: Vec<Question> = Vec::new();
    for item in items {
        let at = *places.entry(&item.images).or_insert_with(|| {
            out.push(Question {
                aspect: Aspect::ImageDomain,
                pass: 0,
                keys: Vec::new(),
                is_shared: true,
            });
            out.len() - 1
        });
        out[at].keys.push(item.key.clone());
    }
    out
}

/// At most one item of each set in a group.
fn side_by_side<'a>(sample: &Sample, items: &[&'a Item]) -> Vec<Vec<&'a Item>> {
    let place_of: HashMap<&str, usize> = sample
        .sets
        .iter()
        .enumerate()
        .map(|(at, set)| (set.name.as_str(), at))
        .collect();
    let num_sets = sample.sets.len();
    // By pair in the order of the first item, then by set.
    let mut pairs: Vec<Vec<VecDeque<&Item>>> = Vec::new();
    let mut pair_at: HashMap<&str, usize> = HashMap::new();
    for item in items {
        let Some(&set) = place_of.get(item.set.as_str()) else {
            continue;
        };
        let at = *pair_at.entry(&item.pair).or_insert_with(|| {
            pairs.push(vec![VecDeque::new(); num_sets]);
            pairs.len() - 1
        });
        pairs[at][set].push_back(item);
    }
    let mut groups: Vec<Vec<Option<&Item>>> = Vec::new();
    let mut left: Vec<VecDeque<&Item>> = vec![VecDeque::new(); num_sets];
    for mut of_pair in pairs {
        while of_pair.iter().filter(|queue| !queue.is_empty()).count() >= 2 {
            groups.push(of_pair.iter_mut().map(VecDeque::pop_front).collect());
        }
        for (set, queue) in of_pair.into_iter().enumerate() {
            left[set].extend(queue);
        }
    }
    for group in &mut groups {
        for (set, place) in group.iter_mut().enumerate() {
            if place.is_none() {
                *place = left[set].pop_front();
            }
        }
    }
    while left.iter().any(|queue| !queue.is_empty()) {
        groups.push(left.iter_mut().map(VecDeque::pop_front).collect());
    }
    let turned = groups.into_iter().enumerate().map(|(at, group)| {
        let mut group: Vec<&Item> = group.into_iter().flatten().collect();
        let first = at % group.len().max(1);
        group.rotate_left(first);
        group
    });
    turned.collect()
}
