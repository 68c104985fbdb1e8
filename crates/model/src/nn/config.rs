//! Reading `config.json` strictly: all problems at once, and nothing that changes the function is ignored.

use serde_json::Value;

use crate::error::Error;
use crate::nn::activation::Activation;
use crate::nn::clip::ClipConfig;
use crate::nn::decoder_config::DecoderConfig;
use crate::nn::dino::DinoConfig;
use crate::nn::rope::{Llama3, RopeConfig};

/// One object of the configuration and the problems found so far.
pub struct Reader<'a> {
    object: &'a Value,
    /// Where it lies, e.g. `text_config.`.
    place: &'a str,
    problems: &'a mut Vec<String>,
}

impl<'a> Reader<'a> {
    /// For the object at `place`, which ends with a dot or is empty.
    pub fn new(object: &'a Value, place: &'a str, problems: &'a mut Vec<String>) -> Self {
        Self {
            object,
            place,
            problems,
        }
    }

    /// Notes what is wrong with a key.
    pub fn problem(&mut self, key: &str, what: &str) {
        self.problems.push(format!("`{}{key}` {what}", self.place));
    }

    /// The value, with `null` as absent.
    pub fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// A positive size.
    pub fn size(&mut self, key: &str, default: i64) -> i64 {
        match self.get(key).map(|value| (value, value.as_i64())) {
            None => default,
            Some((_, Some(n))) if (1..1 << 24).contains(&n) => n,
            Some((value, _)) => {
                self.problem(
                    key,
                    &format!("is {value}, expected a whole number from 1 to 16777215"),
                );
                default
            }
        }
    }

    /// A number of layers.
    pub fn layers(&mut self, default: usize) -> usize {
        let key = "num_hidden_layers";
        let found = self.size(key, default as i64);
        if found > 4096 {
            self.problem(key, &format!("is {found}, more than 4096"));
            return default;
        }
        found as usize
    }

    /// A number.
    pub fn number(&mut self, key: &str, default: f64) -> f64 {
        match self.get(key).map(|value| (value, value.as_f64())) {
            None => default,
            Some((_, Some(x))) => x,
            Some((value, None)) => {
                self.problem(key, &format!("is {value}, expected a number"));
                default
            }
        }
    }

    /// A switch.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        match self.get(key).map(|value| (value, value.as_bool())) {
            None => default,
            Some((_, Some(on))) => on,
            Some((value, None)) => {
                self.problem(key, &format!("is {value}, expected true or false"));
                default
            }
        }
    }

    /// An activation.
    pub fn activation(&mut self, key: &str, default: Activation) -> Activation {
        let Some(value) = self.get(key) else {
            return default;
        };
        value
            .as_str()
            .and_then(Activation::parse)
            .unwrap_or_else(|| {
                self.problem(key, &format!("is {value}; known are {}", Activation::NAMES));
                default
            })
    }

    /// Notes a key whose value would change the function in a way that is not implemented.
    pub fn refuse(&mut self, key: &str, harmless: impl Fn(&Value) -> bool) {
        if let Some(value) = self.get(key)
            && !harmless(value)
        {
            self.problem(
                key,
                &format!("is {}, which is not implemented", shortened(value)),
            );
        }
    }
}

