//! Every family through the commands, with random weights: looked at, scored, generated with, trained, converted.

mod program;

use std::path::Path;
use std::process::Output;

use program::text;
use serde_json::{Value, json};
use torch::{Device, Kind, Tensor};

/// Folders of the processor's golden files, which have everything but weights.
const FOLDERS: [(&str, bool); 4] = [
    ("text", false),
    ("qwen", true),
    ("tile", true),
    ("canvas", true),
];

fn adamllm(args: &[&str]) -> Output {
    program::adamllm()
        .args(args)
        .args(["--threads", "1"])
        .output()
        .expect("the program starts")
}

fn json_of(args: &[&str]) -> Value {
    let output = adamllm(&[args, &["--json"]].concat());
    assert!(
        output.status.success(),
        "{args:?}: {}",
        text(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("folder") {
        let entry = entry.expect("entry");
        std::fs::copy(entry.path(), to.join(entry.file_name())).expect("copy");
    }
}

/// A folder of the processor's golden files with random weights.
fn write_model(name: &str, folder: &Path) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../processor/tests/golden");
    copy(&golden.join(name), folder);
    let config = std::fs::read_to_string(folder.join("config.json")).expect("config");
    let model = model::fresh(&config, 3, Device::Cpu, Kind::Float).expect("model");
    // Llama 3.2's gates start closed: nothing behind them would learn in the first steps.
    for parameter in model.parameters() {
        if parameter.name.contains("gate") && parameter.tensor.numel() == 1 {
            let _ = parameter.tensor.shallow_clone().fill_(0.5);
        }
    }
    model::save(model.as_ref(), folder, None, Kind::Float).expect("saved");
}

fn write_picture(path: &Path) {
    let picture = image::RgbImage::from_fn(90, 60, |x, y| {
        image::Rgb([(x * 2) as u8, (y * 3) as u8, 40])
    });
    picture.save(path).expect("picture");
}

/// Lines that are no requests are told by what is wrong with them, before a model is looked for.
#[test]
fn a_file_that_is_no_requests_is_a_short_list() {
    let folder = tempfile::tempdir().expect("folder");
    let (file, out) = (
        folder.path().join("r.jsonl"),
        folder.path().join("out.jsonl"),
    );
    let rows = "{\"id\": 1}\n".repeat(40) + "{\"id\":\n";
    std::fs::write(&file, rows).expect("write");
    let output = program::adamllm()
        .args(["generate", "--model", "nowhere", "--requests"])
        .arg(&file)
        .arg("--output")
        .arg(&out)
        .output()
        .expect("the program starts");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in [
        "41 of 41 lines of `",
        "\n  40 × not-a-record, the first 3:\n    `r-000000`: line 1: ",
        "\n  1 × unreadable:\n    `r-000040`: line 41: ",
    ] {
        assert!(said.contains(part), "{part} is not in:\n{said}");
    }
    assert!(said.lines().count() < 10, "{said}");
}

#[test]
fn every_family_is_inspected_scored_and_generated_with() {
    for (name, sees) in FOLDERS {
        let folder = tempfile::tempdir().expect("folder");
        let (model, picture, data) = (
            folder.path().join("model"),
            folder.path().join("a.png"),
            folder.path().join("samples.jsonl"),
        );
        write_model(name, &model);
        write_picture(&picture);
        let model = model.display().to_string();
        let counts = json_of(&["inspect", "model", &model]);
        let groups = counts["groups"].as_object().expect("groups");
        let sum: u64 = groups.values().filter_map(Value::as_u64).sum();
        assert_eq!(counts["parameters"], sum, "{name}");
        assert_eq!(groups["vision_tower"].as_u64().expect("count") > 0, sees);
        assert_eq!(counts["dtypes"]["F32"], sum, "{name}");

        let images = if sees { json!(["a.png"]) } else { json!([]) };
        let ask = if sees {
            "<image>\nWhat is it?"
        } else {
            "What is it?"
        };
        let rows: String = (0..3)
            .map(|i| {
                let turns = json!([
                    {"role": "user", "text": ask, "marks": sees},
                    {"role": "assistant", "text": "An apple. ".repeat(i + 1), "learn": true},
                ]);
                json!({"id": i.to_string(), "images": images, "turns": turns}).to_string() + "\n"
            })
            .collect();
        std::fs::write(&data, rows).expect("data");
        let data = data.display().to_string();
        let scored = json_of(&["perplexity", "--model", &model, "--data", &data]);
        assert_eq!(scored["samples"].as_array().expect("samples").len(), 3);
        // Random weights know nothing: about the logarithm of the vocabulary.
        let mean = scored["mean_loss"].as_f64().expect("loss");
        assert!((4.0..8.0).contains(&mean), "{name}: {mean}");
        let shown = json_of(&["inspect", "sample", "--model", &model, "--data", &data]);
        let learn = shown["learn"].as_array().expect("mask");
        assert!(learn.iter().any(|l| l == true) && learn[0] == false);

        let picture = picture.display().to_string();
        let mut args = vec![
            "generate",
            "--model",
            &model,
            "--prompt",
            "What is it?",
            "--max-new-tokens",
            "6",
        ];
        if sees {
            args.extend(["--image", &picture]);
        }
        let answer = json_of(&args);
        assert!(answer["completion_tokens"].as_u64().expect("tokens") > 0);
        assert_eq!(answer, json_of(&args), "{name}: greedy answers repeat");
    }
}

/// A line of `[model]` for the family whose pictures keep their own size.
fn size_of_pictures(name: &str) -> &'static str {
    if name == "qwen" {
        "max_pixels = 12544\n"
    } else {
        ""
    }
}

