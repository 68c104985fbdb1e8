//! Gated attention of a text over its own pictures: the layers that Llama 3.2 puts between those of Llama 3.1.
//!
//! Mirrors `MllamaCrossAttentionDecoderLayer` of `transformers` 5.17.0. A token sees the pictures that its picture token
//! begins, up to the next picture token; pictures whose tokens stand side by side are seen together. Tokens before the
//! first picture see all vision tokens of their sequence, padded tiles too, and their feed-forward part is left out: that
//! is what the masks there amount to. Sequences without pictures skip the layer.
//!
//! Shapes: t packed tokens, s seeing tokens, n vision tokens of a sequence, d model width, h heads, g key-value heads, e
//! head width.

use torch::{Kind, Tensor};

use crate::cache::Cache;
use crate::error::Error;
use crate::init::Init;
use crate::nn::attention::{heads_first, masked};
use crate::nn::decoder_config::DecoderConfig;
use crate::nn::feed_forward::FeedForward;
use crate::nn::layers::{Linear, RmsNorm};
use crate::nn::shared::Shared;
use crate::recompute::Recompute;
use crate::weights::Weights;

/// What cross-attention layers look at: vision tokens, and which tokens see which of them.
#[derive(Debug)]
pub struct CrossInputs {
    /// The sequences that have pictures.
    pub sequences: Vec<SequencePictures>,
    /// Packed rows of all their tokens `[s]`; none when these are all rows.
    pub rows: Option<Tensor>,
    /// 0 for tokens before their first picture, else 1: `[s, 1]`; none when all are 1.
    pub open: Option<Tensor>,
}

/// A sequence with pictures.
#[derive(Debug)]
pub struct SequencePictures {
    /// Its number in the batch, and its row of a cache.
    pub index: usize,
    /// Vision tokens `[n, d]` that are new; none when all are in the cache.
    pub features: Option<Tensor>,
    /// Runs of its new tokens with the vision tokens that they see.
    pub runs: Vec<Run>,
}

/// Neighbouring tokens that see the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many tokens.
    pub length: usize,
    /// First and number of vision tokens; empty for all of the sequence.
    pub seen: Vec<(i64, i64)>,
}

/// One layer.
#[derive(Debug)]
pub struct CrossLayer {
    input_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    query_norm: RmsNorm,
    key_norm: RmsNorm,
    attention_gate: Tensor,
    post_norm: RmsNorm,
    feed_forward: FeedForward,
    feed_forward_gate: Tensor,
    head_width: i64,
}

impl CrossLayer {
    /// Takes everything below `name`.
    pub fn new(weights: &mut Weights, name: &str, config: &DecoderConfig) -> Result<Self, Error> {
        let normal = Init::Normal(config.initializer_range);
        let (d, e, eps) = (config.hidden_size, config.head_width, config.norm_eps);
        let (q, kv) = (config.num_heads * e, config.num_key_value_heads * e);
        let mut linear = |part: &str, inputs, outputs| {
            let name = format!("{name}.cross_attn.{part}");
            Linear::new(weights, &name, inputs, outputs, false, normal)
        };
        let query = linear("q_proj", d, q)?;
        let key = linear("k_proj", d, kv)?;
        let value = linear("v_proj", d, kv)?;
        let output = linear("o_proj", q, d)?;
        let feed_forward = FeedForward::new(weights, &format!("{name}.mlp"), config)?;
        let mut norm =
            |part: &str, width| RmsNorm::new(weights, &format!("{name}.{part}"), width, eps);
        let query_norm = norm("cross_attn.q_norm", e)?;
        let key_norm = norm("cross_attn.k_norm", e)?;
        let input_norm = norm("input_layernorm", d)?;
        let post_norm = norm("post_attention_layernorm", d)?;
        let mut gate = |part: &str| weights.tensor(&format!("{name}.{part}"), &[1], Init::Zeros);
        Ok(Self {
            attention_gate: gate("cross_attn_attn_gate")?,
            feed_forward_gate: gate("cross_attn_mlp_gate")?,
            input_norm,
            query,
            key,
            value,
            output,
            query_norm,
            key_norm,
            post_norm,
            feed_forward,
            head_width: e,
        })
    }

