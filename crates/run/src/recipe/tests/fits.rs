//! Trainings that are fitted to a device.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::super::*;
use super::surroundings;
use crate::memory::{Device, Recompute};

const SIZES: &str = include_str!("../../../../model/tests/golden/sizes.json");

/// A recipe with a published model, read for a device.
fn read(name: &str, more: &str, device: &str, kept: Option<BTreeMap<String, String>>) -> Recipe {
    let folder = tempfile::tempdir().expect("folder");
    let all: Value = serde_json::from_str(SIZES).expect("JSON");
    std::fs::create_dir(folder.path().join("model")).expect("folder");
    let config = all[name]["config"].to_string();
    std::fs::write(folder.path().join("model/config.json"), config).expect("written");
    let text = format!(
        "[model]\ncheckpoint = \"model\"\ndtype = \"bf16\"\n[data]\npairs = \".\"\n[mix]\nsynthetic = false\n{more}"
    );
    let device: Option<Device> = (!device.is_empty()).then(|| device.parse().expect("a device"));
    let surroundings = Surroundings {
        fitting: Fitting {
            device,
            kept,
            ..Fitting::default()
        },
        ..surroundings()
    };
    Recipe::read(&text, &[], folder.path(), &surroundings).expect("sound")
}

const QWEN: &str = "qwen2-vl-2b-instruct";
const MLLAMA: &str = "llama-3.2-11b-vision-instruct";

/// The value of a key and where that comes from.
fn told(recipe: &Recipe, key: &str) -> (String, String) {
    let resolved = &recipe.resolution[key];
    (
        resolved.value.as_str().unwrap_or_default().to_owned(),
        resolved.origin.to_string(),
    )
}

#[test]
fn where_the_plain_way_fits_nothing_changes() {
    let [fitted, before] =
        ["host:256GB", ""].map(|device| read(QWEN, "[train]\nmicro_tokens = 2048\n", device, None));
    assert_eq!(fitted.resolution, before.resolution);
    assert_eq!(fitted.train, before.train);
    let [fit] = &fitted.fits[..] else {
        panic!("one training: {:?}", fitted.fits);
    };
    assert_eq!((fit.section.as_str(), fit.is_chosen), ("train", false));
    assert!(fit.why.starts_with("plain needs "), "{}", fit.why);
    assert!(before.fits.is_empty());
}

#[test]
fn what_is_chosen_is_written_down_with_its_reason() {
    // The plain way does not fit, and where only activations can be smaller their recomputation does.
    let recipe = read(QWEN, "", "host:80GB", None);
    let fit = &recipe.fits[0];
    assert!(fit.is_chosen, "{}", fit.why);
    assert_ne!(recipe.train.recompute, Recompute::None);
    let (word, origin) = told(&recipe, "train.recompute");
    assert_eq!(word, recipe.train.recompute.as_str());
    assert!(
        origin.starts_with("fit: recompute = ")
            && origin.contains("a host of 80.0 GB gives tensors 72.0 GB"),
        "{origin}"
    );
    let written = serde_json::to_value(&recipe.resolution["train.recompute"]).expect("JSON");
    assert_eq!(written["origin"]["from"], "fit");
    // Off is off.
    let off = read(QWEN, "[train]\nfit = \"off\"\n", "host:80GB", None);
    assert_eq!(off.train.recompute, Recompute::None);
    assert!(!off.fits[0].is_chosen);
}

#[test]
fn what_a_recipe_sets_is_not_chosen_over() {
    let recipe = read(QWEN, "[train]\nrecompute = \"none\"\n", "host:80GB", None);
    assert_eq!(
        told(&recipe, "train.recompute"),
        ("none".to_owned(), "recipe".to_owned())
    );
    assert_eq!(recipe.train.recompute, Recompute::None);
}

#[test]
fn a_run_that_goes_on_keeps_what_it_began_with() {
    let kept = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        Some(
            pairs
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect(),
        )
    };
    // On a machine on which the plain way would fit.
    let blocks = kept(&[("train.recompute", "blocks")]);
    let recipe = read(QWEN, "", "host:512GB", blocks);
    assert_eq!(
        told(&recipe, "train.recompute"),
        (
            "blocks".to_owned(),
            "fit: this run began with it".to_owned()
        )
    );
    // And on one on which it would not, where it began with that.
    let recipe = read(QWEN, "", "host:80GB", kept(&[]));
    assert_eq!(recipe.train.recompute, Recompute::None);
    assert!(recipe.fits[0].problem.is_none());
}

#[test]
fn where_nothing_fits_the_recipe_stays_and_says_so() {
    let recipe = read(MLLAMA, "", "24GB", None);
    let problem = recipe.fits[0].problem.clone().expect("too large");
    assert!(
        problem.starts_with("`[train]` has no way that fits"),
        "{problem}"
    );
    assert!(!recipe.fits[0].is_chosen);
    assert_eq!(recipe.train.recompute, Recompute::None);
}

#[test]
fn the_demo_base_is_planned_by_its_own_configuration() {
    let surroundings = Surroundings {
        fitting: Fitting {
            device: Some("host:1GB".parse().expect("a device")),
            demo_config: Some(include_str!(
                "../../../../../assets/demo/base-model/config.json"
            )),
            kept: None,
        },
        ..surroundings()
    };
    let text = "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \".\"\n";
    let recipe = Recipe::read(text, &[], Path::new("."), &surroundings).expect("sound");
    assert!(recipe.fits[0].row.fits);
    assert_eq!(recipe.fits[0].planner.num_parameters() / 10_000, 406);
}
