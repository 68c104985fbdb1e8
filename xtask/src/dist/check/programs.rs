//! An installed program, started where only its package can help it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// A folder that nobody, not even root, can write to.
const HOME: &str = "/proc";

/// The names of folders that a program has to bear.
pub const FOLDER: &str = "Grüße aus Köln";

/// What is being checked.
pub struct Looked<'a> {
    pub part: &'a str,
    pub version: &'a str,
    pub work: &'a Path,
}

impl Looked<'_> {
    /// Tells what was found.
    pub fn passed(&self, text: &str) {
        eprintln!("check: {}: {text}", self.part);
    }
}

/// A program with nothing of the user's environment: no compiler, no Rust, no home that can be written to.
pub fn clean(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("HOME", HOME)
        .env("PATH", "/nowhere");
    command.env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    command
}

/// What a command that must succeed prints on both outputs, and the seconds that it took.
pub fn timed(command: &mut Command) -> Result<(String, f64)> {
    let begin = Instant::now();
    let (said, is_success) = ended(command)?;
    ensure!(is_success, "{command:?} failed:\n{}", said.trim());
    Ok((said, begin.elapsed().as_secs_f64()))
}

/// What a command prints on both outputs, and whether it succeeded.
pub fn ended(command: &mut Command) -> Result<(String, bool)> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start `{name}`"))?;
    let said = [output.stdout, output.stderr].concat();
    Ok((
        String::from_utf8_lossy(&said).into_owned(),
        output.status.success(),
    ))
}

/// Asks an installed program for all that it must do, and compares its demo with `expected`, or leaves it there.
pub fn whole(
    looked: &Looked<'_>,
    start: &dyn Fn() -> Command,
    place: &Path,
    expected: &mut Option<Value>,
) -> Result<()> {
    let (said, seconds) = timed(start().arg("--version"))?;
    let version = format!("adamllm {}", looked.version);
    ensure!(said.trim() == version, "`--version` says `{}`", said.trim());
    looked.passed(&format!("--version in {seconds:.2} s"));
    let (said, seconds) = timed(start().arg("doctor"))?;
    ensure!(said.contains("\nready"), "doctor says:\n{said}");
    let libtorch = said
        .lines()
        .find(|line| line.starts_with("libtorch"))
        .unwrap_or_default();
    looked.passed(&format!(
        "doctor in {seconds:.1} s; {}",
        libtorch.split_whitespace().collect::<Vec<_>>().join(" ")
    ));
    let begin = Instant::now();
    let found = demo(start, place)?;
    looked.passed(&format!(
        "demo --quick in {:.0} s",
        begin.elapsed().as_secs_f64()
    ));
    match expected {
        Some(expected) => ensure!(*expected == found, "its demo gave another table"),
        None => *expected = Some(found),
    }
    Ok(())
}

/// The table of a quick demo in a fresh folder below `place`, without times and memory.
pub fn demo(start: &dyn Fn() -> Command, place: &Path) -> Result<Value> {
    let run = place.join(format!("{FOLDER}/run"));
    table(&run, start, &run)
}

/// As [`demo`], where the program sees the folder `run` as `inside`.
pub fn table(run: &Path, start: &dyn Fn() -> Command, inside: &Path) -> Result<Value> {
    let mut command = start();
    // One thread, so that the order of sums is the same on every machine.
    command.args(["demo", "--quick", "--quiet", "--threads", "1", "--run-dir"]);
    timed(command.arg(inside))?;
    let text = std::fs::read_to_string(run.join("report/summary.json"))?;
    let mut table: Value = serde_json::from_str(&text)?;
    let fields = table.as_object_mut().context("a summary has fields")?;
    for of_machine in ["seconds", "peak_rss_bytes"] {
        fields.remove(of_machine);
    }
    std::fs::remove_dir_all(run)?;
    Ok(table)
}
