//! Every shipped recipe of the paper planned in a folder that holds the published configurations, stand-ins for the
//! tokenizers and a few records, and no weights.

mod program;
#[path = "program/published.rs"]
mod published;

use std::path::Path;
use std::process::Output;

use program::text;
use published::{root, sizes, write_data, write_models};
use serde_json::{Value, json};

fn plan(recipe: &Path, run: &Path, more: &[&str]) -> Output {
    let mut command = program::adamllm();
    // As on the machines of the paper.
    let dtype = ["--set", "model.dtype=bf16"];
    command.args(["run", "--dry-run", "--threads", "1"]);
    command.args(dtype).arg("--run-dir");
    command.arg(run).arg(recipe).args(more);
    command.output().expect("the program starts")
}

#[test]
fn every_recipe_of_the_paper_is_planned_without_weights() {
    let folder = tempfile::tempdir().expect("folder");
    write_models(&folder.path().join("models"));
    write_data(&folder.path().join("data"));
    let mut seen = 0;
    for group in ["synthesizer", "biomed", "food", "remote-sensing"] {
        let from = root().join("recipes").join(group);
        let to = folder.path().join("recipes").join(group);
        std::fs::create_dir_all(&to).expect("folder");
        for entry in std::fs::read_dir(from).expect("folder") {
            let entry = entry.expect("entry");
            let recipe = to.join(entry.file_name());
            std::fs::copy(entry.path(), &recipe).expect("copy");
            check(&recipe, &folder.path().join("runs").join(seen.to_string()));
            seen += 1;
        }
    }
    assert_eq!(seen, 13);
}

fn check(recipe: &Path, run: &Path) {
    let tunes = recipe.parent().is_some_and(|p| p.ends_with("synthesizer"));
    // What would be chosen to fit is a matter of the machine that the test runs on.
    let unfitted = if tunes {
        "synthesizer.train.fit=off"
    } else {
        "train.fit=off"
    };
    let output = plan(recipe, run, &["--json", "--set", unfitted]);
    let name = recipe.display();
    assert!(output.status.success(), "{name}: {}", text(&output.stderr));
    let plan: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let name = recipe.file_stem().expect("name").to_string_lossy();
    let config = match name.rsplit('-').next() {
        Some("8b") => "open-llava-next-llama3-8b",
        Some("2b") => "qwen2-vl-2b-instruct",
        _ => "llama-3.2-11b-vision-instruct",
    };
    // What `transformers` counts.
    assert_eq!(plan["parameters"], sizes()[config]["groups"], "{name}");
    let groups = sizes()[config]["groups"].clone();
    let groups = groups.as_object().expect("groups");
    let all: u64 = groups.values().filter_map(Value::as_u64).sum();
    // bf16 weights, and 32-bit masters, gradients and two moments of all of them.
    let memory = &plan["memory"];
    let parts = ["weights", "master weights", "gradients", "moments"];
    let bytes = parts.map(|part| memory[part].as_u64().expect("bytes") / all);
    assert_eq!(bytes, [2, 4, 4, 8], "{name}");
    assert!(memory.get("activations and the rest (measured)").is_none());
    assert_eq!(plan["disk"]["models"], 2 * all, "{name}");
    let missing: Vec<&str> = plan["missing"]
        .as_array()
        .expect("list")
        .iter()
        .filter_map(Value::as_str)
        // Whether it fits is a matter of the machine that the test runs on.
        .filter(|line| !line.contains("`model.memory`"))
        .collect();
    let wanted: &[&str] = if tunes {
        &["`model.checkpoint`"]
    } else {
        &[
            "`model.checkpoint`",
            "`synthesizer.checkpoint`",
            "`filter.checkpoint`",
        ]
    };
    assert_eq!(missing.len(), wanted.len(), "{missing:?}");
    for (line, key) in missing.iter().zip(wanted) {
        assert!(line.starts_with(&format!("weights of {key} in ")), "{line}");
    }
    let stages = plan["stages"].as_array().expect("stages");
    let of = |stage: &str| stages.iter().find(|s| s["stage"] == stage).expect("stage");
    if tunes {
        // Without pairs there is nothing behind it.
        assert_eq!(stages.len(), 1);
        assert_eq!(of("tune-synthesizer")["counts"]["samples"], 10);
        assert_eq!(of("tune-synthesizer")["counts"]["steps"], 2);
        return;
    }
    assert_eq!(stages.len(), 11);
    // Nothing is held out, and remote sensing has five files.
    let all = if name.starts_with("captions") { 50 } else { 10 };
    assert_eq!(of("train")["counts"]["samples"], all, "{name}");
    assert_eq!(of("pairs")["counts"]["held out"], 0, "{name}");
    // The four benchmarks of the domain.
    assert_eq!(of("answer-base")["counts"]["answers"], 4, "{name}");
    assert_eq!(of("train")["seconds"], Value::Null, "{name}");
}

