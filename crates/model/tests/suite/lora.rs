//! What may be wrong with adapters, and what models share.

use std::collections::BTreeSet;
use std::path::Path;

use model::adapter::{self, Draw};
use model::{Group, Lora, Mllm, Parameter, logits};
use serde_json::{Value, json};
use torch::{Device, Kind, Tensor};

use crate::support::{alone, config, picture, sequence, small, weight};

fn lora(targets: &[&str]) -> Lora {
    Lora {
        rank: 4,
        alpha: 8.0,
        dropout: 0.0,
        targets: targets.iter().map(|&t| t.to_owned()).collect(),
        rslora: false,
    }
}

fn base() -> Box<dyn Mllm> {
    small(&json!({}), Kind::Float)
}

/// B of every layer by hash, since an adapter that was not trained adds nothing.
fn fill_b(model: &dyn Mllm) {
    let _guard = torch::no_grad_guard();
    for parameter in adapters(model).filter(|p| p.name.contains("lora_B")) {
        let shape = parameter.tensor.size();
        let count = parameter.tensor.numel() as u64;
        let values: Vec<f32> = (0..count)
            .map(|i| weight(&parameter.name, &shape, i) * 0.1)
            .collect();
        parameter
            .tensor
            .shallow_clone()
            .copy_(&Tensor::from_slice(&values).reshape(shape));
    }
}

fn adapters(model: &dyn Mllm) -> impl Iterator<Item = &Parameter> {
    model.parameters().iter().filter(|p| p.adapter.is_some())
}

fn answer(model: &dyn Mllm) -> Tensor {
    let picture = picture("p", 12, (11, 23), (1, 2), 30);
    let ids = sequence("s", 3, Some(&picture), 5);
    let hidden = model.hidden(&alone(&ids, &[picture]), None).unwrap();
    logits(model, &hidden).unwrap().detach()
}

