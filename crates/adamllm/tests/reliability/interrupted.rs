//! Kills at any moment, Ctrl-C and SIGTERM, and damage between two starts.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::text;
use crate::run::{Small, assert_same, results};

/// Runs once without a disturbance; gives the results and how long it took.
fn undisturbed(small: &Small) -> (std::collections::BTreeMap<String, Vec<u8>>, Duration) {
    let start = Instant::now();
    let output = small.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let took = start.elapsed();
    let found = results(&small.path("run"));
    std::fs::remove_dir_all(small.path("run")).expect("remove");
    (found, took)
}

#[test]
fn killed_runs_end_in_the_same_bits() {
    let small = Small::new();
    let (expected, took) = undisturbed(&small);
    let mut kills = 0;
    // The moments are shares of the undisturbed time; `cargo xtask kill-test` draws many more.
    for share in [0.15, 0.35, 0.5, 0.2, 0.3] {
        let mut child = quiet(&mut small.command());
        std::thread::sleep(took.mul_f64(share));
        if child.try_wait().expect("wait").is_none() {
            child.kill().expect("kill");
            kills += 1;
        }
        child.wait().expect("wait");
    }
    assert!(kills > 0);
    let output = small.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_same(&expected, &results(&small.path("run")));
}

fn quiet(command: &mut Command) -> Child {
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the program starts")
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args(["-s", name, &child.id().to_string()])
        .status();
    assert!(status.expect("`kill` starts").success());
}

/// Waits until the path is there.
fn wait_for(path: &Path, child: &mut Child) {
    let start = Instant::now();
    while !path.exists() {
        assert!(
            start.elapsed() < Duration::from_mins(5),
            "no {}",
            path.display()
        );
        assert!(
            child.try_wait().expect("wait").is_none(),
            "no {}",
            path.display()
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn signals_save_and_say_how_to_go_on() {
    let small = Small::new();
    let (expected, _) = undisturbed(&small);
    for (name, code, file) in [
        ("TERM", 143, "tune-synthesizer/metrics.jsonl"),
        ("INT", 130, "train/metrics.jsonl"),
        ("USR1", 0, "evaluate/base"),
    ] {
        let mut command = small.command();
        // Enough steps for the signal to come between two of them.
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("start");
        wait_for(&small.path("run").join(file), &mut child);
        signal(&child, name);
        let output = child.wait_with_output().expect("wait");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        if said.contains("stopped by") {
            assert!(
                said.contains(&format!("stopped by SIG{name}"))
                    && said.contains("give the same command again")
                    && said.contains("--threads 1"),
                "{said}"
            );
        } else {
            // It had come to its end in the meantime.
            assert_eq!(name, "USR1", "{said}");
        }
    }
    let output = small.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_same(&expected, &results(&small.path("run")));
}

#[test]
fn a_second_signal_ends_at_once() {
    let small = Small::new();
    let mut command = small.command();
    // One step of many microbatches; the first signal waits for one of them.
    command.args(["--set", "synthesizer.train.batch_size=512"]);
    command.args(["--set", "synthesizer.train.micro_tokens=100000"]);
    let mut child = quiet(&mut command);
    wait_for(
        &small.path("run/tune-synthesizer/metrics.jsonl"),
        &mut child,
    );
    signal(&child, "INT");
    std::thread::sleep(Duration::from_millis(30));
    if child.try_wait().expect("wait").is_none() {
        signal(&child, "INT");
    }
    let start = Instant::now();
    let status = child.wait().expect("wait");
    assert_eq!(status.code(), Some(130));
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn a_damaged_artefact_is_found_and_made_again() {
    let small = Small::new();
    let output = small.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let run = small.path("run");
    let expected = results(&run);
    let artefacts = [
        "tune-synthesizer/samples.jsonl",
        "synthesize/pairs.jsonl",
        "synthesize/completions.jsonl",
        "filter/triplets.jsonl",
        "mix/samples.jsonl",
        "train/model/model.safetensors",
        "train/model/config.json",
        "train/manifest.json",
        "evaluate/adapted/description.jsonl",
        "demo/base-model/model.safetensors",
        "demo/seeds.jsonl",
    ];
    for name in artefacts {
        let path = run.join(name);
        let mut bytes = std::fs::read(&path).expect("read");
        let middle = bytes.len() / 2;
        match bytes[middle..]
            .iter_mut()
            .find(|b| !b.is_ascii_whitespace())
        {
            Some(byte) => *byte ^= 1,
            None => bytes.push(b' '),
        }
        std::fs::write(&path, bytes).expect("write");
        let output = small.run(&[]);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        let expected_words = if name.starts_with("demo/") {
            "were written anew"
        } else if name.ends_with("manifest.json") {
            "goes on where it was stopped"
        } else {
            "changed or damaged"
        };
        assert!(said.contains(expected_words), "{name}: {said}");
        assert_same(&expected, &results(&run));
    }
}

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before() {
    let small = Small::new();
    let (expected, _) = undisturbed(&small);
    let mut child = quiet(&mut small.command());
    wait_for(&small.path("run/tune-synthesizer/checkpoint-2"), &mut child);
    child.kill().expect("kill");
    child.wait().expect("wait");
    let folder = small.path("run/tune-synthesizer");
    let mut steps: Vec<u32> = std::fs::read_dir(&folder)
        .expect("folder")
        .filter_map(|e| {
            let name = e.expect("entry").file_name().to_string_lossy().into_owned();
            name.strip_prefix("checkpoint-")?.parse().ok()
        })
        .collect();
    steps.sort_unstable();
    let newest = steps.pop().expect("a checkpoint");
    let path = folder.join(format!("checkpoint-{newest}/optimizer.safetensors"));
    let mut bytes = std::fs::read(&path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 16;
    std::fs::write(&path, bytes).expect("write");
    let output = small.run(&[]);
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("`optimizer.safetensors` does not have its checksum")
            && said.contains(&format!(
                "going on from the one before, step {}",
                newest - 1
            )),
        "{said}"
    );
    assert_same(&expected, &results(&small.path("run")));
}
