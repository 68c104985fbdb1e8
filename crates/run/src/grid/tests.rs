use std::path::Path;

use toml::Value;

use super::*;
use crate::recipe::{Surroundings, resolve};

mod cells;
mod refused;

const ABLATIONS: &str = r#"
title = "Ablations"
about = "Table 5."
recipe = "../food/recipe.toml"
notes = ["One seed in the paper."]

[set]
train.max_steps = 120

[lab]
keep = "predictions"
match = "tokens"
layout = "ways"

[[factor]]
name = "way"
reference = "ours"
[[factor.level]]
name = "ours"
[[factor.level]]
name = "without blank pictures"
about = "Tuned on pictures alone."
set = { synthesizer.blank_images = 0.0 }
[[factor.level]]
name = "GPT-4o"
needs = "an endpoint of GPT-4o"

[[factor]]
name = "seed"
key = "run.seed"
values = [1, 2]

[[published]]
levels = { way = "ours" }
scores = { food = 42, "recipe1m" = 24.8 }
source = "table 5"
differs = "its prompts are others"

[[published]]
levels = { way = "GPT-4o" }
system = "base"
scores = { food = 56.0 }
source = "table 3"
"#;

fn grid(text: &str) -> Grid {
    Grid::read(text, Path::new("grids")).expect("a grid")
}

fn levels(pairs: &[(&str, &str)]) -> Levels {
    let pairs = pairs.iter();
    pairs
        .map(|(factor, level)| ((*factor).to_owned(), (*level).to_owned()))
        .collect()
}

#[test]
fn a_file_says_all_that_a_grid_has() {
    let level = |name: &str| Level {
        name: name.to_owned(),
        about: String::new(),
        recipe: None,
        set: Vec::new(),
        needs: None,
    };
    let seed = |seed: u64| Level {
        set: vec![format!("run.seed={seed}")],
        ..level(&seed.to_string())
    };
    let way = Factor {
        name: "way".to_owned(),
        reference: Some("ours".to_owned()),
        is_seed: false,
        levels: vec![
            level("ours"),
            Level {
                about: "Tuned on pictures alone.".to_owned(),
                set: vec!["synthesizer.blank_images=0.0".to_owned()],
                ..level("without blank pictures")
            },
            Level {
                needs: Some("an endpoint of GPT-4o".to_owned()),
                ..level("GPT-4o")
            },
        ],
    };
    let seeds = Factor {
        name: "seed".to_owned(),
        reference: None,
        is_seed: true,
        levels: vec![seed(1), seed(2)],
    };
    let published = |way: &str, system: &str, scores: &[(&str, f64)], source: &str| Published {
        levels: levels(&[("way", way)]),
        system: system.to_owned(),
        scores: scores.iter().map(|(c, x)| ((*c).to_owned(), *x)).collect(),
        source: source.to_owned(),
        differs: String::new(),
    };
    let ours = [("food", 42.0), ("recipe1m", 24.8)];
    let expected = Grid {
        title: "Ablations".to_owned(),
        about: "Table 5.".to_owned(),
        ground: Some(Ground::Recipe(PathBuf::from("grids/../food/recipe.toml"))),
        set: vec!["train.max_steps=120".to_owned()],
        keep: Keep::Predictions,
        matching: Matching::Tokens,
        layout: Layout::Ways,
        factors: vec![way, seeds],
        list: Vec::new(),
        skips: Vec::new(),
        published: vec![
            Published {
                differs: "its prompts are others".to_owned(),
                ..published("ours", "adapted", &ours, "table 5")
            },
            published("GPT-4o", "base", &[("food", 56.0)], "table 3"),
        ],
        notes: vec!["One seed in the paper.".to_owned()],
    };
    assert_eq!(grid(ABLATIONS), expected);
}

#[test]
fn what_is_not_said_is_as_documented() {
    let text = "title = \"t\"\ndemo = { domain = \"food\" }\n[[factor]]\nname = \"f\"\nkey = \"mix.caption\"\nvalues = [true]";
    let grid = grid(text);
    let demo = Ground::Demo {
        domain: "food".to_owned(),
        seed: 1,
    };
    assert_eq!(grid.ground, Some(demo));
    assert_eq!(
        (grid.keep, grid.matching, grid.layout),
        (Keep::Models, Matching::Epochs, Layout::Tasks)
    );
    assert_eq!(grid.factors[0].levels[0].name, "true");
}

/// Nested or dotted, and whatever the kind of the value: what a cell sets is what a recipe with the same lines has.
#[test]
fn values_come_back_through_a_recipe_unchanged() {
    let said = r#"
model.checkpoint = "demo"
model.template_date = """two
lines, a "quote" and a = b"""
data.pairs = ["a.jsonl", "b=c.jsonl"]
data.columns = { image = "photo", "the caption" = "title's" }
train.learning_rate.projector = 2e-3
train.learning_rate.vision_tower = 1e-6
train.betas = [0.9, 0.98]
train.epochs = 2
train.lora = { rank = 8, targets = ["language_model", ".q_proj"] }
synthesizer.blank_images = 0.0
mix.general = "general.jsonl"
evaluate.controls = []

[[train.stages]]
name = "align"
data = "caption"
freeze = ["vision_tower", "language_model"]
learning_rate = { projector = 1e-3 }

[[train.stages]]
name = "learn"
data = "mix"
epochs = 0.5
"#;
    let nested = said.replace("[[train", "[[factor.level.set.train");
    let nested = format!(
        "title = \"t\"\ndemo = {{ domain = \"food\" }}\n[[factor]]\nname = \"f\"\n[[factor.level]]\nname = \"l\"\n\
         [factor.level.set]\n{nested}"
    );
    let cells = grid(&nested).cells().expect("cells");
    let surroundings = Surroundings::default();
    let values = |text: &str, overrides: &[String]| {
        let resolution = resolve(text, overrides, Path::new("."), &surroundings).expect("sound");
        let pairs = resolution.into_iter().map(|(key, one)| (key, one.value));
        pairs.collect::<BTreeMap<String, Value>>()
    };
    let expected = values(said, &[]);
    assert_eq!(values("", &cells[0].set), expected);
    assert_eq!(
        expected["model.template_date"].as_str(),
        Some("two\nlines, a \"quote\" and a = b")
    );
    assert_eq!(
        expected["train.stages.align.learning_rate"].to_string(),
        "{ projector = 0.001 }"
    );
}

#[test]
fn single_keys_of_a_pipelines_stages_can_be_set() {
    let text = "title = \"t\"\ndemo = { domain = \"food\" }\n[[factor]]\nname = \"f\"\n[[factor.level]]\nname = \"l\"\n\
        set = { train.pipeline = \"two-stage\", train.stages.captions.epochs = 3 }";
    let cells = grid(text).cells().expect("cells");
    assert_eq!(
        cells[0].set,
        [
            "train.pipeline=\"two-stage\"",
            "train.stages.captions.epochs=3"
        ]
    );
    let surroundings = Surroundings::default();
    let resolved = resolve("", &cells[0].set, Path::new("."), &surroundings).expect("sound");
    let epochs = |stage: &str| {
        resolved[&format!("train.stages.{stage}.epochs")]
            .value
            .clone()
    };
    assert_eq!(epochs("captions"), Value::Integer(3));
    assert_eq!(epochs("instructions"), Value::Float(1.0));
}
