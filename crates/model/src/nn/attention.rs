//! Causal attention over packed sequences, with and without a cache.
//!
//! Shapes: t packed tokens, n tokens of one sequence, b sequences, h heads, g key-value heads, e head width.

use torch::{Device, Kind, Tensor};

use crate::batch::Batch;
use crate::cache::{Cache, Pool, Slot};
use crate::error::Error;

/// Where the sequences of a packed batch lie, and what each has in the cache.
pub struct Spans {
    /// New tokens of each sequence.
    lengths: Vec<i64>,
    /// With a cache: its rows in the order of the batch, as they are attended.
    segments: Vec<Segment>,
    /// Whether no sequence has anything in the cache, so that the new tokens see nothing but each other.
    is_fresh: bool,
}

/// What is attended at once. The batch's tokens are those of the segments, one after the other.
enum Segment {
    Step(Step),
    Continued(Continued),
}

/// Neighbouring slots of a pool, whose sequences get one token each.
struct Step {
    pool: usize,
    first: i64,
    count: i64,
    /// The rows `[b]`, and where in each its token goes `[b]`.
    rows: Tensor,
    places: Tensor,
    /// Tokens of the longest sequence, the new one included.
    longest: i64,
    /// What each may see `[b, 1, 1, longest]`; none when all see all.
    visible: Option<Tensor>,
}

/// One sequence that gets any number of tokens.
struct Continued {
    pool: usize,
    slot: i64,
    new: i64,
    old: i64,
    /// What the new tokens may see `[new, old + new]`; none where nothing is old.
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
        if !batch.pictures.is_empty() && batch.pictures.len() != batch.images.len() {
            return Err(Error::Batch(format!(
                "{} encoded pictures for {} pictures",
                batch.pictures.len(),
                batch.images.len()
            )));
        }
        let lengths: Vec<i64> = batch
            .starts
            .windows(2)
            .map(|w| (w[1] - w[0]) as i64)
            .collect();
        let Some(cache) = cache else {
            return Ok(Self {
                lengths,
                segments: Vec::new(),
                is_fresh: true,
            });
        };
        if cache.rows.len() != lengths.len() {
            return Err(Error::Batch(format!(
                "{} sequences for a cache of {} rows",
                lengths.len(),
                cache.rows.len()
            )));
        }
        for (row, (slot, new)) in cache.rows.iter().zip(&lengths).enumerate() {
            let capacity = cache.pools[slot.pool].capacity();
            let needed = cache.sequence(*slot).length + *new as usize;
            if needed > capacity {
                return Err(Error::CacheFull {
                    row,
                    capacity,
                    needed,
                });
            }
        }
        Ok(Self {
            segments: segments(cache, &lengths)?,
            is_fresh: (cache.rows.iter()).all(|&slot| cache.sequence(slot).length == 0),
            lengths,
        })
    }

    /// The same of a batch without a cache, for another owner.
    pub fn uncached(&self) -> Self {
        Self {
            lengths: self.lengths.clone(),
            segments: Vec::new(),
            is_fresh: true,
        }
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

    /// As [`Spans::attend`], with earlier keys and values from number `layer` of the cache's layers; the new ones are
    /// written there. No gradient flows.
    pub fn attend_cached(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        pools: &mut [Pool],
        layer: usize,
    ) -> Result<Tensor, Error> {
        if let [Segment::Step(step)] = self.segments.as_slice() {
            return step.attend(q, k, v, &pools[step.pool].layers[layer]);
        }
        let sizes: Vec<i64> = self.segments.iter().map(Segment::tokens).collect();
        let split = |x: &Tensor| x.f_split_with_sizes(&sizes, 0);
        let (keys, values) = (split(k)?, split(v)?);
        if self.is_fresh {
            for ((segment, k), v) in self.segments.iter().zip(&keys).zip(&values) {
                segment.store(k, v, pools, layer)?;
            }
            return self.attend(q, k, v);
        }
        let mut parts = Vec::with_capacity(sizes.len());
        for (((segment, q), k), v) in self.segments.iter().zip(split(q)?).zip(&keys).zip(&values) {
            let part = match segment {
                Segment::Step(step) => step.attend(&q, k, v, &pools[step.pool].layers[layer])?,
                Segment::Continued(one) if one.new == 0 => continue,
                Segment::Continued(one) => {
                    segment.store(k, v, pools, layer)?;
                    one.attend(&q, k, v, &pools[one.pool].layers[layer])?
                }
            };
            parts.push(part);
        }
        Ok(Tensor::f_cat(&parts, 0)?)
    }
}

/// Puts neighbouring slots whose sequences get one token together.
fn segments(cache: &Cache, lengths: &[i64]) -> Result<Vec<Segment>, Error> {
    let mut segments = Vec::new();
    let mut at = 0;
    while at < lengths.len() {
        let first = cache.rows[at];
        let follows = |(ahead, (slot, new)): (usize, (&Slot, &i64))| {
            *new == 1 && slot.pool == first.pool && slot.index == first.index + ahead
        };
        let rest = cache.rows[at..].iter().zip(&lengths[at..]).enumerate();
        let count = rest.take_while(|&pair| follows(pair)).count();
        if count == 0 {
            segments.push(Segment::Continued(Continued::new(
                cache,
                first,
                lengths[at],
            )?));
            at += 1;
        } else {
            segments.push(Segment::Step(Step::new(
                cache,
                &cache.rows[at..at + count],
            )?));
            at += count;
        }
    }
    Ok(segments)
}

