//! Judging data, as a recipe says it.

use super::super::*;
use super::surroundings;

fn read(text: &str) -> Result<Recipe, Vec<String>> {
    let folder = tempfile::tempdir().expect("folder");
    for name in ["model", "judge"] {
        std::fs::create_dir(folder.path().join(name)).expect("folder");
        let config = folder.path().join(name).join("config.json");
        std::fs::write(config, r#"{"model_type": "qwen2_vl"}"#).expect("file");
    }
    for name in ["pairs.jsonl", "seeds.jsonl", "tasks.json", "truth.jsonl"] {
        std::fs::write(folder.path().join(name), "").expect("file");
    }
    Recipe::read(text, &[], folder.path(), &surroundings())
}

fn said(text: &str) -> Vec<String> {
    read(text).err().unwrap_or_default()
}

/// A recipe that adapts.
const RUN: &str = "model.checkpoint = \"model\"\ndata.pairs = \"pairs.jsonl\"\nsynthesizer.seed_data = \"seeds.jsonl\"\n";
/// One that judges alone.
const SETS: &str = "quality.data = [\"mine=tasks.json\", \"seeds.jsonl\"]\n";

#[test]
fn sets_alone_need_neither_model_nor_pairs() {
    let recipe = read(&format!("{SETS}data.truth = \"truth.jsonl\"")).expect("sound");
    assert!(recipe.is_of_quality() && recipe.judges_data());
    let names: Vec<&str> = recipe
        .judging
        .data
        .iter()
        .map(|set| set.name.as_str())
        .collect();
    assert_eq!(names, ["mine", "seeds.jsonl"]);
    assert!(recipe.judging.data[0].path.ends_with("tasks.json"));
    assert_eq!((recipe.judging.sample, recipe.judging.cases), (200, 6));
    assert_eq!(recipe.endpoint_places().count(), 0);
}

#[test]
fn a_run_judges_what_it_makes_if_a_judge_is_named() {
    let judges = |rest: &str| read(&format!("{RUN}{rest}")).expect("sound").judges_data();
    assert!(!judges(""));
    assert!(judges("quality.checkpoint = \"judge\""));
    assert!(judges(SETS));
    let there = format!(
        "{RUN}quality.endpoint = \"http://one/v1\"\nquality.endpoint_model = \"gpt\"\nquality.send_images = true"
    );
    let recipe = read(&there).expect("sound");
    let places: Vec<&str> = recipe
        .endpoint_places()
        .map(|(section, _)| section)
        .collect();
    assert_eq!(places, ["quality"]);
}

#[test]
fn what_is_wrong_is_said_in_one_sentence() {
    for (text, expected) in [
        (
            "quality.data = [\"a=tasks.json\", \"a=seeds.jsonl\"]".to_owned(),
            "`quality.data` has two sets of the name `a`; name them with `NAME=PATH`",
        ),
        (
            format!("{SETS}train.epochs = 2"),
            "nothing reads `train.epochs`: without `data.pairs` the run is about the quality of `quality.data` alone",
        ),
        (
            format!("{SETS}quality.alone = true"),
            "nothing reads `quality.alone`: it is for a model that judges, and there is none; name one in `quality.checkpoint` or \
             `quality.endpoint`",
        ),
        (
            format!("{RUN}quality.sample = 20"),
            "nothing reads `quality.sample`: it is for data that is judged; name sets in `quality.data`, or a judge of what the run \
             synthesizes in `quality.checkpoint` or `quality.endpoint`",
        ),
        (
            format!("{SETS}quality.endpoint = \"http://one/v1\"\nquality.endpoint_model = \"gpt\""),
            "a judge at `quality.endpoint` is shown the pictures of the data, which would leave this machine; allow it with \
             `quality.send_images = true`, or judge with a local model in `quality.checkpoint`",
        ),
    ] {
        assert_eq!(said(&text), [expected], "{text}");
    }
    let missing = said("quality.data = [\"a=nowhere.json\"]");
    assert!(
        missing.len() == 1
            && missing[0].contains("nowhere.json")
            && missing[0].contains("does not exist"),
        "{missing:?}"
    );
}
