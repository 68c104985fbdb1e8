use std::path::Path;

use toml::Value;

use super::resolution::loose_value;
use super::*;
use crate::hub::Hub;

const DEMO_RECIPE: &str = include_str!("../../../../recipes/demo.toml");

fn errors(text: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    match resolve(text, &overrides, DEMO_RECIPE) {
        Err(errors) => errors.join("\n"),
        Ok(resolution) => Recipe::new(resolution, Path::new("."), &Hub::default())
            .map_or_else(|e| e.join("\n"), |_| String::new()),
    }
}

#[test]
fn names_the_nearest_known_key() {
    assert!(
        errors("[data]\nmax_bda = 0.1", &[])
            .contains("unknown key `data.max_bda`; did you mean `data.max_bad`?")
    );
}

#[test]
fn reports_every_error_at_once() {
    let text = "[run]\nseed = -1\n[filter]\njudge = \"oracle\"\n[train]\nbatch_size = 0";
    let found = errors(text, &["mix.joinr=paper", "oops"]);
    for part in [
        "run.seed",
        "filter.judge",
        "train.batch_size",
        "mix.joinr",
        "--set oops",
    ] {
        assert!(found.contains(part), "{part} is not in:\n{found}");
    }
}

#[test]
fn names_controls_that_cannot_be_trained() {
    let text = "[evaluate]\ncontrols = [\"captions\", \"no-replay\", \"placebo\"]";
    let found = errors(text, &[]);
    for part in [
        "control `no-replay` of `evaluate.controls` needs general samples",
        "`evaluate.controls` names `placebo`; controls are captions, shuffled-pictures",
    ] {
        assert!(found.contains(part), "{part} is not in:\n{found}");
    }
}

#[test]
fn says_what_only_the_user_can_know() {
    let found = errors("", &[]);
    assert!(
        found.contains("`model.checkpoint` is missing")
            && found.contains("`data.pairs` is missing"),
        "{found}"
    );
    assert!(errors("[model]\ncheckpoint = \".\"", &[]).contains("synthesizer.seed_data"));
}

#[test]
fn keeps_the_origin_of_each_value() {
    let resolution = resolve(
        "[run]\nseed = 3",
        &["train.epochs=2".to_owned()],
        DEMO_RECIPE,
    )
    .expect("valid");
    assert_eq!(resolution["run.seed"].origin, Origin::Recipe);
    assert_eq!(resolution["train.epochs"].origin, Origin::Set);
    assert_eq!(
        resolution["train.batch_size"].origin,
        Origin::Preset("paper, table 10 (LLaVA-v1.6-8B)".to_owned())
    );
}

#[test]
fn presets_fit_their_shapes() {
    for key in keys() {
        if let Some(preset) = key.preset {
            let value = loose_value(preset);
            assert!(key.shape.check(&value).is_ok(), "{} = {preset}", key.name);
        }
    }
}

#[test]
fn every_word_of_a_recipe_is_a_variant() {
    fn is<T: std::str::FromStr>(word: &str) -> bool {
        word.parse::<T>().is_ok()
    }
    for key in keys() {
        let Shape::Word(words) = key.shape else {
            continue;
        };
        for word in words {
            let known = match key.name.trim_start_matches("synthesizer.train.") {
                "model.dtype" => is::<Dtype>(word),
                "synthesizer.input" => is::<synthesis::Input>(word),
                "synthesizer.same_question" => is::<synthesis::SameQuestion>(word),
                "filter.judge" => is::<synthesis::JudgeKind>(word),
                "mix.without_triplet" => is::<synthesis::WithoutTriplet>(word),
                "mix.joiner" => is::<synthesis::Joiner>(word),
                "mix.caption_position" => is::<synthesis::CaptionPosition>(word),
                "train.too_long" | "too_long" => is::<training::TooLong>(word),
                "train.scheduler" | "scheduler" => is::<training::Scheduler>(word),
                other => panic!("`{other}` takes words that are no enum's"),
            };
            assert!(known, "`{word}` of `{}`", key.name);
        }
    }
}

