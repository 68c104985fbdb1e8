//! The Llama decoder: grouped-query attention with rotary positions, RMS norms before each part, SwiGLU. Some layers may
//! look at pictures instead of at the text (Llama 3.2's).
//!
//! Shapes: t packed tokens, d model width, h heads, g key-value heads, e head width.

use torch::{Device, Kind, Tensor};

use crate::batch::Batch;
use crate::cache::{Cache, Pool};
use crate::error::Error;
use crate::init::Init;
use crate::nn::attention::Spans;
use crate::nn::cross::{CrossInputs, CrossLayer};
pub use crate::nn::decoder_config::DecoderConfig;
pub use crate::nn::feed_forward::FeedForward;
use crate::nn::layers::{Linear, RmsNorm};
use crate::nn::rope::{Rope, rotate};
use crate::nn::shared::Shared;
use crate::recompute::Recompute;
use crate::weights::Weights;

/// Embedding, layers and final norm.
#[derive(Debug)]
pub struct Decoder {
    /// `[v, d]`.
    pub embedding: Tensor,
    layers: Vec<Block>,
    norm: RmsNorm,
    rope: Rope,
    config: DecoderConfig,
}

#[derive(Debug)]
enum Block {
    Text(Shared<Layer>),
    Cross(Shared<CrossLayer>),
}

#[derive(Debug)]
struct Layer {
    input_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    post_norm: RmsNorm,
    feed_forward: FeedForward,
    head_width: i64,
}

/// What all layers of one forward share.
struct Pass<'a> {
    spans: &'a Spans,
    cos: Tensor,
    sin: Tensor,
    recompute: Recompute,
}

impl Decoder {
    /// Takes everything below `name`.
    pub fn new(
        weights: &mut Weights,
        name: &str,
        config: DecoderConfig,
        device: Device,
    ) -> Result<Self, Error> {
        let normal = Init::Normal(config.initializer_range);
        let embedding = weights.tensor(
            &format!("{name}.embed_tokens.weight"),
            &[config.num_embeddings, config.hidden_size],
            normal,
        )?;
        let mut layers = Vec::with_capacity(config.num_layers);
        for i in 0..config.num_layers {
            let name = format!("{name}.layers.{i}");
            layers.push(if config.cross_layers.contains(&i) {
                Block::Cross(Shared::new(CrossLayer::new(weights, &name, &config)?))
            } else {
                Block::Text(Shared::new(Layer::new(weights, &name, &config)?))
            });
        }
        let norm = RmsNorm::new(
            weights,
            &format!("{name}.norm"),
            config.hidden_size,
            config.norm_eps,
        )?;
        let rope = Rope::new(&config.rope, config.head_width, device)?;
        Ok(Self {
            embedding,
            layers,
            norm,
            rope,
            config,
        })
    }

    /// Rows `[t, d]` of the embedding.
    pub fn embed(&self, ids: &[i64]) -> Result<Tensor, Error> {
        let vocabulary = self.config.num_embeddings;
        if let Some(index) = ids.iter().position(|id| !(0..vocabulary).contains(id)) {
            return Err(Error::TokenId {
                id: ids[index],
                index,
                vocabulary: vocabulary as usize,
            });
        }
        let ids = Tensor::f_from_slice(ids)?.f_to_device(self.embedding.device())?;
        let padding = self.config.padding_row.unwrap_or(-1);
        Ok(Tensor::f_embedding(
            &self.embedding,
            &ids,
            padding,
            false,
            false,
        )?)
    }