/// What `recipe explain` says of a key: its value and where that comes from.
fn explained(recipe: &Path, more: &[&str]) -> (Value, String) {
    let mut command = program::adamllm();
    command.args(["recipe", "explain"]).arg(recipe);
    let output = command.args(more).output().expect("the program starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found = serde_json::from_slice(&output.stdout).unwrap_or_default();
    (found, text(&output.stderr))
}

#[test]
fn columns_fit_where_they_are_shown() {
    let recipe = root().join("recipes/demo.toml");
    let shown = |columns: Option<&str>, words: &[&str]| {
        let mut command = program::adamllm();
        command.args(words).arg(&recipe).env_remove("COLUMNS");
        if let Some(columns) = columns {
            command.env("COLUMNS", columns);
        }
        text(&command.output().expect("the program starts").stdout)
    };
    let explain = ["recipe", "explain"];
    let whole = shown(None, &explain);
    // In a pipe a key is a line, its value in the 37th column or behind the key.
    let lines: Vec<&str> = whole.lines().collect();
    let line = lines
        .iter()
        .find(|line| line.starts_with("evaluate.by_likelihood"));
    let line = line.expect("the key has a line");
    assert_eq!(line.find("[\"choice\"]"), Some(37), "{line}");
    assert!(lines.iter().any(|line| line.chars().count() > 160));
    let keys: Vec<&str> = lines
        .iter()
        .filter_map(|line| line.split(' ').next())
        .collect();
    for columns in [60, 80, 120, 160] {
        let narrow = shown(Some(&columns.to_string()), &explain);
        for line in narrow.lines() {
            assert!(line.chars().count() <= columns, "{columns}: {line}");
        }
        let found: Vec<&str> = narrow
            .lines()
            .filter(|line| !line.starts_with(' '))
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(found, keys, "{columns}");
    }
    for odd in ["0", "wide", ""] {
        assert_eq!(shown(Some(odd), &explain), whole, "COLUMNS={odd}");
    }
    let other = root().join("recipes/food/recipe1m-qwen2-vl-2b.toml");
    let diff = ["recipe", "diff", &other.display().to_string()].map(str::to_owned);
    let diff: Vec<&str> = diff.iter().map(String::as_str).collect();
    let narrow = shown(Some("60"), &diff);
    assert!(narrow.lines().count() > 10);
    for line in narrow.lines() {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

#[test]
fn what_a_recipe_gets_is_explained_with_table_and_family() {
    let recipe = root().join("recipes/food/recipe1m-qwen2-vl-2b.toml");
    // Nothing that it names is there; it names the family itself.
    let (found, said) = explained(&recipe, &["--json"]);
    let rates = json!({"vision_tower": 1e-5, "projector": 1e-5, "language_model": 1e-5});
    assert_eq!(found["train.learning_rate"]["value"], rates);
    let origin = json!({"from": "preset", "what": "paper, table 10 (Qwen2-VL-2B)"});
    assert_eq!(found["train.learning_rate"]["origin"], origin);
    assert_eq!(said, "");
    let folder = tempfile::tempdir().expect("folder");
    let mine = folder.path().join("mine.toml");
    std::fs::write(&mine, "[model]\ncheckpoint = \"soon\"\n").expect("write");
    let (found, said) = explained(&mine, &["--json"]);
    assert_eq!(found["train.learning_rate"], Value::Null);
    for part in [
        "says nothing of `train.learning_rate`, `train.warmup_ratio`, `train.weight_decay`",
        "name the family with `model.family`",
    ] {
        assert!(said.contains(part), "{said}");
    }
    std::fs::create_dir(folder.path().join("soon")).expect("folder");
    let config = folder.path().join("soon/config.json");
    std::fs::write(config, "{\"model_type\": \"mllama\"}").expect("write");
    let (found, said) = explained(&mine, &["--json", "--device", "cuda"]);
    assert_eq!(found["train.weight_decay"]["value"], 0.1);
    assert_eq!(found["model.dtype"]["value"], "bf16");
    let origin = json!({"from": "chosen", "what": "a GPU"});
    assert_eq!(found["model.dtype"]["origin"], origin);
    assert_eq!(said, "");
}

#[test]
fn a_plan_says_what_else_is_missing() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name);
    write_models(&at("models"));
    write_data(&at("data"));
    let recipe = at("recipes/food/mine.toml");
    std::fs::create_dir_all(recipe.parent().expect("folder")).expect("folder");
    std::fs::copy(
        root().join("recipes/food/recipe1m-qwen2-vl-2b.toml"),
        &recipe,
    )
    .expect("copy");
    std::fs::remove_file(at("models/Qwen2-VL-2B-Instruct/tokenizer.json")).expect("removed");
    let output = plan(&recipe, &at("run"), &[]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for part in [
        "not there yet: weights of `model.checkpoint` in",
        "not there yet: tokenizer and picture settings: ",
        "parameters: 2208985600 (language_model 1543714304, projector 34087936, vision_tower 631183360)",
        "train             do      unknown  samples 10, steps 1; builds on `mix`",
        "note: times and the memory of activations are measured with weights",
    ] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
    // A run itself does not begin, not even with what it has weights for.
    let run = at("run").display().to_string();
    let recipe = recipe.display().to_string();
    let output = program::adamllm()
        .args(["run", &recipe, "--run-dir", &run])
        .output();
    let output = output.expect("the program starts");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for key in [
        "`model.checkpoint`",
        "`synthesizer.checkpoint`",
        "`filter.checkpoint`",
    ] {
        let expected = format!("there are no weights (`*.safetensors`) of {key} in `");
        assert!(said.contains(&expected), "{said}");
    }
    assert!(!at("run/tune-synthesizer").exists());
}
