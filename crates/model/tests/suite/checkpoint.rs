//! Folders in and out.

use std::fs;
use std::path::Path;

use crate::support::{config, small};
use model::{Error, Mllm};
use serde_json::{Value, json};
use torch::{Device, Kind, Tensor};

fn load(folder: &Path) -> Result<Box<dyn Mllm>, Error> {
    model::load(folder, Device::Cpu, Kind::Float)
}

fn values(tensor: &Tensor) -> Vec<f32> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

fn assert_same(a: &dyn Mllm, b: &dyn Mllm) {
    assert_eq!(a.parameters().len(), b.parameters().len());
    for (a, b) in a.parameters().iter().zip(b.parameters()) {
        assert_eq!(
            (&a.name, a.group, a.reachable, a.decay),
            (&b.name, b.group, b.reachable, b.decay)
        );
        assert_eq!(values(&a.tensor), values(&b.tensor), "{}", a.name);
    }
}

/// From one layout's name to another's.
type Rename = Box<dyn Fn(&str) -> String>;

/// The header of a safetensors file and where its data start.
fn header(path: &Path) -> (serde_json::Map<String, Value>, usize) {
    let bytes = fs::read(path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    (
        serde_json::from_slice(&bytes[8..8 + length]).unwrap(),
        8 + length,
    )
}

/// Rewrites a file's header, keeping the data.
fn edit_header(path: &Path, edit: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let (mut entries, start) = header(path);
    let data = fs::read(path).unwrap()[start..].to_vec();
    edit(&mut entries);
    let text = Value::Object(entries).to_string();
    let file = [
        &(text.len() as u64).to_le_bytes()[..],
        text.as_bytes(),
        &data,
    ]
    .concat();
    fs::write(path, file).unwrap();
}

fn rename(entries: &mut serde_json::Map<String, Value>, rule: impl Fn(&str) -> String) {
    *entries = std::mem::take(entries)
        .into_iter()
        .map(|(name, value)| {
            if name == "__metadata__" {
                (name, value)
            } else {
                (rule(&name), value)
            }
        })
        .collect();
}

#[test]
fn what_is_saved_loads_identically() {
    let folder = tempfile::tempdir().unwrap();
    for changes in [json!({}), json!({"tie_word_embeddings": false})] {
        let model = small(&changes, Kind::Float);
        model::save(model.as_ref(), folder.path(), None, Kind::Float).unwrap();
        assert_same(model.as_ref(), load(folder.path()).unwrap().as_ref());
        assert_eq!(
            fs::read_to_string(folder.path().join("config.json")).unwrap(),
            config(&changes)
        );
    }
    let (entries, start) = header(&folder.path().join("model.safetensors"));
    assert_eq!(start % 64, 0);
    assert_eq!(entries["__metadata__"], json!({"format": "pt"}));
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        2,
        "no passing files are left"
    );
}

#[test]
fn bf16_is_rounded_once() {
    let folder = tempfile::tempdir().unwrap();
    let model = small(&json!({"dtype": "float32"}), Kind::Float);
    model::save(model.as_ref(), folder.path(), None, Kind::BFloat16).unwrap();
    let back = load(folder.path()).unwrap();
    for (a, b) in model.parameters().iter().zip(back.parameters()) {
        assert_eq!(
            values(&a.tensor.to_kind(Kind::BFloat16).to_kind(Kind::Float)),
            values(&b.tensor)
        );
    }
    let config: Value = serde_json::from_str(back.config_text()).unwrap();
    assert_eq!(config["dtype"], "bfloat16");
}

