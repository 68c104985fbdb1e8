//! Small models and pictures for the tests, all made from hashed names.

use std::sync::Arc;

use model::init::hashed;
use model::{Batch, Group, Mllm};
use processor::{ImageGrid, ImageInput};
use torch::{Device, Kind, Tensor};

/// A two-tile-grid model of a few thousand parameters; `changes` are put over its `config.json`.
pub fn config(changes: &serde_json::Value) -> String {
    let mut config = serde_json::json!({
        "architectures": ["LlavaNextForConditionalGeneration"],
        "model_type": "llava_next",
        "image_token_index": 3,
        "image_grid_pinpoints": [[12, 12], [12, 24], [24, 12], [24, 24]],
        "tie_word_embeddings": true,
        "vision_feature_layer": -2,
        "text_config": {
            "model_type": "llama", "vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "max_position_embeddings": 256,
        },
        "vision_config": {
            "model_type": "clip_vision_model", "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 3,
            "num_attention_heads": 2, "image_size": 12, "patch_size": 4, "projection_dim": 24,
        },
    });
    merge(&mut config, changes);
    config.to_string()
}

fn merge(into: &mut serde_json::Value, from: &serde_json::Value) {
    match (into, from) {
        (serde_json::Value::Object(into), serde_json::Value::Object(from)) => {
            for (key, value) in from {
                merge(
                    into.entry(key.clone()).or_insert(serde_json::Value::Null),
                    value,
                );
            }
        }
        (into, from) => *into = from.clone(),
    }
}

/// A model with random weights large enough that attention and norms matter.
pub fn small(changes: &serde_json::Value, kind: Kind) -> Box<dyn Mllm> {
    let model = model::fresh(&config(changes), 5, Device::Cpu, kind).unwrap();
    fill(model.as_ref());
    model
}

/// Replaces every parameter by values hashed from the name that it has inside of `transformers`.
pub fn fill(model: &dyn Mllm) {
    let _guard = torch::no_grad_guard();
    for parameter in model.parameters() {
        let config: serde_json::Value = serde_json::from_str(model.config_text()).unwrap();
        let family = config["model_type"].as_str().unwrap();
        let name = internal_name(family, &parameter.name);
        let shape = parameter.tensor.size();
        let values: Vec<f32> = (0..parameter.tensor.numel() as u64)
            .map(|i| weight(&name, &shape, i))
            .collect();
        let mut tensor = parameter.tensor.shallow_clone();
        tensor.copy_(&Tensor::from_slice(&values).reshape(shape));
    }
}

/// The rule of `tests/golden/make.py`.
pub fn weight(name: &str, shape: &[i64], index: u64) -> f32 {
    let unit = hashed(name, index);
    let value = match shape {
        [_] if name.ends_with("norm.weight")
            || name.contains("norm1.weight")
            || name.contains("norm2.weight") =>
        {
            1.0 + 0.3 * unit
        }
        [_] => 0.3 * unit,
        [_, inputs @ ..] => unit * (3.0 / inputs.iter().product::<i64>() as f64).sqrt() * 1.5,
        [] => unit,
    };
    value as f32
}

/// From the layout that `transformers` writes to the one that it computes with.
pub fn internal_name(family: &str, published: &str) -> String {
    let nested = |rest: &str| format!("model.language_model.{rest}");
    match family {
        "llama" | "mistral" => published.to_owned(),
        "qwen2_vl" => match published.strip_prefix("model.") {
            Some(rest) => nested(rest),
            None if published.starts_with("visual.") => format!("model.{published}"),
            None => published.to_owned(),
        },
        _ => match published.strip_prefix("language_model.model.") {
            Some(rest) => nested(rest),
            None => match published.strip_prefix("language_model.") {
                Some(head) => head.to_owned(),
                None => format!("model.{published}"),
            },
        },
    }
}

/// A picture whose pixels are hashed from its name.
pub fn picture(
    name: &str,
    side: usize,
    original: (usize, usize),
    tiles: (usize, usize),
    num_tokens: usize,
) -> ImageInput {
    let shape = vec![tiles.0 * tiles.1 + 1, 3, side, side];
    let grid = ImageGrid::Tiles { original, tiles };
    made_picture(name, shape, grid, num_tokens)
}

/// A picture of any family.
pub fn made_picture(
    name: &str,
    shape: Vec<usize>,
    grid: ImageGrid,
    num_tokens: usize,
) -> ImageInput {
    let length = shape.iter().product::<usize>() as u64;
    ImageInput {
        pixels: Arc::new((0..length).map(|i| hashed(name, i) as f32).collect()),
        shape,
        grid,
        num_tokens,
    }
}

/// Tokens of a sequence: `text` ids, the picture's image tokens, more text.
pub fn sequence(name: &str, before: usize, image: Option<&ImageInput>, after: usize) -> Vec<i64> {
    let id = |i: usize| 4 + ((hashed(name, i as u64) + 1.0) * 18.0) as i64;
    let mut ids: Vec<i64> = (0..before).map(id).collect();
    ids.extend(std::iter::repeat_n(
        3,
        image.map_or(0, |image| image.num_tokens),
    ));
    ids.extend((before..before + after).map(id));
    ids
}

/// A batch of one sequence.
pub fn alone(ids: &[i64], images: &[ImageInput]) -> Batch {
    let mut batch = Batch::default();
    batch.push(ids, 0, images);
    batch
}

/// Root mean square of the difference, over that of `b`.
pub fn relative_error(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
    let error = (&a - &b)
        .square()
        .mean(Kind::Double)
        .sqrt()
        .double_value(&[]);
    error
        / b.square()
            .mean(Kind::Double)
            .sqrt()
            .double_value(&[])
            .max(1e-30)
}

/// Sets which groups learn.
pub fn train(model: &dyn Mllm, groups: &[Group]) {
    for parameter in model.parameters() {
        let _ = parameter
            .tensor
            .set_requires_grad(groups.contains(&parameter.group) && parameter.reachable);
    }
}

/// A safetensors file of f32 tensors, for what no function of the crate writes.
pub fn write_tensors(path: &std::path::Path, tensors: &[(String, Tensor)]) {
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, tensor) in tensors {
        let start = data.len();
        let values: Vec<f32> = Vec::try_from(tensor.flatten(0, -1)).unwrap();
        data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        header.insert(
            name.clone(),
            serde_json::json!({"dtype": "F32", "shape": tensor.size(), "data_offsets": [start, data.len()]}),
        );
    }
    let text = serde_json::Value::Object(header).to_string();
    let mut file = (text.len() as u64).to_le_bytes().to_vec();
    file.extend(text.into_bytes());
    file.extend(data);
    std::fs::write(path, file).unwrap();
}
