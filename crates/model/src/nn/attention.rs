//! Causal attention over packed sequences, with and without a cache.
//!
//! Shapes: t packed tokens, n tokens of one sequence, b sequences, h heads, g key-value heads, e head width, c capacity.

use torch::{Kind, Tensor};

use crate::batch::Batch;
use crate::cache::Cache;
use crate::error::Error;

/// Where the sequences of a packed batch lie, and what each has in the cache.
pub struct Spans {
    /// New tokens of each sequence.
    lengths: Vec<i64>,
    /// Tokens of each sequence that are already in the cache; zeros without a cache.
    cached: Vec<i64>,
    /// One new token a sequence: where it goes in the cache `[b, 1, 1, 1]`, and what it may see `[b, 1, 1, longest]`.
    step: Option<Step>,
}

struct Step {
    slots: Tensor,
    longest: i64,
    visible: Option<Tensor>,
}

impl Spans {
    /// Checks the batch against itself and the cache.
    pub fn new(batch: &Batch, cache: Option<&Cache>) -> Result<Self, Error> {
        let tokens = batch.ids.len();
        if tokens == 0 {
            return Err(Error::Batch("it has no tokens".to_owned()));
        }
        let ordered = batch.starts.windows(2).all(|w| w[0] <= w[1]);
        if batch.starts.first() != Some(&0) || batch.starts.last() != Some(&tokens) || !ordered {
            return Err(Error::Batch(format!(
                "`starts` {:?} does not run from 0 to its {tokens} ids",
                batch.starts
            )));
        }
        if batch.positions.len() != tokens {
            return Err(Error::Batch(format!(
                "{} positions for {tokens} ids",
                batch.positions.len()
            )));
        }
        let lengths: Vec<i64> = batch
            .starts
            .windows(2)
            .map(|w| (w[1] - w[0]) as i64)
            .collect();
        let Some(cache) = cache else {
            return Ok(Self {
                cached: vec![0; lengths.len()],
                lengths,
                step: None,
            });
        };
        if cache.lengths.len() != lengths.len() {
            return Err(Error::Batch(format!(
                "{} sequences for a cache of {} rows",
                lengths.len(),
                cache.lengths.len()
            )));
        }
        let capacity = cache.layers.first().map_or(0, |(keys, _)| keys.size()[2]);
        let cached: Vec<i64> = cache.lengths.iter().map(|&n| n as i64).collect();
        for (row, (new, old)) in lengths.iter().zip(&cached).enumerate() {
            if new + old > capacity {
                return Err(Error::CacheFull {
                    row,
                    capacity: capacity as usize,
                    needed: (new + old) as usize,
                });
            }
        }
        let step = if lengths.iter().all(|&n| n == 1) && !cached.is_empty() {
            let device = cache.layers[0].0.device();
            let slots = Tensor::f_from_slice(&cached)?
                .f_to_device(device)?
                .f_reshape([-1, 1, 1, 1])?;
            let longest = cached.iter().max().map_or(0, |n| n + 1);
            let ragged = cached.iter().any(|n| n + 1 != longest);
            let places = Tensor::f_arange(longest, (Kind::Int64, device))?;
            let visible = if ragged {
                Some(places.f_le_tensor(&slots)?)
            } else {
                None
            };
            Some(Step {
                slots,
                longest,
                visible,
            })
        } else {
            None
        };
        Ok(Self {
            lengths,
            cached,
            step,
        })
    }

    /// The common length of all sequences, if they have one.
    fn common_length(&self) -> Option<i64> {
        self.lengths
            .first()
            .copied()
            .filter(|n| self.lengths.iter().all(|m| m == n))
    }

