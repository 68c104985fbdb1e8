//! `config.json` of `LlavaNextForConditionalGeneration`, in the forms that `transformers` 4 and 5 write.

use serde_json::Value;

use crate::error::Error;
use crate::nn::activation::Activation;
use crate::nn::clip::ClipConfig;
use crate::nn::config::{
    Reader, clip, clip_large, decoder, image_token, keep_class, settle, vision_layer,
};
use crate::nn::decoder_config::DecoderConfig;

/// Everything that the forward needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The decoder.
    pub text: DecoderConfig,
    /// The tower.
    pub vision: ClipConfig,
    /// The id whose embeddings are replaced by image features.
    pub image_token: i64,
    /// How many layers of the tower are run: the index of the hidden state that is read.
    pub vision_layers: usize,
    /// Whether the class token's feature is kept (`full`) or dropped (`default`).
    pub keep_class: bool,
    /// Activation between the projector's layers.
    pub projector_activation: Activation,
    /// Whether the projector has biases.
    pub projector_bias: bool,
    /// Whether the head is the embedding.
    pub tied: bool,
    /// Resolutions `(height, width)` that a picture's tiles may fill, in pixels.
    pub pinpoints: Vec<(usize, usize)>,
}

impl Config {
    /// All problems at once.
    pub fn parse(json: &Value) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let text = decoder(&json["text_config"], "text_config.", &mut problems);
        let large = clip_large();
        let vision = clip(
            json.get("vision_config")
                .filter(|v| v.is_object())
                .unwrap_or(&large),
            &mut problems,
        );
        let mut read = Reader::new(json, "", &mut problems);
        read.refuse("quantization_config", |_| false);
        let image_token = image_token(&mut read, text.vocab_size);
        let vision_layers = vision_layer(&mut read, vision.num_layers as i64);
        let keep_class = keep_class(&mut read);
        let pinpoints = pinpoints(&mut read);
        let config = Self {
            image_token,
            vision_layers,
            keep_class,
            projector_activation: read.activation("projector_hidden_act", Activation::Gelu),
            projector_bias: read.flag("multimodal_projector_bias", true),
            tied: read.flag("tie_word_embeddings", false),
            pinpoints,
            text,
            vision,
        };
        settle(problems)?;
        Ok(config)
    }
}

fn pinpoints(read: &mut Reader) -> Vec<(usize, usize)> {
    let published = || vec![(336, 672), (672, 336), (672, 672), (1008, 336), (336, 1008)];
    let Some(value) = read.get("image_grid_pinpoints") else {
        return published();
    };
    let pair = |v: &Value| Some((v.get(0)?.as_u64()? as usize, v.get(1)?.as_u64()? as usize));
    let pairs: Option<Vec<_>> = value
        .as_array()
        .and_then(|list| list.iter().map(pair).collect());
    pairs.filter(|p| !p.is_empty()).unwrap_or_else(|| {
        read.problem("image_grid_pinpoints", "is not a list of [height, width]");
        published()
    })
}
