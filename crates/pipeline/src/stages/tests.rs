//! What ends a run, with stages that are made for it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use corpus::digests::Digests;
use run::events::Nobody;
use run::plan::Cost;
use run::recipe::{Recipe, Surroundings};
use run::{Layout, Node, Place, RunFolder, Span, Stop};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use torch::{Device, Kind};

use super::{Pairs, Stages, quality};
use crate::driver::{Driver, Ready};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::pictures::PictureStore;
use crate::preflight;
use crate::reader::Reader;
use crate::sources::Sources;
use crate::stage::{Link, Site, Stage};

type Work<C> = Box<dyn Fn(&Site<'_>) -> Result<C>>;

/// A stage that does what a test says.
struct Own<C> {
    name: &'static str,
    after: Vec<&'static str>,
    file: Option<PathBuf>,
    missing: Vec<String>,
    work: Work<C>,
}

impl<C> Own<C> {
    fn new(name: &'static str, work: impl Fn(&Site<'_>) -> Result<C> + 'static) -> Self {
        Self {
            name,
            after: Vec::new(),
            file: None,
            missing: Vec::new(),
            work: Box::new(work),
        }
    }
}

impl<C: Serialize + DeserializeOwned> Stage for Own<C> {
    type Counts = C;
    const KIND: &'static str = "own";
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let inputs: Vec<(&str, &str)> = self.after.iter().map(|name| (*name, *name)).collect();
        Node::of(self.name, Place::Rank0, &inputs)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        match &self.file {
            Some(path) => reader.file("the list", path),
            None => Ok(()),
        }
    }

    fn cost(&self, _: &Estimate<'_>) -> Result<Cost> {
        Ok(Cost::nothing(0))
    }

    fn missing(&self) -> Vec<String> {
        self.missing.clone()
    }

    fn run(&self, site: &Site<'_>) -> Result<C> {
        (self.work)(site)
    }
}

/// What a stage of somebody else may give.
#[derive(Debug, thiserror::Error)]
#[error("no answer from the server")]
struct Foreign {
    source: std::io::Error,
}

fn recipe(folder: &Path) -> Recipe {
    recipe_with(folder, &[])
}

fn recipe_with(folder: &Path, keys: &[&str]) -> Recipe {
    std::fs::create_dir_all(folder.join("model")).expect("folder");
    for file in [
        "model/config.json",
        "pairs.jsonl",
        "seeds.jsonl",
        "prompts.toml",
    ] {
        let text = if file == "prompts.toml" {
            ""
        } else {
            "{\"model_type\": \"qwen2_vl\"}"
        };
        std::fs::write(folder.join(file), text).expect("file");
    }
    let text = "[model]\ncheckpoint = \"model\"\ndtype = \"f32\"\n[data]\npairs = \
                \"pairs.jsonl\"\n[synthesizer]\nseed_data = \"seeds.jsonl\"\nprompts = \"prompts.toml\"\n";
    let surroundings = Surroundings {
        demo_recipe: include_str!("../../../../recipes/demo.toml"),
        ..Surroundings::default()
    };
    let keys: Vec<String> = keys.iter().map(|&key| key.to_owned()).collect();
    Recipe::read(text, &keys, folder, &surroundings).expect("a recipe")
}

fn engine() -> Engine {
    Engine {
        threads: 1,
        ..Engine::on(Device::Cpu, Kind::Float)
    }
}

fn stages() -> Stages {
    Stages {
        all: Vec::new(),
        graph: run::Graph::default(),
        pairs: None,
    }
}

/// What a run of the stages ends in.
fn end(stages: &Stages, span: &Span, folder: &TempDir, stop: bool) -> Result<()> {
    let recipe = recipe(folder.path());
    let run = RunFolder::open(&folder.path().join("run"))?;
    let (engine, stop) = (engine(), AtomicBool::new(stop));
    let driver = Driver {
        recipe: &recipe,
        stages,
        run: &run.path,
        layout: Layout::Run,
        engine: &engine,
        listener: &Nobody,
        stop: Stop::when(&stop),
        digests: &RefCell::new(Digests::default()),
    };
    let ready = if stages.all().any(|stage| !stage.missing().is_empty()) {
        preflight::look(&driver, span)?
    } else {
        Ready {
            stages: driver.identify(span)?,
            span: span.clone(),
        }
    };
    driver.run(ready)
}