#[test]
fn a_clip_tower_is_exported_under_the_names_of_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.safetensors");
    let model = small(&json!({}), Kind::Float);
    for layout in ["", "model."] {
        model::save(model.as_ref(), folder.path(), None, Kind::Float).unwrap();
        edit_header(&file, |entries| {
            rename(entries, |name| {
                if layout.is_empty() {
                    name.to_owned()
                } else {
                    crate::support::internal_name("llava_next", name)
                }
            });
        });
        let flat = load(folder.path()).unwrap();
        model::export(flat.as_ref(), folder.path(), None, Kind::Float).unwrap();
        let back = load(folder.path()).unwrap();
        let mut towers = 0;
        for (a, b) in flat.parameters().iter().zip(back.parameters()) {
            let tower = format!("{layout}vision_tower.");
            let expected = match a.name.strip_prefix(&tower) {
                Some(rest) => format!("{tower}vision_model.{rest}"),
                None => a.name.clone(),
            };
            towers += usize::from(expected != a.name);
            assert_eq!((&expected, values(&a.tensor)), (&b.name, values(&b.tensor)));
            assert!(header(&file).0.contains_key(&expected), "{expected}");
        }
        assert!(towers > 10, "{towers}");
        // What has these names keeps them.
        model::export(back.as_ref(), folder.path(), None, Kind::Float).unwrap();
        assert_same(back.as_ref(), load(folder.path()).unwrap().as_ref());
    }
}

#[test]
fn every_published_layout_loads_and_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let model = small(&json!({"tie_word_embeddings": false}), Kind::Float);
    let file = folder.path().join("model.safetensors");
    let nested = |name: &str| name.replacen("vision_tower.", "vision_tower.vision_model.", 1);
    let prefixed = |name: &str| crate::support::internal_name("llava_next", name);
    let layouts: [Rename; 3] = [
        Box::new(nested),
        Box::new(prefixed),
        Box::new(move |name| nested(&prefixed(name))),
    ];
    for layout in layouts {
        model::save(model.as_ref(), folder.path(), None, Kind::Float).unwrap();
        edit_header(&file, |entries| rename(entries, &layout));
        let back = load(folder.path()).unwrap();
        for (a, b) in model.parameters().iter().zip(back.parameters()) {
            assert_eq!(
                (layout(&a.name), values(&a.tensor)),
                (b.name.clone(), values(&b.tensor))
            );
            assert_eq!((a.group, a.reachable), (b.group, b.reachable));
        }
        let names: Vec<String> = header(&file).0.keys().cloned().collect();
        model::save(back.as_ref(), folder.path(), None, Kind::Float).unwrap();
        let mut kept: Vec<String> = header(&file).0.keys().cloned().collect();
        let mut names = names;
        names.sort();
        kept.sort();
        assert_eq!(names, kept);
    }
}

#[test]
fn companions_come_along_and_stale_weights_go() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in [
        "tokenizer.json",
        "preprocessor_config.json",
        "chat_template.jinja",
        "training_log.json",
    ] {
        fs::write(from.path().join(name), name).unwrap();
    }
    for name in [
        "model-00001-of-00002.safetensors",
        "model.safetensors.index.json",
    ] {
        fs::write(to.path().join(name), "{}").unwrap();
    }
    let model = small(&json!({}), Kind::Float);
    model::save(model.as_ref(), to.path(), Some(from.path()), Kind::Float).unwrap();
    let mut names: Vec<_> = fs::read_dir(to.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "chat_template.jinja",
            "config.json",
            "model.safetensors",
            "preprocessor_config.json",
            "tokenizer.json"
        ]
    );
}

