//! What a generation remembers of the tokens and pictures before.
//!
//! A cache is made of pools, a pool of slots of one capacity, and a slot holds one sequence. A forward writes behind what a
//! slot holds; nothing else moves, so that its tensors are allocated once and are never copied as a whole.
//!
//! Shapes: s slots, g key-value heads, c capacity of a slot, e head width, n vision tokens.

use torch::{Device, Tensor};

use crate::batch::{Batch, Picture};
use crate::error::Error;

/// Keys and values of the tokens seen so far; an argument of the forward, never state of a layer.
#[derive(Debug)]
pub struct Cache {
    /// Where sequences lie.
    pub pools: Vec<Pool>,
    /// The sequences that the next batch continues, in its order. Neighbours in a pool that get a token each are attended
    /// together, so rows in the order of their slots are the fastest.
    pub rows: Vec<Slot>,
}

/// Slots of one capacity.
#[derive(Debug)]
pub struct Pool {
    /// Per self-attention layer: keys and values `[s, g, c, e]`. What lies behind a sequence's length has no weight, but it
    /// has to be finite: [`Cache::clear`] wipes what may not be.
    pub layers: Vec<(Tensor, Tensor)>,
    /// What the slots hold. Length s.
    pub sequences: Vec<Sequence>,
}

/// A place in a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Number of the pool.
    pub pool: usize,
    /// Number of the slot in it.
    pub index: usize,
}

/// A sequence of the cache, but for the keys and values of its tokens.
#[derive(Debug, Default)]
pub struct Sequence {
    /// Tokens stored.
    pub length: usize,
    /// What a token's place in its sequence lacks to its rotary position: pictures take fewer positions than tokens in
    /// M-RoPE.
    pub shift: i64,
    /// Its pictures, for cross-attention.
    pub pictures: SeenPictures,
}

/// Keys and values of a sequence's pictures.
#[derive(Debug, Default)]
pub struct SeenPictures {
    /// Per cross-attention layer, keys and values `[1, g, n, e]` of n vision tokens. Sequences can share them: they are
    /// only ever replaced, never written into.
    pub layers: Vec<(Tensor, Tensor)>,
    /// First and number of the vision tokens that the next token sees; empty before the first picture.
    pub seen: Vec<(i64, i64)>,
    /// Vision tokens so far.
    pub count: i64,
}

impl Cache {
    /// A cache whose rows are all slots of these pools.
    pub fn of(pools: Vec<Pool>) -> Self {
        let slots = |(pool, slots): (usize, &Pool)| {
            let all = 0..slots.sequences.len();
            all.map(move |index| Slot { pool, index })
        };
        let rows = pools.iter().enumerate().flat_map(slots).collect();
        Self { pools, rows }
    }

    /// What a slot holds.
    pub fn sequence(&self, slot: Slot) -> &Sequence {
        &self.pools[slot.pool].sequences[slot.index]
    }

    /// What a slot holds, to be changed.
    pub(crate) fn sequence_mut(&mut self, slot: Slot) -> &mut Sequence {
        &mut self.pools[slot.pool].sequences[slot.index]
    }

    /// Tokens stored of each row.
    pub fn lengths(&self) -> Vec<usize> {
        let length = |&slot: &Slot| self.sequence(slot).length;
        self.rows.iter().map(length).collect()
    }

    /// Keeps only these rows, in this order. Nothing is copied but where a row is named twice, which then needs a slot
    /// of its own: the rows, of one pool, get a new one.
    pub fn keep(&mut self, rows: &[usize]) {
        let kept: Vec<Slot> = rows.iter().map(|&row| self.rows[row]).collect();
        let repeats = |(at, slot): (usize, &Slot)| kept[..at].contains(slot);
        if kept.iter().enumerate().any(repeats) {
            let pool = self.pools[kept[0].pool].gathered(&kept);
            *self = Self::of(vec![pool]);
        } else {
            self.rows = kept;
        }
    }

    /// Copies a sequence into another slot, in place of what that holds. The other slot must have room for it.
    pub fn copy(&mut self, from: Slot, to: Slot) -> Result<(), Error> {
        let sequence = self.sequence(from).share();
        let length = sequence.length as i64;
        for layer in 0..self.pools[from.pool].layers.len() {
            let (source, target) = (
                &self.pools[from.pool].layers[layer],
                &self.pools[to.pool].layers[layer],
            );
            for (source, target) in [(&source.0, &target.0), (&source.1, &target.1)] {
                let part = |x: &Tensor, slot: Slot| {
                    x.f_select(0, slot.index as i64)?.f_narrow(1, 0, length)
                };
                part(target, to)?.f_copy_(&part(source, from)?)?;
            }
        }
        self.put(to, sequence);
        Ok(())
    }

