//! Trainings of several stages: what they stand for, where each value comes from, and what is refused.

use std::path::Path;

use super::super::*;
use super::surroundings;

/// A folder with a model of each family, pairs, seed data and general samples.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("folder");
    for family in Family::WORDS {
        let model = folder.path().join(family);
        std::fs::create_dir(&model).expect("folder");
        let config = format!("{{\"model_type\": \"{family}\"}}");
        std::fs::write(model.join("config.json"), config).expect("file");
    }
    for file in [
        "pairs.jsonl",
        "seeds.jsonl",
        "general.jsonl",
        "before.jsonl",
    ] {
        std::fs::write(folder.path().join(file), "").expect("file");
    }
    folder
}

fn start(family: &str) -> String {
    format!(
        "model.checkpoint = \"{family}\"\ndata.pairs = \"pairs.jsonl\"\nsynthesizer.seed_data = \"seeds.jsonl\"\n"
    )
}

fn read(text: &str, overrides: &[&str], folder: &Path) -> Result<Recipe, Vec<String>> {
    let overrides: Vec<String> = overrides.iter().map(|&s| s.to_owned()).collect();
    Recipe::read(text, &overrides, folder, &surroundings())
}

fn recipe(rest: &str, overrides: &[&str]) -> Recipe {
    let folder = folder();
    let text = start("qwen2_vl") + rest;
    read(&text, overrides, folder.path()).expect("a recipe")
}

/// What is said against a recipe of a Qwen2-VL.
fn said(rest: &str, overrides: &[&str]) -> Vec<String> {
    let folder = folder();
    let text = start("qwen2_vl") + rest;
    read(&text, overrides, folder.path())
        .err()
        .unwrap_or_default()
}

/// A key's value and origin as `recipe explain` prints them.
fn row(recipe: &Recipe, key: &str) -> (String, String) {
    let rows = explain(&recipe.resolution);
    let found = rows.into_iter().find(|row| row.key == key);
    let row = found.unwrap_or_else(|| panic!("no {key}"));
    assert!(
        !row.help.is_empty(),
        "{key} is a key, and what it does is told"
    );
    (row.value, row.origin)
}

/// Appendix E: LLaVA's first stage trains the projector alone at 2e-3, the others' the full model with table 10; the second
/// stage is the full model with table 10 for all.
#[test]
fn the_papers_two_stages_have_its_values_in_every_family() {
    let folder = folder();
    let full = |rate: f64| [rate; 3];
    for (family, name, first, frozen, second, decay, warmup) in [
        (
            "llava_next",
            "LLaVA-v1.6-8B",
            [0.0, 2e-3, 0.0],
            2,
            [2e-6, 2e-5, 2e-5],
            0.0,
            0.03,
        ),
        (
            "qwen2_vl",
            "Qwen2-VL-2B",
            full(1e-5),
            0,
            full(1e-5),
            0.1,
            0.1,
        ),
        (
            "mllama",
            "Llama-3.2-11B",
            full(5e-6),
            0,
            full(5e-6),
            0.1,
            0.1,
        ),
    ] {
        for (pipeline, data) in [
            (Pipeline::TwoStage, StageData::Synthetic),
            (Pipeline::TwoStageReuse, StageData::Mix),
        ] {
            let word = pipeline.as_str();
            let text = start(family) + &format!("train.pipeline = \"{word}\"\n");
            let recipe = read(&text, &[], folder.path()).expect("a recipe");
            let names: Vec<&str> = recipe.stages.iter().map(|s| s.name.as_str()).collect();
            assert_eq!(names, ["captions", "instructions"], "{family}");
            let found: Vec<_> = recipe.stages.iter().map(|s| s.data).collect();
            assert_eq!(found, [Some(StageData::Caption), Some(data)], "{family}");
            for (stage, rates) in recipe.stages.iter().zip([first, second]) {
                let training = &stage.training;
                let [vision_tower, projector, language_model] = rates;
                let expected = training::Rates {
                    vision_tower,
                    projector,
                    language_model,
                };
                assert_eq!(training.learning_rate, expected, "{family}: {}", stage.name);
                let table = (training.weight_decay, training.warmup_ratio);
                assert_eq!(table, (decay, warmup), "{family}");
                assert_eq!((training.batch_size, training.max_seq_len), (128, 6144));
                assert_eq!(training.scheduler, training::Scheduler::Cosine);
                assert_eq!((training.epochs, training.seed), (1.0, 0));
            }
            assert_eq!(recipe.stages[0].training.freeze.len(), frozen, "{family}");
            assert!(recipe.stages[1].training.freeze.is_empty(), "{family}");
            assert_eq!(recipe.stages[1].training, recipe.train, "{family}");

            let (table, appendix) = (
                format!("preset: paper, table 10 ({name})"),
                format!("preset: paper, appendix E ({name})"),
            );
            let of_first = if family == "llava_next" {
                &appendix
            } else {
                &table
            };
            for (key, origin) in [
                ("train.stages.captions.data", &appendix),
                ("train.stages.captions.learning_rate", of_first),
                ("train.stages.captions.freeze", of_first),
                ("train.stages.captions.weight_decay", &table),
                ("train.stages.instructions.data", &appendix),
                ("train.stages.instructions.learning_rate", &table),
                ("train.stages.instructions.freeze", &table),
            ] {
                assert_eq!(&row(&recipe, key).1, origin, "{family}: {key}");
            }
            assert_eq!(
                row(&recipe, "train.stages"),
                (
                    "[\"captions\", \"instructions\"]".to_owned(),
                    "preset: what `train.pipeline` stands for".to_owned()
                )
            );
        }
    }
    let single = start("llava_next") + "train.pipeline = \"single\"";
    let single = read(&single, &[], folder.path()).expect("a recipe");
    assert!(single.stages.is_empty() && !single.resolution.contains_key("train.stages"));
}

