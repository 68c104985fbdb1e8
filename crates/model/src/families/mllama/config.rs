//! `config.json` of `MllamaForConditionalGeneration`, in the forms that `transformers` 4 and 5 write.

use serde_json::Value;

use crate::error::Error;
use crate::nn::activation::Activation;
use crate::nn::config::{Reader, rope, settle};
use crate::nn::decoder_config::DecoderConfig;

/// Ids behind the vocabulary that are embedded but never written: the picture's token is the first of them.
pub const EXTRA_EMBEDDINGS: i64 = 8;

/// Sizes and choices of the tower.
#[derive(Clone, Debug, PartialEq)]
pub struct VisionConfig {
    /// Tower width.
    pub hidden_size: i64,
    /// Width inside of the feed-forward part.
    pub intermediate_size: i64,
    /// Layers before the global ones.
    pub num_layers: usize,
    /// Gated layers behind the middle norm.
    pub num_global_layers: usize,
    /// Attention heads.
    pub num_heads: i64,
    /// Colour channels.
    pub num_channels: i64,
    /// Side of a tile, in pixels.
    pub image_size: i64,
    /// Side of a patch, in pixels.
    pub patch_size: i64,
    /// Activation of the feed-forward part.
    pub activation: Activation,
    /// Added inside of the layers' norms' roots.
    pub norm_eps: f64,
    /// Tiles that a picture is filled up to.
    pub max_tiles: i64,
    /// Layers whose outputs stand beside the last one, counted from 0.
    pub intermediate_layers: Vec<usize>,
    /// Rows and columns of tiles; the arrangement's id is its place from 1.
    pub ratios: Vec<(usize, usize)>,
}

impl VisionConfig {
    /// Patches along one side of a tile.
    pub fn side(&self) -> i64 {
        self.image_size / self.patch_size
    }

    /// Vision tokens of a tile: its patches and a class token.
    pub fn tokens(&self) -> i64 {
        self.side() * self.side() + 1
    }

    /// These, filled up to a multiple of eight, as the tower computes them.
    pub fn filled_tokens(&self) -> i64 {
        (self.tokens() + 7) / 8 * 8
    }

    /// Width of what the tower gives.
    pub fn out(&self) -> i64 {
        self.hidden_size * (1 + self.intermediate_layers.len() as i64)
    }
}

/// Everything that the forward needs to know.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The decoder.
    pub text: DecoderConfig,
    /// The tower.
    pub vision: VisionConfig,
    /// The id of a picture's place.
    pub image_token: i64,
}

impl Config {
    /// All problems at once.
    pub fn parse(json: &Value) -> Result<Self, Error> {
        let mut problems = Vec::new();
        let text = text(&json["text_config"], &mut problems);
        let vision = vision(&json["vision_config"], &mut problems);
        let mut read = Reader::new(json, "", &mut problems);
        read.refuse("quantization_config", |_| false);
        let image_token = read
            .get("image_token_index")
            .or(read.get("image_token_id"))
            .and_then(Value::as_i64)
            .unwrap_or(128_256);
        if !(0..text.num_embeddings).contains(&image_token) {
            let problem = format!(
                "is {image_token}, outside of the {} embeddings",
                text.num_embeddings
            );
            read.problem("image_token_index", &problem);
        }
        settle(problems)?;
        Ok(Self {
            text,
            vision,
            image_token,
        })
    }
}

fn text(object: &Value, problems: &mut Vec<String>) -> DecoderConfig {
    let mut read = Reader::new(object, "text_config.", problems);
    read.refuse("dropout", |value| value.as_f64() == Some(0.0));
    read.refuse("tie_word_embeddings", |value| value == false);
    read.refuse("quantization_config", |_| false);
    let num_heads = read.size("num_attention_heads", 32);
    let hidden_size = read.size("hidden_size", 4096);
    let num_key_value_heads = read.size("num_key_value_heads", 8);
    if hidden_size % (2 * num_heads) != 0 || num_heads % num_key_value_heads != 0 {
        let problem = format!(
            "is {num_heads}; the width {hidden_size} must be a multiple of twice that, and it one of the \
             {num_key_value_heads} key-value heads"
        );
        read.problem("num_attention_heads", &problem);
    }
    let max_positions = read.size("max_position_embeddings", 131_072);
    let vocab_size = read.size("vocab_size", 128_256);
    let num_embeddings = vocab_size + EXTRA_EMBEDDINGS;
    // What a saved `config.json` leaves out is the preset of `transformers`; a `null` is none.
    let padding_row = match object.get("pad_token_id") {
        None => Some(128_004),
        Some(value) => value.as_i64(),
    };
    if padding_row.is_some_and(|row| row >= num_embeddings) {
        let problem = format!("lies outside of the {num_embeddings} embeddings");
        read.problem("pad_token_id", &problem);
    }
    let num_layers = read.layers(40);
    let cross_layers = indices(
        &mut read,
        "cross_attention_layers",
        &[3, 8, 13, 18, 23, 28, 33, 38],
        num_layers,
    );
    let activation = read.activation("hidden_act", Activation::Silu);
    let rope = rope(&mut read, max_positions, 500_000.0, false);
    DecoderConfig {
        num_embeddings,
        vocab_size,
        hidden_size,
        intermediate_size: read.size("intermediate_size", 14_336),
        num_layers,
        num_heads,
        num_key_value_heads,
        head_width: hidden_size / num_heads,
        activation,
        norm_eps: read.number("rms_norm_eps", 1e-5),
        rope,
        max_positions: max_positions as usize,
        input_bias: false,
        output_bias: false,
        mlp_bias: false,
        initializer_range: read.number("initializer_range", 0.02),
        padding_row,
        cross_layers,
    }
}