    /// Final, normalised hidden states `[t, d]` of the embedded batch. `positions` are `[t]`, or `[3, t]` for M-RoPE;
    /// `sight` is what the cross-attention layers look at, which are skipped without it.
    pub fn forward(
        &self,
        embedded: Tensor,
        batch: &Batch,
        positions: &Tensor,
        sight: Option<&CrossInputs>,
        mut cache: Option<&mut Cache>,
    ) -> Result<Tensor, Error> {
        let spans = Spans::new(batch, cache.as_deref())?;
        let (cos, sin) = self.rope.angles(positions, embedded.kind())?;
        let pass = Pass {
            spans: &spans,
            cos,
            sin,
            recompute: batch.recompute,
        };
        if let Some(cache) = cache.as_deref_mut().filter(|_| spans.is_step()) {
            let normed = self.step(embedded, &pass, sight, cache)?;
            cache.lengthen(batch);
            return Ok(normed);
        }
        let again = batch.recompute == Recompute::Blocks && cache.is_none();
        let mut hidden = embedded;
        let (mut text, mut cross) = (0, 0);
        for layer in &self.layers {
            match layer {
                Block::Text(layer) if again => hidden = pass.again(layer, &hidden)?,
                Block::Text(layer) => {
                    let own = cache.as_deref_mut().map(|c| (&mut c.pools[..], text));
                    hidden = layer.get().forward(&hidden, &pass, own)?;
                    text += 1;
                }
                Block::Cross(layer) => {
                    if let Some(sight) = sight {
                        hidden = if again {
                            sight.again(layer, &hidden)?
                        } else {
                            let seen = cache.as_deref_mut().map(|cache| (cache, cross));
                            let layer = layer.get();
                            layer.forward(&hidden, sight, seen, batch.recompute)?
                        };
                    }
                    cross += 1;
                }
            }
        }
        if let Some(cache) = cache {
            cache.lengthen(batch);
        }
        self.norm.forward(&hidden)
    }

    /// As [`Decoder::forward`] for one new token a sequence, in as few operators as there can be: what a layer adds to the
    /// residual stream is added by the norm of the next one.
    fn step(
        &self,
        embedded: Tensor,
        pass: &Pass,
        sight: Option<&CrossInputs>,
        cache: &mut Cache,
    ) -> Result<Tensor, Error> {
        let (mut hidden, mut added) = (embedded, None);
        let (mut text, mut cross) = (0, 0);
        for layer in &self.layers {
            match layer {
                Block::Text(layer) => {
                    let (sum, more) =
                        layer
                            .get()
                            .step(hidden, added.as_ref(), pass, &cache.pools, text)?;
                    (hidden, added) = (sum, Some(more));
                    text += 1;
                }
                Block::Cross(layer) => {
                    if let Some(sight) = sight {
                        if let Some(added) = added.take() {
                            hidden = hidden.f_add(&added)?;
                        }
                        let seen = Some((&mut *cache, cross));
                        hidden = layer.get().forward(&hidden, sight, seen, pass.recompute)?;
                    }
                    cross += 1;
                }
            }
        }
        Ok(self.norm.forward_after(hidden, added.as_ref())?.1)
    }

    /// The batch's own positions `[t]`.
    pub fn positions(&self, batch: &Batch) -> Result<Tensor, Error> {
        Ok(Tensor::f_from_slice(&batch.positions)?.f_to_device(self.embedding.device())?)
    }

    /// Room for `slots` sequences of at most `capacity` tokens, not wiped.
    pub fn new_pool(&self, slots: usize, capacity: usize) -> Pool {
        let shape = [
            slots as i64,
            self.config.num_key_value_heads,
            capacity as i64,
            self.config.head_width,
        ];
        let options = (self.embedding.kind(), self.embedding.device());
        let text = self.layers.iter().filter(|l| matches!(l, Block::Text(_)));
        let layers = text
            .map(|_| (Tensor::empty(shape, options), Tensor::empty(shape, options)))
            .collect();
        Pool::empty(layers, slots)
    }

    /// Keys and values `[1, g, n, e]` of the vision tokens `[n, d]` in each cross-attention layer.
    pub fn cross_keys(&self, features: &Tensor) -> Result<Vec<(Tensor, Tensor)>, Error> {
        let cross = self.layers.iter().filter_map(|layer| match layer {
            Block::Cross(layer) => Some(layer.get().keys(features)),
            Block::Text(_) => None,
        });
        cross.collect()
    }

    /// The configuration.
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Dtype of the weights.
    pub fn kind(&self) -> Kind {
        self.embedding.kind()
    }
}

impl Pass<'_> {
    /// The layer's forward, of which only its input is kept.
    fn again(&self, layer: &Shared<Layer>, x: &Tensor) -> Result<Tensor, Error> {
        let spans = self.spans.uncached();
        let (cos, sin) = (self.cos.shallow_clone(), self.sin.shallow_clone());
        layer.again(&[x], move |layer, x| {
            let pass = Pass {
                spans: &spans,
                cos: cos.shallow_clone(),
                sin: sin.shallow_clone(),
                recompute: Recompute::None,
            };
            layer.forward(&x[0], &pass, None)
        })
    }
}

