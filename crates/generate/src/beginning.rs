//! A beginning that many texts have in common, held as it was computed.
//!
//! One slot holds it. Each text that goes on from it is a row of that same slot: what a row writes behind the beginning is
//! attended before the next row writes there, so that nothing is copied and memory does not grow with the number of texts.

use model::{Batch, Cache, Mllm, Sequence, Slot};
use processor::{Encoded, ImageInput};
use torch::Tensor;

use crate::error::Error;
use crate::repeated::are_same;

/// Room is made in steps of so many tokens, so that a somewhat longer text needs no new one.
const STEP: usize = 256;

/// What is held.
pub(crate) struct Beginning {
    image_token: i64,
    held: Option<Held>,
}

struct Held {
    cache: Cache,
    slot: Slot,
    ids: Vec<i64>,
    images: Vec<ImageInput>,
    /// State of the slot behind it.
    sequence: Sequence,
}

impl Beginning {
    /// With nothing in it.
    pub fn new(image_token: i64) -> Self {
        Self {
            image_token,
            held: None,
        }
    }

    /// How many tokens of a sample are those that are held; 0 where pictures are behind them.
    pub fn common(&self, sample: &Encoded) -> usize {
        self.held.as_ref().map_or(0, |held| {
            let count = held.common(&sample.ids);
            if self.covers(held, sample, &sample.ids, count) {
                count
            } else {
                0
            }
        })
    }

    /// Whether the first so many held tokens have all pictures of a sample and of `ids`, which are its own.
    fn covers(&self, held: &Held, sample: &Encoded, ids: &[i64], count: usize) -> bool {
        let is_text = |ids: &[i64]| !ids[count..].contains(&self.image_token);
        is_text(&held.ids) && is_text(ids) && are_same(&held.images, &sample.images)
    }

    /// Hidden states `[t, d]` of what follows the first `shared` tokens, the same in all samples, in each of them; all
    /// pictures are before. `batch` holds what follows.
    pub fn continued(
        &mut self,
        model: &dyn Mllm,
        samples: &[Encoded],
        shared: usize,
        batch: &Batch,
    ) -> Result<Tensor, Error> {
        let longest = samples.iter().map(|s| s.ids.len()).max().unwrap_or(shared);
        let mut held = self.up_to(model, &samples[0], shared, longest)?;
        held.cache.rows = vec![held.slot; samples.len()];
        // After an error nothing is held.
        let hidden_td = model.hidden(batch, Some(&mut held.cache))?;
        held.cache.put(held.slot, held.sequence.share());
        self.held = Some(held);
        Ok(hidden_td)
    }

    /// Goes over to the first `shared` tokens of a sample, from what both have in common.
    fn up_to(
        &mut self,
        model: &dyn Mllm,
        sample: &Encoded,
        shared: usize,
        longest: usize,
    ) -> Result<Held, Error> {
        let ids = &sample.ids[..shared];
        let same = self.held.as_ref().map_or(0, |held| held.common(ids));
        let old = self.held.take().filter(|held| {
            // All pictures are taken in with the first part: where others are needed it has to be begun anew.
            let capacity = held.cache.pools[held.slot.pool].capacity();
            same > 0 && capacity >= longest && self.covers(held, sample, ids, same)
        });
        let (mut held, from) = match old {
            Some(mut held) => {
                held.ids.truncate(same);
                held.sequence.length = same;
                held.cache.put(held.slot, held.sequence.share());
                (held, same)
            }
            None => (Held::new(model, sample, longest), 0),
        };
        if from < shared {
            let images = if from == 0 { &sample.images[..] } else { &[] };
            let mut batch = Batch::default();
            batch.push(&ids[from..], from, images);
            held.cache.rows = vec![held.slot];
            let _ = model.hidden(&batch, Some(&mut held.cache))?;
            held.ids.extend_from_slice(&ids[from..]);
            held.sequence = held.cache.sequence(held.slot).share();
        }
        Ok(held)
    }
}

impl Held {
    fn new(model: &dyn Mllm, sample: &Encoded, longest: usize) -> Self {
        Self {
            cache: model.new_cache(1, longest.next_multiple_of(STEP)),
            slot: Slot { pool: 0, index: 0 },
            ids: Vec::new(),
            images: sample.images.clone(),
            sequence: Sequence::default(),
        }
    }

    /// Tokens that both begin with.
    fn common(&self, ids: &[i64]) -> usize {
        let same = self.ids.iter().zip(ids).take_while(|(a, b)| a == b);
        same.count()
    }
}
