//! A LLaVA of parts: a vision tower, a Llama, and a fresh projector between them.

use std::path::Path;

use serde_json::{Value, json};
use torch::{Device, Kind};

use super::content::{Converted, extend};
use super::error::ConvertError;
use super::files::read_json;
use super::tokenizer::{IMAGE, rows, with_image};
use crate::checkpoint::Checkpoint;
use crate::{Error, families};

const PROJECTOR: &str = "multi_modal_projector.";

/// Puts them together. The projector's weights are drawn with `seed`.
pub(super) fn assemble(text: &Path, vision: &Path, seed: u64) -> Result<Converted, ConvertError> {
    let mut text_config = read_json(text, "config.json")?;
    let kind = text_config["model_type"].as_str().unwrap_or("missing");
    if !["llama", "mistral"].contains(&kind) {
        return Err(ConvertError::TextModel {
            folder: text.to_owned(),
            found: kind.to_owned(),
        });
    }
    let vision_config = vision_config(vision)?;
    let dino = vision_config["model_type"] == "dinov2";
    let tower = if dino {
        dino_tower(vision)?
    } else {
        clip_tower(vision)?
    };
    let words = with_image(text)?;
    let present = text_config["vocab_size"].as_i64().unwrap_or(32_000);
    let wanted = rows(words.size, present);
    text_config["vocab_size"] = json!(wanted);
    let tied = text_config["tie_word_embeddings"]
        .as_bool()
        .unwrap_or(false);
    let decoder = Checkpoint::open(text)?;
    let half = decoder.is_half();
    let mut checkpoint = decoder
        .renamed(|name| {
            (!name.ends_with("rotary_emb.inv_freq")).then(|| format!("language_model.{name}"))
        })
        .and(tower);
    for table in [
        "language_model.model.embed_tokens.weight",
        "language_model.lm_head.weight",
    ] {
        extend(&mut checkpoint, table, wanted)?;
    }
    let mut settings = read_json(vision, "preprocessor_config.json")?;
    if settings["image_processor_type"].is_null() {
        let name = if dino {
            "BitImageProcessor"
        } else {
            "CLIPImageProcessor"
        };
        settings["image_processor_type"] = json!(name);
    }
    let patch = vision_config["patch_size"]
        .as_i64()
        .unwrap_or(if dino { 14 } else { 32 });
    let side = settings["crop_size"]["height"]
        .as_i64()
        .or(settings["crop_size"].as_i64())
        .unwrap_or(224);
    let config = json!({
        "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "image_token_index": words.id,
        "image_seq_length": (side / patch) * (side / patch), "projector_hidden_act": "gelu",
        // The last hidden state of a DINOv2 has the most of what is seen; a CLIP's is made for its class token.
        "vision_feature_layer": if dino { -1 } else { -2 }, "vision_feature_select_strategy": "default",
        "multimodal_projector_bias": true, "tie_word_embeddings": tied,
        "text_config": text_config, "vision_config": vision_config,
    });
    for (name, tensor) in fresh_projector(&config, seed)? {
        checkpoint.put(&name, tensor);
    }
    let processor = json!({
        "processor_class": "LlavaProcessor", "image_token": IMAGE, "patch_size": patch,
        "vision_feature_select_strategy": "default", "num_additional_image_tokens": 1,
    });
    let files = vec![
        ("tokenizer.json".to_owned(), words.tokenizer),
        ("tokenizer_config.json".to_owned(), words.config),
        ("preprocessor_config.json".to_owned(), settings),
        ("processor_config.json".to_owned(), processor),
    ];
    Ok(Converted {
        checkpoint,
        config,
        files,
        companions: Some(text.to_owned()),
        half,
    })
}

/// The projector of a small random model of the same widths.
fn fresh_projector(config: &Value, seed: u64) -> Result<Vec<(String, torch::Tensor)>, Error> {
    let mut small = config.clone();
    // Only the widths matter to it.
    small["text_config"]["num_hidden_layers"] = json!(1);
    small["text_config"]["intermediate_size"] = json!(8);
    small["text_config"]["vocab_size"] = json!(8);
    small["text_config"]["pad_token_id"] = Value::Null;
    small["image_token_index"] = json!(0);
    small["vision_config"]["num_hidden_layers"] = json!(2);
    let model = families::fresh(&small.to_string(), seed, Device::Cpu, Kind::Float)?;
    Ok(model
        .parameters()
        .iter()
        .filter(|p| p.name.contains(PROJECTOR))
        .map(|p| (p.name.clone(), p.tensor.shallow_clone()))
        .collect())
}

/// The configuration of a folder's vision tower.
pub(super) fn vision_config(folder: &Path) -> Result<Value, ConvertError> {
    let config = read_json(folder, "config.json")?;
    let mut found = match config["model_type"].as_str() {
        Some("clip") => config["vision_config"].clone(),
        Some("clip_vision_model" | "dinov2") => config.clone(),
        other => {
            return Err(ConvertError::VisionModel {
                folder: folder.to_owned(),
                found: other.unwrap_or("missing").to_owned(),
            });
        }
    };
    let object = found
        .as_object_mut()
        .ok_or_else(|| ConvertError::NoVisionConfig {
            folder: folder.to_owned(),
        })?;
    if config["model_type"] == "clip" {
        object.insert("model_type".to_owned(), json!("clip_vision_model"));
    }
    for key in [
        "architectures",
        "torch_dtype",
        "dtype",
        "transformers_version",
    ] {
        object.remove(key);
    }
    Ok(found)
}

/// A CLIP's vision tower under the names of a LLaVA.
pub(super) fn clip_tower(folder: &Path) -> Result<Checkpoint, Error> {
    let all = Checkpoint::open(folder)?;
    let prefixed = all.names().any(|name| name.starts_with("vision_model."));
    Ok(all.renamed(|name| {
        if name.ends_with("position_ids") {
            return None;
        }
        let rest = if prefixed {
            name.strip_prefix("vision_model.")?
        } else {
            name
        };
        Some(format!("vision_tower.{rest}"))
    }))
}

/// A DINOv2 under the names of a LLaVA.
fn dino_tower(folder: &Path) -> Result<Checkpoint, Error> {
    Ok(Checkpoint::open(folder)?.renamed(|name| {
        let rest = name.strip_prefix("dinov2.").unwrap_or(name);
        (!rest.starts_with("classifier")).then(|| format!("vision_tower.{rest}"))
    }))
}