impl Layer {
    fn new(weights: &mut Weights, name: &str, config: &DecoderConfig) -> Result<Self, Error> {
        let normal = Init::Normal(config.initializer_range);
        let d = config.hidden_size;
        let (q, kv) = (
            config.num_heads * config.head_width,
            config.num_key_value_heads * config.head_width,
        );
        let bias = config.input_bias;
        let mut linear = |part: &str, inputs, outputs, bias| {
            Linear::new(
                weights,
                &format!("{name}.{part}"),
                inputs,
                outputs,
                bias,
                normal,
            )
        };
        let query = linear("self_attn.q_proj", d, q, bias)?;
        let key = linear("self_attn.k_proj", d, kv, bias)?;
        let value = linear("self_attn.v_proj", d, kv, bias)?;
        let output = linear("self_attn.o_proj", q, d, config.output_bias)?;
        let feed_forward = FeedForward::new(weights, &format!("{name}.mlp"), config)?;
        let mut norm =
            |part: &str| RmsNorm::new(weights, &format!("{name}.{part}"), d, config.norm_eps);
        let input_norm = norm("input_layernorm")?;
        let post_norm = norm("post_attention_layernorm")?;
        Ok(Self {
            input_norm,
            query,
            key,
            value,
            output,
            post_norm,
            feed_forward,
            head_width: config.head_width,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        pass: &Pass,
        cache: Option<(&mut [Pool], usize)>,
    ) -> Result<Tensor, Error> {
        let recompute = pass.recompute;
        let normed = self.input_norm.forward_keeping(x, recompute)?;
        let mixed = self.attention(&normed, pass, cache)?;
        recompute.remake(&normed, &mixed, || self.input_norm.maker(x))?;
        let (x, normed) = self.post_norm.forward_sum(x, &mixed, recompute)?;
        let fed = self.feed_forward.forward(&normed, recompute)?;
        recompute.remake(&normed, &fed, || self.post_norm.maker(&x))?;
        Ok(x.f_add(&fed)?)
    }

    /// As [`Layer::forward`] of `x + added` for one new token a sequence; gives the two parts of the sum.
    fn step(
        &self,
        x: Tensor,
        added: Option<&Tensor>,
        pass: &Pass,
        pools: &[Pool],
        layer: usize,
    ) -> Result<(Tensor, Tensor), Error> {
        let (x, normed) = self.input_norm.forward_after(x, added)?;
        let maps = [&self.query, &self.key, &self.value];
        let (q, k, v) = match Linear::joined(&maps, &normed)? {
            Some(joined) => {
                let (q, k) = (self.query.outputs(), self.key.outputs());
                (
                    joined.f_narrow(1, 0, q)?,
                    joined.f_narrow(1, q, k)?,
                    joined.f_narrow(1, q + k, k)?,
                )
            }
            None => (
                self.query.forward(&normed)?,
                self.key.forward(&normed)?,
                self.value.forward(&normed)?,
            ),
        };
        let angles = Some((&pass.cos, &pass.sin));
        let mixed = pass.spans.attend_step(&q, &k, &v, angles, pools, layer)?;
        let (x, normed) =
            self.post_norm
                .forward_sum(&x, &self.output.forward(&mixed)?, Recompute::None)?;
        Ok((x, self.feed_forward.forward(&normed, Recompute::None)?))
    }

    fn attention(
        &self,
        x: &Tensor,
        pass: &Pass,
        cache: Option<(&mut [Pool], usize)>,
    ) -> Result<Tensor, Error> {
        let tokens = x.size()[0];
        let heads = |linear: &Linear| -> Result<Tensor, Error> {
            Ok(linear
                .forward(x)?
                .f_reshape([tokens, -1, self.head_width])?)
        };
        let q = rotate(&heads(&self.query)?, &pass.cos, &pass.sin)?;
        let k = rotate(&heads(&self.key)?, &pass.cos, &pass.sin)?;
        let v = heads(&self.value)?;
        let mixed = match cache {
            Some((pools, layer)) => pass.spans.attend_cached(&q, &k, &v, pools, layer)?,
            None => pass.spans.attend(&q, &k, &v)?,
        };
        self.output.forward(&mixed)
    }
}