    /// `[t, d]` to `[t, d]`. Keys and values of new vision tokens go into the cache as those of the cross-attention layer
    /// with the number that is given with it.
    pub fn forward(
        &self,
        x: &Tensor,
        sight: &CrossInputs,
        cache: Option<(&mut Cache, usize)>,
        recompute: Recompute,
    ) -> Result<Tensor, Error> {
        let seeing = match &sight.rows {
            Some(rows) => x.f_index_select(0, rows)?,
            None => x.shallow_clone(),
        };
        let normed = self.input_norm.forward_keeping(&seeing, recompute)?;
        let mixed = self.attention(&normed, sight, cache)?;
        recompute.remake(&normed, &mixed, || self.input_norm.maker(&seeing))?;
        let seeing = seeing.f_add(&self.attention_gate.f_tanh()?.f_mul(&mixed)?)?;
        let normed = self.post_norm.forward_keeping(&seeing, recompute)?;
        let mut fed = self.feed_forward.forward(&normed, recompute)?;
        recompute.remake(&normed, &fed, || self.post_norm.maker(&seeing))?;
        if let Some(open) = &sight.open {
            fed = open.f_to_kind(fed.kind())?.f_mul(&fed)?;
        }
        let seeing = seeing.f_add(&self.feed_forward_gate.f_tanh()?.f_mul(&fed)?)?;
        Ok(match &sight.rows {
            Some(rows) => x.f_index_copy(0, rows, &seeing)?,
            None => seeing,
        })
    }

    /// Keys and values `[1, g, n, e]` of vision tokens `[n, d]`.
    pub fn keys(&self, features: &Tensor) -> Result<(Tensor, Tensor), Error> {
        let keys = self.heads(&self.key.forward(features)?)?;
        let keys = heads_first(&self.key_norm.forward(&keys)?)?;
        let values = heads_first(&self.heads(&self.value.forward(features)?)?)?;
        Ok((keys, values))
    }

    fn heads(&self, x: &Tensor) -> Result<Tensor, Error> {
        Ok(x.f_reshape([x.size()[0], -1, self.head_width])?)
    }

    fn attention(
        &self,
        x: &Tensor,
        sight: &CrossInputs,
        mut cache: Option<(&mut Cache, usize)>,
    ) -> Result<Tensor, Error> {
        let q = self
            .query_norm
            .forward(&self.heads(&self.query.forward(x)?)?)?;
        let mut looks: Vec<Look> = Vec::new();
        for sequence in &sight.sequences {
            let own = (sequence.features.as_ref()).map(|features| self.keys(features));
            let own = own.transpose()?;
            let (keys, values) = match (&mut cache, own) {
                (None, Some(own)) => own,
                (Some((cache, layer)), own) => cache.see(sequence.index, *layer, own)?,
                (None, None) => return Err(Error::unseen(sequence.index)),
            };
            for run in sequence.runs.iter().filter(|run| run.length > 0) {
                let length = run.length as i64;
                match looks.last_mut() {
                    // Sequences that share their pictures: no token sees another, so they are one.
                    Some(last) if last.is_at(&keys, &run.seen) => last.length += length,
                    _ => looks.push(Look {
                        length,
                        keys: keys.shallow_clone(),
                        values: values.shallow_clone(),
                        seen: &run.seen,
                    }),
                }
            }
        }
        let lengths: Vec<i64> = looks.iter().map(|look| look.length).collect();
        let mut parts = Vec::with_capacity(lengths.len());
        for (look, q) in looks.iter().zip(q.f_split_with_sizes(&lengths, 0)?) {
            let (keys, values) = (look.part(&look.keys)?, look.part(&look.values)?);
            let out = masked(&heads_first(&q)?, &keys, &values, None)?;
            parts.push(out.f_squeeze_dim(0)?.f_transpose(0, 1)?);
        }
        let rows = x.size()[0];
        self.output
            .forward(&Tensor::f_cat(&parts, 0)?.f_reshape([rows, -1])?)
    }
}

