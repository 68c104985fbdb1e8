//! `config.json` of `LlavaForConditionalGeneration`, in the forms that `transformers` 4 and 5 write.

use serde_json::Value;

use crate::error::Error;
use crate::nn::activation::Activation;
use crate::nn::clip::ClipConfig;
use crate::nn::config::{
    Reader, clip, clip_large, decoder, dino, image_token, keep_class, settle, vision_layer,
};
use crate::nn::decoder_config::DecoderConfig;
use crate::nn::dino::DinoConfig;

/// The tower of a configuration.
#[derive(Clone, Debug, PartialEq)]
pub enum TowerConfig {
    /// CLIP.
    Clip(ClipConfig),
    /// DINOv2.
    Dino(DinoConfig),
}

impl TowerConfig {
    /// What both have.
    pub fn sizes(&self) -> &ClipConfig {
        match self {
            Self::Clip(sizes) => sizes,
            Self::Dino(config) => &config.sizes,
        }
    }
}

/// Everything that the forward needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The decoder.
    pub text: DecoderConfig,
    /// The tower.
    pub vision: TowerConfig,
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
}

impl Config {
    /// All problems at once.
    pub fn parse(json: &Value) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let text = decoder(&json["text_config"], "text_config.", &mut problems);
        let large = clip_large();
        let object = json.get("vision_config").filter(|v| v.is_object());
        let object = object.unwrap_or(&large);
        let vision = match object["model_type"].as_str() {
            Some("dinov2") => TowerConfig::Dino(dino(object, &mut problems)),
            None | Some("clip_vision_model") => TowerConfig::Clip(clip(object, &mut problems)),
            Some(other) => {
                problems.push(format!(
                    "`vision_config.model_type` is `{other}`; known are clip_vision_model, dinov2"
                ));
                TowerConfig::Clip(clip(&large, &mut problems))
            }
        };
        // Before version 5 it was saved with the text's settings only.
        let tied_text = json["text_config"]["tie_word_embeddings"] == true;
        let mut read = Reader::new(json, "", &mut problems);
        read.refuse("quantization_config", |_| false);
        let config = Self {
            image_token: image_token(&mut read, text.vocab_size),
            vision_layers: vision_layer(&mut read, vision.sizes().num_layers as i64),
            keep_class: keep_class(&mut read),
            projector_activation: read.activation("projector_hidden_act", Activation::Gelu),
            projector_bias: read.flag("multimodal_projector_bias", true),
            tied: read.flag("tie_word_embeddings", false) || tied_text,
            text,
            vision,
        };
        settle(problems)?;
        Ok(config)
    }
}