const TWO: &str = "train.epochs = 3.0\ntrain.batch_size = 16\n\
                   [[train.stages]]\nname = \"align\"\ndata = \"caption\"\nfreeze = [\"language_model\"]\nepochs = 1\n\
                   [[train.stages]]\nname = \"learn\"\ndata = \"mix\"\nlearning_rate = { language_model = 1e-4 }\n";

#[test]
fn a_stage_says_where_each_of_its_values_comes_from() {
    let overrides = ["train.stages.learn.max_steps=7", "train.min_lr=0.5"];
    let recipe = recipe(TWO, &overrides);
    for (key, value, origin) in [
        ("align.epochs", "1", "recipe"),
        ("align.freeze", "[\"language_model\"]", "recipe"),
        ("align.batch_size", "16", "recipe, `[train]`"),
        ("align.min_lr", "0.5", "--set, `[train]`"),
        (
            "align.weight_decay",
            "0.1",
            "preset: paper, table 10 (Qwen2-VL-2B)",
        ),
        ("align.eps", "0.00000001", "preset: transformers' default"),
        ("align.data", "\"caption\"", "recipe"),
        ("learn.epochs", "3.0", "recipe, `[train]`"),
        ("learn.max_steps", "7", "--set"),
    ] {
        let found = row(&recipe, &format!("train.stages.{key}"));
        assert_eq!(found, (value.to_owned(), origin.to_owned()), "{key}");
    }
    let [align, learn] = &recipe.stages[..] else {
        panic!("{:?}", recipe.stages)
    };
    assert_eq!(align.section(), "train.stages.align");
    assert_eq!((align.training.epochs, learn.training.epochs), (1.0, 3.0));
    assert_eq!(align.training.freeze, [training::Group::LanguageModel]);
    let rate = learn.training.learning_rate.language_model;
    assert_eq!((learn.training.max_steps, rate), (Some(7), 1e-4));
    assert_eq!(align.training.learning_rate, recipe.train.learning_rate);
    // Which stages there are is said by them and by nothing else.
    assert!(!recipe.resolution.contains_key("train.pipeline"));
    assert!(recipe.mix.caption && recipe.mix.synthetic);
    // A stage's values are those of its section and of no other.
    let values = recipe.values(&["train.stages.align"]);
    assert_eq!(values["train.stages.align.batch_size"], 16);
    assert!(
        !values
            .keys()
            .any(|key| key.contains("learn.") || key.contains(".data"))
    );
}

