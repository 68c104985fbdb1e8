//! The layout of the original LLaVA code, as open-llava-next publishes it: one `config.json` of the language model with
//! the keys of the rest among its own, the tower inside (tuned) or in a folder of its own (frozen).

use std::path::Path;

use processor::FolderSettings;
use serde_json::{Map, Value, json};

use super::content::{Converted, extend};
use super::error::ConvertError;
use super::files::read_json;
use super::llava::{clip_tower, vision_config};
use super::tokenizer::{IMAGE, rows, with_image};
use crate::checkpoint::Checkpoint;
use crate::mllm::Parameter;

/// What the original code was trained with unless its `config.json` says another.
const GRIDS: [[u64; 2]; 5] = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]];
/// Llama 3's begin-of-text token.
const BEGIN: &str = "<|begin_of_text|>";
/// Keys of the original `config.json` that are not the language model's.
const OURS: &[&str] = &[
    "mm_",
    "image_",
    "tune_mm",
    "freeze_mm",
    "use_mm",
    "unfreeze_mm",
    "tokenizer_",
    "architectures",
    "model_type",
];

/// To `transformers`' LLaVA-NeXT. `vision` is the folder of the tower, for checkpoints without one.
pub(super) fn to_hf(folder: &Path, vision: Option<&Path>) -> Result<Converted, ConvertError> {
    let own = read_json(folder, "config.json")?;
    let name = own["model_type"].as_str().unwrap_or("missing");
    let text_type = match name {
        "llava_llama" | "llava" => "llama",
        "llava_mistral" => "mistral",
        other => {
            return Err(ConvertError::OriginalModel {
                folder: folder.to_owned(),
                found: other.to_owned(),
            });
        }
    };
    let expect = |key: &'static str, known: &'static [&'static str]| match own[key].as_str() {
        Some(value) if !known.contains(&value) => Err(ConvertError::Setting {
            key,
            found: value.to_owned(),
            known,
        }),
        _ => Ok(()),
    };
    expect("mm_projector_type", &["mlp2x_gelu"])?;
    expect("mm_patch_merge_type", &["spatial_unpad"])?;
    expect("image_aspect_ratio", &["anyres"])?;
    expect("mm_vision_select_feature", &["patch"])?;
    let all = Checkpoint::open(folder)?;
    let half = all.is_half();
    let has_tower = all.names().any(|name| name.contains("vision_tower."));
    let mut checkpoint = all.renamed(to_published);
    let (vision_config, companion) = match vision {
        Some(tower) => {
            let found = vision_config(tower)?;
            if found["model_type"] != "clip_vision_model" {
                return Err(ConvertError::NotClip {
                    folder: tower.to_owned(),
                });
            }
            if !has_tower {
                checkpoint = checkpoint.and(clip_tower(tower)?);
            }
            (found, Some(tower))
        }
        None if has_tower => (large(), None),
        None => {
            return Err(ConvertError::NoTower {
                folder: folder.to_owned(),
                named: own["mm_vision_tower"].as_str().map(str::to_owned),
            });
        }
    };
    let mut text: Map<String, Value> = own
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| !OURS.iter().any(|prefix| key.starts_with(prefix)))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    text.insert("model_type".to_owned(), json!(text_type));
    let words = with_image(folder)?;
    let present = own["vocab_size"].as_i64().unwrap_or(32_000);
    let wanted = rows(words.size, present);
    text.insert("vocab_size".to_owned(), json!(wanted));
    for table in [
        "language_model.model.embed_tokens.weight",
        "language_model.lm_head.weight",
    ] {
        extend(&mut checkpoint, table, wanted)?;
    }
    let grids = own["image_grid_pinpoints"].as_array().cloned();
    let grids = grids.unwrap_or_else(|| GRIDS.iter().map(|grid| json!(grid)).collect());
    // Width before height there, height before width here.
    let grids: Vec<Value> = grids.iter().map(|grid| json!([grid[1], grid[0]])).collect();
    let layer = own["mm_vision_select_layer"].as_i64().unwrap_or(-2);
    let side = vision_config["image_size"].clone();
    let config = json!({
        "architectures": ["LlavaNextForConditionalGeneration"], "model_type": "llava_next",
        "image_token_index": words.id, "image_grid_pinpoints": grids, "projector_hidden_act": "gelu",
        "vision_feature_layer": layer, "vision_feature_select_strategy": "default",
        "tie_word_embeddings": own["tie_word_embeddings"].as_bool().unwrap_or(false),
        "text_config": text, "vision_config": vision_config,
    });
    let mut settings = companion
        .or(Some(folder))
        .map(|folder| read_json(folder, "preprocessor_config.json"))
        .transpose()?
        .unwrap_or_default();
    for (key, value) in [
        ("image_processor_type", json!("LlavaNextImageProcessor")),
        ("size", json!({"shortest_edge": side})),
        ("crop_size", json!({"height": side, "width": side})),
        ("image_grid_pinpoints", json!(grids)),
    ] {
        settings[key] = value;
    }
    if let Some(settings) = settings.as_object_mut() {
        settings.remove("feature_extractor_type");
    }
    let processor = json!({
        "processor_class": "LlavaNextProcessor", "image_token": IMAGE,
        "patch_size": config["vision_config"]["patch_size"], "vision_feature_select_strategy": "default",
        "num_additional_image_tokens": 1,
    });
    let mut files = vec![
        ("tokenizer.json".to_owned(), words.tokenizer),
        ("tokenizer_config.json".to_owned(), words.config.clone()),
        ("preprocessor_config.json".to_owned(), settings),
        ("processor_config.json".to_owned(), processor),
    ];
    let has_template =
        folder.join("chat_template.jinja").exists() || folder.join("chat_template.json").exists();
    if !has_template && words.config["chat_template"].is_null() {
        let template = json!(processor::LLAMA3_TEMPLATE);
        files.push(("chat_template.jinja".to_owned(), template));
    }
    // The original code writes the token in front of Llama 3's conversations, and its tokenizer once more.
    let is_llama3 =
        words.config["bos_token"] == BEGIN || words.config["bos_token"]["content"] == BEGIN;
    if is_llama3 && !folder.join(FolderSettings::FILE).exists() {
        let settings = FolderSettings {
            extra_bos: Some(true),
        };
        files.push((FolderSettings::FILE.to_owned(), json!(settings)));
    }
    Ok(Converted {
        checkpoint,
        config,
        files,
        companions: Some(folder.to_owned()),
        half,
    })
}

