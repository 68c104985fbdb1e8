//! Trainings of several stages, with the shipped demo base: what is done again and what is not, kills, controls, files.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::text;
use crate::run::{Small, assert_same, results};

/// A few steps: what is looked at here is what goes from stage to stage.
const QUICK: [&str; 4] = [
    "synthesizer.train.max_steps=1",
    "synthesizer.train.save_steps=0",
    "synthesizer.max_new_tokens=8",
    "train.pipeline=two-stage-reuse",
];

/// Runs with these keys; gives what was said.
fn run(small: &Small, keys: &[&str]) -> String {
    let keys: Vec<&str> = keys.iter().flat_map(|key| ["--set", key]).collect();
    let output = small.run(&keys);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    said
}

/// What was skipped and what was not, of the stages of the trainings.
fn skipped(said: &str) -> BTreeMap<&str, bool> {
    let lines = said.lines().filter_map(|line| line.split_once(": "));
    let of_trainings = lines.filter(|(stage, _)| {
        stage.starts_with("mix") || stage.starts_with("train") || stage.starts_with("answer-after")
    });
    let mut out = BTreeMap::new();
    for (stage, what) in of_trainings {
        if what.contains("done before, skipped") {
            out.insert(stage, true);
        } else if what.starts_with("new") || what.starts_with("done again") {
            out.insert(stage, false);
        }
    }
    out
}

fn manifest(run: &Path, folder: &str) -> Value {
    let path = run.join(folder).join("manifest.json");
    let text = std::fs::read_to_string(&path).expect("manifest");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn what_changed_in_the_last_stage_leaves_the_first_alone() {
    let small = Small::new();
    let quick = [&QUICK[..], &["evaluate.after_each_stage=true"]].concat();
    run(&small, &quick);
    let folder = small.path("run");
    let captions = manifest(&folder, "stages/captions/train");
    assert_eq!(captions["counts"]["steps"], 4);
    assert_eq!(
        captions["recipe"]["train.stages.captions.learning_rate"]["projector"],
        2e-3
    );
    assert!(captions["inputs"].get("model").is_none(), "{captions}");
    let last = manifest(&folder, "train");
    assert_eq!(last["inputs"]["model"], captions["key"]);
    assert!(last["given"]["model"].is_string(), "{last}");
    assert!(folder.join("evaluate/answers/after-captions").is_dir());
    let own = std::fs::read(folder.join("stages/captions/train/model/model.safetensors"));
    let adapted = std::fs::read(folder.join("train/model/model.safetensors"));
    assert_ne!(own.expect("weights"), adapted.expect("weights"));
    let summary = std::fs::read_to_string(folder.join("report/summary.json")).expect("summary");
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    assert_eq!(summary["stages"][0]["system"], "after-captions");
    let page = std::fs::read_to_string(folder.join("report/index.html")).expect("page");
    for part in [
        "From stage to stage",
        "after-captions",
        "in stages: captions (`captions`), then captions and synthetic tasks",
    ] {
        assert!(page.contains(part), "{part}");
    }

    // The same again: nothing is done.
    let said = run(&small, &quick);
    let all = skipped(&said);
    assert_eq!(all.len(), 5, "{said}");
    assert!(all.values().all(|skipped| *skipped), "{said}");

    // The second stage's rate: the second training alone, and what follows it.
    let rate = "train.stages.instructions.learning_rate=1e-5";
    let said = run(&small, &[&quick[..], &[rate]].concat());
    let expected = [
        ("answer-after-captions", true),
        ("mix", true),
        ("mix-1-captions", true),
        ("train", false),
        ("train-1-captions", true),
    ];
    assert_eq!(skipped(&said), BTreeMap::from(expected), "{said}");
    assert!(
        said.contains("`train.stages.instructions.learning_rate`"),
        "{said}"
    );

    // The first stage's: both, but no samples.
    let rate = "train.stages.captions.learning_rate=1e-5";
    let said = run(&small, &[&quick[..], &[rate]].concat());
    let expected = [
        ("answer-after-captions", false),
        ("mix", true),
        ("mix-1-captions", true),
        ("train", false),
        ("train-1-captions", false),
    ];
    assert_eq!(skipped(&said), BTreeMap::from(expected), "{said}");
}

#[test]
fn a_training_of_two_stages_that_is_killed_ends_in_the_same_bits() {
    let small = Small::new();
    run(&small, &QUICK);
    let folder = small.path("run");
    let expected = results(&folder);
    std::fs::remove_dir_all(&folder).expect("remove");
    let mut kills = 0;
    for file in [
        "stages/captions/train/metrics.jsonl",
        "stages/captions/train/model",
        "train/metrics.jsonl",
    ] {
        let mut command = small.command();
        command.args(QUICK.iter().flat_map(|key| ["--set", key]));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        let start = Instant::now();
        while !folder.join(file).exists() && child.try_wait().expect("wait").is_none() {
            assert!(start.elapsed() < Duration::from_mins(5), "no {file}");
            std::thread::sleep(Duration::from_millis(2));
        }
        if child.try_wait().expect("wait").is_none() {
            child.kill().expect("kill");
            kills += 1;
        }
        child.wait().expect("wait");
    }
    assert!(kills > 0);
    run(&small, &QUICK);
    assert_same(&expected, &results(&folder));
}

const OWN: &str = "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"pairs.jsonl\"\n[mix]\ngeneral = \"general.jsonl\"\n\
                   general_ratio = 1.0\n[synthesizer]\nmax_new_tokens = 8\n[synthesizer.train]\nmax_steps = 1\n\
                   [train]\nbatch_size = 4\nmax_steps = 2\n\
                   [[train.stages]]\nname = \"before\"\ndata = \"before.jsonl\"\nfreeze = [\"vision_tower\"]\n\
                   [[train.stages]]\nname = \"general\"\ndata = \"general\"\nmax_steps = 1\n\
                   [[train.stages]]\nname = \"captions\"\ndata = \"caption\"\n\
                   [[train.stages]]\nname = \"all\"\ndata = \"mix\"\nmax_steps = 3\n\
                   [evaluate]\nafter_each_stage = true\ncontrols = [\"captions\", \"general\", \"no-replay\"]\n";

/// A sample of text alone.
fn sample(id: &str, answer: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"turns\":[{{\"role\":\"user\",\"text\":\"Hi\"}},{{\"role\":\"assistant\",\"text\":\"{answer}\",\"learn\":true}}]}}\n"
    )
}