/// What answers begin with (prompt and picture) is run once for all of them.
#[test]
fn answers_are_as_likely_together_as_each_by_itself_in_every_family() {
    for (name, sees) in FOLDERS {
        let folder = tempfile::tempdir().expect("folder");
        write_model(name, folder.path());
        let picture = folder.path().join("a.png");
        write_picture(&picture);
        let model = model::load(folder.path(), Device::Cpu, Kind::Float).expect("model");
        let options = processor::Options {
            max_pixels: Some(12_544),
            ..processor::Options::default()
        };
        let processor = processor::load(folder.path(), &options).expect("processor");
        let (images, question) = if sees {
            (vec![picture], "<image>\nWhat is shown, and how many?")
        } else {
            (Vec::new(), "What is shown, and how many?")
        };
        let request = corpus::Request {
            id: "q".to_owned(),
            images,
            turns: vec![corpus::Turn::new(corpus::Role::User, question).with_marks()],
            open: corpus::Open::Assistant,
            prompt: None,
            decoding: corpus::Decoding::default(),
        };
        let answers = ["an apple", "a pear tree", "three", "an apple tree"].map(str::to_owned);
        let likely = |answers: &[String]| {
            let found = generate::score(model.as_ref(), processor.as_ref(), &request, answers);
            found.expect("likelihoods")
        };
        let together = likely(&answers);
        for (answer, found) in answers.iter().zip(together) {
            let alone = likely(std::slice::from_ref(answer))[0];
            assert_eq!(found.tokens, alone.tokens, "{name}: {answer}");
            let difference = (found.log_probability - alone.log_probability).abs();
            assert!(difference < 1e-4, "{name}: {answer}: {found:?}, {alone:?}");
        }
    }
}

#[test]
fn every_family_that_sees_is_adapted_by_a_recipe() {
    for name in ["qwen", "tile", "canvas"] {
        let folder = tempfile::tempdir().expect("folder");
        write_model(name, &folder.path().join("model"));
        let rows: String = (0..8)
            .map(|i| {
                write_picture(&folder.path().join(format!("{i}.png")));
                let pair = json!({"id": i.to_string(), "images": [format!("{i}.png")],
                                  "caption": format!("Dish number {i} with beans.")});
                pair.to_string() + "\n"
            })
            .collect();
        std::fs::write(folder.path().join("pairs.jsonl"), rows).expect("pairs");
        let twice = name == "canvas";
        let recipe = format!(
            "[model]\ncheckpoint = \"model\"\ndtype = \"f32\"\n{}{}[data]\npairs = \"pairs.jsonl\"\n\
             [synthesizer]\ncheckpoint = \"model\"\nmax_new_tokens = 4\n[filter]\nenabled = false\n\
             [train]\nmax_steps = 2\nbatch_size = 4\n",
            size_of_pictures(name),
            if twice { "extra_bos = true\n" } else { "" }
        );
        let (file, run) = (folder.path().join("my.toml"), folder.path().join("run"));
        std::fs::write(&file, recipe).expect("recipe");
        let (file, run_text) = (file.display().to_string(), run.display().to_string());
        let output = adamllm(&["train", &file, "--run-dir", &run_text]);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        // The folder carries what it was trained with.
        let trained = run.join("train/model");
        let opened = processor::load(&trained, &processor::Options::default());
        assert_eq!(opened.expect("processor").extra_bos(), twice, "{name}");
        let load = |path: &Path| model::load(path, Device::Cpu, Kind::Float).expect("model");
        let (before, after) = (
            load(&folder.path().join("model")),
            load(&run.join("train/model")),
        );
        let changed = |group: model::Group| {
            let both = before.parameters().iter().zip(after.parameters());
            both.filter(|(a, _)| a.group == group)
                .any(|(a, b)| a.tensor != b.tensor)
        };
        for group in [
            model::Group::VisionTower,
            model::Group::Projector,
            model::Group::LanguageModel,
        ] {
            assert!(changed(group), "{name}: {} learned nothing", group.as_str());
        }
    }
}

