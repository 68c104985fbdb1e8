//! Inputs that cannot be converted, each told by a variant of its own.

use std::path::{Path, PathBuf};

use model::convert::{ConvertError, GgufError, Layout, Request, run};
use serde_json::{Value, json};
use tempfile::TempDir;
use torch::{Device, Kind};

use crate::support;

fn folder() -> TempDir {
    tempfile::tempdir().expect("folder")
}

fn convert(
    from: Layout,
    to: Layout,
    input: &Path,
    vision: Option<&Path>,
    output: &Path,
) -> ConvertError {
    let request = Request {
        from,
        to,
        input: input.to_owned(),
        output: output.to_owned(),
        vision: vision.map(Path::to_owned),
        seed: 1,
        dtype: None,
        device: Device::Cpu,
    };
    run(&request).expect_err("cannot be converted")
}

/// A folder in it with a `config.json`, and weights of these tensors, one value each.
fn model(within: &TempDir, name: &str, config: &Value, tensors: &[&str]) -> PathBuf {
    let own = within.path().join(name);
    std::fs::create_dir_all(&own).expect("folder");
    std::fs::write(own.join("config.json"), config.to_string()).expect("write");
    let mut header = serde_json::Map::new();
    for (at, tensor) in tensors.iter().enumerate() {
        let place = json!({"dtype": "F32", "shape": [1], "data_offsets": [at * 4, at * 4 + 4]});
        header.insert((*tensor).to_owned(), place);
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(vec![0; tensors.len() * 4]);
    std::fs::write(own.join("model.safetensors"), bytes).expect("write");
    own
}

#[test]
fn an_output_that_is_taken_and_a_way_that_is_not_there() {
    let within = folder();
    let input = within.path().join("input");
    let taken = model(&within, "taken", &json!({}), &[]);
    let error = convert(Layout::Gguf, Layout::Hf, &input, None, &taken);
    assert!(
        matches!(&error, ConvertError::NotEmpty { folder } if *folder == taken),
        "{error:?}"
    );
    let file = taken.join("config.json");
    let error = convert(Layout::Gguf, Layout::Hf, &input, None, &file);
    assert!(
        matches!(&error, ConvertError::Unreadable { path, .. } if *path == file),
        "{error:?}"
    );
    let output = within.path().join("output");
    let error = convert(Layout::Gguf, Layout::Llava, &input, None, &output);
    assert!(
        matches!(
            error,
            ConvertError::NoWay {
                from: Layout::Gguf,
                to: Layout::Llava
            }
        ),
        "{error:?}"
    );
    let error = convert(Layout::Hf, Layout::Llava, &input, None, &output);
    assert!(matches!(error, ConvertError::NoVision), "{error:?}");
}

#[test]
fn parts_that_make_no_llava() {
    let within = folder();
    let output = within.path().join("output");
    let text = model(&within, "text", &json!({"model_type": "llama"}), &["a"]);
    let tower = model(&within, "tower", &json!({"model_type": "dinov2"}), &["b"]);
    let assembled =
        |text: &Path, tower: &Path| convert(Layout::Hf, Layout::Llava, text, Some(tower), &output);
    let error = assembled(&tower, &tower);
    assert!(
        matches!(&error, ConvertError::TextModel { folder, found } if *folder == tower && found == "dinov2"),
        "{error:?}"
    );
    let error = assembled(&text, &text);
    assert!(
        matches!(&error, ConvertError::VisionModel { folder, found } if *folder == text && found == "llama"),
        "{error:?}"
    );
    for vision in [Value::Null, json!("large")] {
        let config = json!({"model_type": "clip", "vision_config": vision});
        let bare = model(&within, "bare", &config, &["b"]);
        let error = assembled(&text, &bare);
        assert!(
            matches!(&error, ConvertError::NoVisionConfig { folder } if *folder == bare),
            "{error:?}"
        );
    }
    let error = assembled(&text, &tower);
    assert!(
        matches!(&error, ConvertError::NoTokenizer { folder } if *folder == text),
        "{error:?}"
    );
    std::fs::write(text.join("tokenizer.json"), "{").expect("write");
    let error = assembled(&text, &tower);
    assert!(
        matches!(&error, ConvertError::Json { path, .. } if *path == text.join("tokenizer.json")),
        "{error:?}"
    );
    let told = corpus::causes(&error);
    assert!(told.contains("is not valid JSON: EOF while"), "{told}");
}

#[test]
fn folders_that_are_not_in_the_original_layout() {
    let within = folder();
    let output = within.path().join("output");
    let sound = |changes: &Value| {
        let mut config = json!({"model_type": "llava_llama"});
        for (key, value) in changes.as_object().expect("object") {
            config[key] = value.clone();
        }
        config
    };
    let of = |changes: Value, vision: Option<&Path>| {
        let input = model(&within, "input", &sound(&changes), &["model.norm.weight"]);
        convert(Layout::OpenLlavaNext, Layout::Hf, &input, vision, &output)
    };
    let error = of(json!({"model_type": "llava_next"}), None);
    assert!(
        matches!(&error, ConvertError::OriginalModel { found, .. } if found == "llava_next"),
        "{error:?}"
    );
    let error = of(json!({"image_aspect_ratio": "pad"}), None);
    assert!(
        matches!(
            &error,
            ConvertError::Setting { key: "image_aspect_ratio", found, known: ["anyres"] } if found == "pad"
        ),
        "{error:?}"
    );
    let error = of(json!({"mm_vision_tower": "openai/clip"}), None);
    assert!(
        matches!(&error, ConvertError::NoTower { named: Some(named), .. } if named == "openai/clip"),
        "{error:?}"
    );
    let dino = model(&within, "dino", &json!({"model_type": "dinov2"}), &["b"]);
    let error = of(json!({}), Some(&dino));
    assert!(
        matches!(&error, ConvertError::NotClip { folder } if *folder == dino),
        "{error:?}"
    );
    let error = of(json!({}), Some(&within.path().join("nowhere")));
    assert!(
        matches!(&error, ConvertError::VisionModel { found, .. } if found == "missing"),
        "{error:?}"
    );
}

#[test]
fn models_that_the_original_layout_cannot_hold() {
    let within = folder();
    let output = within.path().join("output");
    let back = |config: &str| {
        let input = within.path().join("input");
        let small = model::fresh(config, 1, Device::Cpu, Kind::Float).expect("model");
        model::save(small.as_ref(), &input, None, Kind::Float).expect("saved");
        convert(Layout::Hf, Layout::OpenLlavaNext, &input, None, &output)
    };
    let llava: Value = serde_json::from_str(&support::config(&json!({}))).expect("json");
    let error = back(&llava["text_config"].to_string());
    assert!(
        matches!(&error, ConvertError::NotLlavaNext { found } if found == "llama"),
        "{error:?}"
    );
    let error = back(&support::config(
        &json!({"vision_feature_select_strategy": "full"}),
    ));
    assert!(matches!(error, ConvertError::FullFeatures), "{error:?}");
    let nowhere = within.path().join("nowhere");
    let error = convert(Layout::Hf, Layout::OpenLlavaNext, &nowhere, None, &output);
    assert!(matches!(error, ConvertError::Weights(_)), "{error:?}");
}

/// A file of llama.cpp with metadata and tensors of zeros.
fn gguf(metadata: &Value, tensors: &[(&str, &[u64])]) -> Vec<u8> {
    fn text(out: &mut Vec<u8>, text: &str) {
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    }
    fn value(given: &Value) -> (u32, Vec<u8>) {
        let mut out = Vec::new();
        let kind = match given {
            Value::String(own) => {
                text(&mut out, own);
                8
            }
            Value::Array(list) => {
                let all: Vec<(u32, Vec<u8>)> = list.iter().map(value).collect();
                out.extend(all.first().map_or(4, |first| first.0).to_le_bytes());
                out.extend((list.len() as u64).to_le_bytes());
                for (_, bytes) in all {
                    out.extend(bytes);
                }
                9
            }
            other => {
                out.extend((other.as_u64().expect("a count") as u32).to_le_bytes());
                4
            }
        };
        (kind, out)
    }
    let metadata = metadata.as_object().expect("object");
    let mut out = b"GGUF".to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    for (key, own) in metadata {
        text(&mut out, key);
        let (kind, bytes) = value(own);
        out.extend(kind.to_le_bytes());
        out.extend(bytes);
    }
    let mut offset = 0u64;
    for (name, shape) in tensors {
        text(&mut out, name);
        out.extend((shape.len() as u32).to_le_bytes());
        shape
            .iter()
            .rev()
            .for_each(|side| out.extend(side.to_le_bytes()));
        out.extend(0u32.to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset += shape.iter().product::<u64>() * 4;
    }
    out.resize(out.len().next_multiple_of(32) + offset as usize, 0);
    out
}

/// What is wrong with a Llama of a file with these changes: null takes a key away.
fn of_file(changes: &Value, tensors: &[(&str, &[u64])]) -> ConvertError {
    let mut metadata = json!({
        "general.architecture": "llama", "llama.attention.head_count": 2, "llama.embedding_length": 8,
        "llama.feed_forward_length": 8, "llama.block_count": 1, "llama.context_length": 16,
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": ["a", "b", "c", "d"], "tokenizer.ggml.merges": ["a b"],
    });
    for (key, value) in changes.as_object().expect("object") {
        metadata[key] = value.clone();
    }
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.retain(|_, value| !value.is_null());
    }
    let within = folder();
    let path = within.path().join("model.gguf");
    std::fs::write(&path, gguf(&metadata, tensors)).expect("write");
    let output = within.path().join("output");
    convert(Layout::Gguf, Layout::Hf, &path, None, &output)
}

#[test]
fn files_of_llama_cpp_that_are_no_llama() {
    const WORDS: (&str, &[u64]) = ("token_embd.weight", &[4, 8]);
    let of = |changes: Value| match of_file(&changes, &[WORDS]) {
        ConvertError::Gguf(error) => error,
        other => panic!("{changes}: {other:?}"),
    };
    let with = |tensors: &[(&str, &[u64])]| match of_file(&json!({}), tensors) {
        ConvertError::Gguf(error) => error,
        other => panic!("{tensors:?}: {other:?}"),
    };
    let error = of(json!({"general.architecture": "falcon"}));
    assert!(
        matches!(&error, GgufError::Architecture { found, .. } if found == "falcon"),
        "{error:?}"
    );
    let error = of(json!({"llama.attention.head_count": 0}));
    assert!(
        matches!(
            error,
            GgufError::Number {
                key: "num_attention_heads",
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().ends_with("has `num_attention_heads` = 0"));
    let error = with(&[WORDS, ("blk.0.ssm", &[1])]);
    assert!(
        matches!(&error, GgufError::UnknownTensor { name, .. } if name == "blk.0.ssm"),
        "{error:?}"
    );
    let error = with(&[]);
    assert!(
        matches!(
            error,
            GgufError::NoTensor {
                name: "token_embd.weight"
            }
        ),
        "{error:?}"
    );
    for key in ["llama.block_count", "tokenizer.ggml.merges"] {
        let error = of(json!({key: null}));
        assert!(
            matches!(&error, GgufError::NoKey { key: own } if own == key),
            "{error:?}"
        );
    }
    let error = of(json!({"llama.rope.scaling.type": "yarn"}));
    assert!(
        matches!(&error, GgufError::Scaling { kind } if kind == "yarn"),
        "{error:?}"
    );
    let error = with(&[WORDS, ("rope_freqs.weight", &[2])]);
    assert!(matches!(error, GgufError::Factors), "{error:?}");
    let error = of(json!({"llama.expert_count": 8}));
    assert!(
        matches!(error, GgufError::Experts { count: 8 }),
        "{error:?}"
    );
    let error = of(json!({"tokenizer.ggml.model": "bert"}));
    assert!(
        matches!(&error, GgufError::Tokenizer { kind } if kind == "bert"),
        "{error:?}"
    );
    let error = of(json!({"tokenizer.ggml.merges": [1, 2]}));
    assert!(
        matches!(&error, GgufError::NoText { key, at: 0 } if key == "tokenizer.ggml.merges"),
        "{error:?}"
    );
    let error = of(json!({"tokenizer.ggml.model": "llama"}));
    assert!(
        matches!(error, GgufError::Scores { tokens: 4 }),
        "{error:?}"
    );
    let error = of(json!({"tokenizer.ggml.pre": "tekken"}));
    assert!(
        matches!(&error, GgufError::Split { rule } if rule == "tekken"),
        "{error:?}"
    );
    // All that is said is sound, and layers are missing.
    let error = of_file(&json!({}), &[WORDS]);
    assert!(
        matches!(
            error,
            ConvertError::Model {
                source: model::Error::Tensors { .. },
                ..
            }
        ),
        "{error:?}"
    );
    let told = corpus::causes(&error);
    assert!(
        told.contains("cannot be converted: the weights in"),
        "{told}"
    );
}