/// A Llama-shaped configuration at `place` (`llama`, `mistral`; Vicuna is `llama`).
pub fn decoder(object: &Value, place: &str, problems: &mut Vec<String>) -> DecoderConfig {
    let mut read = Reader::new(object, place, problems);
    let family = read
        .get("model_type")
        .and_then(Value::as_str)
        .unwrap_or("llama");
    let mistral = family == "mistral";
    if !mistral && family != "llama" {
        read.problem(
            "model_type",
            &format!("is `{family}`; known are llama, mistral"),
        );
    }
    let zero = |value: &Value| value.as_f64() == Some(0.0);
    read.refuse("attention_dropout", zero);
    read.refuse("partial_rotary_factor", |value| value.as_f64() == Some(1.0));
    read.refuse("layer_types", |value| {
        value
            .as_array()
            .is_some_and(|layers| layers.iter().all(|layer| layer == "full_attention"))
    });
    read.refuse("quantization_config", |_| false);
    let num_heads = read.size("num_attention_heads", 32);
    let hidden_size = read.size("hidden_size", 4096);
    let max_positions = read.size(
        "max_position_embeddings",
        if mistral { 131_072 } else { 2048 },
    );
    let num_key_value_heads = read.size("num_key_value_heads", if mistral { 8 } else { num_heads });
    let head_width = read.size("head_dim", hidden_size / num_heads);
    if num_heads % num_key_value_heads != 0 {
        read.problem(
            "num_key_value_heads",
            &format!("is {num_key_value_heads}, which does not divide the {num_heads} heads"),
        );
    }
    if head_width % 2 != 0 || head_width == 0 {
        read.problem(
            "head_dim",
            &format!("is {head_width}; rotary positions need an even width"),
        );
    }
    // A window as long as the context hides nothing. Mistral's default is a window that a `null` turns off.
    let window = match object.get("sliding_window") {
        None if mistral => Some(4096),
        None => None,
        Some(value) => value.as_i64(),
    };
    if window.is_some_and(|window| window < max_positions) {
        read.problem(
            "sliding_window",
            "hides earlier tokens, which is not implemented",
        );
    }
    let vocab_size = read.size("vocab_size", 32_000);
    // As `torch.nn.Embedding`, a negative row counts from the end.
    let padding_row = read
        .get("pad_token_id")
        .and_then(Value::as_i64)
        .map(|row| if row < 0 { vocab_size + row } else { row });
    if padding_row.is_some_and(|row| row >= vocab_size) {
        read.problem(
            "pad_token_id",
            &format!("lies outside of the vocabulary of {vocab_size}"),
        );
    }
    let activation = read.activation("hidden_act", Activation::Silu);
    let rope = rope(&mut read, max_positions, 10_000.0, false);
    let bias = !mistral && read.flag("attention_bias", false);
    DecoderConfig {
        num_embeddings: vocab_size,
        vocab_size,
        hidden_size,
        intermediate_size: read.size("intermediate_size", if mistral { 14_336 } else { 11_008 }),
        num_layers: read.layers(32),
        num_heads,
        num_key_value_heads,
        head_width,
        activation,
        norm_eps: read.number("rms_norm_eps", 1e-6),
        rope,
        max_positions: max_positions as usize,
        input_bias: bias,
        output_bias: bias,
        mlp_bias: !mistral && read.flag("mlp_bias", false),
        initializer_range: read.number("initializer_range", 0.02),
        padding_row,
        cross_layers: Vec::new(),
    }
}

/// `rope_parameters`, or before `transformers` 5 `rope_scaling` beside `rope_theta`.
/// `mrope` scales nothing either; it is a type where a family has several axes.
pub fn rope(
    read: &mut Reader,
    max_positions: i64,
    default_theta: f64,
    several_axes: bool,
) -> RopeConfig {
    let filled = |value: &&Value| value.as_object().is_some_and(|object| !object.is_empty());
    let (key, object) = match read.get("rope_scaling").filter(filled) {
        Some(object) => ("rope_scaling", object),
        None => (
            "rope_parameters",
            read.get("rope_parameters").unwrap_or(&Value::Null),
        ),
    };
    let place = format!("{}{key}.", read.place);
    let outer_theta = read.number("rope_theta", default_theta);
    let mut read = Reader::new(object, &place, read.problems);
    let theta = read.number("rope_theta", outer_theta);
    read.refuse("partial_rotary_factor", |value| value.as_f64() == Some(1.0));
    let kind = read
        .get("rope_type")
        .or(read.get("type"))
        .and_then(Value::as_str)
        .unwrap_or("default");
    let llama3 = match kind {
        "default" => None,
        "mrope" if several_axes => None,
        "llama3" => {
            for key in ["factor", "low_freq_factor", "high_freq_factor"] {
                if read.get(key).is_none() {
                    read.problem(key, "is missing, `rope_type` llama3 needs it");
                }
            }
            Some(Llama3 {
                factor: read.number("factor", 8.0),
                low_freq_factor: read.number("low_freq_factor", 1.0),
                high_freq_factor: read.number("high_freq_factor", 4.0),
                original_context: read
                    .number("original_max_position_embeddings", max_positions as f64),
            })
        }
        other => {
            read.problem(
                "rope_type",
                &format!("is `{other}`; known are default, llama3"),
            );
            None
        }
    };
    RopeConfig {
        theta,
        llama3,
        sections: None,
    }
}

/// A `vision_config` of CLIP.
pub fn clip(object: &Value, problems: &mut Vec<String>) -> ClipConfig {
    let mut read = Reader::new(object, "vision_config.", problems);
    read.refuse("model_type", |value| value == "clip_vision_model");
    read.refuse("attention_dropout", |value| value.as_f64() == Some(0.0));
    read.refuse("quantization_config", |_| false);
    let config = ClipConfig {
        hidden_size: read.size("hidden_size", 768),
        intermediate_size: read.size("intermediate_size", 3072),
        num_layers: read.layers(12),
        num_heads: read.size("num_attention_heads", 12),
        num_channels: read.size("num_channels", 3),
        image_size: read.size("image_size", 224),
        patch_size: read.size("patch_size", 32),
        activation: read.activation("hidden_act", Activation::QuickGelu),
        norm_eps: read.number("layer_norm_eps", 1e-5),
    };
    check_tower(&mut read, &config);
    config
}

