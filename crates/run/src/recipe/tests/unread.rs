//! Keys that are given and that nothing reads.

use std::path::Path;

use super::super::*;
use super::surroundings;

/// What is said against a recipe of a Qwen2-VL with pairs and seed data, and with `text` and overrides.
fn said(text: &str, overrides: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("folder");
    write(folder.path());
    let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    let read = Recipe::read(text, &overrides, folder.path(), &surroundings());
    read.err().unwrap_or_default()
}

fn write(folder: &Path) {
    for (name, model_type) in [("model", "qwen2_vl"), ("next", "llava_next")] {
        std::fs::create_dir(folder.join(name)).expect("folder");
        let config = format!("{{\"model_type\": \"{model_type}\"}}");
        std::fs::write(folder.join(name).join("config.json"), config).expect("file");
    }
    for file in ["pairs.jsonl", "seeds.jsonl", "general.jsonl"] {
        std::fs::write(folder.join(file), "").expect("file");
    }
}

const MODEL: &str = "model.checkpoint = \"model\"\n";
const PAIRS: &str = "data.pairs = \"pairs.jsonl\"\n";
const SEEDS: &str = "synthesizer.seed_data = \"seeds.jsonl\"\n";
const TUNED: &str = "synthesizer.checkpoint = \"next\"\n";

#[test]
fn a_key_that_nothing_reads_is_told_with_what_would_read_it() {
    for (rest, keys, why) in [
        (
            "synthesizer.checkpoint = \"next\"\nsynthesizer.train.epochs = 3\nsynthesizer.train.seed = 1",
            "nothing reads `synthesizer.seed_data`, `synthesizer.train.epochs` or `synthesizer.train.seed`: ",
            "`synthesizer.checkpoint` names one that was tuned before",
        ),
        (
            "filter.enabled = false\nfilter.threshold = 0.5",
            "nothing reads `filter.threshold`: ",
            "`filter.enabled` is off",
        ),
        (
            "synthesizer.top_p = 0.9",
            "nothing reads `synthesizer.top_p`: ",
            "`synthesizer.temperature` above 0",
        ),
        (
            "synthesizer.input = \"caption\"\nsynthesizer.blank_images = 0.2",
            "nothing reads `synthesizer.blank_images`: ",
            "`synthesizer.input = \"both\"`",
        ),
        (
            "synthesizer.tuned = false\nsynthesizer.train.epochs = 3",
            "nothing reads `synthesizer.seed_data` or `synthesizer.train.epochs`: ",
            "with `synthesizer.tuned` off the general model itself synthesizes",
        ),
        (
            "synthesizer.input = \"caption\"\nsynthesizer.corrupt = \"picture-crop\"",
            "nothing reads `synthesizer.corrupt`: ",
            "it is for pictures, and `synthesizer.input` shows the synthesizer none",
        ),
        (
            "synthesizer.input = \"image\"\nsynthesizer.corrupt = \"caption\"",
            "nothing reads `synthesizer.corrupt`: ",
            "it is for captions, and `synthesizer.input` shows the synthesizer none",
        ),
        (
            "mix.caption = false\nmix.without_triplet = \"drop\"",
            "nothing reads `mix.without_triplet`: ",
            "`mix.caption` is off",
        ),
        (
            "mix.general_ratio = 2.0",
            "nothing reads `mix.general_ratio`: ",
            "samples that `mix.general` names",
        ),
        (
            "mix.general = \"general.jsonl\"",
            "nothing reads `mix.general`: ",
            "a `mix.general_ratio` above 0",
        ),
        (
            "train.shuffle = false\ntrain.seed = 4",
            "nothing reads `train.seed`: ",
            "`train.shuffle` is off",
        ),
        (
            "train.scheduler = \"constant\"\ntrain.min_lr = 0.1",
            "nothing reads `train.min_lr`: ",
            "`train.scheduler` that falls",
        ),
        (
            "train.freeze = [\"projector\"]\ntrain.learning_rate = { projector = 1e-3, language_model = 1e-4 }",
            "nothing reads `train.learning_rate`: ",
            "a rate for `projector`, which `train.freeze` keeps",
        ),
        (
            "synthesizer.train.data = \"general.jsonl\"\nsynthesizer.blank_images = 0.0",
            "nothing reads `synthesizer.blank_images` or `synthesizer.seed_data`: ",
            "the samples of `synthesizer.train.data` as they are",
        ),
    ] {
        let found = said(&format!("{MODEL}{PAIRS}{SEEDS}{rest}"), &[]);
        assert_eq!(found.len(), 1, "{rest}: {found:?}");
        assert!(
            found[0].starts_with(keys) && found[0].contains(why),
            "{rest}: {found:?}"
        );
    }
    let off = format!("{MODEL}{PAIRS}{SEEDS}mix.synthetic = false\nfilter.judge = \"verdict\"");
    assert_eq!(
        said(&off, &[]),
        [
            "nothing reads `filter.judge` or `synthesizer.seed_data`: it is for synthetic tasks, and `mix.synthetic` is off"
        ]
    );
}