fn device(cache: &Cache) -> Device {
    let layers = cache.pools.iter().flat_map(|pool| &pool.layers);
    layers
        .map(|(keys, _)| keys.device())
        .next()
        .unwrap_or(Device::Cpu)
}

impl Segment {
    /// New tokens.
    fn tokens(&self) -> i64 {
        match self {
            Self::Step(step) => step.count,
            Self::Continued(one) => one.new,
        }
    }

    /// Writes new keys and values `[t, g, e]` behind what the cache holds.
    fn store(&self, k: &Tensor, v: &Tensor, pools: &[Pool], layer: usize) -> Result<(), Error> {
        match self {
            Self::Step(step) => step.store(k, v, &pools[step.pool].layers[layer]),
            Self::Continued(one) => one.store(k, v, &pools[one.pool].layers[layer]),
        }
    }
}

impl Step {
    fn new(cache: &Cache, rows: &[Slot]) -> Result<Self, Error> {
        let device = device(cache);
        let old: Vec<i64> = (rows.iter())
            .map(|&slot| cache.sequence(slot).length as i64)
            .collect();
        let places = Tensor::f_from_slice(&old)?.f_to_device(device)?;
        let longest = old.iter().max().map_or(0, |n| n + 1);
        let visible = if old.iter().any(|n| n + 1 != longest) {
            let all = Tensor::f_arange(longest, (Kind::Int64, device))?;
            Some(all.f_le_tensor(&places.f_reshape([-1, 1, 1, 1])?)?)
        } else {
            None
        };
        Ok(Self {
            pool: rows[0].pool,
            first: rows[0].index as i64,
            count: rows.len() as i64,
            rows: Tensor::f_arange(rows.len() as i64, (Kind::Int64, device))?,
            places,
            longest,
            visible,
        })
    }

    fn store(&self, k: &Tensor, v: &Tensor, layer: &(Tensor, Tensor)) -> Result<(), Error> {
        // A scatter would be shorter, but turns a whole half-precision pool into f32 and back.
        let at = [Some(&self.rows), Some(&self.places)];
        for (stored, new) in [(&layer.0, k), (&layer.1, v)] {
            let own = stored.f_narrow(0, self.first, self.count)?;
            let _ = own.f_transpose(1, 2)?.f_index_put_(&at, new, false)?;
        }
        Ok(())
    }

    /// All rows at once over the padded pool. The queries of one key-value head stand as its query rows, so that
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
        layer: &(Tensor, Tensor),
    ) -> Result<Tensor, Error> {
        self.store(k, v, layer)?;
        let [b, h, e] = [q.size()[0], q.size()[1], q.size()[2]];
        let g = k.size()[1];
        let seen = |x: &Tensor| {
            x.f_narrow(0, self.first, self.count)?
                .f_narrow(2, 0, self.longest)
        };
        let out = masked(
            &q.f_reshape([b, g, h / g, e])?,
            &seen(&layer.0)?,
            &seen(&layer.1)?,
            self.visible.as_ref(),
        )?;
        Ok(out.f_reshape([b, h * e])?)
    }
}

impl Continued {
    fn new(cache: &Cache, slot: Slot, new: i64) -> Result<Self, Error> {
        let old = cache.sequence(slot).length as i64;
        let visible = if old > 0 && new > 0 {
            let all = Tensor::f_ones([new, old + new], (Kind::Bool, device(cache)))?;
            Some(all.f_tril(old)?)
        } else {
            None
        };
        Ok(Self {
            pool: slot.pool,
            slot: slot.index as i64,
            new,
            old,
            visible,
        })
    }

    fn store(&self, k: &Tensor, v: &Tensor, layer: &(Tensor, Tensor)) -> Result<(), Error> {
        for (stored, new) in [(&layer.0, k), (&layer.1, v)] {
            let mut place = (stored.f_select(0, self.slot)?).f_narrow(1, self.old, self.new)?;
            place.f_copy_(&new.f_transpose(0, 1)?)?;
        }
        Ok(())
    }

    fn attend(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        layer: &(Tensor, Tensor),
    ) -> Result<Tensor, Error> {
        let width = q.size()[1] * q.size()[2];
        let q = heads_first(q)?;
        let out = match &self.visible {
            None => causal(&q, &heads_first(k)?, &heads_first(v)?)?,
            Some(visible) => {
                let seen = |x: &Tensor| {
                    x.f_narrow(0, self.slot, 1)?
                        .f_narrow(2, 0, self.old + self.new)
                };
                masked(&q, &seen(&layer.0)?, &seen(&layer.1)?, Some(visible))?
            }
        };
        Ok(out.f_transpose(1, 2)?.f_reshape([self.new, width])?)
    }
}

/// `[n, h, e]` to `[1, h, n, e]`.
pub fn heads_first(x: &Tensor) -> Result<Tensor, torch::TchError> {
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