    /// Attention of queries `[t, h, e]` over keys and values `[t, g, e]` of their own sequence: `[t, h · e]`.
    pub fn attend(&self, q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor, Error> {
        let (tokens, width) = (q.size()[0], q.size()[1] * q.size()[2]);
        if let Some(n) = self.common_length() {
            let b = self.lengths.len() as i64;
            let rows = |x: &Tensor| {
                x.f_reshape([b, n, x.size()[1], x.size()[2]])?
                    .f_transpose(1, 2)
            };
            return Ok(causal(&rows(q)?, &rows(k)?, &rows(v)?)?
                .f_transpose(1, 2)?
                .f_reshape([tokens, width])?);
        }
        // One split has one concatenation as its backward; slices would each add a full-size gradient.
        let split = |x: &Tensor| x.f_split_with_sizes(&self.lengths, 0);
        let mut parts = Vec::with_capacity(self.lengths.len());
        for ((q, k), v) in split(q)?.iter().zip(split(k)?).zip(split(v)?) {
            if q.size()[0] > 0 {
                parts.push(
                    causal(&heads_first(q)?, &heads_first(&k)?, &heads_first(&v)?)?
                        .f_squeeze_dim(0)?
                        .f_transpose(0, 1)?,
                );
            }
        }
        Ok(Tensor::f_cat(&parts, 0)?.f_reshape([tokens, width])?)
    }

    /// As [`Spans::attend`], with earlier keys and values from one layer's cache `[b, g, c, e]`; the new ones are
    /// written there. No gradient flows.
    pub fn attend_cached(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        layer: &mut (Tensor, Tensor),
    ) -> Result<Tensor, Error> {
        if let Some(step) = &self.step {
            return step.attend(q, k, v, layer);
        }
        if self.cached.iter().all(|&n| n == 0) {
            self.store(k, &mut layer.0)?;
            self.store(v, &mut layer.1)?;
            return self.attend(q, k, v);
        }
        self.store(k, &mut layer.0)?;
        self.store(v, &mut layer.1)?;
        let (tokens, width) = (q.size()[0], q.size()[1] * q.size()[2]);
        let mut parts = Vec::with_capacity(self.lengths.len());
        for (row, q) in q.f_split_with_sizes(&self.lengths, 0)?.iter().enumerate() {
            let (new, old) = (self.lengths[row], self.cached[row]);
            if new == 0 {
                continue;
            }
            let seen = |x: &Tensor| x.f_narrow(0, row as i64, 1)?.f_narrow(2, 0, old + new);
            let (keys, values) = (seen(&layer.0)?, seen(&layer.1)?);
            let visible =
                Tensor::f_ones([new, old + new], (Kind::Bool, q.device()))?.f_tril(old)?;
            let out = masked(&heads_first(q)?, &keys, &values, Some(&visible))?;
            parts.push(out.f_squeeze_dim(0)?.f_transpose(0, 1)?);
        }
        Ok(Tensor::f_cat(&parts, 0)?.f_reshape([tokens, width])?)
    }

    /// Writes the new rows `[t, g, e]` behind what the cache holds.
    fn store(&self, new: &Tensor, cache: &mut Tensor) -> Result<(), Error> {
        for (row, part) in new.f_split_with_sizes(&self.lengths, 0)?.iter().enumerate() {
            let mut place = cache.f_narrow(0, row as i64, 1)?.f_narrow(
                2,
                self.cached[row],
                self.lengths[row],
            )?;
            place.f_copy_(&heads_first(part)?)?;
        }
        Ok(())
    }
}

impl Step {
    /// All rows at once over the padded cache. The queries of one key-value head stand as its query rows, so that
    /// grouped heads need no copies of keys and values.
    #[expect(
        clippy::many_single_char_names,
        reason = "the shape letters of the field"
    )]
    fn attend(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        layer: &mut (Tensor, Tensor),
    ) -> Result<Tensor, Error> {
        let [b, h, e] = [q.size()[0], q.size()[1], q.size()[2]];
        let g = k.size()[1];
        let slots = self.slots.f_expand([b, g, 1, e], false)?;
        for (cache, new) in [(&mut layer.0, k), (&mut layer.1, v)] {
            let _ = cache.f_scatter_(2, &slots, &new.f_unsqueeze(2)?)?;
        }
        let (keys, values) = (
            layer.0.f_narrow(2, 0, self.longest)?,
            layer.1.f_narrow(2, 0, self.longest)?,
        );
        let out = masked(
            &q.f_reshape([b, g, h / g, e])?,
            &keys,
            &values,
            self.visible.as_ref(),
        )?;
        Ok(out.f_reshape([b, h * e])?)
    }
}

/// `[n, h, e]` to `[1, h, n, e]`.
fn heads_first(x: &Tensor) -> Result<Tensor, torch::TchError> {
    x.f_transpose(0, 1)?.f_unsqueeze(0)
}

fn causal(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<Tensor, Error> {
    let grouped = q.size()[1] != k.size()[1];
    Ok(Tensor::f_scaled_dot_product_attention(
        q,
        k,
        v,
        None::<Tensor>,
        0.0,
        true,
        None,
        grouped,
    )?)
}

/// Attention with an optional mask of what is visible.
pub fn masked(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    visible: Option<&Tensor>,
) -> Result<Tensor, Error> {
    let grouped = q.size()[1] != k.size()[1];
    Ok(Tensor::f_scaled_dot_product_attention(
        q, k, v, visible, 0.0, false, None, grouped,
    )?)
}