#[test]
fn both_trainings_have_the_same_keys() {
    let of = |section: &str| -> Vec<String> {
        let names = keys().filter_map(|key| key.name.strip_prefix(section));
        names.map(str::to_owned).collect()
    };
    assert_eq!(of("train.").len(), 20);
    assert_eq!(of("train."), of("synthesizer.train."));
}

/// A recipe of files that are all there, in a folder of its own.
fn complete(folder: &Path, overrides: &[&str]) -> Recipe {
    let model = folder.join("model");
    std::fs::create_dir_all(&model).expect("folder");
    for file in [
        "model/config.json",
        "pairs.jsonl",
        "seeds.jsonl",
        "truth.jsonl",
    ] {
        std::fs::write(folder.join(file), "{}").expect("file");
    }
    let text = "[model]\ncheckpoint = \"model\"\ndtype = \"bf16\"\n[data]\npairs = \"pairs.jsonl\"\n\
        truth = \"truth.jsonl\"\n[synthesizer]\nseed_data = \"seeds.jsonl\"\ninput = \"image\"\n\
        [train]\nfreeze = [\"projector\"]\nlearning_rate = 1e-3\ntoo_long = \"truncate_text\"\n";
    let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    let surroundings = Surroundings {
        hub: Hub::default(),
        demo_recipe: DEMO_RECIPE,
    };
    Recipe::read(text, &overrides, folder, &surroundings).expect("a recipe")
}

#[test]
fn words_paths_and_trainings_become_types() {
    let folder = tempfile::tempdir().expect("folder");
    let recipe = complete(folder.path(), &["filter.judge=extraction", "train.seed=7"]);
    assert_eq!(recipe.dtype, Dtype::Bf16);
    assert_eq!(recipe.synthesizer.input, synthesis::Input::Image);
    assert_eq!(recipe.filter.judge, synthesis::JudgeKind::Extraction);
    assert_eq!(recipe.truth, Some(folder.path().join("truth.jsonl")));
    assert_eq!(recipe.train.too_long, training::TooLong::TruncateText);
    assert_eq!(recipe.train.freeze, [training::Group::Projector]);
    assert_eq!((recipe.train.seed, recipe.synthesizer.train.seed), (7, 0));
    let rates = recipe.train.learning_rate;
    let one = training::Rates {
        vision_tower: 1e-3,
        projector: 1e-3,
        language_model: 1e-3,
    };
    assert_eq!(rates, one);
}

#[test]
fn values_say_nothing_of_places() {
    let folder = tempfile::tempdir().expect("folder");
    let recipe = complete(folder.path(), &[]);
    let values = recipe.values(&["model", "data", "synthesizer.train", "mix.joiner", "train"]);
    assert_eq!(values["model.dtype"], "bf16");
    assert_eq!(values["mix.joiner"], "paper");
    assert_eq!(values["train.learning_rate"], 1e-3);
    for absent in [
        "model.checkpoint",
        "data.pairs",
        "data.truth",
        "synthesizer.input",
        "mix.caption",
    ] {
        assert!(!values.contains_key(absent), "{absent}");
    }
    let again = tempfile::tempdir().expect("folder");
    let elsewhere = complete(again.path(), &["data.images=model"]);
    let names = [
        "run",
        "model",
        "data",
        "synthesizer",
        "filter",
        "mix",
        "train",
    ];
    assert_eq!(recipe.values(&names), elsewhere.values(&names));
}

#[test]
fn differences_are_of_values_and_not_of_origins() {
    let one = resolve("[run]\nseed = 0", &[], DEMO_RECIPE).expect("valid");
    let other = resolve("[train]\nepochs = 2", &[], DEMO_RECIPE).expect("valid");
    let found = differences(&one, &other);
    let keys: Vec<&str> = found.iter().map(|d| d.key.as_str()).collect();
    assert_eq!(keys, ["train.epochs"]);
}