#[test]
fn what_is_read_is_not_told() {
    for rest in [
        "",
        "filter.threshold = 0.5\nfilter.judge = \"extraction\"",
        "synthesizer.temperature = 0.7\nsynthesizer.top_p = 0.9",
        "mix.general = \"general.jsonl\"\nmix.general_ratio = 0.5",
        "mix.general = \"general.jsonl\"\nevaluate.controls = [\"general\"]",
        "train.freeze = [\"projector\"]\ntrain.learning_rate = 1e-4",
        "train.freeze = [\"projector\"]",
        "train.seed = 3\nsynthesizer.train.seed = 4",
        "model.max_pixels = 10000",
        "synthesizer.corrupt = \"picture-noise\"",
        "synthesizer.input = \"caption\"\nsynthesizer.corrupt = \"caption\"",
    ] {
        let found = said(&format!("{MODEL}{PAIRS}{SEEDS}{rest}"), &[]);
        assert_eq!(found, [""; 0], "{rest}");
    }
}

/// Synthetic data is measured against a truth, and where there is any.
#[test]
fn the_quality_of_data_needs_truth_and_data() {
    let asked = format!("{MODEL}{PAIRS}{SEEDS}evaluate.quality = true\n");
    let found = said(&asked, &[]);
    assert!(
        found.len() == 1
            && found[0].ends_with("name a file of that in `data.truth`, or leave it out"),
        "{found:?}"
    );
    let known = format!("{asked}data.truth = \"general.jsonl\"\n");
    assert_eq!(said(&known, &[]), [""; 0]);
    // Turned off for once, it may stay in the file.
    assert_eq!(said(&known, &["mix.synthetic=false"]), [""; 0]);
    let both = ["mix.synthetic=false", "evaluate.quality=true"];
    assert_eq!(
        said(&known, &both),
        ["nothing reads `evaluate.quality`: it is for synthetic tasks, and `mix.synthetic` is off"]
    );
}

/// Pictures keep their own size in Qwen2-VL alone; one of them among a run's models is enough.
#[test]
fn sizes_of_pictures_are_of_qwen2_vl() {
    let next = "model.checkpoint = \"next\"\nmodel.max_pixels = 10000\n";
    let found = said(&format!("{next}{PAIRS}{TUNED}"), &[]);
    assert!(
        found.len() == 1 && found[0].contains("`model.max_pixels`: it is for Qwen2-VL"),
        "{found:?}"
    );
    let qwen = "synthesizer.checkpoint = \"model\"";
    assert_eq!(said(&format!("{next}{PAIRS}{qwen}"), &[]), [""; 0]);
}