/// Neighbouring tokens, of one sequence or of several, that see the same vision tokens.
struct Look<'a> {
    length: i64,
    keys: Tensor,
    values: Tensor,
    seen: &'a [(i64, i64)],
}

impl Look<'_> {
    /// Whether a run of tokens sees these vision tokens of these keys too.
    fn is_at(&self, keys: &Tensor, seen: &[(i64, i64)]) -> bool {
        // Shared keys are the same tensor; one that sees all of it must not be taken for a longer one's beginning.
        self.seen == seen
            && self.keys.data_ptr() == keys.data_ptr()
            && self.keys.size() == keys.size()
    }

    /// The vision tokens of `x` that are seen.
    fn part(&self, x: &Tensor) -> Result<Tensor, Error> {
        Ok(match self.seen {
            [] => x.shallow_clone(),
            [(start, length)] => x.f_narrow(2, *start, *length)?,
            several => {
                let parts: Vec<Tensor> = several
                    .iter()
                    .map(|(start, length)| x.f_narrow(2, *start, *length))
                    .collect::<Result<_, _>>()?;
                Tensor::f_cat(&parts, 2)?
            }
        })
    }
}

impl CrossInputs {
    /// The layer's forward without a cache, of which only `x` and the vision tokens are kept.
    pub fn again(&self, layer: &Shared<CrossLayer>, x: &Tensor) -> Result<Tensor, Error> {
        let features = self.sequences.iter().filter_map(|s| s.features.as_ref());
        let inputs: Vec<&Tensor> = std::iter::once(x).chain(features).collect();
        let own = self.with(&[]);
        layer.again(&inputs, move |layer, inputs| {
            let sight = own.with(&inputs[1..]);
            layer.forward(&inputs[0], &sight, None, Recompute::None)
        })
    }

    /// The same with other vision tokens, for one sequence after the other.
    fn with(&self, features: &[Tensor]) -> Self {
        let own = |tensor: &Option<Tensor>| tensor.as_ref().map(Tensor::shallow_clone);
        let sequences = self.sequences.iter().enumerate();
        Self {
            sequences: sequences
                .map(|(place, sequence)| SequencePictures {
                    index: sequence.index,
                    features: features.get(place).map(Tensor::shallow_clone),
                    runs: sequence.runs.clone(),
                })
                .collect(),
            rows: own(&self.rows),
            open: own(&self.open),
        }
    }

    /// Puts the sequences of a batch together. `starts` are those of the batch.
    pub fn new(
        sequences: Vec<SequencePictures>,
        starts: &[usize],
        device: torch::Device,
    ) -> Result<Option<Self>, Error> {
        if sequences.is_empty() {
            return Ok(None);
        }
        let rows: Vec<i64> = sequences
            .iter()
            .flat_map(|s| starts[s.index] as i64..starts[s.index + 1] as i64)
            .collect();
        let open: Vec<f32> = sequences
            .iter()
            .flat_map(|s| &s.runs)
            .flat_map(|run| {
                let open = if run.seen.is_empty() { 0.0 } else { 1.0 };
                std::iter::repeat_n(open, run.length)
            })
            .collect();
        let all = starts.last() == Some(&rows.len());
        let rows = if all {
            None
        } else {
            Some(Tensor::f_from_slice(&rows)?.f_to_device(device)?)
        };
        let open = if open.iter().all(|&open| open > 0.0) {
            None
        } else {
            let open = Tensor::f_from_slice(&open)?.f_unsqueeze(1)?;
            Some(open.f_to_kind(Kind::Float)?.f_to_device(device)?)
        };
        Ok(Some(Self {
            sequences,
            rows,
            open,
        }))
    }
}