#[test]
fn a_new_recipe_reads_as_what_was_answered() {
    let folder = Path::new("no-such-folder");
    let make = |answers: [&str; 3]| {
        Answers::new(answers.map(str::to_owned))
            .and_then(|answers| answers.recipe(folder, DEMO_RECIPE))
    };
    let text = make(["my/model", "pairs.jsonl", "seeds.jsonl"]).expect("a recipe");
    let resolution = resolve(&text, &[], DEMO_RECIPE).expect("valid");
    assert_eq!(
        resolution["synthesizer.seed_data"].value.as_str(),
        Some("seeds.jsonl")
    );
    assert_eq!(make(["", "pairs.jsonl", ""]), Err(NewError::NoModelOrPairs));
    assert_eq!(
        make(["my/model", "p", "none"]),
        Err(NewError::NoSynthesizer)
    );
    let demo = make([DEMO, "pairs.jsonl", ""]).expect("a recipe");
    assert!(!demo.contains("[train]"), "{demo}");
}

#[test]
fn an_explanation_has_a_row_for_each_value() {
    let resolution = resolve("[run]\nseed = 3", &[], DEMO_RECIPE).expect("valid");
    let rows = explain(&resolution);
    assert_eq!(rows.len(), resolution.len());
    let seed = rows.iter().find(|row| row.key == "run.seed").expect("row");
    assert_eq!((seed.value.as_str(), seed.origin.as_str()), ("3", "recipe"));
    assert_eq!(seed.help, "seed of everything that is drawn");
}

/// Damaged recipes end in errors or in a recipe; `cargo xtask fuzz` does more runs.
#[test]
fn hostile_recipes_are_errors_or_recipes() {
    const PIECES: [&str; 11] = [
        "-1",
        "1e999",
        "nan",
        "inf",
        "[",
        "]]",
        "{",
        "\"",
        "= ",
        "\n[train]\n",
        "99999999999999999999",
    ];
    let asked = std::env::var("ADAMLLM_FUZZ_RUNS");
    let number = |text: String| text.parse().expect("ADAMLLM_FUZZ_RUNS is a whole number");
    let runs: u64 = asked.map_or(3000, number);
    let mut all: Vec<String> = vec![DEMO_RECIPE.to_owned()];
    all.push(keys().fold(String::new(), |text, key| {
        text + key.name + " = " + key.preset.unwrap_or("\"x\"") + "\n"
    }));
    let start = std::time::Instant::now();
    for run in 0..runs {
        let mut rng = corpus::seed::Rng::new(corpus::seed::hash(run, "recipe"));
        let mut bytes = rng.choose(&all).clone().into_bytes();
        for _ in 0..=rng.below(4) {
            if bytes.is_empty() {
                break;
            }
            let at = rng.below(bytes.len());
            let end = (at + rng.below(30)).min(bytes.len());
            match rng.below(5) {
                0 => bytes[at] = rng.next_u64() as u8,
                1 => bytes.truncate(at),
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => drop(bytes.splice(at..at, rng.choose(&PIECES).bytes())),
            }
        }
        let said = errors(&String::from_utf8_lossy(&bytes), &[]);
        assert!(said.len() < 1 << 20, "run {run}: {} bytes", said.len());
    }
    let each = start.elapsed() / runs.max(1) as u32;
    assert!(each.as_secs() < 1, "{each:?} a recipe");
}

/// A recipe, its section, epochs, batch, rates, decay and warm-up.
type Published = (&'static str, &'static str, f64, f64, [f64; 3], f64, f64);