#[test]
fn stages_of_ones_own_have_controls_of_as_many_steps() {
    let small = Small::new();
    small.write("my.toml", OWN.as_bytes());
    let general = sample("g", "Hello") + &sample("h", "Good day");
    small.write("general.jsonl", general.as_bytes());
    small.write("before.jsonl", sample("b", "First").as_bytes());
    let output = small.run(&["--dry-run", "--json"]);
    let planned: Value = serde_json::from_slice(&output.stdout).expect("a plan");
    let steps: BTreeMap<&str, u64> = planned["stages"]
        .as_array()
        .expect("stages")
        .iter()
        .filter_map(|stage| Some((stage["stage"].as_str()?, stage["counts"]["steps"].as_u64()?)))
        .collect();
    for (stage, expected) in [
        ("train-1-before", 2),
        ("train-2-general", 1),
        ("train-3-captions", 2),
        ("train", 3),
        ("train-captions", 3),
        ("train-3-captions-general", 2),
    ] {
        assert_eq!(steps.get(stage), Some(&expected), "{stage}: {steps:?}");
    }
    run(&small, &[]);
    let folder = small.path("run");
    let count = |stage: &str, what: &str| manifest(&folder, stage)["counts"][what].clone();
    for (place, samples, trained) in [
        ("stages/before", 1, 2),
        ("stages/general", 2, 1),
        // Ten pairs, of which one is held out.
        ("stages/captions", 9, 2),
        ("", 18, 3),
        ("controls/captions/stages/before", 1, 2),
        ("controls/captions", 18, 3),
        ("controls/general/stages/before", 2, 2),
        ("controls/general/stages/captions", 2, 2),
        ("controls/general", 2, 3),
        ("controls/no-replay/stages/before", 1, 2),
        ("controls/no-replay/stages/captions", 9, 2),
        ("controls/no-replay", 9, 3),
    ] {
        let at = |stage: &str| {
            if place.is_empty() {
                stage.to_owned()
            } else {
                format!("{place}/{stage}")
            }
        };
        assert_eq!(count(&at("mix"), "samples"), samples, "{place}");
        assert_eq!(count(&at("train"), "steps"), trained, "{place}");
    }
    assert!(!folder.join("controls/no-replay/stages/general").exists());
    let summary = std::fs::read_to_string(folder.join("report/summary.json")).expect("summary");
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    let stages = summary["stages"].as_array().expect("stages");
    let systems: Vec<&Value> = stages.iter().map(|stage| &stage["system"]).collect();
    assert_eq!(systems, ["after-before", "after-general", "after-captions"]);
    let against = summary["against"].as_array().expect("controls");
    assert_eq!(against.len(), 4, "{against:?}");
    // Pictures of every stage's samples are looked for among the tasks'.
    assert_eq!(
        summary["funnel"]["trained_on"].as_u64().map(|n| n > 0),
        Some(true)
    );
}