/// A folder as [`write_model`]'s, wide enough to learn a sentence by heart.
fn write_wider_model(name: &str, folder: &Path) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../processor/tests/golden");
    copy(&golden.join(name), folder);
    let text = std::fs::read_to_string(folder.join("config.json")).expect("config");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    let wider = [
        ("hidden_size", 64),
        ("intermediate_size", 128),
        ("num_attention_heads", 8),
        ("num_key_value_heads", 4),
    ];
    for (key, value) in wider {
        config["text_config"][key] = value.into();
    }
    if name == "qwen" {
        config["vision_config"]["hidden_size"] = 64.into();
    }
    std::fs::write(folder.join("config.json"), config.to_string()).expect("config");
    let model = model::fresh(&config.to_string(), 3, Device::Cpu, Kind::Float).expect("model");
    for parameter in model.parameters() {
        if parameter.name.contains("gate") && parameter.tensor.numel() == 1 {
            let _ = parameter.tensor.shallow_clone().fill_(0.5);
        }
    }
    model::save(model.as_ref(), folder, None, Kind::Float).expect("saved");
}

/// A base model that reads long prompts: random weights, and no chat template.
fn write_judge(folder: &Path) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../processor/tests/golden");
    copy(&golden.join("text"), folder);
    std::fs::remove_file(folder.join("chat_template.jinja")).expect("removed");
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path).expect("config");
    let mut config: Value = serde_json::from_str(&text).expect("JSON");
    config["max_position_embeddings"] = 8192.into();
    std::fs::write(&path, config.to_string()).expect("config");
    let model = model::fresh(&config.to_string(), 5, Device::Cpu, Kind::Float).expect("model");
    model::save(model.as_ref(), folder, None, Kind::Float).expect("saved");
}

/// What a base model is asked by: raw prompts, generated from and scored.
#[test]
fn a_model_without_a_chat_template_goes_on_from_raw_prompts() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name);
    write_judge(&at("judge"));
    let request = json!({"id": "r", "turns": [], "prompt": "Question: How many?\nVerdict:",
                         "decoding": {"max_new_tokens": 3}});
    std::fs::write(at("requests.jsonl"), format!("{request}\n")).expect("requests");
    let show = |name: &str| at(name).display().to_string();
    let (model, requests, output) = (show("judge"), show("requests.jsonl"), show("out.jsonl"));
    let asked = [
        "generate",
        "--model",
        &model,
        "--requests",
        &requests,
        "--output",
        &output,
    ];
    json_of(&asked);
    let completions = lines(&at("out.jsonl"));
    assert_eq!(completions[0]["error"], Value::Null, "{completions:?}");
    assert!(completions[0]["completion_tokens"].as_u64() > Some(0));
    let talk = adamllm(&["generate", "--model", &model, "--prompt", "How many?"]);
    assert!(
        text(&talk.stderr).contains("has no chat template, so it takes raw prompts alone"),
        "{}",
        text(&talk.stderr)
    );

    let loaded = model::load(&at("judge"), Device::Cpu, Kind::Float).expect("model");
    let opened = processor::load(&at("judge"), &processor::Options::default()).expect("processor");
    let request: corpus::Request = serde_json::from_value(request).expect("a request");
    let answers = [" yes".to_owned(), " no".to_owned()];
    let scores = generate::score(loaded.as_ref(), opened.as_ref(), &request, &answers);
    let scores = scores.expect("scores");
    assert_eq!(scores.len(), 2);
    assert!(
        scores
            .iter()
            .all(|s| s.log_probability < 0.0 && s.log_probability.is_finite())
    );
}