fn told(found: Result<Box<dyn Mllm>, model::Error>) -> String {
    match found {
        Ok(_) => panic!("no error"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_new_adapter_changes_nothing_and_shares_the_base() {
    let base = base();
    let before = answer(base.as_ref());
    let adapted = adapter::adapt(base.as_ref(), &lora(&[]), 7).unwrap();
    assert!(answer(adapted.as_ref()).equal(&before), "B is zero");
    let own: Vec<&Parameter> = adapted
        .parameters()
        .iter()
        .filter(|p| p.adapter.is_none())
        .collect();
    assert_eq!(own.len(), base.parameters().len());
    for (a, b) in own.iter().zip(base.parameters()) {
        assert_eq!(
            (a.name.as_str(), a.tensor.data_ptr()),
            (b.name.as_str(), b.tensor.data_ptr())
        );
    }
    assert_eq!(
        adapted.head().data_ptr(),
        base.head().data_ptr(),
        "a tied head too"
    );
    // All linear layers of the language model: seven in each of two layers, and nothing else.
    assert_eq!(adapter::layers(adapted.as_ref()).len(), 14);
    assert!(adapters(adapted.as_ref()).all(|p| p.group == Group::LanguageModel));
    fill_b(adapted.as_ref());
    assert!(!answer(adapted.as_ref()).equal(&before));
    assert!(
        answer(base.as_ref()).equal(&before),
        "the base is as it was"
    );
    let again = adapter::adapt(base.as_ref(), &lora(&[]), 7).unwrap();
    let a = |model: &dyn Mllm| adapter::layers(model)[3].a.copy();
    assert!(
        a(again.as_ref()).equal(&a(adapted.as_ref())),
        "a seed is a start"
    );
    let other = adapter::adapt(base.as_ref(), &lora(&[]), 8).unwrap();
    assert!(!a(other.as_ref()).equal(&a(adapted.as_ref())));
    let error = told(adapter::adapt(adapted.as_ref(), &lora(&[]), 7));
    assert!(error.contains("has an adapter already"), "{error}");
}

#[test]
fn targets_are_groups_and_names() {
    let base = base();
    let chosen = |targets: &[&str]| -> BTreeSet<String> {
        let model = adapter::adapt(base.as_ref(), &lora(targets), 1).unwrap();
        adapter::layers(model.as_ref())
            .iter()
            .map(|layer| layer.part.module.clone())
            .collect()
    };
    assert_eq!(
        chosen(&["projector"]),
        ["linear_1", "linear_2"]
            .map(|name| format!("model.multi_modal_projector.{name}"))
            .into()
    );
    // Six in each of three layers of the tower, the one that is not run too: peft would miss it.
    assert_eq!(chosen(&["vision_tower"]).len(), 18);
    assert_eq!(chosen(&["q_proj"]).len(), 5);
    assert_eq!(chosen(&["layers.1.mlp.up_proj", "projector"]).len(), 3);
    for (target, nearest) in [
        ("q_porj", "q_proj"),
        ("language_modell", "language_model"),
        ("self_attn.qproj", "self_attn.q_proj"),
        ("lm_head", "k_proj"),
        ("patch_embedding", ""),
    ] {
        let error = told(adapter::adapt(base.as_ref(), &lora(&["v_proj", target]), 1));
        assert!(error.contains(&format!("names `{target}`")), "{error}");
        assert!(error.contains(&format!("nearest is `{nearest}")), "{error}");
    }
    let bad = Lora {
        rank: 0,
        ..lora(&[])
    };
    let error = told(adapter::adapt(base.as_ref(), &bad, 1));
    assert!(error.contains("`lora.rank` is 0"), "{error}");
}

/// An adapter of the small model, in a folder.
fn saved(folder: &Path, targets: &[&str]) -> Box<dyn Mllm> {
    let model = adapter::adapt(base().as_ref(), &lora(targets), 1).unwrap();
    fill_b(model.as_ref());
    adapter::save(model.as_ref(), folder, "some/base").unwrap();
    model
}

fn edit(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join(adapter::CONFIG);
    let mut json: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(path, json.to_string()).unwrap();
}

#[test]
fn an_adapter_of_another_model_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let model = saved(folder, &["q_proj", "projector"]);
    let opened = adapter::adapted(base().as_ref(), folder).unwrap();
    assert!(answer(opened.as_ref()).equal(&answer(model.as_ref())));

    // Of other sizes, of another depth, of another class, and of other weights.
    let with = |changes: Value| {
        told(adapter::adapted(
            small(&changes, Kind::Float).as_ref(),
            folder,
        ))
    };
    let error = with(
        json!({"text_config": {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12}}),
    );
    assert!(
        error.contains("has shape [32, 4], expected [48, 4]"),
        "{error}"
    );
    let error = with(json!({"text_config": {"num_hidden_layers": 1}}));
    assert!(error.contains("layers.1.self_attn.q_proj"), "{error}");
    assert!(
        error.contains("is unexpected: this model has no such"),
        "{error}"
    );
    let error = with(json!({"architectures": ["SomethingElse"]}));
    assert!(error.contains("SomethingElse for LlavaNext"), "{error}");
    let other = model::fresh(&config(&json!({})), 9, Device::Cpu, Kind::Float).unwrap();
    let error = told(adapter::adapted(other.as_ref(), folder));
    assert!(error.contains("was trained on another model"), "{error}");
    // The same model in bf16 is the same model.
    let half = small(&json!({}), Kind::BFloat16);
    adapter::adapted(half.as_ref(), folder).unwrap();
}

#[test]
fn an_adapter_that_is_not_what_it_says_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let open = || told(adapter::adapted(base().as_ref(), folder));
    let error = open();
    assert!(error.contains("it has no `adapter_config.json`"), "{error}");
    saved(folder, &["q_proj"]);
    edit(folder, |json| json["r"] = json!(8));
    let error = open();
    assert!(
        error.contains("has rank 4, its `adapter_config.json` says 8"),
        "{error}"
    );
    saved(folder, &["q_proj"]);
    edit(folder, |json| {
        json["target_modules"] = json!(["q_proj", "k_proj"]);
    });
    let error = open();
    assert!(
        error.contains("k_proj.lora_A.weight` [4, 32] is missing"),
        "{error}"
    );
    edit(folder, |json| {
        json["target_modules"] = json!(["self_attn.q_proj", "nothing"]);
    });
    adapter::adapted(base().as_ref(), folder).unwrap();
    edit(folder, |json| json["target_modules"] = json!(["v_proj"]));
    let error = open();
    assert!(
        error.contains("`target_modules` do not name that layer"),
        "{error}"
    );
    edit(folder, |json| json["use_dora"] = json!(true));
    let error = open();
    assert!(
        error.contains("`use_dora` = true, which is not supported"),
        "{error}"
    );
    std::fs::rename(
        folder.join(adapter::WEIGHTS),
        folder.join("adapter_model.bin"),
    )
    .unwrap();
    edit(folder, |json| json["use_dora"] = json!(false));
    let error = open();
    assert!(
        error.contains("open it in `peft` and save it again"),
        "{error}"
    );
    let plain = base();
    let error = adapter::save(plain.as_ref(), folder, "b").unwrap_err();
    assert!(error.to_string().contains("no adapter to save"));
    let adapted = adapter::adapt(plain.as_ref(), &lora(&[]), 1).unwrap();
    let error = model::save(adapted.as_ref(), folder, None, Kind::Float).unwrap_err();
    assert!(
        error.to_string().contains("as its adapter, or merged"),
        "{error}"
    );
}

/// Two adapters of one base: its tensors are in memory once, and each model is as if it were alone.
#[test]
fn several_adapters_share_one_base() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let alone = [
        saved(folders[0].path(), &["language_model"]),
        saved(folders[1].path(), &["q_proj", "vision_tower"]),
    ]
    .map(|model| answer(model.as_ref()));
    let base = base();
    let plain = answer(base.as_ref());
    let models = [0, 1].map(|i| adapter::adapted(base.as_ref(), folders[i].path()).unwrap());
    let places = |model: &dyn Mllm| -> BTreeSet<usize> {
        let all = model.parameters().iter();
        all.map(|p| p.tensor.data_ptr() as usize).collect()
    };
    let own = places(base.as_ref());
    for (model, expected) in models.iter().zip(&alone) {
        assert!(answer(model.as_ref()).equal(expected));
        let new: BTreeSet<usize> = places(model.as_ref()).difference(&own).copied().collect();
        assert_eq!(new.len(), adapters(model.as_ref()).count());
        assert!(own.is_subset(&places(model.as_ref())));
    }
    assert!(answer(base.as_ref()).equal(&plain));
    drop(base);
    assert!(
        answer(models[1].as_ref()).equal(&alone[1]),
        "each keeps what it needs"
    );
}

#[test]
fn dropout_draws_by_its_key_while_a_training_says_so() {
    let settings = Lora {
        dropout: 0.3,
        ..lora(&["language_model", "vision_tower", "projector"])
    };
    let model = adapter::adapt(base().as_ref(), &settings, 1).unwrap();
    fill_b(model.as_ref());
    let model = model.as_ref();
    let draw = Draw {
        seed: 1,
        step: 2,
        microbatch: 3,
    };
    let drawn = |draw: Draw| {
        let _dropping = adapter::dropping(model, draw);
        answer(model)
    };
    let plain = answer(model);
    assert!(answer(model).equal(&plain));
    let first = drawn(draw);
    assert!(!first.equal(&plain));
    assert!(
        drawn(draw).equal(&first),
        "a step that is done again draws the same"
    );
    assert!(!drawn(Draw { step: 3, ..draw }).equal(&first));
    assert!(answer(model).equal(&plain), "never outside of training");
}
