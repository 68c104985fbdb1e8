//! The files of a model folder but its weights, for families and sizes that random weights are made for. `transformers`
//! opens them too.

use std::path::Path;

use adamllm::bench::{FamilyName, Size};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

/// A byte-level BPE of 2,048 tokens, of which the first six are Llama 3's control tokens and the picture's.
const TOKENIZER: &str = include_str!("../../../../../assets/demo/base-model/tokenizer.json");
const TEMPLATE: &str = include_str!("../../../../processor/src/templates/llama3.jinja");
/// The configurations that were published.
const PUBLISHED: &str = include_str!("../../../../model/tests/golden/sizes.json");

/// The picture's name in tokenizer and template as they are shipped.
const IMAGE: &str = "<image>";
/// Its id there.
const IMAGE_ID: usize = 5;
/// The id of the token that ends a turn.
const END_OF_TURN: usize = 4;
/// Behind the vocabulary, for the family that writes them around a picture.
const VISION_TOKENS: [&str; 3] = ["<|vision_start|>", "<|vision_end|>", "<|video_pad|>"];
const VISION_START: usize = 2048;

macro_rules! config {
    ($name:literal) => {
        include_str!(concat!(
            "../../../../../benches/peers/configs/",
            $name,
            ".json"
        ))
    };
}

/// The text of a family's `config.json`, with so many layers in its decoder if that is said.
pub fn config(family: FamilyName, size: Size, layers: Option<usize>) -> Result<String> {
    let text = sized(family, size)?;
    let Some(layers) = layers else {
        return Ok(text);
    };
    let mut config: Value = serde_json::from_str(&text).context("a shipped configuration")?;
    decoder(&mut config)["num_hidden_layers"] = json!(layers);
    Ok(config.to_string())
}

/// The part of a configuration that describes the decoder.
fn decoder(config: &mut Value) -> &mut Value {
    if config["text_config"].is_object() {
        &mut config["text_config"]
    } else {
        config
    }
}

fn sized(family: FamilyName, size: Size) -> Result<String> {
    use FamilyName::{Llama, LlavaNext, Mllama, Qwen2Vl};
    let text = match (size, family) {
        (Size::Tiny, LlavaNext) => config!("llava-next-tiny"),
        (Size::Tiny, Qwen2Vl) => config!("qwen2-vl-tiny"),
        (Size::Tiny, Mllama) => config!("mllama-tiny"),
        (Size::Tiny, Llama) => config!("llama-tiny"),
        (Size::Medium, LlavaNext) => config!("llava-next-60m"),
        (Size::Medium, Qwen2Vl) => config!("qwen2-vl-60m"),
        (Size::Medium, Mllama) => config!("mllama-60m"),
        (Size::Medium, Llama) => config!("llama-60m"),
        (Size::Published, LlavaNext) => return published("open-llava-next-llama3-8b"),
        (Size::Published, Qwen2Vl) => return published("qwen2-vl-2b-instruct"),
        (Size::Published, Mllama) => return published("llama-3.2-11b-vision-instruct"),
        (Size::Published, Llama) => {
            bail!(
                "`--size published` is known of llava-next, qwen2-vl and mllama; take one of them, or `--size 60m`"
            )
        }
    };
    Ok(text.to_owned())
}

/// A published configuration with the control tokens of the tokenizer here.
fn published(name: &str) -> Result<String> {
    let sizes: Value = serde_json::from_str(PUBLISHED).context("the shipped sizes")?;
    let mut config = sizes[name]["config"].clone();
    for key in ["image_token_index", "image_token_id"] {
        if let Some(id) = config.get_mut(key) {
            *id = json!(IMAGE_ID);
        }
    }
    if config.get("vision_start_token_id").is_some() {
        let names = [
            "vision_start_token_id",
            "vision_end_token_id",
            "video_token_id",
        ];
        for (at, key) in names.into_iter().enumerate() {
            config[key] = json!(VISION_START + at);
        }
    }
    let ids = [
        ("bos_token_id", 0),
        ("pad_token_id", 1),
        ("eos_token_id", END_OF_TURN),
    ];
    let text = decoder(&mut config);
    for (key, id) in ids {
        text[key] = json!(id);
    }
    Ok(config.to_string())
}

