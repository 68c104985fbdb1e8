//! Writes an adapter as `peft` 0.21 does: `adapter_config.json` and `adapter_model.safetensors`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Map, Value, json};

use super::error::AdapterError;
use super::fingerprint::{RECORD, fingerprint};
use super::lora::ends_with;
use super::peft::CONFIG;
use super::put::{AdaptedLayer, layers};
use super::source::WEIGHTS;
use crate::error::Error;
use crate::mllm::Mllm;
use crate::parameter::Parameter;
use crate::save::{Staged, companions, stage, write_file};

/// The version of `peft` whose folders these are.
const VERSION: &str = "0.21.2";
/// Beside every key that has a value of ours, those that `peft` writes for a plain adapter.
const OFF: &[&str] = &[
    "alora_invocation_tokens",
    "arrow_config",
    "corda_config",
    "eva_config",
    "exclude_modules",
    "kasa_config",
    "layer_replication",
    "layers_pattern",
    "layers_to_transform",
    "lora_ga_config",
    "megatron_config",
    "modules_to_save",
    "monteclora_config",
    "revision",
    "target_parameters",
    "trainable_token_indices",
    "use_bdlora",
    "velora_config",
];

/// Writes the adapter of `model` into `folder`. `base` is the name under which others find the base: a repository's, or a
/// folder's.
pub fn save(model: &dyn Mllm, folder: &Path, base: &str) -> Result<(), Error> {
    save_beside(model, folder, base, None)
}

/// As [`save`], with the model's `config.json` and with tokenizer, processor and generation settings of the folder `source`
/// beside it.
pub fn save_with(model: &dyn Mllm, folder: &Path, base: &str, source: &Path) -> Result<(), Error> {
    save_beside(model, folder, base, Some(source))
}

fn save_beside(
    model: &dyn Mllm,
    folder: &Path,
    base: &str,
    source: Option<&Path>,
) -> Result<(), Error> {
    let layers = layers(model);
    if layers.is_empty() {
        return Err(AdapterError::Unsuited("the model has no adapter to save").into());
    }
    std::fs::create_dir_all(folder).map_err(|source| Error::Io {
        action: "write",
        path: folder.to_owned(),
        source,
    })?;
    let config = config(model, &layers, base);
    let mut finished = vec![stage(folder, CONFIG, format!("{config:#}\n").as_bytes())?];
    if source.is_some() {
        finished.extend(companions(folder, source)?);
        let config = model.config_text().as_bytes();
        finished.push(stage(folder, "config.json", config)?);
    }
    let adapter = model.parameters().iter().filter(|p| p.adapter.is_some());
    let parameters: Vec<&Parameter> = adapter.collect();
    let kind = parameters[0].tensor.kind();
    let about = json!({"format": "pt", RECORD: fingerprint(model)?});
    finished.push(write_file(&parameters, folder, WEIGHTS, kind, &about)?);
    finished.into_iter().try_for_each(Staged::put)
}

fn config(model: &dyn Mllm, layers: &[AdaptedLayer<'_>], base: &str) -> Value {
    let about: Value = serde_json::from_str(model.config_text()).unwrap_or_default();
    let class = about["architectures"][0].as_str().unwrap_or_default();
    let family = about["model_type"].as_str().unwrap_or_default();
    // `peft` has a class of its own for text models, and notes the base's class for all others.
    let is_text = class.ends_with("ForCausalLM");
    let library = format!("transformers.models.{family}.modeling_{family}");
    let usual = |count: BTreeMap<String, usize>| {
        let most = count.into_iter().max_by_key(|(_, times)| *times);
        most.map_or(Value::Null, |(value, _)| {
            serde_json::from_str(&value).unwrap_or_default()
        })
    };
    let mut counts = [BTreeMap::new(), BTreeMap::new()];
    let values = |layer: &AdaptedLayer<'_>| [json!(layer.rank()), number(layer.part.alpha)];
    for layer in layers {
        for (count, value) in counts.iter_mut().zip(values(layer)) {
            *count.entry(value.to_string()).or_default() += 1;
        }
    }
    let [rank, alpha] = counts.map(usual);
    let mut patterns = [Map::new(), Map::new()];
    for layer in layers {
        for ((pattern, value), usual) in patterns.iter_mut().zip(values(layer)).zip([&rank, &alpha])
        {
            if value != *usual {
                // From its beginning: a layer whose name ends alike is another.
                let name = layer.part.module.replace('.', r"\.");
                pattern.insert(format!("^{name}"), value);
            }
        }
    }
    let [ranks, alphas] = patterns;
    let mut config = json!({
        "alpha_pattern": alphas,
        "auto_mapping": if is_text { Value::Null } else {
            json!({"base_model_class": class, "parent_library": library})
        },
        "base_model_name_or_path": base,
        "bias": "none",
        "ensure_weight_tying": false,
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "loftq_config": {},
        "lora_alpha": alpha,
        "lora_bias": false,
        "lora_dropout": layers[0].part.dropout.share(),
        "megatron_core": "megatron.core",
        "peft_type": "LORA",
        "peft_version": VERSION,
        "qalora_group_size": 16,
        "r": rank,
        "rank_pattern": ranks,
        "target_modules": targets(model, layers),
        "task_type": if is_text { json!("CAUSAL_LM") } else { Value::Null },
        "use_dora": false,
        "use_qalora": false,
        "use_rslora": layers[0].part.rslora,
    });
    for key in OFF {
        config[*key] = Value::Null;
    }
    config
}

/// A whole number as one, as people write alphas.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        json!(value as i64)
    } else {
        json!(value)
    }
}

/// The shortest names from a dot on that stand for the adapted layers and for no other module of the model.
fn targets(model: &dyn Mllm, layers: &[AdaptedLayer<'_>]) -> BTreeSet<String> {
    let mut others = BTreeSet::new();
    for parameter in model.parameters().iter().filter(|p| p.adapter.is_none()) {
        let name = parameter.name.as_str();
        others.extend(name.match_indices('.').map(|(at, _)| &name[..at]));
    }
    for layer in layers {
        others.remove(layer.part.weight.trim_end_matches(".weight"));
    }
    let is_others = |end: &str| others.iter().any(|other| ends_with(other, end));
    let shortest = |layer: &AdaptedLayer<'_>| {
        let name = layer.part.module.as_str();
        let mut starts = name.rmatch_indices('.').map(|(at, _)| &name[at + 1..]);
        let found = starts.find(|end| !is_others(end));
        found.unwrap_or(name).to_owned()
    };
    layers.iter().map(shortest).collect()
}
