//! What a model is built of, by its `config.json` alone: the sizes that its parameters and its memory follow from.
//!
//! What the configuration leaves out has the presets of crate `model`, which refuses what it cannot run; here only sizes
//! are read.

use std::path::Path;

use serde_json::{Value, json};

use super::error::MemoryError;

/// Sizes of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// The language model.
    pub text: Text,
    /// What sees; none for a text model.
    pub vision: Option<Vision>,
    /// Whether the head is the embedding.
    pub tied: bool,
}

/// Sizes of a decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Rows of the embedding.
    pub rows: u64,
    /// Rows of the head.
    pub vocabulary: u64,
    /// Model width.
    pub width: u64,
    /// Width inside of the feed-forward part.
    pub inner: u64,
    /// Layers, those that look at pictures among them.
    pub layers: u64,
    /// Query heads.
    pub heads: u64,
    /// Key-value heads.
    pub key_heads: u64,
    /// Width of a head.
    pub head_width: u64,
    /// Whether queries, keys and values have biases.
    pub input_bias: bool,
    /// Whether the attention's output has one.
    pub output_bias: bool,
    /// Whether the feed-forward part has them.
    pub inner_bias: bool,
    /// How many of the layers look at pictures instead of at the text.
    pub cross_layers: u64,
}

impl Text {
    /// Width of all query heads together.
    pub fn queries(&self) -> u64 {
        self.heads * self.head_width
    }

    /// Width of all keys together; values have the same.
    pub fn keys(&self) -> u64 {
        self.key_heads * self.head_width
    }
}

/// Sizes of a tower and of what leads from it to the language model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vision {
    /// Tower width.
    pub width: u64,
    /// Width inside of the feed-forward part.
    pub inner: u64,
    /// Layers that the checkpoint holds.
    pub layers: u64,
    /// Attention heads.
    pub heads: u64,
    /// Colour channels.
    pub channels: u64,
    /// Side of a patch in pixels.
    pub patch: u64,
    /// Whether the activation is CLIP's quick one, which is composed of several steps where no loop of ours runs.
    pub quick: bool,
    /// What only some towers have.
    pub tower: Tower,
}

/// The towers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tower {
    /// CLIP's, or DINOv2's: square tiles with a class token, a projector of two layers.
    Tiles {
        /// Patches along a tile's side.
        side: u64,
        /// How many of the layers are run.
        run: u64,
        /// Whether the projector has biases.
        projector_bias: bool,
        /// A vector for the ends of lines (LLaVA-NeXT).
        newline: bool,
        /// What DINOv2 has: biases of queries, keys and values, and a mask token.
        dino: Option<(bool, bool)>,
    },
    /// Qwen2-VL's: patches at the picture's own size, merged.
    Merged {
        /// Patches along the side of what becomes one feature.
        merge: u64,
        /// Frames of a patch.
        frames: u64,
    },
    /// Llama 3.2's: tiles of one canvas, filled up.
    Canvas {
        /// Patches along a tile's side.
        side: u64,
        /// Tiles that a picture is filled up to.
        tiles: u64,
        /// Gated layers behind the others.
        global: u64,
        /// How many inner states stand beside the last.
        states: u64,
        /// Known arrangements of tiles.
        arrangements: u64,
    },
}

impl Vision {
    /// Tokens of a tile with its class token; of merged patches 1.
    pub fn tile_tokens(&self) -> u64 {
        match self.tower {
            Tower::Tiles { side, .. } | Tower::Canvas { side, .. } => side * side + 1,
            Tower::Merged { .. } => 1,
        }
    }

    /// Patches of the largest picture that the tower cannot take apart: one picture for a canvas, a tile for others.
    pub fn least_patches(&self) -> u64 {
        match self.tower {
            Tower::Tiles { side, .. } => side * side,
            Tower::Merged { merge, .. } => merge * merge,
            Tower::Canvas { tiles, .. } => tiles * self.tile_tokens().next_multiple_of(8),
        }
    }
}

/// Names of `model_type` whose memory is known.
const KNOWN: [&str; 6] = [
    "llama",
    "mistral",
    "llava",
    "llava_next",
    "qwen2_vl",
    "mllama",
];

