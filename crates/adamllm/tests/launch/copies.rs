//! The program itself, started in several copies. They wait for a recipe that nobody writes.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::parts::{Ended, children, is_alive, signal, until};
use crate::program::{adamllm, text};

/// `adamllm run` with a recipe that is a pipe, in an environment without a launcher's variables.
fn waiting(folder: &Path, more: &[&str]) -> Command {
    let recipe = folder.join("my.toml");
    if !recipe.exists() {
        let made = Command::new("mkfifo").arg(&recipe).status();
        assert!(made.expect("`mkfifo` starts").success());
    }
    let mut command = adamllm();
    command.arg("run").arg(recipe);
    command.arg("--run-dir").arg(folder.join("run")).args(more);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The environment of a process, as it was started.
fn environment(pid: u32) -> BTreeMap<String, String> {
    let bytes = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let text = text(&bytes);
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs.map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

/// The environments of a started program's processes, once all are there, by their ranks.
fn environments(started: &Ended, number: usize) -> Vec<BTreeMap<String, String>> {
    let pid = started.0.id();
    let is_told = |child: &u32| environment(*child).contains_key("RANK");
    until("its processes are there", || {
        let found = children(pid);
        found.len() == number && found.iter().all(is_told)
    });
    let mut found: Vec<_> = children(pid).into_iter().map(environment).collect();
    found.sort_by_key(|one| one["RANK"].parse::<usize>().expect("a number"));
    found
}

#[test]
fn each_copy_is_told_its_place_and_nothing_else() {
    let folder = tempfile::tempdir().expect("folder");
    let started = waiting(folder.path(), &["--processes", "3"]).spawn();
    let started = Ended(started.expect("it starts"));
    let found = environments(&started, 3);
    for (rank, one) in found.iter().enumerate() {
        for (name, expected) in [
            ("RANK", rank.to_string()),
            ("LOCAL_RANK", rank.to_string()),
            ("WORLD_SIZE", "3".to_owned()),
            ("LOCAL_WORLD_SIZE", "3".to_owned()),
            ("MASTER_ADDR", "127.0.0.1".to_owned()),
            ("MASTER_PORT", found[0]["MASTER_PORT"].clone()),
            ("ADAMLLM_RUN_ID", found[0]["ADAMLLM_RUN_ID"].clone()),
            ("ADAMLLM_RESTART", "0".to_owned()),
            ("ADAMLLM_PARENT", started.0.id().to_string()),
        ] {
            assert_eq!(one.get(name), Some(&expected), "{name}");
        }
        // Of these, and of what the first program tells its engine.
        let own = |name: &&String| std::env::var_os(name).is_none();
        let new: Vec<&String> = one.keys().filter(own).collect();
        let told = |name: &&&String| {
            [
                "ADAMLLM_CALLER_VERSION",
                "TORCH_CPP_LOG_LEVEL",
                "LD_LIBRARY_PATH",
            ]
            .contains(&name.as_str())
        };
        assert_eq!(new.len() - new.iter().filter(told).count(), 9, "{new:?}");
    }
    let port: u16 = found[0]["MASTER_PORT"].parse().expect("a port");
    assert!(port > 0);
}

#[test]
fn machines_of_kubeflow_and_skypilot_start_their_processes() {
    let check = |variables: &[(&str, &str)], expected: &[(&str, &str)]| {
        let folder = tempfile::tempdir().expect("folder");
        let started = waiting(folder.path(), &[])
            .envs(variables.iter().copied())
            .spawn();
        let started = Ended(started.expect("it starts"));
        let found = environments(&started, 2);
        for (local, one) in found.iter().enumerate() {
            let rank = (2 + local).to_string();
            assert_eq!(one["RANK"], rank);
            assert_eq!(one["LOCAL_RANK"], local.to_string());
            assert_eq!(one["LOCAL_WORLD_SIZE"], "2");
            for (name, value) in expected {
                assert_eq!(one.get(*name).map(String::as_str), Some(*value), "{name}");
            }
        }
    };
    check(
        &[
            ("PET_NNODES", "3"),
            ("PET_NPROC_PER_NODE", "2"),
            ("PET_NODE_RANK", "1"),
            ("PET_MASTER_ADDR", "my-node-0-0.my"),
            ("PET_MASTER_PORT", "29400"),
        ],
        &[
            ("WORLD_SIZE", "6"),
            ("MASTER_ADDR", "my-node-0-0.my"),
            ("MASTER_PORT", "29400"),
            // The same on each machine.
            ("ADAMLLM_RUN_ID", ""),
        ],
    );
    check(
        &[
            ("SKYPILOT_NODE_RANK", "1"),
            ("SKYPILOT_NODE_IPS", "10.0.0.1\n10.0.0.2"),
            ("SKYPILOT_NUM_NODES", "2"),
            ("SKYPILOT_NUM_GPUS_PER_NODE", "2"),
            ("SKYPILOT_TASK_ID", "sky-1"),
        ],
        &[
            ("WORLD_SIZE", "4"),
            ("MASTER_ADDR", "10.0.0.1"),
            ("ADAMLLM_RUN_ID", "sky-1"),
        ],
    );
}

#[test]
fn nothing_outlives_a_parent_that_is_killed() {
    let folder = tempfile::tempdir().expect("folder");
    let started = waiting(folder.path(), &["--processes", "2"]).spawn();
    let mut started = Ended(started.expect("it starts"));
    environments(&started, 2);
    let found = children(started.0.id());
    signal(started.0.id(), "KILL");
    started.0.wait().expect("it ends");
    until("its processes end", || {
        !found.iter().any(|pid| is_alive(*pid))
    });
}

#[test]
fn a_signal_ends_copies_that_have_not_begun() {
    let folder = tempfile::tempdir().expect("folder");
    let started = waiting(folder.path(), &["--processes", "2"]).spawn();
    let mut started = Ended(started.expect("it starts"));
    environments(&started, 2);
    signal(started.0.id(), "TERM");
    assert_eq!(started.0.wait().expect("it ends").code(), Some(143));
}

#[test]
fn errors_of_all_are_told_with_their_ranks() {
    let folder = tempfile::tempdir().expect("folder");
    let run = |more: &[&str]| {
        let mut command = adamllm();
        command.current_dir(folder.path());
        command.args(["run", "none.toml", "--run-dir", "run"]);
        command.args(more).output().expect("it starts")
    };
    let ended = run(&["--processes", "2"]);
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(
        said.lines()
            .any(|line| line.starts_with("error: ") && line.contains("none.toml")),
        "{said}"
    );
    assert!(said.contains("rank 1: error: "), "{said}");
    // One process looks at what would be done.
    let said = text(&run(&["--processes", "2", "--dry-run"]).stderr);
    assert!(!said.contains("rank "), "{said}");
}

#[test]
fn wrong_variables_are_told_before_anything_is_done() {
    let folder = tempfile::tempdir().expect("folder");
    let run = |more: &[&str], variables: &[(&str, &str)]| {
        let mut command = adamllm();
        command.current_dir(folder.path());
        command.args(["run", "none.toml", "--run-dir", "run"]);
        let ended = command.args(more).envs(variables.iter().copied()).output();
        let ended = ended.expect("it starts");
        assert_eq!(ended.status.code(), Some(1));
        text(&ended.stderr)
    };
    let said = run(&[], &[("RANK", "0")]);
    assert!(
        said.starts_with("error: `RANK` is set, but `WORLD_SIZE` is not"),
        "{said}"
    );
    let said = run(&["--processes", "2"], &[("RANK", "0"), ("WORLD_SIZE", "1")]);
    assert!(said.contains("leave `--processes` out"), "{said}");
    let gone = [("RANK", "0"), ("WORLD_SIZE", "1"), ("ADAMLLM_PARENT", "1")];
    let said = run(&[], &gone);
    assert!(said.contains("which started this one, has ended"), "{said}");
    let said = run(&[], &[("ADAMLLM_PARENT", "x")]);
    assert!(said.contains("no number of a process"), "{said}");
    let ended = adamllm()
        .args(["run", "a.toml", "--run-dir", "r", "--processes", "0"])
        .output();
    assert_eq!(ended.expect("it starts").status.code(), Some(2));
}