#[test]
fn keys_of_a_pipelines_stages_are_changed_in_a_table_or_for_once() {
    let text = "train.pipeline = \"two-stage\"\n[train.stages.captions]\nepochs = 2\nlearning_rate = 1e-3\n";
    let recipe = recipe(text, &["train.stages.instructions.seed=5"]);
    assert_eq!(row(&recipe, "train.stages.captions.epochs").1, "recipe");
    let trainings: Vec<_> = recipe.stages.iter().map(|s| &s.training).collect();
    let rate = trainings[0].learning_rate.vision_tower;
    let found = (trainings[0].epochs, trainings[1].epochs, rate);
    assert_eq!(found, (2.0, 1.0, 1e-3));
    assert_eq!((trainings[0].seed, trainings[1].seed), (0, 5));
}

#[test]
fn stages_are_trained_on_files_and_general_samples_too() {
    let text = "mix.general = \"general.jsonl\"\n[[train.stages]]\nname = \"a\"\ndata = \"before.jsonl\"\n\
                [[train.stages]]\nname = \"b\"\ndata = \"general\"\n[[train.stages]]\nname = \"c\"\ndata = \"synthetic\"\n";
    let recipe = recipe(text, &[]);
    let [a, b, c] = &recipe.stages[..] else {
        panic!("{:?}", recipe.stages)
    };
    let file = a.training.data.as_deref().and_then(Path::file_name);
    assert_eq!(file, Some(std::ffi::OsStr::new("before.jsonl")));
    assert_eq!((a.data, b.data, c.data), {
        (None, Some(StageData::General), Some(StageData::Synthetic))
    });
    assert_eq!(
        (b.training.data.as_ref(), c.training.data.as_ref()),
        (None, None)
    );
    assert!(!recipe.mix.caption && recipe.mix.synthetic);
    assert_eq!(
        row(&recipe, "mix.caption").1,
        "preset: what the stages of the training need"
    );
}

