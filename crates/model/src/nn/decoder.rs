//! The Llama decoder: grouped-query attention with rotary positions, RMS norms before each part, SwiGLU.
//!
//! Shapes: t packed tokens, d model width, h heads, g key-value heads, e head width.

use torch::{Device, Kind, Tensor};

use crate::error::Error;
use crate::init::Init;
use crate::mllm::{Batch, Cache};
use crate::nn::activation::Activation;
use crate::nn::attention::Spans;
use crate::nn::layers::{Linear, RmsNorm};
use crate::nn::rope::{Rope, RopeConfig, rotate};
use crate::weights::Weights;

/// Sizes and choices of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// Rows of the embedding.
    pub vocab_size: i64,
    /// Model width.
    pub hidden_size: i64,
    /// Width inside of the feed-forward part.
    pub intermediate_size: i64,
    /// Number of layers.
    pub num_layers: usize,
    /// Query heads.
    pub num_heads: i64,
    /// Key-value heads.
    pub num_key_value_heads: i64,
    /// Width of a head.
    pub head_width: i64,
    /// Activation of the gate.
    pub activation: Activation,
    /// Added inside of the norms' roots.
    pub norm_eps: f64,
    /// Positions.
    pub rope: RopeConfig,
    /// The context that the configuration promises, in tokens.
    pub max_positions: usize,
    /// Biases in the attention's projections.
    pub attention_bias: bool,
    /// Biases in the feed-forward part.
    pub mlp_bias: bool,
    /// Standard deviation of a random start.
    pub initializer_range: f64,
    /// The row of the embedding that gets no gradient, as in `transformers`.
    pub padding_row: Option<i64>,
}

/// Embedding, layers and final norm.
#[derive(Debug)]
pub struct Decoder {
    /// `[v, d]`.
    pub embedding: Tensor,
    layers: Vec<Layer>,
    norm: RmsNorm,
    rope: Rope,
    config: DecoderConfig,
}

#[derive(Debug)]
struct Layer {
    input_norm: RmsNorm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    post_norm: RmsNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
    activation: Activation,
    head_width: i64,
}

/// What all layers of one forward share.
struct Pass<'a> {
    spans: &'a Spans,
    cos: Tensor,
    sin: Tensor,
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
            &[config.vocab_size, config.hidden_size],
            normal,
        )?;
        let layers = (0..config.num_layers)
            .map(|i| Layer::new(weights, &format!("{name}.layers.{i}"), &config))
            .collect::<Result<_, _>>()?;
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
        let vocabulary = self.config.vocab_size;
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

    /// Final, normalised hidden states `[t, d]` of the embedded batch.
    pub fn forward(
        &self,
        embedded: Tensor,
        batch: &Batch,
        mut cache: Option<&mut Cache>,
    ) -> Result<Tensor, Error> {
        let spans = Spans::new(batch, cache.as_deref())?;
        let positions = Tensor::f_from_slice(&batch.positions)?.f_to_device(embedded.device())?;
        let (cos, sin) = self.rope.angles(&positions, embedded.kind())?;
        let pass = Pass {
            spans: &spans,
            cos,
            sin,
        };
        let mut hidden = embedded;
        for (i, layer) in self.layers.iter().enumerate() {
            hidden = layer.forward(
                &hidden,
                &pass,
                cache.as_deref_mut().map(|c| &mut c.layers[i]),
            )?;
        }
        if let Some(cache) = cache {
            for (length, span) in cache.lengths.iter_mut().zip(batch.starts.windows(2)) {
                *length += span[1] - span[0];
            }
        }
        self.norm.forward(&hidden)
    }

    /// Room for `rows` sequences of at most `capacity` tokens.
    pub fn new_cache(&self, rows: usize, capacity: usize) -> Cache {
        let shape = [
            rows as i64,
            self.config.num_key_value_heads,
            capacity as i64,
            self.config.head_width,
        ];
        let options = (self.embedding.kind(), self.embedding.device());
        let layers = self
            .layers
            .iter()
            .map(|_| (Tensor::zeros(shape, options), Tensor::zeros(shape, options)))
            .collect();
        Cache {
            layers,
            lengths: vec![0; rows],
        }
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

impl Layer {
    fn new(weights: &mut Weights, name: &str, config: &DecoderConfig) -> Result<Self, Error> {
        let normal = Init::Normal(config.initializer_range);
        let (d, f) = (config.hidden_size, config.intermediate_size);
        let (q, kv) = (
            config.num_heads * config.head_width,
            config.num_key_value_heads * config.head_width,
        );
        let (bias, mlp_bias) = (config.attention_bias, config.mlp_bias);
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
        let output = linear("self_attn.o_proj", q, d, bias)?;
        let gate = linear("mlp.gate_proj", d, f, mlp_bias)?;
        let up = linear("mlp.up_proj", d, f, mlp_bias)?;
        let down = linear("mlp.down_proj", f, d, mlp_bias)?;
        let mut norm =
            |part: &str| RmsNorm::new(weights, &format!("{name}.{part}"), d, config.norm_eps);
        let input_norm = norm("input_layernorm")?;
        let post_norm = norm("post_attention_layernorm")?;
        let (activation, head_width) = (config.activation, config.head_width);
        Ok(Self {
            input_norm,
            query,
            key,
            value,
            output,
            post_norm,
            gate,
            up,
            down,
            activation,
            head_width,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        pass: &Pass,
        cache: Option<&mut (Tensor, Tensor)>,
    ) -> Result<Tensor, Error> {
        let x = x.f_add(&self.attention(&self.input_norm.forward(x)?, pass, cache)?)?;
        let normed = self.post_norm.forward(&x)?;
        let gated = self
            .activation
            .forward(&self.gate.forward(&normed)?)?
            .f_mul(&self.up.forward(&normed)?)?;
        Ok(x.f_add(&self.down.forward(&gated)?)?)
    }

    fn attention(
        &self,
        x: &Tensor,
        pass: &Pass,
        cache: Option<&mut (Tensor, Tensor)>,
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
            Some(layer) => pass.spans.attend_cached(&q, &k, &v, layer)?,
            None => pass.spans.attend(&q, &k, &v)?,
        };
        self.output.forward(&mixed)
    }
}