fn ends<C: Serialize + DeserializeOwned + 'static>(stage: Own<C>, folder: &TempDir) -> Error {
    let mut made = stages();
    made.add(stage).expect("added");
    end(&made, &Span::default(), folder, false).expect_err("an error")
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("folder")
}

#[test]
fn the_error_of_another_crates_stage_is_told_with_its_causes() {
    let foreign = || Foreign {
        source: std::io::Error::other("the line is dead"),
    };
    let stage = Own::<u64>::new("one", move |_| Err(Error::of_stage(foreign())));
    let error = ends(stage, &folder());
    let Error::Failed { stage, source } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(stage, "one");
    assert!(
        matches!(&**source, Error::Stage(inner) if inner.is::<Foreign>()),
        "{source:?}"
    );
    assert_eq!(
        corpus::causes(&error),
        "stage `one` failed: no answer from the server: the line is dead"
    );
}

#[test]
fn a_stage_without_memory_says_what_helps() {
    let lacking = || {
        let told =
            "out of memory: 5000 bytes were asked for, 90000 are in use, and the limit is 93000";
        train::Error::from(torch::Error(told.to_owned()))
    };
    let stage = Own::<u64>::new("one", move |_| Err(lacking().into()));
    let error = ends(stage, &folder());
    assert!(
        matches!(
            &error,
            Error::Failed { source, .. }
                if matches!(&**source, Error::OutOfMemory { told, .. } if told.asked == 5000 && told.in_use == 90_000)
        ),
        "{error:?}"
    );
    let told = corpus::causes(&error);
    assert!(
        told.starts_with("stage `one` failed: there is too little memory: 0.0 MB were asked for beside 0.1 MB in use"),
        "{told}"
    );
}

#[test]
fn counts_that_are_no_json_fail_the_stage() {
    let stage = Own::new("one", |_| Ok(BTreeMap::from([(vec![1u8], 1u64)])));
    let error = ends(stage, &folder());
    assert!(
        matches!(&error, Error::Failed { source, .. } if matches!(**source, Error::Json(_))),
        "{error:?}"
    );
}

#[test]
fn being_stopped_is_no_failure() {
    let mut made = stages();
    made.add(Own::<u64>::new("one", |_| Err(run::Stopped.into())))
        .expect("added");
    for stop in [false, true] {
        let error = end(&made, &Span::default(), &folder(), stop).expect_err("stopped");
        assert!(matches!(error, Error::Stopped(_)), "{error:?}");
    }
}

#[test]
fn a_span_needs_what_comes_before_it() {
    let mut made = stages();
    made.add(Own::<u64>::new("one", |_| Ok(1))).expect("added");
    let two = Own::<u64>::new("two", |_| Ok(2));
    let after = vec!["one"];
    made.add(Own { after, ..two }).expect("added");
    let span = |from: &str| Span {
        from: Some(from.to_owned()),
        until: None,
    };
    let error = end(&made, &span("two"), &folder(), false).expect_err("`one` is not done");
    assert!(
        matches!(&error, Error::NotFinished { from, stage } if from == "two" && stage == "one"),
        "{error:?}"
    );
    let error = end(&made, &span("three"), &folder(), false).expect_err("unknown");
    assert!(
        matches!(error, Error::Run(run::Error::UnknownGroup { .. })),
        "{error:?}"
    );
    let error = made.add(Own::<u64>::new("two", |_| Ok(2)));
    assert!(
        matches!(error, Err(Error::Run(run::Error::Twice { .. }))),
        "a name of its own"
    );
}

#[test]
fn a_file_that_is_written_meanwhile_is_the_reason() {
    let changes = |change: fn(&Path) -> Result<u64>| {
        let folder = folder();
        let list = folder.path().join("list");
        std::fs::write(&list, "before").expect("write");
        let path = list.clone();
        let stage = Own::new("one", move |_| change(&path));
        let file = Some(list);
        ends(Own { file, ..stage }, &folder)
    };
    let error = changes(|list| {
        std::fs::write(list, "after").expect("write");
        Ok(1)
    });
    assert!(
        matches!(&error, Error::Changed { stage, role } if stage == "one" && role == "the list"),
        "{error:?}"
    );
    let error = changes(|list| {
        std::fs::remove_file(list).expect("remove");
        Err(run::Error::Twice {
            stage: "of what was read".to_owned(),
        }
        .into())
    });
    assert!(
        matches!(&error, Error::Vanished { stage, source } if stage == "one" && matches!(**source, Error::Corpus(_))),
        "{error:?}"
    );
}