/// Notes sizes of a tower that do not fit together.
fn check_tower(read: &mut Reader, config: &ClipConfig) {
    if config.hidden_size % config.num_heads != 0 {
        read.problem(
            "num_attention_heads",
            &format!(
                "is {}, which does not divide the width {}",
                config.num_heads, config.hidden_size
            ),
        );
    }
    if config.patch_size > config.image_size {
        read.problem(
            "patch_size",
            &format!(
                "is {}, more than the tile's side of {}",
                config.patch_size, config.image_size
            ),
        );
    }
}

/// A `vision_config` of DINOv2.
pub fn dino(object: &Value, problems: &mut Vec<String>) -> DinoConfig {
    let mut read = Reader::new(object, "vision_config.", problems);
    let zero = |value: &Value| value.as_f64() == Some(0.0);
    for key in [
        "attention_probs_dropout_prob",
        "hidden_dropout_prob",
        "drop_path_rate",
    ] {
        read.refuse(key, zero);
    }
    read.refuse("use_swiglu_ffn", |value| value == false);
    read.refuse("quantization_config", |_| false);
    let hidden_size = read.size("hidden_size", 768);
    let ratio = read.number("mlp_ratio", 4.0);
    let sizes = ClipConfig {
        hidden_size,
        intermediate_size: (hidden_size as f64 * ratio) as i64,
        num_layers: read.layers(12),
        num_heads: read.size("num_attention_heads", 12),
        num_channels: read.size("num_channels", 3),
        image_size: read.size("image_size", 224),
        patch_size: read.size("patch_size", 14),
        activation: read.activation("hidden_act", Activation::Gelu),
        norm_eps: read.number("layer_norm_eps", 1e-6),
    };
    check_tower(&mut read, &sizes);
    DinoConfig {
        input_bias: read.flag("qkv_bias", true),
        mask_token: read.flag("use_mask_token", true),
        sizes,
    }
}

/// What a LLaVA without a `vision_config` has: CLIP ViT-L/14 at 336 pixels.
pub fn clip_large() -> Value {
    serde_json::json!({
        "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
        "image_size": 336, "patch_size": 14,
    })
}

/// The id whose embeddings are replaced by image features.
pub fn image_token(read: &mut Reader, vocab_size: i64) -> i64 {
    let image_token = read
        .get("image_token_index")
        .or(read.get("image_token_id"))
        .and_then(Value::as_i64)
        .unwrap_or(32_000);
    if !(0..vocab_size).contains(&image_token) {
        read.problem(
            "image_token_index",
            &format!("is {image_token}, outside of the vocabulary of {vocab_size}"),
        );
    }
    image_token
}

/// Whether `vision_feature_select_strategy` keeps the class token's feature.
pub fn keep_class(read: &mut Reader) -> bool {
    match read
        .get("vision_feature_select_strategy")
        .map(|v| v.as_str())
    {
        None | Some(Some("default")) => false,
        Some(Some("full")) => true,
        Some(_) => {
            read.problem(
                "vision_feature_select_strategy",
                "is unknown; known are default, full",
            );
            false
        }
    }
}

/// `vision_feature_layer` as an index from the start; hidden state 0 is what enters the first layer.
pub fn vision_layer(read: &mut Reader, num_layers: i64) -> usize {
    let value = read.get("vision_feature_layer");
    let single = match value {
        None => Some(-2),
        Some(Value::Array(list)) if list.len() == 1 => list[0].as_i64(),
        Some(value) => value.as_i64(),
    };
    let index = single.map(|i| if i < 0 { num_layers + 1 + i } else { i });
    if let Some(index) = index.filter(|i| (0..=num_layers).contains(i)) {
        return index as usize;
    }
    let found = value.map_or("-2".to_owned(), Value::to_string);
    read.problem(
        "vision_feature_layer",
        &format!("is {found}; one hidden state of a tower of {num_layers} layers can be read"),
    );
    0
}

/// Fails with all problems, if there are any.
pub fn settle(problems: Vec<String>) -> Result<(), Error> {
    if problems.is_empty() {
        Ok(())
    } else {
        Err(Error::Config { problems })
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 {
        text
    } else {
        text.chars().take(57).chain("...".chars()).collect()
    }
}
