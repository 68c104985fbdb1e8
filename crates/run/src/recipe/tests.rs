use std::path::Path;

use super::flat::loose_value;
use super::*;
use crate::hub::Hub;

mod endpoints;
mod fits;
mod machines;
mod makers;
mod optimizer_choices;
mod paper;
mod quality;
mod stages;
mod unread;

const DEMO_RECIPE: &str = include_str!("../../../../recipes/demo.toml");

fn surroundings() -> Surroundings<'static> {
    Surroundings {
        demo_recipe: DEMO_RECIPE,
        ..Surroundings::default()
    }
}

/// The base of the demo answers a choice in a form of its own, for which it would be given nothing.
#[test]
fn the_demo_ranks_its_choices_and_lends_that_to_nobody() {
    let likelihood = |text: &str| {
        let resolution = resolved(text);
        resolution
            .get("evaluate.by_likelihood")
            .map(|key| key.value.to_string())
    };
    assert_eq!(likelihood(DEMO_RECIPE).as_deref(), Some("[\"choice\"]"));
    // A recipe with the demo's base has tasks of its own.
    let mine = "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"p.jsonl\"\n";
    assert!(likelihood(mine).is_none_or(|names| names == "[]"));
}

fn resolved(text: &str) -> Resolution {
    resolve(text, &[], Path::new("."), &surroundings()).expect("valid")
}

fn errors(text: &str, overrides: &[&str]) -> String {
    let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    match resolve(text, &overrides, Path::new("."), &surroundings()) {
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
        Path::new("."),
        &surroundings(),
    )
    .expect("valid");
    assert_eq!(resolution["run.seed"].origin, Origin::Recipe);
    assert_eq!(resolution["train.epochs"].origin, Origin::Set);
    assert_eq!(
        resolution["train.batch_size"].origin,
        Origin::Preset("paper, table 10 (all columns)".to_owned())
    );
}

#[test]
fn presets_fit_their_shapes() {
    for key in keys() {
        let presets = match key.preset {
            Preset::Absent => Vec::new(),
            Preset::Value(one, _) | Preset::Table9(one) | Preset::Table10(one) => vec![one],
            Preset::Columns(all) | Preset::Evaluation(all) => all.to_vec(),
        };
        for preset in presets {
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
                "model.dtype" => is::<DtypeChoice>(word),
                "model.family" => is::<Family>(word),
                "data.maker" => is::<synthesis::Maker>(word),
                "synthesizer.input" => is::<synthesis::Input>(word),
                "synthesizer.corrupt" => is::<synthesis::Corruption>(word),
                "synthesizer.same_question" => is::<synthesis::SameQuestion>(word),
                "filter.judge" => is::<synthesis::JudgeKind>(word),
                "mix.without_triplet" => is::<synthesis::WithoutTriplet>(word),
                "mix.joiner" => is::<synthesis::Joiner>(word),
                "mix.answers" => is::<synthesis::Answers>(word),
                "train.pipeline" => is::<Pipeline>(word),
                "mix.caption_position" => is::<synthesis::CaptionPosition>(word),
                "train.too_long" | "too_long" => is::<training::TooLong>(word),
                "train.scheduler" | "scheduler" => is::<training::Scheduler>(word),
                "train.recompute" | "recompute" => is::<training::Recompute>(word),
                "train.gradients" | "gradients" => is::<training::Gradients>(word),
                "train.optimizer_state" | "optimizer_state" => is::<training::OptimizerState>(word),
                "train.masters" | "masters" => is::<training::Masters>(word),
                "train.optimizer_device" | "optimizer_device" => {
                    is::<training::OptimizerDevice>(word)
                }
                "train.sharding" | "sharding" => is::<training::Sharding>(word),
                "train.fit" | "fit" => is::<training::FitChoice>(word),
                "endpoints.picture_format" => is::<PictureFormat>(word),
                "train.on_spike" | "on_spike" => is::<OnSpike>(word),
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
        // Only the adapted model is trained in stages.
        let names = names.filter(|name| !["pipeline", "stages"].contains(name));
        names.map(str::to_owned).collect()
    };
    assert_eq!(of("train.").len(), 39);
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
        std::fs::write(folder.join(file), "{\"model_type\": \"qwen2_vl\"}").expect("file");
    }
    let text = "[model]\ncheckpoint = \"model\"\ndtype = \"bf16\"\n[data]\npairs = \"pairs.jsonl\"\n\
        truth = \"truth.jsonl\"\n[synthesizer]\nseed_data = \"seeds.jsonl\"\ninput = \"image\"\n\
        [train]\nfreeze = [\"projector\"]\nlearning_rate = 1e-3\ntoo_long = \"truncate_text\"\n";
    let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    Recipe::read(text, &overrides, folder, &surroundings()).expect("a recipe")
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
    let one = resolved("[run]\nseed = 0");
    let other = resolved("[train]\nepochs = 2");
    let found = differences(&one, &other);
    let keys: Vec<&str> = found.iter().map(|d| d.key.as_str()).collect();
    assert_eq!(keys, ["train.epochs"]);
}

#[test]
fn a_new_recipe_reads_as_what_was_answered() {
    let folder = Path::new("no-such-folder");
    let make = |answers: [&str; 3]| {
        Answers::new(answers.map(str::to_owned))
            .and_then(|answers| answers.recipe(folder, &surroundings()))
    };
    let text = make(["my/model", "pairs.jsonl", "seeds.jsonl"]).expect("a recipe");
    let resolution = resolved(&text);
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
    let resolution = resolved("[run]\nseed = 3");
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
        let preset = match key.preset {
            Preset::Absent => "\"x\"",
            Preset::Value(one, _)
            | Preset::Table9(one)
            | Preset::Table10(one)
            | Preset::Columns([one, ..])
            | Preset::Evaluation([one, ..]) => one,
        };
        text + key.name + " = " + preset + "\n"
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
