//! The way from `adamllm` to `adamllm-engine`: what is missing is said before the system's loader fails on it.

use std::convert::Infallible;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::{Context as _, Error, Result, bail};

use crate::libtorch::{Variables, search};

/// The name of the binary that links libtorch.
const NAME: &str = "adamllm-engine";

/// Says to the engine which version calls it.
const CALLER: &str = "ADAMLLM_CALLER_VERSION";

/// Below which level libtorch keeps what it has to say to itself.
const LOG_LEVEL: &str = "TORCH_CPP_LOG_LEVEL";

/// Becomes the engine, with the arguments of this process; comes back only if that cannot be.
pub fn execute() -> Error {
    match become_engine() {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn become_engine() -> Result<Infallible> {
    let own = std::env::current_exe().context("the program cannot find itself")?;
    let engine = own.with_file_name(NAME);
    if !engine.is_file() {
        bail!(
            "this command needs `{NAME}`, which does not lie beside `{}`; `cargo build --release -p adamllm` builds both, \
             and both are installed into one folder",
            own.display()
        );
    }
    let found = search(&engine, &Variables::of_process())?;
    if let Some(problem) = found.problem {
        bail!("{problem}");
    }
    let mut arguments = std::env::args_os();
    let mut command = Command::new(&engine);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments).env(CALLER, version());
    if let Some(path) = found.library_path {
        command.env("LD_LIBRARY_PATH", path);
    }
    // What libtorch warns of while it looks for a GPU, with C++ names, is said in our own sentence.
    if std::env::var_os(LOG_LEVEL).is_none() {
        command.env(LOG_LEVEL, "ERROR");
    }
    Err(command.exec()).with_context(|| format!("cannot start `{}`", engine.display()))
}

fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// An error if a program of another version called this engine.
pub fn check_caller() -> Result<()> {
    match std::env::var(CALLER) {
        Ok(caller) if caller != version() => bail!(
            "`adamllm` has version {caller}, but `{NAME}` beside it has {}; build or install both together",
            version()
        ),
        _ => Ok(()),
    }
}
