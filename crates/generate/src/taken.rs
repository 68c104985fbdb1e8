//! The slots of a cache: their memory, and which of them are taken.

use model::{Mllm, Pool};

use crate::room::Slots;

/// Which slots of a pool have a sequence.
#[derive(Debug)]
pub(crate) struct Taken {
    /// Tokens of each.
    pub capacity: usize,
    /// Whether each has one.
    pub used: Vec<bool>,
    /// The first so many were wiped.
    pub wiped: usize,
}

impl Taken {
    /// With no sequence.
    pub fn new(slots: &Slots) -> Self {
        Self {
            capacity: slots.capacity,
            used: vec![false; slots.count],
            wiped: 0,
        }
    }

    /// The first slot without a sequence.
    pub fn free(&self) -> Option<usize> {
        self.used.iter().position(|used| !used)
    }

    /// The last slot with one.
    pub fn last(&self) -> Option<usize> {
        self.used.iter().rposition(|used| *used)
    }
}

/// Pools of these slots. Those that are there already are taken where they fit.
pub(crate) fn allocated(
    model: &dyn Mllm,
    slots: &[Slots],
    mut known: Vec<Pool>,
    budget: usize,
) -> Vec<Pool> {
    let fits = |pool: &Pool, own: &Slots| {
        pool.capacity() == own.capacity && pool.sequences.len() >= own.count
    };
    let mut found: Vec<Option<Pool>> = slots
        .iter()
        .map(|own| {
            let at = known.iter().position(|pool| fits(pool, own))?;
            Some(known.swap_remove(at))
        })
        .collect();
    let held = found.iter().flatten();
    let held: usize = held
        .map(|pool| pool.capacity() * pool.sequences.len())
        .sum();
    let missing = found.iter().zip(slots).filter(|(pool, _)| pool.is_none());
    let missing: usize = missing.map(|(_, own)| own.capacity * own.count).sum();
    if held + missing > budget {
        found.fill_with(|| None);
    }
    // Freed before others are allocated.
    drop(known);
    let all = found.into_iter().zip(slots);
    all.map(|(pool, own)| pool.unwrap_or_else(|| model.new_pool(own.count, own.capacity)))
        .collect()
}