#[test]
fn shards_are_read_through_their_index() {
    let folder = tempfile::tempdir().unwrap();
    let model = small(&json!({}), Kind::Float);
    model::save(model.as_ref(), folder.path(), None, Kind::Float).unwrap();
    let whole = folder.path().join("model.safetensors");
    let (entries, start) = header(&whole);
    let data = fs::read(&whole).unwrap()[start..].to_vec();
    let mut map = serde_json::Map::new();
    for (i, half) in [false, true].into_iter().enumerate() {
        let name = format!("model-0000{}-of-00002.safetensors", i + 1);
        let (mut own, mut bytes) = (serde_json::Map::new(), Vec::new());
        for (tensor, info) in entries
            .iter()
            .filter(|(tensor, _)| *tensor != "__metadata__" && tensor.contains("vision") == half)
        {
            let at = |j: usize| info["data_offsets"][j].as_u64().unwrap() as usize;
            let mut info = info.clone();
            let from = bytes.len();
            bytes.extend_from_slice(&data[at(0)..at(1)]);
            info["data_offsets"] = json!([from, bytes.len()]);
            own.insert(tensor.clone(), info);
            map.insert(tensor.clone(), json!(name));
        }
        let text = Value::Object(own).to_string();
        fs::write(
            folder.path().join(name),
            [
                &(text.len() as u64).to_le_bytes()[..],
                text.as_bytes(),
                &bytes,
            ]
            .concat(),
        )
        .unwrap();
    }
    fs::remove_file(whole).unwrap();
    fs::write(
        folder.path().join("model.safetensors.index.json"),
        json!({"weight_map": map}).to_string(),
    )
    .unwrap();
    assert_same(model.as_ref(), load(folder.path()).unwrap().as_ref());
}

#[test]
fn all_misfits_are_listed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let model = small(&json!({}), Kind::Float);
    model::save(model.as_ref(), folder.path(), None, Kind::Float).unwrap();
    let file = folder.path().join("model.safetensors");
    edit_header(&file, |entries| {
        rename(entries, |name| {
            name.replace("layers.1.self_attn.q_proj", "layers.9.self_attn.q_proj")
        });
        entries["language_model.model.layers.0.mlp.up_proj.weight"]["shape"] = json!([32, 48]);
    });
    let error = load(folder.path()).unwrap_err().to_string();
    for part in [
        "`language_model.model.layers.1.self_attn.q_proj.weight` [32, 32] is missing; the nearest name is",
        "`language_model.model.layers.0.mlp.up_proj.weight` has shape [32, 48], expected [48, 32]",
        "`language_model.model.layers.9.self_attn.q_proj.weight` is unexpected",
        "`vision_tower.encoder.layers.1.self_attn.q_proj.weight` [24, 24] is missing",
    ] {
        assert!(error.contains(part), "{part}\n{error}");
    }
}

#[test]
fn a_tied_head_may_be_stored_if_it_is_the_embedding() {
    let folder = tempfile::tempdir().unwrap();
    let model = small(&json!({"tie_word_embeddings": false}), Kind::Float);
    model::save(model.as_ref(), folder.path(), None, Kind::Float).unwrap();
    fs::write(
        folder.path().join("config.json"),
        config(&json!({"tie_word_embeddings": true})),
    )
    .unwrap();
    let error = load(folder.path()).unwrap_err().to_string();
    assert!(error.contains("`language_model.lm_head.weight` differs from `language_model.model.embed_tokens.weight`"), "{error}");
}

#[test]
fn broken_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let model = small(&json!({}), Kind::Float);
    model::save(model.as_ref(), folder.path(), None, Kind::Float).unwrap();
    let file = folder.path().join("model.safetensors");
    let sound = fs::read(&file).unwrap();
    let name = "language_model.model.norm.weight";
    let lie = |edit: &dyn Fn(&mut Value)| {
        fs::write(&file, &sound).unwrap();
        edit_header(&file, |entries| edit(&mut entries[name]));
        load(folder.path()).unwrap_err().to_string()
    };
    assert!(
        lie(&|info| info["data_offsets"] = json!([0, 1u64 << 60])).contains("cannot lie at bytes")
    );
    assert!(
        lie(&|info| info["shape"] = json!([1u64 << 62, 1u64 << 62]))
            .contains("cannot lie at bytes")
    );
    assert!(lie(&|info| info["dtype"] = json!("I4")).contains("described wrongly"));
    let check = |bytes: &[u8], part: &str| {
        fs::write(&file, bytes).unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    check(&sound[..sound.len() - 1], "is it cut off?");
    check(&[255; 16], "its header claims");
    check(b"", "only 0 bytes");
    fs::remove_file(&file).unwrap();
    assert!(
        load(folder.path())
            .unwrap_err()
            .to_string()
            .contains("holds neither")
    );
    // Cut or bent anywhere in its header, a file is an error or the same tensors, never a panic.
    for i in 0..2000u64 {
        let mut bytes = sound.clone();
        let place = f64::midpoint(model::init::hashed("fuzz", 2 * i), 1.0) * 4000.0;
        bytes[place as usize] ^= 1 << ((model::init::hashed("fuzz", 2 * i + 1) + 1.0) * 4.0) as u32;
        fs::write(&file, bytes).unwrap();
        let _ = model::checkpoint::Checkpoint::open_file(&file);
    }
}

