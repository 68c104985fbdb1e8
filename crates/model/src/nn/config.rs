//! Reading `config.json` strictly: all problems at once, and nothing that changes the function is ignored.

use serde_json::Value;

use crate::error::Error;
use crate::nn::activation::Activation;
use crate::nn::clip::ClipConfig;
use crate::nn::decoder::DecoderConfig;
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

/// A Llama-shaped `text_config` (`llama`, `mistral`; Vicuna is `llama`).
pub fn decoder(object: &Value, problems: &mut Vec<String>) -> DecoderConfig {
    let mut read = Reader::new(object, "text_config.", problems);
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
    let rope = rope(&mut read, max_positions);
    DecoderConfig {
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
        attention_bias: !mistral && read.flag("attention_bias", false),
        mlp_bias: !mistral && read.flag("mlp_bias", false),
        initializer_range: read.number("initializer_range", 0.02),
        padding_row,
    }
}

/// `rope_parameters`, or before `transformers` 5 `rope_scaling` beside `rope_theta`.
fn rope(read: &mut Reader, max_positions: i64) -> RopeConfig {
    let filled = |value: &&Value| value.as_object().is_some_and(|object| !object.is_empty());
    let (place, object) = match read.get("rope_scaling").filter(filled) {
        Some(object) => ("text_config.rope_scaling.", object),
        None => (
            "text_config.rope_parameters.",
            read.get("rope_parameters").unwrap_or(&Value::Null),
        ),
    };
    let outer_theta = read.number("rope_theta", 10_000.0);
    let mut read = Reader::new(object, place, read.problems);
    let theta = read.number("rope_theta", outer_theta);
    read.refuse("partial_rotary_factor", |value| value.as_f64() == Some(1.0));
    let kind = read
        .get("rope_type")
        .or(read.get("type"))
        .and_then(Value::as_str)
        .unwrap_or("default");
    let llama3 = match kind {
        "default" => None,
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
    RopeConfig { theta, llama3 }
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
    config
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
