//! Numbers of parameters.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::recipe::Dtype;
use crate::recipe::training::Group;

fn planner(config: &Value) -> Planner {
    let model = model(config);
    let load = Load::most(&model, 1024, 1024);
    Planner::new(model, Dtype::Bf16, &[], load)
}

#[test]
fn published_models_have_the_parameters_that_transformers_counts() {
    for (name, billions) in [
        ("qwen2-vl-2b-instruct", 2.21),
        ("open-llava-next-llama3-8b", 8.36),
        ("llama-3.2-11b-vision-instruct", 10.67),
    ] {
        let (config, groups) = published(name);
        let planner = planner(&config);
        for group in Group::ALL {
            let counted = groups[group.as_str()].as_u64();
            assert_eq!(Some(planner.parameters_of(group)), counted, "{name}");
        }
        let all = planner.num_parameters() as f64 / 1e9;
        assert!((all - billions).abs() < 0.005, "{name}: {all}");
    }
}

/// The head of a file of weights: names with their shapes.
fn header(path: &Path) -> BTreeMap<String, Value> {
    let file = std::fs::read(path).expect("weights");
    let (length, rest) = file.split_at(8);
    let length = u64::from_le_bytes(length.try_into().expect("8 bytes")) as usize;
    let mut all: BTreeMap<String, Value> = serde_json::from_slice(&rest[..length]).expect("JSON");
    all.remove("__metadata__");
    all
}

#[test]
fn the_shipped_base_has_the_parameters_of_its_file() {
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../assets/demo/base-model"
    ));
    let architecture = Architecture::of_folder(folder).expect("a model");
    let own = parameters(&architecture);
    let tensors = header(&folder.join("model.safetensors"));
    assert_eq!(own.len(), tensors.len());
    let of_file = tensors.values().map(|tensor| {
        let shape = tensor["shape"].as_array().expect("a shape");
        let sizes = shape.iter().map(|n| n.as_u64().expect("a size"));
        sizes.product::<u64>()
    });
    let of_plan: u64 = own.iter().map(Parameter::count).sum();
    assert_eq!(of_plan, of_file.sum::<u64>());
}

/// Odd configurations of every family with the names that `transformers` gives their parameters, and those that its backward
/// leaves without a gradient.
#[test]
fn odd_configurations_have_as_many_parameters_as_transformers_names() {
    let golden = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../model/tests/golden"
    ));
    let mut seen = 0;
    for family in ["llama", "llava", "llava_next", "qwen2_vl", "mllama"] {
        for entry in std::fs::read_dir(golden.join(family)).expect("golden files") {
            let path = entry.expect("a file").path();
            let text = std::fs::read(&path).expect("a file");
            let file: Value = serde_json::from_slice(&text).expect("JSON");
            let own = parameters(&model(&file["config"]));
            let count = |key: &str| file[key].as_array().map_or(0, Vec::len);
            assert_eq!(own.len(), count("names"), "{}", path.display());
            seen += 1;
            let sequences = file["sequences"].as_array().expect("sequences");
            let shows = |s: &Value| s["images"].as_array().is_some_and(|list| !list.is_empty());
            if family.starts_with("ll") && family != "llama" && !sequences.iter().any(shows) {
                // Without pictures nothing of the tower is reached.
                continue;
            }
            let still = own.iter().filter(|p| !p.reachable).count();
            assert_eq!(still, count("unreachable"), "{}", path.display());
        }
    }
    assert!(seen >= 18, "{seen}");
}

#[test]
fn what_no_gradient_reaches_is_not_trained() {
    let (config, _) = published("open-llava-next-llama3-8b");
    let planner = planner(&config);
    // The 24th of CLIP's layers is held and not run, nor is the norm behind it; keys' biases of the others are still.
    let (w, f) = (1024, 4096);
    let layer = 4 * (w * w + w) + 2 * w * f + f + w + 4 * w;
    let still = layer + 2 * w + 23 * w;
    assert_eq!(planner.trained(None), planner.num_parameters() - still);
}

#[test]
fn lora_has_two_small_matrices_beside_each_map() {
    let planner = planner(&tiny());
    let lora = Lora::of_rank(3);
    // Width 8, keys 4, inner width 12.
    let maps = [(8, 8), (8, 4), (8, 4), (8, 8), (8, 12), (8, 12), (12, 8)];
    let expected: u64 = maps.iter().map(|(a, b)| 3 * (a + b)).sum();
    assert_eq!(planner.trained(Some(&lora)), expected);
    let lora = Lora {
        rank: 2,
        targets: vec!["q_proj".to_owned(), "v_proj".to_owned()],
    };
    assert_eq!(planner.trained(Some(&lora)), 2 * (16 + 12));
}

#[test]
fn what_is_wrong_with_a_configuration_is_said() {
    let said = |config: Value| {
        Architecture::of_config(&config)
            .expect_err("wrong")
            .to_string()
    };
    let unknown = said(json!({"model_type": "gemma"}));
    assert!(
        unknown.contains("`gemma`") && unknown.contains("qwen2_vl"),
        "{unknown}"
    );
    assert!(said(json!({})).contains("`missing`"));
    let mut wrong = tiny();
    wrong["hidden_size"] = json!(0);
    assert!(said(wrong).contains("`hidden_size`"));
    let mut wrong = tiny();
    wrong["num_key_value_heads"] = json!(3);
    let mismatch = said(wrong);
    assert!(
        mismatch.contains("`num_key_value_heads`") && mismatch.contains("`num_attention_heads`"),
        "{mismatch}"
    );
    let folder = tempfile::tempdir().expect("folder");
    let missing = Architecture::of_folder(folder.path()).expect_err("empty");
    assert!(missing.to_string().contains("no `config.json`"));
    std::fs::write(folder.path().join("config.json"), "{").expect("written");
    let damaged = Architecture::of_folder(folder.path()).expect_err("damaged");
    assert!(damaged.to_string().contains("not valid JSON"));
}