fn vision(object: &Value, problems: &mut Vec<String>) -> VisionConfig {
    let mut read = Reader::new(object, "vision_config.", problems);
    read.refuse("quantization_config", |_| false);
    let num_layers = read.layers(32);
    let global = read.size("num_global_layers", 8).min(4096) as usize;
    let presets = [
        (1, 1),
        (1, 2),
        (1, 3),
        (1, 4),
        (2, 1),
        (2, 2),
        (3, 1),
        (4, 1),
    ];
    let pair = |v: &Value| Some((v.get(0)?.as_u64()? as usize, v.get(1)?.as_u64()? as usize));
    let max_tiles = read.size("max_num_tiles", 4);
    let ratios = match read.get("supported_aspect_ratios") {
        None => Some(presets.to_vec()),
        Some(list) => list
            .as_array()
            .and_then(|list| list.iter().map(pair).collect::<Option<Vec<_>>>()),
    };
    let fits = |&(h, w): &(usize, usize)| h * w > 0 && h * w <= max_tiles as usize;
    let ratios = ratios.filter(|ratios| !ratios.is_empty() && ratios.iter().all(fits));
    let ratios = ratios.unwrap_or_else(|| {
        let problem = format!("is no list of [rows, columns] of at most {max_tiles} tiles");
        read.problem("supported_aspect_ratios", &problem);
        presets.to_vec()
    });
    let intermediate_layers = indices(
        &mut read,
        "intermediate_layers_indices",
        &[3, 7, 15, 23, 30],
        num_layers,
    );
    let config = VisionConfig {
        hidden_size: read.size("hidden_size", 1280),
        intermediate_size: read.size("intermediate_size", 5120),
        num_layers,
        num_global_layers: global,
        num_heads: read.size("attention_heads", 16),
        num_channels: read.size("num_channels", 3),
        image_size: read.size("image_size", 448),
        patch_size: read.size("patch_size", 14),
        activation: read.activation("hidden_act", Activation::Gelu),
        norm_eps: read.number("norm_eps", 1e-5),
        max_tiles,
        intermediate_layers,
        ratios,
    };
    let out = read.size("vision_output_dim", 7680);
    if out != config.out() {
        let problem = format!(
            "is {out}, but the last layer and {} intermediate ones give {}",
            config.intermediate_layers.len(),
            config.out()
        );
        read.problem("vision_output_dim", &problem);
    }
    if config.hidden_size % config.num_heads != 0 {
        let problem = format!(
            "is {}, which does not divide the width {}",
            config.num_heads, config.hidden_size
        );
        read.problem("attention_heads", &problem);
    }
    if config.patch_size > config.image_size {
        let problem = format!(
            "is {}, more than the tile's side of {}",
            config.patch_size, config.image_size
        );
        read.problem("patch_size", &problem);
    }
    config
}

/// A list of layers, each below `limit`.
fn indices(read: &mut Reader, key: &str, presets: &[usize], limit: usize) -> Vec<usize> {
    let found = match read.get(key) {
        None => Some(presets.to_vec()),
        Some(value) => value.as_array().and_then(|list| {
            let index = |v: &Value| v.as_u64().map(|n| n as usize);
            list.iter().map(index).collect::<Option<Vec<_>>>()
        }),
    };
    let found = found.filter(|list| list.iter().all(|&n| n < limit));
    found.unwrap_or_else(|| {
        read.problem(key, &format!("is no list of layers below {limit}"));
        Vec::new()
    })
}