/// A tensor's name in `transformers`' published layout; none for buffers.
fn to_published(name: &str) -> Option<String> {
    if name.ends_with("position_ids") || name.ends_with("rotary_emb.inv_freq") {
        return None;
    }
    if name == "model.image_newline" {
        return Some("image_newline".to_owned());
    }
    if let Some(rest) = name.strip_prefix("model.mm_projector.") {
        let (layer, part) = rest.split_once('.')?;
        let layer = match layer {
            "0" => "linear_1",
            "2" => "linear_2",
            _ => return Some(name.to_owned()),
        };
        return Some(format!("multi_modal_projector.{layer}.{part}"));
    }
    for prefix in ["model.vision_tower.vision_tower.", "model.vision_tower."] {
        if let Some(rest) = name.strip_prefix(prefix) {
            let rest = rest.strip_prefix("vision_model.").unwrap_or(rest);
            return Some(format!("vision_tower.{rest}"));
        }
    }
    Some(format!("language_model.{name}"))
}

/// From `transformers`' LLaVA-NeXT: parameters under the original names, and the original `config.json`.
pub(super) fn from_hf(
    parameters: &[Parameter],
    config: &Value,
) -> Result<(Vec<Parameter>, Value), ConvertError> {
    if config["model_type"] != "llava_next" {
        return Err(ConvertError::NotLlavaNext {
            found: config["model_type"].clone(),
        });
    }
    if config["vision_feature_select_strategy"] == "full" {
        return Err(ConvertError::FullFeatures);
    }
    let renamed = parameters
        .iter()
        .map(|parameter| Parameter {
            name: to_original(&parameter.name),
            tensor: parameter.tensor.shallow_clone(),
            adapter: None,
            ..*parameter
        })
        .collect();
    let mut own = config["text_config"]
        .as_object()
        .cloned()
        .ok_or(ConvertError::NoTextConfig)?;
    let mistral = own.get("model_type").is_some_and(|name| name == "mistral");
    let (name, class) = if mistral {
        ("llava_mistral", "LlavaMistralForCausalLM")
    } else {
        ("llava_llama", "LlavaLlamaForCausalLM")
    };
    let grids: Vec<Value> = config["image_grid_pinpoints"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|grid| json!([grid[1], grid[0]]))
        .collect();
    let layer = config["vision_feature_layer"].as_i64().unwrap_or(-2);
    let width = config["vision_config"]["hidden_size"].as_i64();
    for (key, value) in [
        ("architectures", json!([class])),
        ("model_type", json!(name)),
        ("mm_projector_type", json!("mlp2x_gelu")),
        ("mm_patch_merge_type", json!("spatial_unpad")),
        ("image_aspect_ratio", json!("anyres")),
        ("image_grid_pinpoints", json!(grids)),
        ("mm_vision_select_layer", json!(layer)),
        ("mm_vision_select_feature", json!("patch")),
        (
            "mm_vision_tower",
            json!("openai/clip-vit-large-patch14-336"),
        ),
        ("mm_hidden_size", json!(width.unwrap_or(1024))),
        ("unfreeze_mm_vision_tower", json!(true)),
        ("use_mm_proj", json!(true)),
        ("mm_use_im_start_end", json!(false)),
        ("mm_use_im_patch_token", json!(false)),
        ("tie_word_embeddings", config["tie_word_embeddings"].clone()),
    ] {
        own.insert(key.to_owned(), value);
    }
    Ok((renamed, Value::Object(own)))
}