#[test]
fn counts_of_an_input_have_to_be_there() {
    let counted = |work: fn(&Site<'_>) -> Result<u64>| {
        let mut made = stages();
        made.add(Own::<u64>::new("one", |_| Ok(1))).expect("added");
        let two = Own::new("two", work);
        let after = vec!["one"];
        made.add(Own { after, ..two }).expect("added");
        let error = end(&made, &Span::default(), &folder(), false).expect_err("no counts");
        match error {
            Error::Failed { source, .. } => *source,
            other => panic!("{other:?}"),
        }
    };
    let error = counted(|site| {
        let other = Own::<Vec<String>>::new("one", |_| Ok(Vec::new()));
        Ok(site.counts(&Link::to(&other))?.len() as u64)
    });
    assert!(
        matches!(&error, Error::Counts { stage, .. } if stage == "one"),
        "{error:?}"
    );
    let error = counted(|site| site.counts(&Link::to(&Own::<u64>::new("none", |_| Ok(0)))));
    assert!(
        matches!(&error, Error::NoManifest { stage } if stage == "none"),
        "{error:?}"
    );
}

#[test]
fn what_is_missing_is_told_before_anything_begins() {
    let sentence = "there is no server; start one".to_owned();
    let stage = Own::<u64>::new("one", |_| panic!("nothing is begun"));
    let missing = vec![sentence.clone()];
    let error = ends(Own { missing, ..stage }, &folder());
    assert!(
        matches!(&error, Error::Missing { missing } if *missing == [sentence]),
        "{error:?}"
    );
}

#[test]
fn files_of_a_recipe_that_cannot_be_used() {
    let within = folder();
    let recipe = recipe(within.path());
    let prompts = within.path().join("prompts.toml");
    std::fs::write(&prompts, "[nothing]").expect("write");
    let error = Sources::of(&recipe, within.path(), None).expect_err("no such prompts");
    assert!(
        matches!(&error, Error::Prompts { path, .. } if *path == prompts),
        "{error:?}"
    );
    assert!(corpus::causes(&error).contains("prompts.toml`: unknown prompts `nothing`"));
    std::fs::remove_file(&prompts).expect("remove");
    let error = Stages::of(&recipe, within.path(), None).err();
    assert!(
        matches!(&error, Some(Error::Io { action: "read", path, .. }) if *path == prompts),
        "{error:?}"
    );
    let nothing = Recipe {
        pairs: Vec::new(),
        ..recipe
    };
    let (store, mut digests) = (PictureStore::of(within.path()), Digests::default());
    let pairs = Pairs::of(&nothing, &store, None);
    let error = pairs.contents(Reader::of_contents(&store, &mut digests));
    assert!(matches!(error, Err(Error::NoPairs)), "{error:?}");
}

#[test]
fn models_that_cannot_be_used() {
    let within = folder();
    let (path, engine) = (within.path(), engine());
    let error = engine.open(path).err();
    assert!(
        matches!(&error, Some(Error::OpenProcessor { folder, .. }) if folder == path),
        "{error:?}"
    );
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/base-model");
    for entry in std::fs::read_dir(shipped).expect("folder").flatten() {
        std::fs::copy(entry.path(), path.join(entry.file_name())).expect("copy");
    }
    assert!(engine.open(path).is_ok());
    std::fs::write(path.join("model.safetensors"), "cut off").expect("write");
    let error = engine.open(path).err();
    assert!(
        matches!(&error, Some(Error::OpenModel { folder, .. }) if folder == path),
        "{error:?}"
    );
    let key = "filter.checkpoint";
    let read = [crate::reader::ModelRead {
        key,
        folder: path.to_owned(),
    }];
    let error = crate::driver::without_weights(&read).err();
    assert!(
        matches!(&error, Some(Error::Weights { key: own, .. }) if *own == key),
        "{error:?}"
    );
    std::fs::remove_file(path.join("chat_template.jinja")).expect("remove");
    let (store, mut digests) = (PictureStore::of(path), Digests::default());
    let mut reader = Reader::of_contents(&store, &mut digests);
    let error = reader.model("the judge", key, path).err();
    assert!(
        matches!(
            &error,
            Some(Error::ModelRole { key: own, role, source: processor::Error::NoTemplate { .. } })
                if *own == key && role == "the judge"
        ),
        "{error:?}"
    );
    std::fs::write(path.join("config.json"), "{\"model_type\": \"none\"}").expect("write");
    let config = train::Config::small(0.1, 1, 1);
    let error = crate::estimate::Measured::sizes(&engine, &config, path).err();
    assert!(
        matches!(&error, Some(Error::Config { path: own, .. }) if *own == path.join("config.json")),
        "{error:?}"
    );
}

