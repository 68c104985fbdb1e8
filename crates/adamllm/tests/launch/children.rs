//! Exit codes, lines, signals, and processes that fail, die or do not listen.

use std::path::Path;
use std::process::{Output, Stdio};

use crate::parts::{Ended, parent, signal, until};
use crate::program::text;

fn output(scripts: &[&str], grace: u64) -> Output {
    parent(scripts, grace).output().expect("it starts")
}

/// Time in which a process finds out by itself, whatever else this machine does.
const LONG: u64 = 600_000;

#[test]
fn the_exit_code_is_the_first_process_s_or_the_first_failure_s() {
    for (scripts, expected) in [
        (["exit 0", "exit 0", "exit 0"], 0),
        (["exit 3", "exit 0", "exit 0"], 3),
        (["exit 0", "exit 0", "exit 4"], 4),
        (["sleep 0.3; exit 1", "exit 7", "exit 0"], 1),
        (["exit 0", "kill -KILL $$", "exit 0"], 137),
    ] {
        let ended = output(&scripts, LONG);
        let said = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(expected), "{scripts:?}: {said}");
        assert_eq!(said.contains("error: rank "), expected != 0, "{said}");
    }
}

#[test]
fn lines_say_whose_they_are() {
    // The first one writes by itself, so that an unended line of its own would run into another's.
    let script = |rank: usize| format!("echo out {rank}; echo err {rank} >&2");
    let scripts = [script(0), script(1) + "; printf more >&2", script(2)];
    let ended = output(&scripts.each_ref().map(String::as_str), LONG);
    let (out, said) = (text(&ended.stdout), text(&ended.stderr));
    assert!(out.contains("out 0"), "{out}");
    assert!(!out.contains("out 1") && !out.contains("out 2"), "{out}");
    let lines: Vec<&str> = said.lines().collect();
    for line in ["err 0", "rank 1: err 1", "rank 1: more", "rank 2: err 2"] {
        assert!(lines.contains(&line), "{line}: {said}");
    }
}

#[test]
fn who_does_not_notice_a_failure_is_asked_and_then_killed() {
    // One hangs, one neither hears.
    let deaf = "trap '' TERM; while :; do sleep 0.1; done";
    let ended = output(&["exec sleep 1000", "kill -KILL $$", deaf], 300);
    let said = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(137), "{said}");
    assert!(said.contains("rank 1 was ended by SIGKILL"), "{said}");
    assert!(
        said.contains("ranks 0, 2 did not end by themselves"),
        "{said}"
    );
    assert!(
        said.contains("ranks 2 did not end and are killed"),
        "{said}"
    );
    // Who notices by himself is left alone.
    let ended = output(&["sleep 0.5; echo saved; exit 5", "exit 1"], LONG);
    assert_eq!(ended.status.code(), Some(5));
    assert!(text(&ended.stdout).contains("saved"));
}

#[test]
fn a_stopped_process_is_killed_too() {
    let ended = output(&["exit 9", "kill -STOP $$"], 300);
    assert_eq!(ended.status.code(), Some(9), "{}", text(&ended.stderr));
}

#[test]
fn what_somebody_left_behind_holds_nobody_up() {
    // Its end of the pipe stays open.
    let ended = output(&["exit 0", "sleep 30 & echo gone >&2"], LONG);
    assert_eq!(ended.status.code(), Some(0));
    assert!(text(&ended.stderr).contains("rank 1: gone"));
}

/// Notes each signal in a file, ends by the code that the program has for it, and is ready once its file is there.
fn listening(folder: &Path, rank: usize) -> String {
    let got = folder.join(format!("got-{rank}"));
    let got = got.display();
    format!(
        "for s in INT TERM USR1; do trap \"echo $s >> {got}; is=$s\" $s; done; touch {got}; \
         while [ -z \"$is\" ]; do sleep 0.05; done; sleep 0.5; \
         case $is in INT) exit 130;; TERM) exit 143;; esac"
    )
}

#[test]
fn signals_reach_all_processes_once() {
    for (name, expected) in [("INT", 130), ("TERM", 143), ("USR1", 0)] {
        let folder = tempfile::tempdir().expect("folder");
        let scripts = [0, 1].map(|rank| listening(folder.path(), rank));
        let mut command = parent(&scripts.each_ref().map(String::as_str), LONG);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut started = Ended(command.spawn().expect("it starts"));
        let got = |rank| folder.path().join(format!("got-{rank}"));
        until("both are ready", || got(0).exists() && got(1).exists());
        signal(started.0.id(), name);
        let status = started.0.wait().expect("it ends");
        assert_eq!(status.code(), Some(expected), "{name}");
        for rank in 0..2 {
            let noted = std::fs::read_to_string(got(rank)).expect("noted");
            assert_eq!(noted, format!("{name}\n"), "rank {rank}");
        }
    }
}

#[test]
fn one_that_stops_later_than_another_is_waited_for() {
    let folder = tempfile::tempdir().expect("folder");
    let ready = folder.path().join("ready");
    let slow = format!(
        "trap 'is=1' TERM; touch {}; while [ -z \"$is\" ]; do sleep 0.05; done; sleep 1; echo saved; exit 143",
        ready.display()
    );
    // The other one ends at once, which is no failure when all were asked to.
    let mut command = parent(&[&slow, "exec sleep 1000"], 100);
    let started = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    until("it listens", || ready.exists());
    signal(started.id(), "TERM");
    let ended = started.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(143));
    assert!(text(&ended.stdout).contains("saved"));
    assert_eq!(text(&ended.stderr), "");
}

#[test]
fn processes_that_end_at_one_moment_are_all_seen() {
    for _ in 0..20 {
        let ended = output(&["exit 0"; 8], LONG);
        assert_eq!(ended.status.code(), Some(0));
    }
}
