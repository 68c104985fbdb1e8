//! The beginning that prompts are copied from.
//!
//! One slot of the cache holds the beginning that is needed at the moment together with those above it, since each goes on
//! from the one above. Going over to another one cuts it back to what both have in common.

use model::{Batch, Cache, Mllm, Picture, Sequence, Slot};
use processor::ImageInput;

use crate::error::Error;

/// The slot with what it holds.
pub(crate) struct Trunk {
    pub slot: Slot,
    /// Beginnings, the shortest first, each with the state of the slot behind it.
    held: Vec<(usize, Sequence)>,
}

/// Tokens that go on from a beginning.
pub(crate) struct Branch<'a> {
    pub beginning: usize,
    pub ids: &'a [i64],
    pub images: &'a [ImageInput],
    pub pictures: &'a [Picture],
}

impl Trunk {
    /// With nothing in it.
    pub fn new(slot: Slot) -> Self {
        Self {
            slot,
            held: Vec::new(),
        }
    }

    /// How many of these beginnings, the shortest first, it holds.
    pub fn holds(&self, path: &[usize]) -> usize {
        let same = self.held.iter().zip(path);
        same.take_while(|((held, _), wanted)| held == *wanted)
            .count()
    }

    /// Cuts back to the first so many beginnings.
    pub fn cut(&mut self, cache: &mut Cache, count: usize) {
        self.held.truncate(count);
        let held = self.held.last().map(|(_, sequence)| sequence.share());
        cache.put(self.slot, held.unwrap_or_default());
    }

    /// Goes on with one more beginning. After an error it holds what it held before.
    pub fn grow(
        &mut self,
        model: &dyn Mllm,
        cache: &mut Cache,
        branch: &Branch<'_>,
    ) -> Result<(), Error> {
        let mut batch = Batch::default();
        batch.push(branch.ids, cache.sequence(self.slot).length, branch.images);
        batch.pictures = branch.pictures.to_vec();
        cache.rows = vec![self.slot];
        if let Err(error) = model.hidden(&batch, Some(cache)) {
            self.cut(cache, self.held.len());
            return Err(error.into());
        }
        let sequence = cache.sequence(self.slot).share();
        self.held.push((branch.beginning, sequence));
        Ok(())
    }
}
