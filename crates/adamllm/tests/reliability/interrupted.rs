//! Kills at any moment, Ctrl-C and SIGTERM, and damage between two starts.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{self, text};
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
        ("USR1", 0, "evaluate/answers/base"),
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
fn a_signal_that_comes_twice_at_once_is_one_where_another_process_passes_it_on() {
    let small = Small::new();
    let mut command = small.command();
    command.env("ADAMLLM_PARENT", std::process::id().to_string());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("start");
    wait_for(
        &small.path("run/tune-synthesizer/metrics.jsonl"),
        &mut child,
    );
    signal(&child, "INT");
    signal(&child, "INT");
    let output = child.wait_with_output().expect("wait");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("stopped by SIGINT"), "{said}");
}

/// All files below a folder.
fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            files(&path, out);
        } else {
            out.push(path);
        }
    }
    out.sort();
}

/// Flips a bit in the middle of a file; a file of spaces or of nothing gets a byte more.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).expect("read");
    let middle = bytes.len() / 2;
    let found = bytes[middle..]
        .iter_mut()
        .find(|b| !b.is_ascii_whitespace());
    match found {
        Some(byte) => *byte ^= 1,
        None => bytes.push(b' '),
    }
    std::fs::write(path, bytes).expect("write");
}

#[test]
fn a_flipped_bit_in_any_file_of_a_stage_is_found_and_mended() {
    let small = Small::new();
    // As short as a run with all of its files can be: this one is done again a dozen times.
    let more = [
        "evaluate.controls=[\"captions\"]",
        "synthesizer.train.max_steps=1",
        "synthesizer.train.save_steps=0",
        "synthesizer.max_new_tokens=8",
        "train.max_steps=1",
        "train.save_steps=0",
    ]
    .into_iter()
    .flat_map(|key| ["--set", key])
    .collect::<Vec<_>>();
    let output = small.run(&more);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let run = small.path("run");
    let expected = results(&run);
    // Stages with their folders.
    let stages = [
        ("pairs", "pairs"),
        ("tune-synthesizer", "tune-synthesizer"),
        ("synthesize", "synthesize"),
        ("filter", "filter"),
        ("mix", "mix"),
        ("train", "train"),
        ("answer-base", "evaluate/answers/base"),
        ("mix-captions", "controls/captions/mix"),
        ("train-captions", "controls/captions/train"),
        ("score", "evaluate"),
        ("report", "report"),
    ];
    // One file of each stage a round, so that each is found in its own stage and a round costs one run.
    let mut left: Vec<(&str, PathBuf, Vec<PathBuf>)> = stages
        .map(|(stage, folder)| (stage, run.join(folder), Vec::new()))
        .into();
    for (stage, folder, paths) in &mut left {
        files(folder, paths);
        // The answers lie in the folder of the scores and are stages of their own.
        paths.retain(|path| !path.starts_with(folder.join("answers")));
        assert!(paths.len() >= 3, "{stage}: {paths:?}");
    }
    let mut flipped = 0;
    while left.iter().any(|(_, _, paths)| !paths.is_empty()) {
        let round: Vec<(&str, PathBuf, PathBuf)> = left
            .iter_mut()
            .filter_map(|(stage, folder, paths)| Some((*stage, folder.clone(), paths.pop()?)))
            .collect();
        for (_, _, path) in &round {
            flip(path);
        }
        let output = small.run(&more);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{round:?}: {said}");
        for (stage, folder, path) in &round {
            let name = path.strip_prefix(folder).expect("inside");
            let told = said.lines().any(|line| {
                line.starts_with(&format!(
                    "{stage}: done again, since what it wrote was changed or damaged"
                )) && line.contains(&format!("`{}`", name.display()))
            });
            assert!(told, "{stage} {}: {said}", name.display());
        }
        assert_same(&expected, &results(&run));
        flipped += round.len();
    }
    assert!(flipped > 50, "only {flipped} files");
}

#[test]
fn a_flipped_bit_beside_the_stages_is_found_and_mended() {
    let small = Small::new();
    let output = small.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let run = small.path("run");
    let expected = results(&run);
    for (name, expected_words) in [
        ("demo/base-model/model.safetensors", "were written anew"),
        ("demo/base-model/config.json", "were written anew"),
        ("demo/seeds.jsonl", "were written anew"),
        ("demo/general/blank.png", "were written anew"),
        ("blank.png", "`blank.png` was changed or damaged"),
        ("machine.json", "machine.json` was changed or damaged"),
        // What was only noted down to save time is found out again.
        ("recipe.json", ""),
        ("checked.json", ""),
        (".digests.json", ""),
        ("demo/contents.json", ""),
    ] {
        let bytes = std::fs::read(run.join(name)).expect("read");
        flip(&run.join(name));
        let mut command = program::adamllm();
        command.arg("run").arg(small.path("my.toml"));
        command.arg("--run-dir").arg(&run).args(["--limit", "40"]);
        let output = command.output().expect("the program starts");
        let said = text(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        assert!(said.contains(expected_words), "{name}: {said}");
        assert_same(&expected, &results(&run));
        if name == "machine.json" {
            std::fs::write(run.join(name), bytes).expect("write");
        } else if name == "blank.png" {
            assert_eq!(std::fs::read(run.join(name)).expect("read"), bytes);
        }
    }
}

#[test]
fn a_clock_that_jumps_changes_nothing() {
    let small = Small::new();
    let output = small.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let run = small.path("run");
    let expected = results(&run);
    let mut all = Vec::new();
    files(small.folder.path(), &mut all);
    // Each start removes the files of leases that are over.
    all.retain(|path| !path.starts_with(run.join(".lease")));
    // As if everything had been written in 1970, in 2100, and each file at another time in no order at all.
    let times: [&dyn Fn(usize) -> u64; 3] = [&|_| 1, &|_| 4_102_444_800, &|at| {
        (at as u64 * 7_919 + 13) % 97 * 40_000_000
    }];
    for time in times {
        for (at, path) in all.iter().enumerate() {
            let file = std::fs::File::options().append(true).open(path);
            let modified = std::time::UNIX_EPOCH + Duration::from_secs(time(at));
            file.expect("open").set_modified(modified).expect("time");
        }
        let output = small.run(&[]);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(said.matches("done before, skipped").count(), 11, "{said}");
        assert_same(&expected, &results(&run));
    }
    // A change is seen though the file claims to be as old as before.
    let triplets = run.join("filter/triplets.jsonl");
    let modified = std::fs::metadata(&triplets).and_then(|m| m.modified());
    flip(&triplets);
    let file = std::fs::File::options().append(true).open(&triplets);
    file.expect("open")
        .set_modified(modified.expect("time"))
        .expect("time");
    let output = small.run(&[]);
    let said = text(&output.stderr);
    assert!(said.contains("filter: done again, since"), "{said}");
    assert_same(&expected, &results(&run));
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