/// Each stage is made from the model of the one before and from samples of its own; controls go the same way.
#[test]
fn a_training_of_several_stages_is_a_chain() {
    let within = folder();
    let keys = [
        "train.pipeline=two-stage",
        "evaluate.after_each_stage=true",
        "evaluate.controls=[\"captions\"]",
    ];
    let recipe = recipe_with(within.path(), &keys);
    let stages = Stages::of(&recipe, within.path(), None).expect("stages");
    let graph = stages.graph();
    let inputs = |name: &str| -> BTreeMap<String, String> {
        let node = graph.node(name).unwrap_or_else(|| panic!("no {name}"));
        node.inputs.clone()
    };
    let of = |all: &[(&str, &str)]| -> BTreeMap<String, String> {
        let all = all.iter();
        all.map(|(role, name)| ((*role).to_owned(), (*name).to_owned()))
            .collect()
    };
    for (name, expected) in [
        // Captions need no synthesizer.
        ("mix-1-captions", of(&[("pairs", "pairs")])),
        ("mix", of(&[("pairs", "pairs"), ("triplets", "filter")])),
        (
            "train-1-captions",
            of(&[("pairs", "pairs"), ("samples", "mix-1-captions")]),
        ),
        (
            "train",
            of(&[
                ("pairs", "pairs"),
                ("samples", "mix"),
                ("model", "train-1-captions"),
            ]),
        ),
        (
            "train-1-captions-captions",
            of(&[
                ("pairs", "pairs"),
                ("samples", "mix-1-captions-captions"),
                ("adapted", "train-1-captions"),
            ]),
        ),
        (
            "train-captions",
            of(&[
                ("pairs", "pairs"),
                ("samples", "mix-captions"),
                ("model", "train-1-captions-captions"),
                ("adapted", "train"),
            ]),
        ),
        (
            "answer-after-captions",
            of(&[("model", "train-1-captions"), ("pairs", "pairs")]),
        ),
        (
            "answer-adapted",
            of(&[("model", "train"), ("pairs", "pairs")]),
        ),
    ] {
        assert_eq!(inputs(name), expected, "{name}");
    }
    let scored = inputs("score");
    for system in ["base", "adapted", "after-captions", "blind", "captions"] {
        assert!(scored.contains_key(system), "{system}: {scored:?}");
    }
    // What an earlier stage trained on is looked through for test items, too.
    assert_eq!(scored["mix-1-captions"], "mix-1-captions");
    let groups = graph.groups();
    assert!(!groups.contains(&"train-1-captions"), "{groups:?}");
}

/// The data is measured after the training, for the report alone: what else is made has the same inputs with it and without.
#[test]
fn the_quality_of_data_is_a_stage_of_its_own() {
    let within = folder();
    let truth = within.path().join("truth.jsonl");
    std::fs::write(&truth, "").expect("write");
    let known = format!("data.truth={}", truth.display());
    let stages = |keys: &[&str]| {
        let recipe = recipe_with(within.path(), keys);
        Stages::of(&recipe, within.path(), None).expect("stages")
    };
    let (with, without) = (
        stages(&[&known, "evaluate.quality=true"]),
        stages(&[&known]),
    );
    let names = |stages: &Stages| -> Vec<String> {
        let nodes = stages.graph().nodes().iter();
        nodes.map(|node| node.name.clone()).collect()
    };
    let mut expected = names(&without);
    expected.insert(expected.len() - 1, quality::NAME.to_owned());
    assert_eq!(names(&with), expected);
    let node = with.graph().node(quality::NAME).expect("a stage");
    let inputs: Vec<&str> = node.inputs.values().map(String::as_str).collect();
    assert_eq!(inputs, ["filter", "train", "pairs", "synthesize"]);
    for node in without.graph().nodes() {
        let other = with.graph().node(&node.name).expect("the same stage");
        let mut inputs = other.inputs.clone();
        inputs.remove(quality::NAME);
        assert_eq!(inputs, node.inputs, "{}", node.name);
    }
}