/// `--set` turns a thing off for once; what the file says of that thing is then no mistake.
#[test]
fn what_is_set_for_once_passes_over_the_file() {
    let file = format!(
        "{MODEL}{PAIRS}{SEEDS}filter.judge = \"extraction\"\nsynthesizer.train.epochs = 1.0"
    );
    for set in [
        "filter.enabled=false",
        "mix.synthetic=false",
        "synthesizer.checkpoint=next",
        "synthesizer.tuned=false",
    ] {
        assert_eq!(said(&file, &[set]), [""; 0], "{set}");
    }
    // So with models at endpoints, and where it is the stages that have no tasks.
    let asked = |section: &str| {
        format!(
            "{section}.endpoint = \"http://127.0.0.1:1/v1\"\n{section}.endpoint_model = \"m\"\n"
        )
    };
    let (synthesizer, filter) = (asked("synthesizer"), asked("filter"));
    let general = "mix.general = \"general.jsonl\"\nmix.general_ratio = 0.5\n";
    let served = format!(
        "{MODEL}{PAIRS}{synthesizer}synthesizer.send_images = true\n{filter}{general}endpoints.concurrency = 4\n"
    );
    let stage = "train.stages=[{ name = \"general\", data = \"general\" }]";
    for set in ["mix.synthetic=false", stage] {
        assert_eq!(said(&served, &[set]), [""; 0], "{set}");
    }
    let both = ["filter.enabled=false", "filter.threshold=0.5"];
    let found = said(&file, &both);
    assert!(
        found.len() == 1 && found[0].starts_with("nothing reads `filter.threshold`"),
        "{found:?}"
    );
}

#[test]
fn a_recipe_without_pairs_ends_with_its_synthesizer() {
    assert_eq!(said(&format!("{MODEL}{SEEDS}"), &[]), [""; 0]);
    let found = said(
        &format!("{MODEL}{SEEDS}train.epochs = 2.0\ndata.held_out = 0.2"),
        &[],
    );
    assert_eq!(
        found,
        [
            "nothing reads `data.held_out` or `train.epochs`: without `data.pairs` the run ends with the tuned synthesizer; name \
             pairs, or leave it out"
        ]
    );
    let found = said(&format!("{MODEL}{TUNED}"), &[]);
    assert!(found[0].starts_with("`data.pairs` is missing"), "{found:?}");
}

/// A model of one's own needs neither a synthesizer nor seed data where it synthesizes itself.
#[test]
fn the_general_model_may_synthesize() {
    let off = "synthesizer.tuned = false\n";
    assert_eq!(said(&format!("{MODEL}{PAIRS}{off}"), &[]), [""; 0]);
    let found = said(&format!("{MODEL}{PAIRS}{TUNED}{off}"), &[]);
    assert!(
        found.len() == 1 && found[0].starts_with("nothing reads `synthesizer.checkpoint`: "),
        "{found:?}"
    );
    let found = said(&format!("{MODEL}{PAIRS}"), &[]);
    assert!(
        found[0].ends_with("with `synthesizer.tuned = false`"),
        "{found:?}"
    );
    // What is served is asked as it is.
    let served = "synthesizer.endpoint = \"http://127.0.0.1:1/v1\"\nsynthesizer.endpoint_model = \"m\"\n\
                  synthesizer.send_images = true\n";
    let found = said(&format!("{MODEL}{PAIRS}{served}{off}"), &[]);
    assert!(
        found.len() == 1
            && found[0].starts_with("nothing reads `synthesizer.tuned`: whether the model at"),
        "{found:?}"
    );
    // Without pairs there is nothing that it could synthesize.
    let found = said(&format!("{MODEL}{off}"), &[]);
    assert!(found[0].starts_with("`data.pairs` is missing"), "{found:?}");
}

#[test]
fn pairs_may_be_a_list_of_files() {
    let folder = tempfile::tempdir().expect("folder");
    write(folder.path());
    let list = "data.pairs = [\"pairs.jsonl\", \"general.jsonl\"]\n";
    let text = format!("{MODEL}{list}{TUNED}");
    let recipe = Recipe::read(&text, &[], folder.path(), &surroundings()).expect("a recipe");
    let expected = ["pairs.jsonl", "general.jsonl"].map(|name| folder.path().join(name));
    assert_eq!(recipe.pairs, expected);
    assert!(
        recipe
            .values(&["data"])
            .keys()
            .all(|key| key != "data.pairs")
    );
    for (list, expected) in [
        (
            "data.pairs = [\"none.jsonl\"]\n",
            "none.jsonl`, which does not exist",
        ),
        ("data.pairs = []\n", "expected a text in quotes, or a list"),
    ] {
        let found = said(&format!("{MODEL}{list}{TUNED}"), &[]).join("\n");
        assert!(found.contains(expected), "{found}");
    }
}
