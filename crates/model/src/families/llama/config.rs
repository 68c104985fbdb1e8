//! `config.json` of `LlamaForCausalLM` and `MistralForCausalLM`, in the forms that `transformers` 4 and 5 write.

use serde_json::Value;

use crate::error::Error;
use crate::nn::config::{Reader, decoder, settle};
use crate::nn::decoder_config::DecoderConfig;

/// Everything that the forward needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The decoder.
    pub text: DecoderConfig,
    /// Whether the head is the embedding.
    pub tied: bool,
}

impl Config {
    /// All problems at once.
    pub fn parse(json: &Value) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let text = decoder(json, "", &mut problems);
        let tied = Reader::new(json, "", &mut problems).flag("tie_word_embeddings", false);
        settle(problems)?;
        Ok(Self { text, tied })
    }
}
