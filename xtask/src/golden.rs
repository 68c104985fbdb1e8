//! Remaking, or only comparing, the golden files with the reference implementations in Python.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

/// Runs each crate's `tests/golden/make.py`; with `check` it compares and writes nothing.
pub fn run(root: &Path, check: bool) -> Result<ExitCode> {
    let python = std::env::var_os("ADAMLLM_PYTHON")
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| "python3".into());
    let mut failed = Vec::new();
    for script in scripts(root)? {
        let name = script
            .strip_prefix(root)
            .unwrap_or(&script)
            .display()
            .to_string();
        eprintln!("golden: {name}");
        let mut command = Command::new(&python);
        command.current_dir(root).arg(&script);
        if check {
            command.arg("--check");
        }
        let status = command.status().with_context(|| {
            format!("cannot start `{}`; set ADAMLLM_PYTHON to a Python with the packages that {name} names", python.display())
        })?;
        if !status.success() {
            failed.push(name);
        }
    }
    anyhow::ensure!(
        failed.is_empty(),
        "golden files differ or could not be made: {}",
        failed.join(", ")
    );
    Ok(ExitCode::SUCCESS)
}

/// The scripts, in the order of the crates' names.
fn scripts(root: &Path) -> Result<Vec<PathBuf>> {
    let crates = root.join("crates");
    let mut found = Vec::new();
    for entry in
        std::fs::read_dir(&crates).with_context(|| format!("cannot read `{}`", crates.display()))?
    {
        let script = entry?.path().join("tests/golden/make.py");
        if script.is_file() {
            found.push(script);
        }
    }
    found.sort();
    Ok(found)
}
