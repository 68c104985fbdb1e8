//! The paper's tables 9 and 10: what a recipe gets that says nothing of a training.

use std::fs;
use std::path::Path;

use toml::Value;

use super::super::*;
use super::{errors, surroundings};

/// One column of a table: rates of tower, projector and decoder, weight decay, warm-up, passes.
type Column = ([f64; 3], f64, f64, f64);

const LLAVA: Column = ([2e-6, 2e-5, 2e-5], 0.0, 0.03, 1.0);
const QWEN: Column = ([1e-5; 3], 0.1, 0.1, 1.0);
const LLAMA: Column = ([5e-6; 3], 0.1, 0.1, 1.0);
/// Table 9.
const SYNTHESIZER: Column = ([2e-6, 2e-5, 2e-5], 0.0, 0.03, 2.0);

/// Folders of the paper's models with the `model_type` that is published in them, and nothing but that.
fn write_models(folder: &Path) {
    for (name, model_type) in [
        ("open-llava-next-llama3-8b", "llava_next"),
        ("Qwen2-VL-2B-Instruct", "qwen2_vl"),
        ("Llama-3.2-11B-Vision-Instruct", "mllama"),
        ("llava-1.5-7b", "llava"),
        ("Meta-Llama-3-8B", "llama"),
    ] {
        let model = folder.join("models").join(name);
        fs::create_dir_all(&model).expect("folder");
        let config = format!("{{\"model_type\": \"{model_type}\"}}");
        fs::write(model.join("config.json"), config).expect("file");
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or(value.as_integer().map(|i| i as f64))
}

fn check(resolution: &Resolution, section: &str, column: Column, origin: &str, name: &str) {
    let (rates, decay, warmup, epochs) = column;
    let of = |key: &str| resolution[&format!("{section}.{key}")].clone();
    for (key, expected) in [
        ("epochs", epochs),
        ("batch_size", 128.0),
        ("max_seq_len", 6144.0),
        ("weight_decay", decay),
        ("warmup_ratio", warmup),
        ("min_lr", 0.0),
    ] {
        assert_eq!(number(&of(key).value), Some(expected), "{name}: {key}");
        assert_eq!(of(key).origin.to_string(), origin, "{name}: {key}");
    }
    let all = of("learning_rate");
    for (group, rate) in ["vision_tower", "projector", "language_model"]
        .iter()
        .zip(rates)
    {
        assert_eq!(number(&all.value[*group]), Some(rate), "{name}: {group}");
    }
    assert_eq!(all.origin.to_string(), origin, "{name}");
    assert_eq!(of("scheduler").value.as_str(), Some("cosine"), "{name}");
    let freeze = of("freeze").value;
    let frozen = freeze.as_array().map(Vec::len);
    assert_eq!(frozen, Some(0), "{name}: the full model is trained");
}

fn read(text: &str, folder: &Path) -> Resolution {
    resolve(text, &[], folder, &surroundings()).expect("valid")
}

/// Every value of both tables, for the three families, the synthesizer and the judge.
#[test]
fn presets_are_the_values_of_tables_9_and_10() {
    let folder = tempfile::tempdir().expect("folder");
    write_models(folder.path());
    let tuned = "preset: paper, table 9 (LLaVA-v1.6-8B)";
    for (model, column, origin, tuned) in [
        (
            "open-llava-next-llama3-8b",
            LLAVA,
            "preset: paper, table 10 (LLaVA-v1.6-8B)",
            tuned.to_owned(),
        ),
        (
            "Qwen2-VL-2B-Instruct",
            QWEN,
            "preset: paper, table 10 (Qwen2-VL-2B)",
            tuned.replace(')', ", the one that was tuned; no Qwen2-VL-2B)"),
        ),
        (
            "Llama-3.2-11B-Vision-Instruct",
            LLAMA,
            "preset: paper, table 10 (Llama-3.2-11B)",
            tuned.replace(')', ", the one that was tuned; no Llama-3.2-11B)"),
        ),
    ] {
        let text = format!("[model]\ncheckpoint = \"models/{model}\"");
        let found = read(&text, folder.path());
        check(&found, "train", column, origin, model);
        check(&found, "synthesizer.train", SYNTHESIZER, &tuned, model);
        for (key, expected) in [
            ("synthesizer.train.save_steps", 500.0),
            ("synthesizer.train.keep", 1.0),
            ("synthesizer.blank_images", 0.1),
            // Greedy, at most 512 new tokens.
            ("synthesizer.temperature", 0.0),
            ("synthesizer.max_new_tokens", 512.0),
        ] {
            assert_eq!(number(&found[key].value), Some(expected), "{key}");
        }
        assert_eq!(found["synthesizer.input"].value.as_str(), Some("both"));
        assert_eq!(found["filter.judge"].value.as_str(), Some("verdict"));
    }
    // The judge: a base model, greedy, two tokens, two examples of each verdict.
    let judge = synthesis::JudgeOptions::new(synthesis::JudgeKind::Verdict);
    assert_eq!(judge.max_new_tokens, 2);
    let prompts = synthesis::Prompts::default();
    let requests = synthesis::judge_requests(&[], judge, &prompts);
    assert!(requests.is_empty());
    let mut verdicts: Vec<String> = prompts
        .judge
        .examples
        .iter()
        .map(|example| format!("{:?}", example.verdict))
        .collect();
    verdicts.sort();
    assert_eq!(verdicts, ["No", "No", "Open", "Open", "Yes", "Yes"]);
}

/// A column without a recipe, and what both tables leave to `transformers` or to us.
fn check_training(training: &Training, (rates, decay, warmup, epochs): Column) {
    let [vision_tower, projector, language_model] = rates;
    let expected = Training {
        data: None,
        save_steps: 500,
        keep: 1,
        epochs,
        max_steps: None,
        batch_size: 128,
        micro_tokens: 6144,
        max_seq_len: 6144,
        too_long: training::TooLong::Error,
        shuffle: true,
        seed: 0,
        learning_rate: training::Rates {
            vision_tower,
            projector,
            language_model,
        },
        freeze: Vec::new(),
        scheduler: training::Scheduler::Cosine,
        warmup_ratio: warmup,
        min_lr: 0.0,
        weight_decay: decay,
        betas: [0.9, 0.999],
        eps: 1e-8,
        max_grad_norm: 1.0,
        recompute: training::Recompute::None,
        fit: training::FitChoice::Auto,
        gradients: training::Gradients::F32,
        optimizer_state: training::OptimizerState::F32,
        masters: training::Masters::F32,
        optimizer_device: training::OptimizerDevice::Model,
        sharding: training::Sharding::Auto,
        watching: Watching::default(),
        lora: None,
    };
    assert_eq!(*training, expected);
}

#[test]
fn constructors_are_the_values_of_tables_9_and_10() {
    check_training(&Training::synthesizer(), SYNTHESIZER);
    for (family, column) in [
        (Family::LlavaNext, LLAVA),
        (Family::Qwen2Vl, QWEN),
        (Family::Mllama, LLAMA),
    ] {
        check_training(&Training::post_training(family), column);
    }
}

/// Qwen2-VL is asked about pictures of up to 1280·28² pixels, which is more than in training; the others take their own.
#[test]
fn pictures_of_questions_have_the_sizes_of_the_papers_evaluation() {
    let found = Family::ALL.map(Family::evaluation_pixels);
    let qwen = [Some(224 * 224), Some(1280 * 28 * 28)];
    assert_eq!(found, [[None; 2], qwen, [None; 2]]);
}

#[test]
fn a_model_that_is_not_there_has_the_family_that_the_recipe_names() {
    let folder = tempfile::tempdir().expect("folder");
    let none = read("[model]\ncheckpoint = \"models/soon\"", folder.path());
    let keys = [
        "train.learning_rate",
        "train.warmup_ratio",
        "train.weight_decay",
    ];
    assert_eq!(without_column(&none), keys);
    assert_eq!(
        none["train.batch_size"].origin.to_string(),
        "preset: paper, table 10 (all columns)"
    );
    let named = "[model]\ncheckpoint = \"models/soon\"\nfamily = \"mllama\"";
    let named = read(named, folder.path());
    assert_eq!(without_column(&named), [""; 0]);
    let origin = "preset: paper, table 10 (Llama-3.2-11B)";
    check(&named, "train", LLAMA, origin, "mllama");
}

#[test]
fn what_table_10_does_not_have_is_told() {
    let folder = tempfile::tempdir().expect("folder");
    write_models(folder.path());
    let near = read(
        "[model]\ncheckpoint = \"models/llava-1.5-7b\"",
        folder.path(),
    );
    assert_eq!(
        near["model.family"].origin.to_string(),
        "preset: nearest to the checkpoint's `llava`, which table 10 does not have"
    );
    check(
        &near,
        "train",
        LLAVA,
        "preset: paper, table 10 (LLaVA-v1.6-8B)",
        "llava",
    );
    let recipe = |model: &str, more: &str| {
        let text = format!(
            "[model]\ncheckpoint = \"models/{model}\"\n{more}\n[synthesizer]\ncheckpoint = \"models/{model}\""
        );
        let read = Recipe::read(&text, &[], folder.path(), &surroundings());
        read.err().unwrap_or_default().join("\n")
    };
    let text = recipe("Meta-Llama-3-8B", "");
    assert!(
        text.contains("there are no presets for `train.learning_rate`")
            && text.contains("no column for the model type `llama`")
            && text.contains("`model.family` whose they are to be (llava_next, qwen2_vl, mllama)"),
        "{text}"
    );
    let text = recipe("Meta-Llama-3-8B", "family = \"qwen2_vl\"");
    assert!(!text.contains("presets"), "{text}");
    let text = recipe("Qwen2-VL-2B-Instruct", "family = \"mllama\"");
    assert!(
        text.contains("`model.family` is `mllama`, but `model.checkpoint` is a `qwen2_vl`"),
        "{text}"
    );
    let text = errors("[model]\nfamily = \"gpt\"", &[]);
    assert!(
        text.contains("one of llava_next, qwen2_vl, mllama"),
        "{text}"
    );
}

/// The shipped recipes of the paper, where their models' folders hold a configuration and nothing else.
#[test]
fn shipped_recipes_have_the_values_of_tables_9_and_10() {
    let folder = tempfile::tempdir().expect("folder");
    write_models(folder.path());
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut seen = 0;
    for sub in ["synthesizer", "biomed", "food", "remote-sensing"] {
        let here = folder.path().join("recipes").join(sub);
        fs::create_dir_all(&here).expect("folder");
        for entry in fs::read_dir(shipped.join(sub)).expect("folder") {
            let path = entry.expect("entry").path();
            let name = path
                .file_stem()
                .expect("name")
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path).expect("recipe");
            let found = read(&text, &here);
            let (column, paper) = match name.rsplit('-').next() {
                Some("8b") => (LLAVA, "LLaVA-v1.6-8B"),
                Some("2b") => (QWEN, "Qwen2-VL-2B"),
                _ => (LLAMA, "Llama-3.2-11B"),
            };
            let origin = format!("preset: paper, table 10 ({paper})");
            if sub == "synthesizer" {
                let origin = "preset: paper, table 9 (LLaVA-v1.6-8B)";
                check(&found, "synthesizer.train", SYNTHESIZER, origin, &name);
            } else {
                check(&found, "train", column, &origin, &name);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 13);
}
