//! Chores of the workspace, as `cargo xtask <verb>`: fetch libtorch, run the demo, test, check,
//! remake golden files. Links no tensor library, so it builds on a machine that has none yet.

mod bundle;
mod cargo;
mod check;
mod cluster;
mod digest;
mod dist;
mod doctor;
mod examples;
mod fuzz;
mod golden;
mod kill;
mod nccl;
mod process;
mod program;
mod rules;
mod setup;
mod sheet;
mod site;
mod source;
mod vllm;
mod workspace;

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;

const HELP: &str = "\
usage: cargo xtask <verb>

  setup             fetch libtorch into the user's cache folder, once
  doctor [ARGS]     whether the built program starts and finds its libtorch, then `adamllm doctor`
  demo [ARGS]       setup, then the whole road on the embedded pictograms
  demo-base [ARGS]  setup, then remake the demo's base model
  test [ARGS]       setup, then all tests (ARGS go to `cargo test`)
  check             setup, then format, lints, docs, spelling, licences, house rules;
                    ADAMLLM_CHECK_WITHOUT=typos,deny does without these two tools
                    where they are not installed
  rules             the house rules alone, in seconds
  examples          setup, then each library's examples checked outside of the workspace,
                    as programs of a user who has nothing but the libraries
  kill-test [--kills N] [--seed S] [--program P] [--work D] [-- DEMO ARGS]
                    setup, then the whole demo, killed N times (default: 30) at random
                    moments and compared with an undisturbed one; `-- --quick` takes
                    the short demo, `--help` says more
  test-vllm [FLAGS] setup, then small random models through a real vLLM and through this program,
                    compared answer by answer (`--help` says more)
  test-cluster [FLAGS]
                    setup, then the program under a real torchrun, in 2 and 4 processes
                    (`--help` says more)
  test-sheet [FLAGS]
                    the rating sheet in a real browser: Chromium and Node (`--help` says more)
  nccl [FLAGS]      the library for training on several GPUs, built against a Python torch with CUDA
                    (`--help` says more)
  dist [FLAGS]      packages for other machines: a wheel, an archive, checksums (`--help` says more)
  fuzz [RUNS]       setup, then damaged and random files of every kind (default: 10⁶ each)
  docs              setup, then make the reference pages anew, check all links, and
                    build target/book with mdbook
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
            // Started as a user would: from where the user is, since relative paths are meant from there.
            let mut program = Command::new(program::build(&root)?);
            process::pass_through(program.arg(verb).args(rest))
        }
        ("demo-base", _) => {
            setup::run(&root)?;
            let args = [
                "run",
                "--release",
                "-p",
                "adamllm-demo",
                "--bin",
                "demo-base",
            ];
            let mut program = cargo::command(&root, &args);
            if let Ok(here) = std::env::current_dir() {
                program.current_dir(here);
            }
            process::pass_through(program.arg("--").args(rest))
        }
        ("test", _) => {
            setup::run(&root)?;
            let mut tests = cargo::command(&root, &["test", "--workspace"]);
            process::pass_through(tests.args(rest))
        }
        ("check", []) => {
            setup::run(&root)?;
            check::run(&root)
        }
        // Reads only, so it needs no libtorch.
        ("rules", []) => check::run_rules(&root),
        ("examples", []) => {
            setup::run(&root)?;
            examples::run(&root)
        }
        ("kill-test", _) => {
            // A program that is given has been built.
            if !rest.iter().any(|arg| arg == "--program" || arg == "--help") {
                setup::run(&root)?;
            }
            kill::run(&root, rest)
        }
        ("test-vllm", _) => {
            if !rest.iter().any(|arg| arg == "--program" || arg == "--help") {
                setup::run(&root)?;
            }
            vllm::run(&root, rest)
        }
        ("test-cluster", _) => {
            if !rest.iter().any(|arg| arg == "--program" || arg == "--help") {
                setup::run(&root)?;
            }
            cluster::run(&root, rest)
        }
        // Its crates link no tensors.
        ("test-sheet", _) => sheet::run(&root, rest),
        // It is built against the user's torch.
        ("nccl", _) => nccl::run(&root, rest).map(|()| ExitCode::SUCCESS),
        // It takes our own libtorch, whatever the user's builds take.
        ("dist", _) => dist::run(&root, rest),
        ("fuzz", []) => {
            setup::run(&root)?;
            fuzz::run(&root, fuzz::RUNS)
        }
        ("fuzz", [runs]) if runs.parse::<u64>().is_ok() => {
            setup::run(&root)?;
            fuzz::run(&root, runs)
        }
        ("docs", []) => {
            setup::run(&root)?;
            site::run(&root)
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

/// The repository root. Cargo says where this package is now; where it was built may be another clone.
fn workspace_root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .parent()
        .map_or_else(|| package.clone(), std::path::Path::to_path_buf)
}
