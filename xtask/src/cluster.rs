//! `cargo xtask test-cluster`: this program under a real torchrun.

mod cable;
mod killed;
mod python;
mod scenarios;
mod tools;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};

use self::scenarios::SCENARIOS;
use self::tools::Tools;
use crate::program;

const HELP: &str = "\
usage: cargo xtask test-cluster [FLAGS]

Installs torch for Python, with which torchrun comes (target/tools/torch, some gigabytes, once), and
runs the program under it.

  --environment D  where torch is installed (default: target/tools/torch)
  --program P      a built program, with its engine beside it (default: built in release mode)
  --work D         folder for what is run, emptied first (default: target/test-cluster)
  --only S         only this scenario; repeatable
";

/// What was asked for.
struct Options {
    environment: PathBuf,
    program: Option<PathBuf>,
    work: PathBuf,
    only: Vec<String>,
}

/// Runs the scenarios one after another; fails if one of them does.
pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    if args.iter().any(|arg| arg == "--help") {
        let names = SCENARIOS.map(|scenario| format!("  {:<16} {}", scenario.name, scenario.about));
        eprint!("{HELP}\nscenarios:\n{}\n", names.join("\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let options = parse(root, args)?;
    let program = match &options.program {
        Some(path) => std::path::absolute(path)?,
        None => program::build(root)?,
    };
    let python = python::install(&options.environment)?;
    if options.work.exists() {
        std::fs::remove_dir_all(&options.work)?;
    }
    let mut failed = Vec::new();
    for scenario in &SCENARIOS {
        if !options.only.is_empty() && !options.only.iter().any(|one| one == scenario.name) {
            continue;
        }
        let work = options.work.join(scenario.name);
        std::fs::create_dir_all(&work)?;
        let tools = Tools {
            python: &python,
            program: &program,
            work: &work,
        };
        match (scenario.run)(tools) {
            Ok(told) => eprintln!("{}: {told}", scenario.name),
            Err(error) => {
                eprintln!("{}: FAILED: {error:#}", scenario.name);
                failed.push(scenario.name);
            }
        }
    }
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(ExitCode::SUCCESS)
}

fn parse(root: &Path, args: &[String]) -> Result<Options> {
    let mut options = Options {
        environment: root.join("target/tools/torch"),
        program: None,
        work: root.join("target/test-cluster"),
        only: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        let mut value = || {
            let given = args.next();
            given.with_context(|| format!("{flag} needs a value"))
        };
        match flag.as_str() {
            "--environment" => options.environment = std::path::absolute(value()?)?,
            "--program" => options.program = Some(value()?.into()),
            "--work" => options.work = std::path::absolute(value()?)?,
            "--only" => {
                let name = value()?;
                ensure!(
                    SCENARIOS.iter().any(|scenario| scenario.name == name),
                    "`{name}` is none of {}",
                    SCENARIOS.map(|scenario| scenario.name).join(", ")
                );
                options.only.push(name.clone());
            }
            other => bail!("unknown flag `{other}`\n\n{HELP}"),
        }
    }
    Ok(options)
}
