//! Chores of the workspace, as `cargo xtask <verb>`: fetch libtorch, run the demo, test, check,
//! remake golden files. Links no tensor library, so it builds on a machine that has none yet.

mod bundle;
mod check;
mod doctor;
mod fuzz;
mod golden;
mod kill;
mod process;
mod rules;
mod setup;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

const HELP: &str = "\
usage: cargo xtask <verb>

  setup             fetch libtorch into the user's cache folder, once
  doctor [ARGS]     whether the built program starts and finds its libtorch, then `adamllm doctor`
  demo [ARGS]       setup, then the whole road on the embedded pictograms
  demo-base [ARGS]  setup, then remake the demo's base model
  test [ARGS]       setup, then all tests (ARGS go to `cargo test`)
  check             setup, then format, lints, docs, spelling, licences, house rules
  kill-test [--kills N] [--seed S] [--program P] [--work D] [-- DEMO ARGS]
                    setup, then the demo killed at random moments and compared
  fuzz [RUNS]       setup, then damaged and random files of every kind (default: 10⁶ each)
  golden [--check]  remake the golden files with $ADAMLLM_PYTHON (default: python3);
                    with --check, only compare them

Cache: $XDG_CACHE_HOME/adamllm, or ~/.cache/adamllm. Own libtorch: set LIBTORCH to
its folder, or LIBTORCH_USE_PYTORCH=1 to take the active Python's; the latter wins.
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let verb = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    match dispatch(&verb, &rest) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(verb: &str, rest: &[String]) -> Result<ExitCode> {
    let root = workspace_root();
    match (verb, rest) {
        ("setup", []) => {
            setup::run(&root)?;
            Ok(ExitCode::SUCCESS)
        }
        // Without set-up: what is missing is what it should say.
        ("doctor", _) => doctor::run(&root, rest),
        ("demo", _) => {
            setup::run(&root)?;
            start(&root, &["-p", "adamllm", "--", "demo"], rest)
        }
        ("demo-base", _) => {
            setup::run(&root)?;
            let program = ["-p", "adamllm-demo", "--bin", "demo-base", "--"];
            start(&root, &program, rest)
        }
        ("test", _) => {
            setup::run(&root)?;
            let mut tests = process::cargo(&root, &["test", "--workspace"]);
            process::pass_through(tests.args(rest))
        }
        ("check", []) => {
            setup::run(&root)?;
            check::run(&root)
        }
        ("kill-test", _) => {
            setup::run(&root)?;
            kill::run(&root, rest)
        }
        ("fuzz", []) => {
            setup::run(&root)?;
            fuzz::run(&root, fuzz::RUNS)
        }
        ("fuzz", [runs]) if runs.parse::<u64>().is_ok() => {
            setup::run(&root)?;
            fuzz::run(&root, runs)
        }
        ("golden", []) => golden::run(&root, false),
        ("golden", [flag]) if flag == "--check" => golden::run(&root, true),
        ("help" | "--help" | "-h", _) => {
            eprint!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprint!("{HELP}");
            Ok(ExitCode::from(2))
        }
    }
}

/// Builds a program for use and runs it where the user is: relative paths are relative to that.
fn start(root: &Path, program: &[&str], rest: &[String]) -> Result<ExitCode> {
    let mut command = process::cargo(root, &["run", "--release"]);
    command.args(program).args(rest);
    if let Ok(here) = std::env::current_dir() {
        command.current_dir(here);
    }
    process::pass_through(&mut command)
}

/// The repository root. Cargo says where this package is now; where it was built may be another clone.
fn workspace_root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .parent()
        .map_or_else(|| package.clone(), Path::to_path_buf)
}