impl Architecture {
    /// Of a model's folder, of which only `config.json` is read.
    pub fn of_folder(folder: &Path) -> Result<Self, MemoryError> {
        let path = folder.join("config.json");
        let text = std::fs::read(&path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => MemoryError::NoConfig {
                folder: folder.to_owned(),
            },
            _ => MemoryError::Read {
                path: path.clone(),
                source,
            },
        })?;
        let config =
            serde_json::from_slice(&text).map_err(|source| MemoryError::Json { path, source })?;
        Self::of_config(&config)
    }

    /// Of a parsed `config.json`.
    pub fn of_config(config: &Value) -> Result<Self, MemoryError> {
        let tied = |object: &Value| object["tie_word_embeddings"] == true;
        let nested = &config["text_config"];
        match config["model_type"].as_str() {
            Some("llama" | "mistral") => Ok(Self {
                text: decoder(&Sizes::new(config, ""))?,
                vision: None,
                tied: tied(config),
            }),
            Some(name @ ("llava" | "llava_next")) => Ok(Self {
                text: decoder(&Sizes::new(nested, "text_config."))?,
                vision: Some(tiles(config, name == "llava_next")?),
                tied: tied(config) || name == "llava" && tied(nested),
            }),
            Some("qwen2_vl") => {
                let (object, place) = if nested.is_object() {
                    (nested, "text_config.")
                } else {
                    (config, "")
                };
                let text = qwen(&Sizes::new(object, place))?;
                Ok(Self {
                    vision: Some(merged(&config["vision_config"], &text)?),
                    text,
                    tied: tied(config) || tied(nested),
                })
            }
            Some("mllama") => Ok(Self {
                text: mllama(&Sizes::new(nested, "text_config."))?,
                vision: Some(canvas(&config["vision_config"])?),
                tied: false,
            }),
            other => Err(MemoryError::UnknownFamily {
                found: other.unwrap_or("missing").to_owned(),
                known: KNOWN.join(", "),
            }),
        }
    }
}

/// Sizes of one object of the configuration.
struct Sizes<'a> {
    object: &'a Value,
    place: &'a str,
}

impl<'a> Sizes<'a> {
    fn new(object: &'a Value, place: &'a str) -> Self {
        Self { object, place }
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn size(&self, key: &str, preset: u64) -> Result<u64, MemoryError> {
        match self.get(key).map(|value| (value, value.as_u64())) {
            None => Ok(preset),
            Some((_, Some(n))) if (1..1 << 24).contains(&n) => Ok(n),
            Some((value, _)) => Err(MemoryError::Size {
                key: format!("{}{key}", self.place),
                found: value.to_string(),
            }),
        }
    }

    /// A count that divides a width, or another count.
    fn divisor(&self, key: &str, preset: u64, of: (&str, u64)) -> Result<u64, MemoryError> {
        let found = self.size(key, preset)?;
        if of.1.is_multiple_of(found) {
            return Ok(found);
        }
        Err(MemoryError::Mismatch {
            key: format!("{}{key}", self.place),
            found,
            other: format!("{}{}", self.place, of.0),
        })
    }

    fn flag(&self, key: &str, preset: bool) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(preset)
    }

    fn number(&self, key: &str, preset: f64) -> f64 {
        self.get(key).and_then(Value::as_f64).unwrap_or(preset)
    }

    fn count(&self, key: &str, preset: u64) -> u64 {
        let list = self.get(key).and_then(Value::as_array);
        list.map_or(preset, |list| list.len() as u64)
    }

    fn is_quick(&self, preset: &str) -> bool {
        let name = self.get("hidden_act").and_then(Value::as_str);
        name.unwrap_or(preset) == "quick_gelu"
    }
}

fn decoder(read: &Sizes<'_>) -> Result<Text, MemoryError> {
    let mistral = read.get("model_type").and_then(Value::as_str) == Some("mistral");
    let width = read.size("hidden_size", 4096)?;
    let heads = read.size("num_attention_heads", 32)?;
    let all = if mistral { 8 } else { heads };
    let rows = read.size("vocab_size", 32_000)?;
    let bias = !mistral && read.flag("attention_bias", false);
    Ok(Text {
        rows,
        vocabulary: rows,
        width,
        inner: read.size("intermediate_size", if mistral { 14_336 } else { 11_008 })?,
        layers: read.size("num_hidden_layers", 32)?,
        heads,
        key_heads: read.divisor("num_key_value_heads", all, ("num_attention_heads", heads))?,
        head_width: read.size("head_dim", (width / heads).max(1))?,
        input_bias: bias,
        output_bias: bias,
        inner_bias: !mistral && read.flag("mlp_bias", false),
        cross_layers: 0,
    })
}

fn qwen(read: &Sizes<'_>) -> Result<Text, MemoryError> {
    let width = read.size("hidden_size", 8192)?;
    let heads = read.divisor("num_attention_heads", 64, ("hidden_size", width))?;
    let rows = read.size("vocab_size", 152_064)?;
    Ok(Text {
        rows,
        vocabulary: rows,
        width,
        inner: read.size("intermediate_size", 29_568)?,
        layers: read.size("num_hidden_layers", 80)?,
        heads,
        key_heads: read.divisor(
            "num_key_value_heads",
            8.min(heads),
            ("num_attention_heads", heads),
        )?,
        head_width: width / heads,
        input_bias: true,
        output_bias: false,
        inner_bias: false,
        cross_layers: 0,
    })
}