/// The picture's name in the family's own tokenizer.
fn image_name(family: FamilyName) -> &'static str {
    match family {
        FamilyName::Qwen2Vl => "<|image_pad|>",
        FamilyName::Mllama => "<|image|>",
        FamilyName::LlavaNext | FamilyName::Llama => IMAGE,
    }
}

fn tokenizer(family: FamilyName) -> Result<Value> {
    let mut tokenizer: Value = serde_json::from_str(TOKENIZER).context("the shipped tokenizer")?;
    let name = image_name(family);
    tokenizer["added_tokens"][IMAGE_ID]["content"] = json!(name);
    if let Some(vocabulary) = tokenizer["model"]["vocab"].as_object_mut() {
        vocabulary.remove(IMAGE);
        vocabulary.insert(name.to_owned(), json!(IMAGE_ID));
    }
    if family == FamilyName::Qwen2Vl
        && let Some(added) = tokenizer["added_tokens"].as_array_mut()
    {
        let like = added[IMAGE_ID].clone();
        for (at, name) in VISION_TOKENS.into_iter().enumerate() {
            let mut token = like.clone();
            token["id"] = json!(VISION_START + at);
            token["content"] = json!(name);
            added.push(token);
        }
    }
    Ok(tokenizer)
}

fn template(family: FamilyName) -> String {
    let picture = match family {
        FamilyName::Qwen2Vl => "'<|vision_start|><|image_pad|><|vision_end|>'",
        FamilyName::Mllama => "'<|image|>'",
        FamilyName::LlavaNext | FamilyName::Llama => return TEMPLATE.to_owned(),
    };
    TEMPLATE.replace("'<image>\\n'", picture)
}

/// The image processor's settings and the name of the processor.
fn pictures(family: FamilyName, config: &Value) -> Option<(Value, &'static str)> {
    let clip = json!({
        "do_convert_rgb": true, "do_normalize": true, "do_rescale": true, "do_resize": true, "resample": 3,
        "rescale_factor": 1.0 / 255.0,
        "image_mean": [0.481_454_66, 0.457_827_5, 0.408_210_73],
        "image_std": [0.268_629_54, 0.261_302_58, 0.275_777_11],
    });
    let with = |mut settings: Value, more: Value| {
        if let (Some(all), Value::Object(more)) = (settings.as_object_mut(), more) {
            all.extend(more);
        }
        settings
    };
    let side = &config["vision_config"]["image_size"];
    Some(match family {
        FamilyName::LlavaNext => (
            with(
                clip,
                json!({
                    "image_processor_type": "LlavaNextImageProcessor", "do_center_crop": true, "do_pad": true,
                    "size": {"shortest_edge": side}, "crop_size": {"height": side, "width": side},
                    "image_grid_pinpoints": config["image_grid_pinpoints"],
                }),
            ),
            "LlavaNextProcessor",
        ),
        FamilyName::Qwen2Vl => (
            with(
                clip,
                json!({
                    "image_processor_type": "Qwen2VLImageProcessor", "patch_size": 14, "merge_size": 2,
                    "temporal_patch_size": 2, "size": {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 1280},
                }),
            ),
            "Qwen2VLProcessor",
        ),
        FamilyName::Mllama => (
            with(
                clip,
                json!({
                    "image_processor_type": "MllamaImageProcessor", "do_pad": true, "resample": 2,
                    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "max_image_tiles": 4,
                    "size": {"height": side, "width": side},
                }),
            ),
            "MllamaProcessor",
        ),
        FamilyName::Llama => return None,
    })
}

