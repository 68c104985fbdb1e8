//! What a generation remembers of the tokens and pictures before.
//!
//! Shapes: b cached sequences, h heads, c cache capacity, e head width, n vision tokens.

use torch::{Device, Tensor};

use crate::error::Error;

/// Keys and values of the tokens seen so far; an argument of the forward, never state of a layer.
#[derive(Debug)]
pub struct Cache {
    /// Per self-attention layer: keys and values `[b, h, c, e]` (h: key-value heads).
    pub layers: Vec<(Tensor, Tensor)>,
    /// Tokens stored of each sequence. Length b.
    pub lengths: Vec<usize>,
    /// What a token's place in its sequence lacks to its rotary position: pictures take fewer positions than tokens in
    /// M-RoPE. Length b.
    pub shifts: Vec<i64>,
    /// The pictures of each sequence, for cross-attention. Length b.
    pub pictures: Vec<Pictures>,
}

/// Keys and values of a sequence's pictures.
#[derive(Debug, Default)]
pub struct Pictures {
    /// Per cross-attention layer, keys and values `[1, h, n, e]` of n vision tokens.
    pub layers: Vec<(Tensor, Tensor)>,
    /// First and number of the vision tokens that the next token sees; empty before the first picture.
    pub seen: Vec<(i64, i64)>,
    /// Vision tokens so far.
    pub count: i64,
}

impl Cache {
    /// One with this room and nothing in it.
    pub fn empty(layers: Vec<(Tensor, Tensor)>, rows: usize) -> Self {
        Self {
            layers,
            lengths: vec![0; rows],
            shifts: vec![0; rows],
            pictures: (0..rows).map(|_| Pictures::default()).collect(),
        }
    }

    /// Keeps only these sequences, in this order.
    pub fn keep(&mut self, rows: &[i64]) {
        let device = self.layers.first().map_or(Device::Cpu, |(k, _)| k.device());
        let index = Tensor::from_slice(rows).to_device(device);
        for (keys, values) in &mut self.layers {
            *keys = keys.index_select(0, &index);
            *values = values.index_select(0, &index);
        }
        self.lengths = rows.iter().map(|&r| self.lengths[r as usize]).collect();
        self.shifts = rows.iter().map(|&r| self.shifts[r as usize]).collect();
        self.pictures = rows
            .iter()
            .map(|&r| self.pictures[r as usize].share())
            .collect();
    }

    /// One cache of the rows of several, which have the same room. None for none.
    pub fn join(caches: Vec<Self>) -> Result<Option<Self>, Error> {
        let mut rest = caches.into_iter();
        let Some(mut first) = rest.next() else {
            return Ok(None);
        };
        let mut rest: Vec<Self> = rest.collect();
        if rest.is_empty() {
            return Ok(Some(first));
        }
        for other in &mut rest {
            first.lengths.append(&mut other.lengths);
            first.shifts.append(&mut other.shifts);
            first.pictures.append(&mut other.pictures);
        }
        // From the last layer on, so that each layer's parts are freed before the next is joined.
        for layer in first.layers.iter_mut().rev() {
            let parts: Vec<(Tensor, Tensor)> =
                rest.iter_mut().filter_map(|c| c.layers.pop()).collect();
            let with = |own: &Tensor, part: fn(&(Tensor, Tensor)) -> &Tensor| {
                let all: Vec<&Tensor> =
                    std::iter::once(own).chain(parts.iter().map(part)).collect();
                Tensor::f_cat(&all, 0)
            };
            *layer = (with(&layer.0, |p| &p.0)?, with(&layer.1, |p| &p.1)?);
        }
        Ok(Some(first))
    }

    /// Adds keys and values of new vision tokens to a sequence's own of one layer; gives all of them.
    pub(crate) fn see(
        &mut self,
        row: usize,
        layer: usize,
        new: Option<(Tensor, Tensor)>,
    ) -> Result<(Tensor, Tensor), Error> {
        let layers = &mut self.pictures[row].layers;
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

impl Pictures {
    /// The same tensors again; they are only ever replaced, never written into.
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
}