/// Ids behind Llama 3.2's vocabulary that are embedded and never written.
const EXTRA_EMBEDDINGS: u64 = 8;

fn mllama(read: &Sizes<'_>) -> Result<Text, MemoryError> {
    let width = read.size("hidden_size", 4096)?;
    let heads = read.divisor("num_attention_heads", 32, ("hidden_size", width))?;
    let vocabulary = read.size("vocab_size", 128_256)?;
    let layers = read.size("num_hidden_layers", 40)?;
    Ok(Text {
        rows: vocabulary + EXTRA_EMBEDDINGS,
        vocabulary,
        width,
        inner: read.size("intermediate_size", 14_336)?,
        layers,
        heads,
        key_heads: read.divisor("num_key_value_heads", 8, ("num_attention_heads", heads))?,
        head_width: width / heads,
        input_bias: false,
        output_bias: false,
        inner_bias: false,
        cross_layers: read.count("cross_attention_layers", 8).min(layers),
    })
}

fn tiles(config: &Value, newline: bool) -> Result<Vision, MemoryError> {
    let whole = Sizes::new(config, "");
    // What a LLaVA without a tower of its own has: CLIP ViT-L/14 at 336 pixels.
    let large = json!({
        "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
        "image_size": 336, "patch_size": 14,
    });
    let own = config.get("vision_config").filter(|v| v.is_object());
    let read = Sizes::new(own.unwrap_or(&large), "vision_config.");
    let dino = read.get("model_type").and_then(Value::as_str) == Some("dinov2");
    let width = read.size("hidden_size", 768)?;
    let layers = read.size("num_hidden_layers", 12)?;
    let patch = read.size("patch_size", if dino { 14 } else { 32 })?;
    let inner = if dino {
        (width as f64 * read.number("mlp_ratio", 4.0)) as u64
    } else {
        read.size("intermediate_size", 3072)?
    };
    // Hidden state 0 is what enters the first layer.
    let state = whole.get("vision_feature_layer");
    let state = state.and_then(|value| value.as_i64().or_else(|| value.get(0)?.as_i64()));
    let state = state.unwrap_or(-2);
    let run = if state < 0 {
        layers.saturating_add_signed(state + 1)
    } else {
        state.unsigned_abs()
    };
    Ok(Vision {
        width,
        inner,
        layers,
        heads: read.divisor("num_attention_heads", 12, ("hidden_size", width))?,
        channels: read.size("num_channels", 3)?,
        patch,
        quick: read.is_quick(if dino { "gelu" } else { "quick_gelu" }),
        tower: Tower::Tiles {
            side: (read.size("image_size", 224)? / patch).max(1),
            run: run.min(layers),
            projector_bias: whole.flag("multimodal_projector_bias", true),
            newline,
            dino: dino.then(|| {
                (
                    read.flag("qkv_bias", true),
                    read.flag("use_mask_token", true),
                )
            }),
        },
    })
}

fn merged(object: &Value, text: &Text) -> Result<Vision, MemoryError> {
    let read = Sizes::new(object, "vision_config.");
    let out = read.size("hidden_size", 3584)?;
    if out != text.width {
        return Err(MemoryError::Mismatch {
            key: "vision_config.hidden_size".to_owned(),
            found: out,
            other: "hidden_size".to_owned(),
        });
    }
    let width = read.size("embed_dim", 1280)?;
    Ok(Vision {
        width,
        inner: (width as f64 * read.number("mlp_ratio", 4.0)) as u64,
        layers: read.size("depth", 32)?,
        heads: read.divisor("num_heads", 16, ("embed_dim", width))?,
        channels: read.size("in_channels", 3)?,
        patch: read.size("patch_size", 14)?,
        quick: read.is_quick("quick_gelu"),
        tower: Tower::Merged {
            merge: read.size("spatial_merge_size", 2)?,
            frames: read.size("temporal_patch_size", 2)?,
        },
    })
}

fn canvas(object: &Value) -> Result<Vision, MemoryError> {
    let read = Sizes::new(object, "vision_config.");
    let width = read.size("hidden_size", 1280)?;
    let patch = read.size("patch_size", 14)?;
    Ok(Vision {
        width,
        inner: read.size("intermediate_size", 5120)?,
        layers: read.size("num_hidden_layers", 32)?,
        heads: read.divisor("attention_heads", 16, ("hidden_size", width))?,
        channels: read.size("num_channels", 3)?,
        patch,
        quick: read.is_quick("gelu"),
        tower: Tower::Canvas {
            side: (read.size("image_size", 448)? / patch).max(1),
            tiles: read.size("max_num_tiles", 4)?,
            global: read.size("num_global_layers", 8)?,
            states: read.count("intermediate_layers_indices", 5),
            arrangements: read.count("supported_aspect_ratios", 8),
        },
    })
}