/// One sentence for each thing that is wrong, and no other.
#[test]
fn what_is_wrong_with_stages_is_told() {
    let stage = |name: &str, rest: &str| format!("[[train.stages]]\nname = \"{name}\"\n{rest}\n");
    let (caption, mix) = ("data = \"caption\"", "data = \"mix\"");
    let both = stage("a", caption) + &stage("b", mix);
    for (text, expected) in [
        (
            "train.pipeline = \"two-stage\"\n".to_owned() + &both,
            "`train.pipeline = \"two-stage\"` and `[[train.stages]]` both say which stages there are; keep `train.pipeline` \
             for the paper's, or `[[train.stages]]` for your own",
        ),
        (
            "train.stages = []".to_owned(),
            "`train.stages` is empty; leave it out for a single stage, or name at least one",
        ),
        (
            "train.stages = [\"captions\"]".to_owned(),
            "`train.stages` is `[\"captions\"]`, expected tables `[[train.stages]]`",
        ),
        (
            stage("a", caption) + &stage("a", mix) + &stage("b", mix),
            "two stages of `train.stages` are called `a`; each needs a name of its own",
        ),
        (
            both.clone() + "[[train.stages]]\ndata = \"mix\"",
            "stage 3 of `train.stages` has no `name`",
        ),
        (
            both.clone() + &stage("a/b", mix),
            "stage 3 of `train.stages` is called `\"a/b\"`; a name is made of letters, digits, `-` and `_`",
        ),
        (
            both.clone() + &stage("c", "epochs = 1"),
            "the stage `c` of `train.stages` has no `data`; say what it trains on: mix, caption, synthetic, general, or a \
             sample file",
        ),
        (
            both.clone() + &stage("c", "data = \"general\""),
            "the stage `c` of `train.stages` trains general samples; name them in `mix.general`",
        ),
        (
            "mix.synthetic = false\n".to_owned() + &both,
            "the stage `b` trains synthetic tasks, and `mix.synthetic` is off",
        ),
        (
            "mix.caption = true\n".to_owned() + &stage("a", "data = \"synthetic\""),
            "`mix.caption` is on, and no stage of the training trains captions; leave it out",
        ),
        (
            both.clone()
                + &stage(
                    "c",
                    "data = \"mix\"\nfreeze = [\"vision_tower\", \"projector\", \"language_model\"]",
                ),
            "`train.stages.c.freeze` names vision_tower, projector and language_model, so that the stage trains nothing",
        ),
        (
            both.clone() + &stage("c", "data = \"mix\"\nlerning_rate = 1e-3"),
            "unknown key `lerning_rate` of the stage `c` of `train.stages`; did you mean `learning_rate`?",
        ),
        (
            both.clone() + &stage("c", "data = \"mix\"\nepochs = \"two\""),
            "`train.stages.c.epochs` is `\"two\"`, expected a number from 0.001 to 10000",
        ),
        (
            both.clone()
                + &stage(
                    "c",
                    "data = \"mix\"\nscheduler = \"constant\"\nmin_lr = 0.1",
                ),
            "nothing reads `train.stages.c.min_lr`: it is for a `train.stages.c.scheduler` that falls, and this one is constant",
        ),
        (
            "train.data = \"before.jsonl\"\n".to_owned() + &both,
            "nothing reads `train.data`: what a stage of the training is trained on says its own `data`",
        ),
        (
            "train.epochs = 2\n".to_owned() + &stage("a", "data = \"mix\"\nepochs = 1"),
            "nothing reads `train.epochs`: every stage of the training has its own",
        ),
        (
            "mix.caption_position = \"random\"\n".to_owned()
                + &stage("a", caption)
                + &stage("b", "data = \"synthetic\""),
            "nothing reads `mix.caption_position`: it is for captions and tasks in one conversation, and no stage of the \
             training has both",
        ),
        (
            stage("a", caption),
            "nothing reads `synthesizer.seed_data`: it is for synthetic tasks, and no stage of the training has any",
        ),
        (
            "evaluate.after_each_stage = true\n".to_owned(),
            "nothing reads `evaluate.after_each_stage`: it is for a training of several stages, and this one has a single one",
        ),
        (
            "[train.stages.captions]\nepochs = 2\n".to_owned(),
            "`train.stages.captions.epochs` is of a stage, and the training has a single one; name stages in \
             `[[train.stages]]`, or choose some with `train.pipeline`",
        ),
        (
            "train.pipeline = \"two-stage\"\ntrain.stages.captoins.epochs = 2\n".to_owned(),
            "`train.stages.captoins.epochs` is of the stage `captoins`, which there is not; stages are `captions` and \
             `instructions`",
        ),
        (
            "train.pipeline = \"three-stage\"\n".to_owned(),
            "`train.pipeline` is `\"three-stage\"`, expected one of single, two-stage, two-stage-reuse",
        ),
        (
            both.clone() + &stage("c", "data = \"nowhere.jsonl\""),
            "nowhere.jsonl`, which does not exist (paths are relative to the recipe's folder)",
        ),
        (
            "mix.general = \"general.jsonl\"\nmix.general_ratio = 1.0\nmix.synthetic = false\n"
                .to_owned()
                + &stage("a", caption),
            "nothing reads `mix.general_ratio`: general samples are replayed beside synthetic tasks",
        ),
    ] {
        let found = said(&text, &[]);
        let wanted = found.iter().any(|one| one.contains(expected));
        assert!(wanted, "{text}\n{found:#?}\n{expected}");
        // A caption-only training has seed data that nothing reads, too.
        let beside = found.iter().filter(|one| one.contains("seed_data")).count();
        assert!(found.len() - beside <= 1, "{text}\n{found:#?}");
    }
}

#[test]
fn a_pipeline_of_an_unknown_family_is_told() {
    let folder = folder();
    std::fs::write(folder.path().join("mllama/config.json"), "{}").expect("write");
    let text = start("mllama")
        + "train.pipeline = \"two-stage\"\ntrain.learning_rate = 1e-5\ntrain.weight_decay = 0\ntrain.warmup_ratio = 0\n";
    let found = read(&text, &[], folder.path()).expect_err("no family");
    assert_eq!(
        found,
        [
            "what `train.pipeline` stands for follows the family of the model, which nothing tells; name it with \
             `model.family`, or your own stages in `[[train.stages]]`"
        ]
    );
}

#[test]
fn single_answers_are_words_of_the_mix() {
    for (word, expected) in [
        ("joined", synthesis::Answers::Joined),
        ("precise", synthesis::Answers::Precise),
        ("informative", synthesis::Answers::Informative),
    ] {
        let recipe = recipe(&format!("mix.answers = \"{word}\""), &[]);
        assert_eq!(recipe.mix.answers, expected);
    }
    let off = said("mix.synthetic = false\nmix.answers = \"precise\"", &[]);
    assert!(off[0].contains("`mix.answers`"), "{off:?}");
}