    /// Counts what a forward of the batch has put into the slots of its rows.
    pub(crate) fn lengthen(&mut self, batch: &Batch) {
        for (row, span) in batch.starts.windows(2).enumerate() {
            self.sequence_mut(self.rows[row]).length += span[1] - span[0];
        }
    }

    /// Says what a slot holds: what it held before at some time, with which the sequence goes back to there.
    pub fn put(&mut self, slot: Slot, sequence: Sequence) {
        *self.sequence_mut(slot) = sequence;
    }

    /// Forgets what a slot holds. With `wipe`, its values are set to zero too: those of a failed sequence may be infinite,
    /// and what is masked is multiplied with zero, not left out.
    pub fn clear(&mut self, slot: Slot, wipe: bool) -> Result<(), Error> {
        self.put(slot, Sequence::default());
        if wipe {
            for (keys, values) in &self.pools[slot.pool].layers {
                for stored in [keys, values] {
                    let _ = stored.f_select(0, slot.index as i64)?.f_zero_()?;
                }
            }
        }
        Ok(())
    }

    /// Keys and values of a row's vision tokens in one cross-attention layer, after those of new ones have joined them.
    pub(crate) fn see(
        &mut self,
        row: usize,
        layer: usize,
        new: Option<(Tensor, Tensor)>,
    ) -> Result<(Tensor, Tensor), Error> {
        let layers = &mut self.sequence_mut(self.rows[row]).pictures.layers;
        match (layers.get_mut(layer), new) {
            (Some((keys, values)), Some(new)) => {
                *keys = Tensor::f_cat(&[&*keys, &new.0], 2)?;
                *values = Tensor::f_cat(&[&*values, &new.1], 2)?;
            }
            (None, Some(new)) => layers.push(new),
            (Some(_), None) => {}
            (None, None) => return Err(Error::unseen(row)),
        }
        let (keys, values) = &layers[layer];
        Ok((keys.shallow_clone(), values.shallow_clone()))
    }
}

impl Pool {
    /// One with this room. A slot is to be wiped before its first sequence, so that memory is taken when it is used.
    pub fn empty(layers: Vec<(Tensor, Tensor)>, slots: usize) -> Self {
        Self {
            layers,
            sequences: (0..slots).map(|_| Sequence::default()).collect(),
        }
    }

    /// Tokens that fit into a slot.
    pub fn capacity(&self) -> usize {
        let first = self.layers.first();
        first.map_or(0, |(keys, _)| keys.size()[2] as usize)
    }

    /// A pool of copies of these slots.
    fn gathered(&self, slots: &[Slot]) -> Self {
        let index: Vec<i64> = slots.iter().map(|slot| slot.index as i64).collect();
        let device = self.layers.first().map_or(Device::Cpu, |(k, _)| k.device());
        let index = Tensor::from_slice(&index).to_device(device);
        let layers = self.layers.iter();
        let sequence = |slot: &Slot| self.sequences[slot.index].share();
        Self {
            layers: layers
                .map(|(k, v)| (k.index_select(0, &index), v.index_select(0, &index)))
                .collect(),
            sequences: slots.iter().map(sequence).collect(),
        }
    }
}

impl Sequence {
    /// The same again, to be put back later or into another slot.
    #[must_use]
    pub fn share(&self) -> Self {
        Self {
            length: self.length,
            shift: self.shift,
            pictures: self.pictures.share(),
        }
    }
}

impl SeenPictures {
    /// The same tensors again.
    fn share(&self) -> Self {
        let layers = self.layers.iter();
        Self {
            layers: layers
                .map(|(k, v)| (k.shallow_clone(), v.shallow_clone()))
                .collect(),
            seen: self.seen.clone(),
            count: self.count,
        }
    }

    /// Takes in the keys and values of pictures that are encoded already.
    pub(crate) fn join(&mut self, pictures: &[Picture]) -> Result<(), Error> {
        for picture in pictures {
            for (layer, (keys, values)) in picture.layers.iter().enumerate() {
                let new = (keys.shallow_clone(), values.shallow_clone());
                match self.layers.get_mut(layer) {
                    Some(own) => {
                        *own = (
                            Tensor::f_cat(&[&own.0, &new.0], 2)?,
                            Tensor::f_cat(&[&own.1, &new.1], 2)?,
                        );
                    }
                    None => self.layers.push(new),
                }
            }
        }
        Ok(())
    }
}