/// Writes the folder of a model whose `config.json` is [`config()`]'s.
pub fn write(folder: &Path, family: FamilyName, config: String) -> Result<()> {
    let parsed: Value = serde_json::from_str(&config)?;
    let mut settings = json!({
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>",
        "pad_token": "<|end_of_text|>", "clean_up_tokenization_spaces": false,
    });
    let mut files = vec![
        ("config.json", config),
        ("tokenizer.json", tokenizer(family)?.to_string()),
        ("chat_template.jinja", template(family)),
        (
            "generation_config.json",
            json!({"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": [1, END_OF_TURN]})
                .to_string(),
        ),
    ];
    if let Some((pictures, processor)) = pictures(family, &parsed) {
        settings["image_token"] = json!(image_name(family));
        settings["processor_class"] = json!(processor);
        let mut whole = json!({"processor_class": processor, "image_processor": pictures});
        if family == FamilyName::LlavaNext {
            whole["patch_size"] = parsed["vision_config"]["patch_size"].clone();
            whole["vision_feature_select_strategy"] = json!("default");
            whole["image_token"] = json!(IMAGE);
            whole["num_additional_image_tokens"] = json!(1);
        }
        files.push(("preprocessor_config.json", pictures.to_string()));
        files.push(("processor_config.json", whole.to_string()));
    }
    files.push(("tokenizer_config.json", settings.to_string()));
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAMILIES: [FamilyName; 4] = [
        FamilyName::LlavaNext,
        FamilyName::Qwen2Vl,
        FamilyName::Mllama,
        FamilyName::Llama,
    ];

    fn parameters(family: FamilyName, size: Size) -> usize {
        let text = config(family, size, None).expect("known");
        let model = model::outline(&text, None).expect("a model");
        model.parameters().iter().map(|p| p.tensor.numel()).sum()
    }

    #[test]
    fn the_sizes_are_what_they_are_called() {
        for family in FAMILIES {
            let found = parameters(family, Size::Medium);
            assert!(
                (56_000_000..70_000_000).contains(&found),
                "{family:?}: {found}"
            );
            assert!(parameters(family, Size::Tiny) < 500_000);
        }
        // What `transformers` counts (crates/model/tests/golden/sizes.json).
        assert_eq!(
            parameters(FamilyName::Qwen2Vl, Size::Published),
            631_183_360 + 34_087_936 + 1_543_714_304
        );
        assert!(config(FamilyName::Llama, Size::Published, None).is_err());
    }

    #[test]
    fn a_picture_is_one_token_of_every_template() {
        for family in FAMILIES {
            let folder = tempfile::tempdir().expect("a folder");
            let text = config(family, Size::Tiny, None).expect("known");
            write(folder.path(), family, text).expect("written");
            let processor = processor::load(folder.path(), &processor::Options::default())
                .expect("a processor");
            assert!(processor.stop_ids().contains(&4), "{family:?}");
            if family == FamilyName::Llama {
                continue;
            }
            let picture = folder.path().join("a.png");
            corpus::images::encode_png(&image::RgbImage::new(56, 56), &picture).expect("written");
            let sample = corpus::Sample::exchange("1", vec![picture], "What is it?", "A lamp.");
            let encoded = processor.sample(&sample).expect("encoded");
            let places = encoded
                .ids
                .iter()
                .filter(|&&id| id == IMAGE_ID as i64)
                .count();
            assert_eq!(places, encoded.images[0].num_tokens, "{family:?}");
        }
    }

    #[test]
    fn a_layer_more_is_its_weights_more() {
        let parameters = |layers: usize| -> usize {
            let text = config(FamilyName::Llama, Size::Tiny, Some(layers)).expect("known");
            let model = model::outline(&text, None).expect("a model");
            model.parameters().iter().map(|p| p.tensor.numel()).sum()
        };
        // Queries and output 64 × 64, keys and values 64 × 32, three of 64 × 128, two norms.
        let layer = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128 + 2 * 64;
        assert_eq!(parameters(3) - parameters(2), layer);
    }
}
