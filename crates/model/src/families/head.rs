//! The head, and its tie to the embedding.

use torch::Tensor;

use crate::error::Error;
use crate::init::Init;
use crate::nn::decoder::Decoder;
use crate::nn::decoder_config::DecoderConfig;
use crate::weights::Weights;

/// The head's name inside of `transformers`.
const HEAD: &str = "lm_head.weight";

/// The head `[v, d]`: the embedding itself where they are tied.
pub(super) fn head(
    weights: &mut Weights,
    config: &DecoderConfig,
    tied: bool,
    decoder: &Decoder,
) -> Result<Tensor, Error> {
    if tied {
        return Ok(decoder.embedding.shallow_clone());
    }
    let shape = [config.vocab_size, config.hidden_size];
    weights.tensor(HEAD, &shape, Init::Normal(config.initializer_range))
}

/// The pairs for `Weights::finish`.
pub(super) fn tied_names(tied: bool, text: &str) -> Vec<(String, String)> {
    let pair = (HEAD.to_owned(), format!("{text}.embed_tokens.weight"));
    tied.then_some(pair).into_iter().collect()
}
