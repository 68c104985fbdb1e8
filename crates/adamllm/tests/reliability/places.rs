//! Where a run lies changes nothing: two folders, a folder that moves, folders of other versions, stages in wrong places.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::{adamllm, text};
use crate::run::{Small, assert_same, results};

/// The key of each stage of a finished run.
fn keys(run: &Path) -> BTreeMap<String, Value> {
    let read = |path: &Path| -> Value {
        let bytes = std::fs::read(path).expect("read");
        serde_json::from_slice(&bytes).expect("json")
    };
    let graph = read(&run.join("graph.json"));
    let nodes = graph["nodes"].as_array().expect("nodes");
    let key = |node: &Value| {
        let folder = node["folder"].as_str().expect("folder");
        let manifest = read(&run.join(folder).join("manifest.json"));
        (node["name"].to_string(), manifest["key"].clone())
    };
    nodes.iter().map(key).collect()
}

#[test]
fn a_recipe_in_two_folders_has_equal_keys_records_and_weights_also_where_a_run_moves() {
    let (one, other) = (Small::new(), Small::new());
    let output = one.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));

    // The other begins in one place and ends in another, its data too.
    let output = other.run(&["--until", "synthesize"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let away = tempfile::tempdir().expect("folder");
    let moved = away.path().join("deeper/down");
    std::fs::create_dir_all(away.path().join("deeper")).expect("folder");
    std::fs::rename(other.folder.path(), &moved).expect("move");
    let mut command = adamllm();
    command.arg("run").arg(moved.join("my.toml"));
    command.arg("--run-dir").arg(moved.join("run"));
    let output = command.args(["--threads", "1", "--limit", "40"]).output();
    let output = output.expect("the program starts");
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    for stage in ["pairs", "tune-synthesizer", "synthesize"] {
        assert!(
            said.contains(&format!("{stage}: done before, skipped")),
            "{said}"
        );
    }

    let (here, there) = (one.path("run"), moved.join("run"));
    assert_eq!(keys(&here), keys(&there));
    assert_same(&results(&here), &results(&there));
}

#[test]
fn the_folder_of_another_version_is_refused() {
    let small = Small::new();
    let folder = small.path("run/mix");
    std::fs::create_dir_all(&folder).expect("folder");
    // As the first layout of run folders had it, with its seal.
    let note = "{\"key\":\"a\",\"before\":\"b\"}";
    let seal = corpus::digest::bytes(note.as_bytes());
    let sealed = format!("{{\"key\":\"a\",\"before\":\"b\",\"sha256\":\"{seal}\"}}");
    std::fs::write(folder.join("begun.json"), sealed).expect("write");
    let output = small.run(&[]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("was made by another version of adamllm"),
        "{said}"
    );
    assert!(folder.join("begun.json").exists(), "nothing is lost");
}

#[test]
fn what_lies_in_the_folder_of_another_stage_is_made_again() {
    let small = Small::new();
    let until = ["--until", "mix"];
    let output = small.run(&until);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for note in ["begun.json", "manifest.json"] {
        let place = |stage: &str| small.path("run").join(stage).join(note);
        std::fs::copy(place("mix"), place("filter")).expect("copy");
    }
    let output = small.run(&until);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("filter: done again, since what lies in its folder was made by stage `mix`"),
        "{said}"
    );
}

#[test]
fn a_program_without_its_engine_says_so_and_does_what_it_can() {
    let folder = tempfile::tempdir().expect("folder");
    let alone = folder.path().join("adamllm");
    std::fs::copy(env!("CARGO_BIN_EXE_adamllm"), &alone).expect("copy");
    let small = Small::new();
    let started = |args: &[&str]| {
        let output = Command::new(&alone).args(args).output();
        output.expect("the program starts")
    };
    let recipe = small.path("my.toml").display().to_string();
    let run = small.path("run").display().to_string();
    let output = started(&["run", &recipe, "--run-dir", &run]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("needs `adamllm-engine`")
            && said.contains("cargo build --release -p adamllm"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    let output = started(&["recipe", "explain", &recipe]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = started(&["doctor"]);
    assert_eq!(output.status.code(), Some(1));
    let shown = text(&output.stdout);
    assert!(
        shown.contains("memory") && shown.contains("to mend"),
        "{shown}"
    );
}

#[test]
fn an_engine_of_another_version_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_adamllm-engine"))
        .arg("doctor")
        .env("ADAMLLM_CALLER_VERSION", "9.9.9")
        .output()
        .expect("the engine starts");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("`adamllm` has version 9.9.9"), "{said}");
}

#[test]
fn a_torn_line_of_events_is_closed_and_told() {
    let small = Small::new();
    let output = small.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let events = small.path("run/events/0.jsonl");
    let mut bytes = std::fs::read(&events).expect("events");
    let expected = String::from_utf8(bytes.clone()).expect("text");
    assert!(expected.contains("\"event\":\"progress\"") && expected.contains("\"loss\""));
    bytes.extend_from_slice(b"{\"time\":\"2026-");
    std::fs::write(&events, bytes).expect("write");
    let output = small.run(&["--from", "report"]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("1 torn or damaged lines of events are passed over"),
        "{said}"
    );
    let page = std::fs::read_to_string(small.path("run/report/index.html")).expect("page");
    assert!(
        page.contains("loss in nats per learned token"),
        "the curves are still there"
    );
}
