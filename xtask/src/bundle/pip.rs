//! Fetching the wheels with pip, and one sentence for what pip says when it cannot.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result, bail};

use super::disk::full_disk;
use crate::process;

/// Puts the wheels that are asked for into `folder`, unchecked.
pub fn download(requirements: &[&str], folder: &Path, pip: &[OsString]) -> Result<()> {
    let mut pip = process::of_words(pip);
    pip.args([
        "download",
        "--disable-pip-version-check",
        "--no-cache-dir",
        "--no-deps",
        "--only-binary=:all:",
    ]);
    // The libraries are the same for each Python, so one tag is pinned, whatever Python runs pip.
    pip.args([
        "--python-version",
        "3.11",
        "--implementation",
        "cp",
        "--abi",
        "cp311",
        "--abi",
        "none",
    ]);
    for platform in [
        "manylinux_2_28_x86_64",
        "manylinux2014_x86_64",
        "manylinux_2_25_x86_64",
    ] {
        pip.args(["--platform", platform]);
    }
    let watched = io::stdout().is_terminal();
    if !watched {
        pip.arg("--quiet");
    }
    pip.arg("--dest").arg(folder);
    pip.args(requirements);
    // What pip keeps for itself lies in the staging folder too, so it goes with it.
    pip.env("TMPDIR", folder);
    let run = pip
        .stdin(Stdio::null())
        .stdout(if watched {
            Stdio::inherit()
        } else {
            Stdio::null()
        })
        .stderr(Stdio::piped())
        .spawn()
        .and_then(Child::wait_with_output)
        .context("cannot start pip")?;
    if !run.status.success() {
        bail!(
            "{}",
            pip_failure(&String::from_utf8_lossy(&run.stderr), folder)
        );
    }
    Ok(())
}

/// One sentence for what pip says in many.
fn pip_failure(stderr: &str, folder: &Path) -> String {
    const NETWORK: [&str; 10] = [
        "Failed to establish a new connection",
        "Temporary failure in name resolution",
        "Name or service not known",
        "Network is unreachable",
        "NewConnectionError",
        "Max retries exceeded",
        "timed out",
        "ProxyError",
        "Connection broken",
        "Connection reset",
    ];
    if stderr.contains("No space left on device") {
        return full_disk(folder);
    }
    if NETWORK.iter().any(|sign| stderr.contains(sign)) {
        return "pip could not reach the Python package index: check the network (or pip's proxy and index settings) and run it again".into();
    }
    // What a pip that may not retry says of an index that it cannot reach; it names no cause.
    if stderr.contains("(from versions: none)") {
        return "pip found no libtorch: its index could not be reached or lacks these wheels; check the network (or pip's proxy and index settings) and run it again".into();
    }
    let lines = || {
        stderr
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
    };
    let said = lines()
        .find(|line| line.starts_with("ERROR:"))
        .or_else(|| lines().next_back());
    format!(
        "pip could not fetch the wheels of libtorch, it says `{}`",
        said.unwrap_or("nothing")
    )
}
