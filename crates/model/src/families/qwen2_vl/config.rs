//! `config.json` of `Qwen2VLForConditionalGeneration`: flat as published, or with a `text_config` as later versions of
//! `transformers` write it.

use serde_json::Value;

use crate::error::Error;
use crate::nn::activation::Activation;
use crate::nn::config::{Reader, rope, settle};
use crate::nn::decoder_config::DecoderConfig;

/// Sizes and choices of the tower.
#[derive(Clone, Debug, PartialEq)]
pub struct VisionConfig {
    /// Tower width.
    pub width: i64,
    /// Layers.
    pub num_layers: usize,
    /// Attention heads.
    pub num_heads: i64,
    /// Width inside of the feed-forward part.
    pub intermediate_size: i64,
    /// Activation of the feed-forward part.
    pub activation: Activation,
    /// Colour channels.
    pub num_channels: i64,
    /// Side of a patch, in pixels.
    pub patch_size: i64,
    /// Frames of a patch; a picture stands for that many equal ones.
    pub frames: i64,
    /// Patches along a side of what becomes one feature.
    pub merge: i64,
    /// Base of the rotary positions.
    pub theta: f64,
}

/// Everything that the forward needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The decoder.
    pub text: DecoderConfig,
    /// The tower.
    pub vision: VisionConfig,
    /// The id whose embeddings are replaced by image features.
    pub image_token: i64,
    /// Whether the head is the embedding.
    pub tied: bool,
}

impl Config {
    /// All problems at once.
    pub fn parse(json: &Value) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let nested = json.get("text_config").filter(|v| v.is_object());
        let (object, place) = nested.map_or((json, ""), |object| (object, "text_config."));
        let text = text(object, place, &mut problems);
        let vision = vision(&json["vision_config"], text.hidden_size, &mut problems);
        let tied_text = json["text_config"]["tie_word_embeddings"] == true;
        let mut read = Reader::new(json, "", &mut problems);
        read.refuse("quantization_config", |_| false);
        let found = read.get("image_token_id").and_then(Value::as_i64);
        let image_token = found.unwrap_or(151_655);
        if !(0..text.vocab_size).contains(&image_token) {
            let rows = text.vocab_size;
            let problem = format!("is {image_token}, outside of the vocabulary of {rows}");
            read.problem("image_token_id", &problem);
        }
        let config = Self {
            image_token,
            tied: read.flag("tie_word_embeddings", false) || tied_text,
            text,
            vision,
        };
        settle(problems)?;
        Ok(config)
    }
}

fn text(object: &Value, place: &str, problems: &mut Vec<String>) -> DecoderConfig {
    let mut read = Reader::new(object, place, problems);
    read.refuse("attention_dropout", |value| value.as_f64() == Some(0.0));
    read.refuse("use_sliding_window", |value| value == false);
    read.refuse("layer_types", |value| {
        value
            .as_array()
            .is_some_and(|layers| layers.iter().all(|layer| layer == "full_attention"))
    });
    let num_heads = read.size("num_attention_heads", 64);
    let hidden_size = read.size("hidden_size", 8192);
    let max_positions = read.size("max_position_embeddings", 32_768);
    let vocab_size = read.size("vocab_size", 152_064);
    let padding_row = read.get("pad_token_id").and_then(Value::as_i64);
    let num_key_value_heads = read.size("num_key_value_heads", 8.min(num_heads));
    if hidden_size % num_heads != 0 || num_heads % num_key_value_heads != 0 {
        let problem = format!(
            "is {num_heads}; it must divide the width {hidden_size} and be a multiple of the {num_key_value_heads} \
             key-value heads"
        );
        read.problem("num_attention_heads", &problem);
    }
    let head_width = hidden_size / num_heads;
    let activation = read.activation("hidden_act", Activation::Silu);
    let mut rope = rope(&mut read, max_positions, 1_000_000.0, true);
    let sections = ["rope_scaling", "rope_parameters"]
        .iter()
        .find_map(|key| object[key]["mrope_section"].as_array());
    let sections: Option<Vec<i64>> = match sections {
        None => Some(vec![16, 24, 24]),
        Some(list) => list.iter().map(Value::as_i64).collect(),
    };
    match sections {
        Some(sections)
            if sections.iter().all(|&n| n > 0)
                && sections.iter().sum::<i64>() * 2 == head_width =>
        {
            rope.sections = Some(sections);
        }
        found => read.problem(
            "rope_scaling.mrope_section",
            &format!(
                "is {found:?}; expected numbers that add up to {}, half of a head's width",
                head_width / 2
            ),
        ),
    }
    DecoderConfig {
        num_embeddings: vocab_size,
        vocab_size,
        hidden_size,
        intermediate_size: read.size("intermediate_size", 29_568),
        num_layers: read.layers(80),
        num_heads,
        num_key_value_heads,
        head_width,
        activation,
        norm_eps: read.number("rms_norm_eps", 1e-5),
        rope,
        max_positions: max_positions as usize,
        input_bias: true,
        output_bias: false,
        mlp_bias: false,
        initializer_range: read.number("initializer_range", 0.02),
        padding_row,
        cross_layers: Vec::new(),
    }
}

fn vision(object: &Value, text_width: i64, problems: &mut Vec<String>) -> VisionConfig {
    let mut read = Reader::new(object, "vision_config.", problems);
    let out = read.size("hidden_size", 3584);
    if out != text_width {
        let problem = format!("is {out}, but the language model's width is {text_width}");
        read.problem("hidden_size", &problem);
    }
    let width = read.size("embed_dim", 1280);
    let ratio = read.number("mlp_ratio", 4.0);
    let theta = object["rope_parameters"]["rope_theta"].as_f64();
    let depth = read.size("depth", 32);
    if depth > 4096 {
        read.problem("depth", &format!("is {depth}, more than 4096"));
    }
    let config = VisionConfig {
        width,
        num_layers: depth.min(4096) as usize,
        num_heads: read.size("num_heads", 16),
        intermediate_size: (width as f64 * ratio) as i64,
        activation: read.activation("hidden_act", Activation::QuickGelu),
        num_channels: read.size("in_channels", 3),
        patch_size: read.size("patch_size", 14),
        frames: read.size("temporal_patch_size", 2),
        merge: read.size("spatial_merge_size", 2),
        theta: theta.unwrap_or(10_000.0),
    };
    if config.width % (4 * config.num_heads) != 0 {
        let problem = format!(
            "is {}; the width {width} must be a multiple of four times that",
            config.num_heads
        );
        read.problem("num_heads", &problem);
    }
    config
}