/// Seed data and no pairs: the run ends with the synthesizer, which carries how it was tuned.
#[test]
fn a_recipe_without_pairs_tunes_a_synthesizer() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name);
    write_model("llama", &at("model"));
    write_picture(&at("0.png"));
    let task = json!({"instruction": "How many?", "informative": "There are two.", "precise": "2"});
    let seed = json!({"id": "0", "images": ["0.png"], "caption": "Two red apples.", "task": "count", "tasks": [task]});
    std::fs::write(at("seeds.jsonl"), format!("{seed}\n")).expect("seeds");
    let recipe = "[model]\ncheckpoint = \"model\"\nextra_bos = true\n[synthesizer]\nseed_data = \"seeds.jsonl\"\n\
                  [synthesizer.train]\nmax_steps = 1\n";
    std::fs::write(at("my.toml"), recipe).expect("recipe");
    let (file, run) = (at("my.toml").display().to_string(), at("run"));
    let run_text = run.display().to_string();
    let said = json_of(&["run", &file, "--run-dir", &run_text]);
    let model = run.join("tune-synthesizer/model");
    assert_eq!(said["synthesizer"], json!(model));
    let opened = processor::load(&model, &processor::Options::default());
    assert!(opened.expect("processor").extra_bos());
    assert!(!run.join("pairs").exists());
    assert_served(&model);
    let weights = model::checkpoint::Checkpoint::open(&model).expect("weights");
    let tower = |name: &str| name.starts_with("vision_tower.");
    let nested = |name: &str| name.starts_with("vision_tower.vision_model.");
    assert!(weights.names().any(nested) && weights.names().filter(|n| tower(n)).all(nested));

    // An adapter's folder says the same, and so does what it is merged into.
    let lora = ["--set", "synthesizer.train.lora.rank=2"];
    let adapted = at("adapted");
    let adapted_text = adapted.display().to_string();
    let output = adamllm(&[&["run", &file, "--run-dir", &adapted_text], &lora[..]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let tuned = adapted.join("tune-synthesizer/model");
    assert_served(&tuned);
    let base = at("model").display().to_string();
    let (tuned, merged) = (tuned.display().to_string(), at("merged"));
    let merged_text = merged.display().to_string();
    let output = adamllm(&["convert", "--merge-lora", &tuned, &base, &merged_text]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_served(&merged);
    // The base itself is left as it was.
    assert!(!processor::is_prepared(&at("model")).expect("template"));
}

/// A folder that engines can ask to go on after a user header, and that ends with end-of-text.
fn assert_served(folder: &Path) {
    assert!(processor::is_prepared(folder).expect("template"));
    let template = std::fs::read_to_string(folder.join("chat_template.jinja")).expect("template");
    // The second begin-of-text token of `extra_bos`.
    assert!(template.contains("{{ '<|begin_of_text|>' }}"), "{template}");
    let text = std::fs::read_to_string(folder.join("generation_config.json")).expect("settings");
    let settings: Value = serde_json::from_str(&text).expect("JSON");
    let opened = processor::load(folder, &processor::Options::default()).expect("processor");
    assert_eq!(settings["eos_token_id"], opened.end_of_text());
    assert_eq!(opened.stop_ids(), [opened.end_of_text()]);
}

/// A run goes on with the dtype that `auto` stood for when it began, wherever it goes on.
#[test]
fn a_run_keeps_the_dtype_that_it_began_with() {
    for (name, other) in [("bf16", "f32"), ("f32", "bf16")] {
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        write_model("qwen", &at("model"));
        write_picture(&at("0.png"));
        let pair = json!({"id": "0", "images": ["0.png"], "caption": "A dish."});
        std::fs::write(at("pairs.jsonl"), format!("{pair}\n")).expect("pairs");
        let recipe = "[model]\ncheckpoint = \"model\"\n[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.0\n\
                      [synthesizer]\ncheckpoint = \"model\"\n";
        std::fs::write(at("my.toml"), recipe).expect("recipe");
        std::fs::create_dir(at("run")).expect("folder");
        let machine = json!({"threads": 1, "dtype": name, "device": "cpu"});
        corpus::sealed::write_sealed(&at("run/machine.json"), &machine).expect("written");
        let (file, run) = (at("my.toml").display().to_string(), at("run"));
        let run_text = run.display().to_string();
        let until = ["run", &file, "--run-dir", &run_text, "--until", "pairs"];
        let output = adamllm(&until);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let dtype = || {
            let written = std::fs::read_to_string(run.join("recipe.json")).expect("recipe");
            let written: Value = serde_json::from_str(&written).expect("JSON");
            written["model.dtype"].clone()
        };
        assert_eq!(dtype()["value"], name);
        assert_eq!(dtype()["origin"]["what"], "this run began with it");
        let set = format!("model.dtype={other}");
        let output = adamllm(&[&until[..], &["--set", &set]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(dtype()["value"], other);
    }
}

/// Lines of a stage's file.
fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("file");
    let parse = |line: &str| serde_json::from_str(line).expect("JSON");
    text.lines().map(parse).collect()
}

/// Seed data in; a tuned synthesizer, its tasks, verdicts, samples, an adapted model and a report out.
#[test]
fn every_family_goes_the_whole_road() {
    for name in ["qwen", "canvas", "llama", "tile"] {
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        write_wider_model(name, &at("model"));
        let (mut pairs, mut seeds) = (String::new(), String::new());
        for i in 0..8 {
            let picture = format!("{i}.png");
            write_picture(&at(&picture));
            let pair =
                json!({"id": i.to_string(), "images": [picture], "caption": "Two red apples."});
            pairs.extend([pair.to_string(), "\n".to_owned()]);
            let task = json!({"instruction": "How many?", "informative": "There are two.", "precise": "2"});
            let seed = json!({"id": i.to_string(), "images": [picture], "caption": "Two red apples.",
                              "task": "count", "tasks": [task]});
            seeds.extend([seed.to_string(), "\n".to_owned()]);
        }
        std::fs::write(at("pairs.jsonl"), pairs).expect("pairs");
        std::fs::write(at("seeds.jsonl"), seeds).expect("seeds");
        std::fs::create_dir(at("tasks")).expect("folder");
        let item = json!({"id": "0", "images": ["../0.png"], "question": "How many?", "label": "2", "cluster": "0",
                          "metric": "exact_match"});
        std::fs::write(at("tasks/count.jsonl"), format!("{item}\n")).expect("task");
        // A base model, which has no chat template.
        let judge = name == "tile";
        if judge {
            write_judge(&at("judge"));
        }
        let recipe = format!(
            "[model]\ncheckpoint = \"model\"\ndtype = \"f32\"\n{}[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.25\n\
             [synthesizer]\nseed_data = \"seeds.jsonl\"\nmax_new_tokens = 192\n\
             [synthesizer.train]\nmax_steps = 120\nepochs = 1000.0\nbatch_size = 4\nlearning_rate = 0.01\n{}\
             [train]\nmax_steps = 40\nepochs = 1000.0\nbatch_size = 4\nlearning_rate = 0.01\n\
             [evaluate]\ndata = \"tasks\"\n",
            size_of_pictures(name),
            if judge {
                "[filter]\ncheckpoint = \"judge\"\n"
            } else {
                ""
            }
        );
        std::fs::write(at("my.toml"), recipe).expect("recipe");
        let (file, run) = (at("my.toml").display().to_string(), at("run"));
        let run_text = run.display().to_string();
        let args = ["run", &file, "--run-dir", &run_text];
        let planned = json_of(&[&args[..], &["--dry-run"]].concat());
        assert_eq!(planned["stages"][1]["counts"]["steps"], 120, "{name}");
        assert_eq!(planned["missing"], json!([]), "{name}");
        if judge {
            let asked = ["--set", "filter.judge=extraction"];
            let said = text(&adamllm(&[&args[..], &asked].concat()).stderr);
            assert!(
                said.contains("`filter.checkpoint` cannot be used as the judge")
                    && said.contains("has no chat template"),
                "before anything else: {said}"
            );
            assert!(!run.join("tune-synthesizer").exists(), "{said}");
        }
        let output = adamllm(&args);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        // What it was tuned on, in its own words.
        let triplets = lines(&run.join("synthesize/triplets.jsonl"));
        let losses = lines(&run.join("tune-synthesizer/metrics.jsonl"));
        let rejected = std::fs::read_to_string(run.join("synthesize/rejected.jsonl"));
        let said = lines(&run.join("synthesize/completions.jsonl"));
        assert_eq!(
            triplets.len(),
            6,
            "{name}: {:?}\n{rejected:?}\n{:?}",
            losses.last(),
            said.first()
        );
        for triplet in &triplets {
            assert_eq!(triplet["instruction"], "How many?", "{name}");
            assert_eq!(triplet["informative"], "There are two.", "{name}");
            assert_eq!(triplet["precise"], "2", "{name}");
        }
        // The judge is the untrained model: whatever it says, everything it was asked has a verdict.
        assert_eq!(
            lines(&run.join("filter/completions.jsonl")).len(),
            6,
            "{name}"
        );
        if judge {
            let verdicts = lines(&run.join("filter/verdicts.jsonl"));
            assert_eq!(verdicts.len(), 6);
            assert!(verdicts.iter().all(|v| v["raw"] != ""), "{verdicts:?}");
            // How likely yes is, for whatever it wrote.
            let loaded = model::load(&at("judge"), Device::Cpu, Kind::Float).expect("model");
            let opened = processor::load(&at("judge"), &processor::Options::default());
            let opened = opened.expect("processor");
            for (request, verdict) in lines(&run.join("filter/requests.jsonl"))
                .into_iter()
                .zip(verdicts)
            {
                let request: corpus::Request = serde_json::from_value(request).expect("a request");
                let yes = [" yes".to_owned()];
                let found = generate::score(loaded.as_ref(), opened.as_ref(), &request, &yes);
                let expected = found.expect("a score")[0].log_probability.exp();
                let p_yes = verdict["p_yes"].as_f64().expect("a probability");
                assert!((p_yes / expected - 1.0).abs() < 1e-3, "{p_yes} {expected}");
            }
        }

        let output = adamllm(&[&args[..], &["--set", "filter.enabled=false"]].concat());
        let said = text(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        assert!(
            said.contains("synthesize: done before, skipped"),
            "{name}: {said}"
        );
        let samples = lines(&run.join("mix/samples.jsonl"));
        assert!(
            samples.iter().all(|s| !s["origin"]["triplet"].is_null()),
            "{name}"
        );
        let losses = lines(&run.join("train/metrics.jsonl"));
        let loss = |at: usize| losses[at]["loss"].as_f64().expect("loss");
        assert_eq!(losses.len(), 40, "{name}");
        assert!(
            loss(39) < 0.2 * loss(0),
            "{name}: {} to {}",
            loss(0),
            loss(39)
        );
        let report = std::fs::read_to_string(run.join("report/summary.json")).expect("summary");
        let report: Value = serde_json::from_str(&report).expect("JSON");
        assert_eq!(report["tasks"][0]["task"], "count", "{name}");
        assert_eq!(report["tasks"][0]["base"], 0.0, "{name}");
        assert_eq!(report["tasks"][0]["n"], 1, "{name}");
        assert_eq!(report["funnel"]["kept"], 6, "{name}");
        let adapted = run.join("train/model").display().to_string();
        let picture = at("0.png").display().to_string();
        let answer = json_of(&[
            "generate",
            "--model",
            &adapted,
            "--image",
            &picture,
            "--prompt",
            "How many?",
        ]);
        assert!(
            answer["completion_tokens"].as_u64().expect("tokens") > 0,
            "{name}"
        );
    }
}

/// The paper's stages on random weights, which write no tasks: captions first, of which LLaVA learns with its projector alone,
/// then all groups of every family.
#[test]
fn every_family_is_trained_in_two_stages() {
    for (name, is_llava) in [("llama", true), ("qwen", false), ("canvas", false)] {
        let folder = tempfile::tempdir().expect("folder");
        write_model(name, &folder.path().join("model"));
        let mut rows = String::new();
        for i in 0..4 {
            write_picture(&folder.path().join(format!("{i}.png")));
            let pair = json!({"id": i.to_string(), "images": [format!("{i}.png")],
                              "caption": format!("Dish number {i} with beans.")});
            rows.extend([pair.to_string(), "\n".to_owned()]);
        }
        std::fs::write(folder.path().join("pairs.jsonl"), rows).expect("pairs");
        let recipe = format!(
            "[model]\ncheckpoint = \"model\"\ndtype = \"f32\"\n{}[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.0\n\
             [synthesizer]\ncheckpoint = \"model\"\nmax_new_tokens = 2\n[filter]\nenabled = false\n\
             [train]\nmax_steps = 2\nbatch_size = 2\n",
            size_of_pictures(name),
        );
        let (file, run) = (folder.path().join("my.toml"), folder.path().join("run"));
        std::fs::write(&file, recipe).expect("recipe");
        let (file, run_text) = (file.display().to_string(), run.display().to_string());
        let train = |pipeline: &str| {
            let set = format!("train.pipeline={pipeline}");
            adamllm(&["train", &file, "--run-dir", &run_text, "--set", &set])
        };
        // Nothing is left of the tasks, which is found before the captions are trained.
        let said = text(&train("two-stage").stderr);
        assert!(
            said.contains(
                "the stage of the training has no samples: nothing is left of its synthetic tasks"
            ),
            "{name}: {said}"
        );
        assert!(!run.join("stages/captions/train").exists(), "{name}");

        let output = train("two-stage-reuse");
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        for samples in ["stages/captions/mix", "mix"] {
            let samples = lines(&run.join(samples).join("samples.jsonl"));
            let learned = |sample: &Value| sample["turns"][1]["text"].as_str().map(str::len);
            assert_eq!(samples.len(), 4, "{name}");
            assert!(
                samples.iter().all(|s| learned(s) == Some(25)),
                "{name}: {samples:?}"
            );
        }
        let load = |path: &str| {
            model::load(&folder.path().join(path), Device::Cpu, Kind::Float).expect("model")
        };
        let models = [
            "model",
            "run/stages/captions/train/model",
            "run/train/model",
        ]
        .map(load);
        let is_changed = |by: usize, group: model::Group| {
            let both = models[by]
                .parameters()
                .iter()
                .zip(models[by + 1].parameters());
            let mut of_group = both.filter(|(a, _)| a.group == group);
            of_group.any(|(a, b)| !same(&a.tensor, &b.tensor))
        };
        let groups = [
            model::Group::VisionTower,
            model::Group::Projector,
            model::Group::LanguageModel,
        ];
        let first = [!is_llava, true, !is_llava];
        assert_eq!(groups.map(|group| is_changed(0, group)), first, "{name}");
        assert_eq!(
            groups.map(|group| is_changed(1, group)),
            [true; 3],
            "{name}"
        );
        let card = std::fs::read_to_string(run.join("train/model/DATA.md")).expect("card");
        let before = "in the stage `captions`, the model was trained on captions";
        assert!(card.contains(before), "{name}: {card}");
    }
}

/// Families and pipelines as the factors of a grid: each family is what its recipe is over, and both pipelines share the rest.
#[test]
fn every_family_is_trained_both_ways_in_a_grid() {
    let folder = tempfile::tempdir().expect("folder");
    let mut rows = String::new();
    for i in 0..6 {
        write_picture(&folder.path().join(format!("{i}.png")));
        let pair = json!({"id": i.to_string(), "images": [format!("{i}.png")],
                          "caption": format!("Dish number {i} with beans.")});
        rows.extend([pair.to_string(), "\n".to_owned()]);
    }
    std::fs::write(folder.path().join("pairs.jsonl"), rows).expect("pairs");
    let mut grid = "title = \"Families\"\n[[factor]]\nname = \"family\"\n".to_owned();
    for name in ["llama", "qwen", "canvas"] {
        write_model(name, &folder.path().join(name));
        let recipe = format!(
            "[model]\ncheckpoint = \"{name}\"\ndtype = \"f32\"\n{}[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.34\n\
             [synthesizer]\ncheckpoint = \"{name}\"\nmax_new_tokens = 2\n[filter]\nenabled = false\n\
             [train]\nmax_steps = 2\nbatch_size = 2\n[evaluate]\nmax_new_tokens = 2\n",
            size_of_pictures(name),
        );
        std::fs::write(folder.path().join(format!("{name}.toml")), recipe).expect("recipe");
        let level = format!("[[factor.level]]\nname = \"{name}\"\nrecipe = \"{name}.toml\"\n");
        grid.push_str(&level);
    }
    grid += "[[factor]]\nname = \"pipeline\"\nreference = \"single\"\n[[factor.level]]\nname = \"single\"\n\
             [[factor.level]]\nname = \"two stages\"\nset = { train.pipeline = \"two-stage-reuse\", evaluate.after_each_stage = true }\n";
    let path = folder.path().join("grid.toml");
    std::fs::write(&path, grid).expect("grid");
    let (path, lab) = (path.display().to_string(), folder.path().join("lab"));
    let output = adamllm(&["lab", &path, "--lab-dir", &lab.display().to_string()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = std::fs::read_to_string(lab.join("table.json")).expect("table");
    let table: Value = serde_json::from_str(&table).expect("JSON");
    let rows = table["rows"].as_array().expect("rows");
    let of = |system: &str| rows.iter().filter(|row| row["system"] == system).count();
    // Each family has a base of its own, and a model between its two stages.
    assert_eq!(
        [of("base"), of("adapted"), of("after-captions")],
        [3, 6, 3],
        "{table}"
    );
    assert!(rows.iter().all(|row| row["finished"] == 1), "{table}");
    let verdicts = &table["compared"]["tables"][0]["verdicts"];
    assert_eq!(verdicts.as_array().map(Vec::len), Some(3), "{table}");
}

/// The tower of a LLaVA-NeXT as a folder of its own, by the names of a CLIP.
fn write_tower(next: &Path, folder: &Path) {
    std::fs::create_dir_all(folder).expect("folder");
    let config: Value =
        serde_json::from_str(&std::fs::read_to_string(next.join("config.json")).expect("config"))
            .expect("json");
    std::fs::write(
        folder.join("config.json"),
        config["vision_config"].to_string(),
    )
    .expect("config");
    let model = model::load(next, Device::Cpu, Kind::Float).expect("model");
    let tower: Vec<model::Parameter> = model
        .parameters()
        .iter()
        .filter_map(|p| {
            let rest = p.name.strip_prefix("vision_tower.")?;
            Some(model::Parameter {
                name: format!("vision_model.{rest}"),
                tensor: p.tensor.shallow_clone(),
                adapter: None,
                ..*p
            })
        })
        .collect();
    let text = config["vision_config"].to_string();
    model::save_as(&tower, &text, folder, None, Kind::Float).expect("saved");
}

fn same(a: &Tensor, b: &Tensor) -> bool {
    a.size() == b.size() && a == b
}

#[test]
fn the_original_layout_comes_back_as_it_was() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name);
    let show = |name: &str| at(name).display().to_string();
    write_model("llama", &at("hf"));
    write_tower(&at("hf"), &at("clip"));
    let convert = |from: &str, to: &str, input: &str, output: &str, more: &[&str]| {
        let (input, output) = (show(input), show(output));
        let args = ["convert", "--from", from, "--to", to, &input, &output];
        json_of(&[&args, more].concat())
    };
    convert("hf", "open-llava-next", "hf", "old", &[]);
    let names = model::checkpoint::Checkpoint::open(&at("old")).expect("weights");
    let names: Vec<&str> = names.names().collect();
    for name in [
        "model.embed_tokens.weight",
        "model.image_newline",
        "model.mm_projector.0.weight",
        "model.vision_tower.vision_tower.vision_model.pre_layrnorm.weight",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    convert(
        "open-llava-next",
        "hf",
        "old",
        "again",
        &["--vision", &show("clip")],
    );
    let load = |name: &str| model::load(&at(name), Device::Cpu, Kind::Float).expect("model");
    let (first, again) = (load("hf"), load("again"));
    assert_eq!(first.parameters().len(), again.parameters().len());
    for (a, b) in first.parameters().iter().zip(again.parameters()) {
        // What is converted has the hub's names of a tower, which every program reads.
        let name = b
            .name
            .replace("vision_tower.vision_model.", "vision_tower.");
        assert!(a.name == name && same(&a.tensor, &b.tensor), "{}", a.name);
    }
    let processor =
        |name: &str| processor::load(&at(name), &processor::Options::default()).expect("processor");
    // What goes out says itself how it was trained; what the original code trained begins with two tokens.
    assert!(!processor("hf").extra_bos() && !processor("again").extra_bos());
    std::fs::remove_file(at("old/adamllm.json")).expect("removed");
    let vision = ["--vision", &show("clip")];
    convert("open-llava-next", "hf", "old", "published", &vision);
    assert!(processor("published").extra_bos());
    write_picture(&at("a.png"));
    let image = |name: &str| processor(name).image(&at("a.png")).expect("picture");
    assert_eq!(image("hf"), image("again"));
    assert_eq!(
        processor("hf").image_token(),
        processor("again").image_token()
    );
}

#[test]
fn a_llava_of_parts_sees_with_the_tower_and_writes_with_the_text() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name);
    let show = |name: &str| at(name).display().to_string();
    write_model("text", &at("text"));
    // A template made for texts alone, as small language models have.
    let template = "{{ bos_token }}{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}";
    std::fs::write(at("text").join("chat_template.jinja"), template).expect("template");
    write_model("llama", &at("next"));
    write_tower(&at("next"), &at("clip"));
    std::fs::write(
        at("clip").join("preprocessor_config.json"),
        r#"{"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 72}, "crop_size": {"height": 72, "width": 72}}"#,
    )
    .expect("settings");
    let (text_folder, clip, out) = (show("text"), show("clip"), show("llava"));
    let args = [
        "convert",
        "--from",
        "hf",
        "--to",
        "llava",
        &text_folder,
        &out,
        "--vision",
        &clip,
    ];
    json_of(&args);
    let load = |name: &str| model::load(&at(name), Device::Cpu, Kind::Float).expect("model");
    let (llava, parts, next) = (load("llava"), load("text"), load("next"));
    let find = |model: &dyn model::Mllm, name: &str| {
        let found = model.parameters().iter().find(|p| p.name == name);
        found.map(|p| p.tensor.shallow_clone()).expect("tensor")
    };
    let name = "model.layers.0.mlp.up_proj.weight";
    let own = find(llava.as_ref(), &format!("language_model.{name}"));
    assert!(same(&own, &find(parts.as_ref(), name)));
    let name = "encoder.layers.0.mlp.fc1.weight";
    assert!(same(
        &find(llava.as_ref(), &format!("vision_tower.vision_model.{name}")),
        &find(next.as_ref(), &format!("vision_tower.{name}"))
    ));
    // The image token is new, and its row is the mean of the others.
    let rows = find(llava.as_ref(), "language_model.model.embed_tokens.weight");
    let words = find(parts.as_ref(), "model.embed_tokens.weight");
    assert!(rows.size()[0] > words.size()[0] && rows.size()[0] % 64 == 0);
    write_picture(&at("a.png"));
    let answer = json_of(&[
        "generate",
        "--model",
        &out,
        "--prompt",
        "What?",
        "--image",
        &show("a.png"),
        "--max-new-tokens",
        "3",
    ]);
    assert!(answer["prompt_tokens"].as_u64().expect("tokens") > 36);
    let refused = adamllm(&args);
    assert!(
        text(&refused.stderr).contains("is not empty"),
        "a second time"
    );
}
