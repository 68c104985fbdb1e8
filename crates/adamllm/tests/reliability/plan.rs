//! A plan first, and planned against measured afterwards.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::program::{adamllm, text};
use crate::run::Small;

/// The stages in their order.
const ALL: &str = "pairs tune-synthesizer synthesize filter mix train answer-base answer-adapted answer-blind score report";

#[test]
fn a_run_is_planned_and_measured_against_its_plan() {
    let small = Small::new();
    let planned = || {
        let output = small.run(&["--dry-run", "--json"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let plan: Value = serde_json::from_slice(&output.stdout).expect("json");
        plan
    };
    let plan = planned();
    let stages = plan["stages"].as_array().expect("stages");
    let names: Vec<&str> = stages.iter().filter_map(|s| s["stage"].as_str()).collect();
    assert_eq!(names.join(" "), ALL);
    assert!(stages.iter().all(|s| s["skipped"] == false), "{plan}");
    assert_eq!(stages[1]["counts"]["samples"], 40);
    assert_eq!(stages[1]["counts"]["steps"], 4);
    assert_eq!(stages[2]["counts"]["requests"], 9);
    for part in ["weights", "gradients", "moments"] {
        assert!(
            plan["memory"][part].as_u64().is_some_and(|n| n > 1_000_000),
            "{plan}"
        );
    }
    assert!(plan["free_disk"].as_u64().is_some_and(|n| n > 0), "{plan}");
    for stage in names {
        assert!(!small.path("run").join(stage).exists(), "{stage} was begun");
    }

    let output = small.run(&[]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("planned against measured") && said.contains("steps 4, 4"),
        "{said}"
    );

    let plan = planned();
    let skipped = |s: &Value| s["skipped"] == true && s["why"] == "done before";
    assert!(
        plan["stages"]
            .as_array()
            .expect("stages")
            .iter()
            .all(skipped),
        "{plan}"
    );
    let output = small.run(&["--dry-run", "--set", "train.max_steps=2"]);
    let told = text(&output.stdout);
    assert!(
        told.contains("`train.max_steps` was 4, is 2") && told.contains("builds on `train`"),
        "{told}"
    );
}

#[test]
fn the_demo_is_planned_and_no_stage_begun() {
    let folder = tempfile::tempdir().expect("folder");
    let run = folder.path().join("run");
    let sets = ["synthesizer.train.max_steps=6", "train.max_steps=5"];
    let mut command = adamllm();
    command.args(["demo", "--dry-run", "--quick", "--threads", "1", "--json"]);
    command.args(sets.map(|set| ["--set", set]).concat());
    let output = command.arg("--run-dir").arg(&run).output();
    let output = output.expect("the program starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let plan: Value = serde_json::from_slice(&output.stdout).expect("json");
    let stages = plan["stages"].as_array().expect("stages");
    let names: Vec<&str> = stages.iter().filter_map(|s| s["stage"].as_str()).collect();
    assert_eq!(names.join(" "), ALL);
    let new = |s: &Value| s["skipped"] == false && s["seconds"].as_f64().is_some_and(|n| n >= 0.0);
    assert!(stages.iter().all(new), "{plan}");
    assert_eq!(stages[0]["why"], "not done yet");
    assert_eq!(stages[1]["counts"]["steps"], 6);
    assert_eq!(stages[5]["counts"]["steps"], 5);
    // Every seed conversation of the demo is learned from, every one of its pictures asked about.
    let lines = |name: &str| {
        let text = std::fs::read_to_string(run.join("demo").join(name)).expect(name);
        text.lines().count()
    };
    assert_eq!(stages[1]["counts"]["samples"], lines("seeds.jsonl"));
    assert!(
        stages[2]["counts"]["requests"]
            .as_u64()
            .is_some_and(|n| n > 0),
        "{plan}"
    );
    // The demo's own files, the plan, and notes of what was read; nothing of a stage.
    let written: BTreeSet<String> = std::fs::read_dir(&run)
        .expect("run folder")
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let allowed = [
        ".digests.json",
        ".lease",
        ".lock",
        ".looks",
        "checked.json",
        "demo",
        "pictures",
        "plan.json",
    ];
    assert!(
        written.iter().all(|name| allowed.contains(&name.as_str())),
        "{written:?}"
    );
    assert!(written.contains("plan.json") && written.contains("demo"));
}