/// The values of the paper's tables 9 and 10 by recipe: rates of tower, projector and decoder, weight decay, warm-up.
const TABLES: [Published; 13] = {
    const LLAVA: [f64; 3] = [2e-6, 2e-5, 2e-5];
    const QWEN: [f64; 3] = [1e-5; 3];
    const LLAMA: [f64; 3] = [5e-6; 3];
    [
        (
            "synthesizer/llava-v1.6-8b",
            "synthesizer.train",
            2.0,
            128.0,
            LLAVA,
            0.0,
            0.03,
        ),
        (
            "biomed/pmc-raw-llava-v1.6-8b",
            "train",
            1.0,
            128.0,
            LLAVA,
            0.0,
            0.03,
        ),
        (
            "biomed/pmc-raw-qwen2-vl-2b",
            "train",
            1.0,
            128.0,
            QWEN,
            0.1,
            0.1,
        ),
        (
            "biomed/pmc-raw-llama-3.2-11b",
            "train",
            1.0,
            128.0,
            LLAMA,
            0.1,
            0.1,
        ),
        (
            "biomed/pmc-refined-llava-v1.6-8b",
            "train",
            1.0,
            128.0,
            LLAVA,
            0.0,
            0.03,
        ),
        (
            "biomed/pmc-refined-qwen2-vl-2b",
            "train",
            1.0,
            128.0,
            QWEN,
            0.1,
            0.1,
        ),
        (
            "biomed/pmc-refined-llama-3.2-11b",
            "train",
            1.0,
            128.0,
            LLAMA,
            0.1,
            0.1,
        ),
        (
            "food/recipe1m-llava-v1.6-8b",
            "train",
            1.0,
            128.0,
            LLAVA,
            0.0,
            0.03,
        ),
        (
            "food/recipe1m-qwen2-vl-2b",
            "train",
            1.0,
            128.0,
            QWEN,
            0.1,
            0.1,
        ),
        (
            "food/recipe1m-llama-3.2-11b",
            "train",
            1.0,
            128.0,
            LLAMA,
            0.1,
            0.1,
        ),
        (
            "remote-sensing/captions-llava-v1.6-8b",
            "train",
            1.0,
            128.0,
            LLAVA,
            0.0,
            0.03,
        ),
        (
            "remote-sensing/captions-qwen2-vl-2b",
            "train",
            1.0,
            128.0,
            QWEN,
            0.1,
            0.1,
        ),
        (
            "remote-sensing/captions-llama-3.2-11b",
            "train",
            1.0,
            128.0,
            LLAMA,
            0.1,
            0.1,
        ),
    ]
};

#[test]
fn shipped_recipes_have_the_values_of_tables_9_and_10() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let number = |value: &Value| value.as_float().or(value.as_integer().map(|i| i as f64));
    for (name, section, epochs, batch, rates, decay, warmup) in TABLES {
        let text = std::fs::read_to_string(folder.join(format!("{name}.toml"))).expect(name);
        let resolution = resolve(&text, &[], DEMO_RECIPE).expect(name);
        let value = |key: &str| resolution[&format!("{section}.{key}")].value.clone();
        for (key, expected) in [
            ("epochs", epochs),
            ("batch_size", batch),
            ("max_seq_len", 6144.0),
            ("weight_decay", decay),
            ("warmup_ratio", warmup),
            ("min_lr", 0.0),
        ] {
            assert_eq!(number(&value(key)), Some(expected), "{name}: {key}");
        }
        let all = value("learning_rate");
        for (group, rate) in ["vision_tower", "projector", "language_model"]
            .iter()
            .zip(rates)
        {
            assert_eq!(number(&all[*group]), Some(rate), "{name}: {group}");
        }
        assert_eq!(value("scheduler").as_str(), Some("cosine"), "{name}");
        assert_eq!(
            value("freeze").as_array().map(Vec::len),
            Some(0),
            "{name}: the full model is trained"
        );
        assert_eq!(
            resolution["model.dtype"].value.as_str(),
            Some("bf16"),
            "{name}"
        );
    }
    let text =
        std::fs::read_to_string(folder.join("synthesizer/llava-v1.6-8b.toml")).expect("recipe");
    let resolution = resolve(&text, &[], DEMO_RECIPE).expect("recipe");
    for (key, expected) in [
        ("synthesizer.train.save_steps", 500.0),
        ("synthesizer.train.keep", 1.0),
        ("synthesizer.blank_images", 0.1),
    ] {
        assert_eq!(number(&resolution[key].value), Some(expected), "{key}");
    }
    // Each recipe of the folder is one of the tables'.
    let mut found = 0;
    for sub in ["synthesizer", "biomed", "food", "remote-sensing"] {
        found += std::fs::read_dir(folder.join(sub)).expect("folder").count();
    }
    assert_eq!(found, TABLES.len());
}