fn to_original(name: &str) -> String {
    let name = name
        .strip_prefix("model.")
        .filter(|rest| {
            [
                "vision_tower.",
                "multi_modal_projector.",
                "image_newline",
                "language_model.",
            ]
            .iter()
            .any(|part| rest.starts_with(part))
        })
        .unwrap_or(name);
    if name == "image_newline" {
        return "model.image_newline".to_owned();
    }
    if let Some(rest) = name.strip_prefix("multi_modal_projector.linear_1.") {
        return format!("model.mm_projector.0.{rest}");
    }
    if let Some(rest) = name.strip_prefix("multi_modal_projector.linear_2.") {
        return format!("model.mm_projector.2.{rest}");
    }
    if let Some(rest) = name.strip_prefix("vision_tower.") {
        let rest = rest.strip_prefix("vision_model.").unwrap_or(rest);
        return format!("model.vision_tower.vision_tower.vision_model.{rest}");
    }
    if let Some(rest) = name.strip_prefix("language_model.") {
        let bare = rest.starts_with("model.") || rest.starts_with("lm_head.");
        return if bare {
            rest.to_owned()
        } else {
            format!("model.{rest}")
        };
    }
    name.to_owned()
}

/// CLIP ViT-L/14 at 336 pixels, which the original code always takes.
fn large() -> Value {
    json!({
        "model_type": "clip_vision_model", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
        "num_attention_heads": 16, "image_size": 336, "patch_size": 14, "projection_dim": 768, "vocab_size": 32000,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_without_a_language_model_is_an_error() {
        let config = json!({"model_type": "llava_next"});
        let error = from_hf(&[], &config).err();
        assert!(
            matches!(error, Some(ConvertError::NoTextConfig)),
            "{error:?}"
        );
    }

    #[test]
    fn names_come_back() {
        for name in [
            "model.embed_tokens.weight",
            "model.layers.3.mlp.up_proj.weight",
            "model.norm.weight",
            "lm_head.weight",
            "model.image_newline",
            "model.mm_projector.0.weight",
            "model.mm_projector.2.bias",
            "model.vision_tower.vision_tower.vision_model.encoder.layers.0.mlp.fc1.bias",
        ] {
            let published = to_published(name).expect("a name");
            assert_eq!(to_original(&published), name, "{published}");
        }
        assert_eq!(
            to_original("model.language_model.norm.weight"),
            "model.norm.weight"
        );
        let buffer = "model.vision_tower.vision_tower.vision_model.embeddings.position_ids";
        assert_eq!(to_published(buffer), None);
    }
}
