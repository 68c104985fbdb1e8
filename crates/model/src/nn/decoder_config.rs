//! What a decoder is built by; `config.json` in its many forms is read elsewhere.

use crate::nn::activation::Activation;
use crate::nn::rope::RopeConfig;

/// Sizes and choices of a decoder.
#[derive(Clone, Debug, PartialEq)]
pub struct DecoderConfig {
    /// Rows of the embedding.
    pub num_embeddings: i64,
    /// Rows of the head: the tokens that can be written.
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
    /// Biases of queries, keys and values.
    pub input_bias: bool,
    /// A bias of the attention's output.
    pub output_bias: bool,
    /// Biases in the feed-forward part.
    pub mlp_bias: bool,
    /// Standard deviation of a random start.
    pub initializer_range: f64,
    /// The row of the embedding that gets no gradient, as in `transformers`.
    pub padding_row: Option<i64>,
    /// The layers that look at pictures.
    pub cross_layers: Vec<usize>,
}