#[test]
fn a_configuration_that_is_not_implemented_is_an_error() {
    for (changes, part) in [
        (
            json!({"model_type": "idefics"}),
            "`model_type` is `idefics`; known families: llama, mistral, llava, llava_next, qwen2_vl, mllama",
        ),
        (
            json!({"text_config": {"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}}),
            "`text_config.rope_scaling.rope_type` is `yarn`; known are default, llama3",
        ),
        (
            json!({"text_config": {"rope_parameters": {"rope_type": "llama3", "factor": 8.0}}}),
            "low_freq_factor` is missing",
        ),
        (
            json!({"text_config": {"hidden_act": "xielu"}}),
            "`text_config.hidden_act` is \"xielu\"; known are gelu",
        ),
        (json!({"text_config": {"model_type": "mistral"}}), ""),
        (
            json!({"text_config": {"model_type": "mistral", "sliding_window": 16}}),
            "`text_config.sliding_window` hides earlier tokens",
        ),
        (
            json!({"text_config": {"model_type": "gemma"}}),
            "is `gemma`; known are llama, mistral",
        ),
        (
            json!({"text_config": {"num_key_value_heads": 3}}),
            "does not divide the 4 heads",
        ),
        (
            json!({"vision_config": {"model_type": "siglip_vision_model"}}),
            "`vision_config.model_type` is \"siglip_vision_model\"",
        ),
        (
            json!({"quantization_config": {"bits": 4}}),
            "`quantization_config` is {\"bits\":4}, which is not implemented",
        ),
        (
            json!({"vision_feature_layer": -7}),
            "`vision_feature_layer` is -7; one hidden state of a tower of 3 layers",
        ),
        (
            json!({"image_token_index": 400}),
            "outside of the vocabulary of 40",
        ),
    ] {
        let result = model::fresh(&config(&changes), 0, Device::Cpu, Kind::Float);
        match result {
            Ok(_) => assert_eq!(part, "", "{changes}"),
            Err(error) => assert!(
                !part.is_empty() && error.to_string().contains(part),
                "{error}"
            ),
        }
    }
    let two = model::fresh(
        &config(&json!({"vision_feature_layer": 9, "text_config": {"hidden_act": "x"}})),
        0,
        Device::Cpu,
        Kind::Float,
    );
    let Err(Error::Config { problems }) = two else {
        panic!("expected all problems")
    };
    assert_eq!(problems.len(), 2);
}

#[test]
fn a_seed_gives_the_same_model_and_counts_add_up() {
    let text = config(&json!({}));
    let fresh = |seed| model::fresh(&text, seed, Device::Cpu, Kind::Float).unwrap();
    assert_same(fresh(3).as_ref(), fresh(3).as_ref());
    let (a, b) = (fresh(3), fresh(4));
    assert_ne!(
        values(&a.parameters()[1].tensor),
        values(&b.parameters()[1].tensor)
    );
    let counts = model::inspect::groups(a.as_ref());
    let total: usize = a.parameters().iter().map(|p| p.tensor.numel()).sum();
    assert_eq!(counts.iter().map(|c| c.values).sum::<usize>(), total);
    // Projector: 24 · 32 + 32, 32 · 32 + 32, and a newline of 32.
    assert_eq!(counts[1].values, 24 * 32 + 32 + 32 * 32 + 32 + 32);
}
