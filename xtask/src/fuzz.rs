//! `cargo xtask fuzz`: the tests that feed damaged and random files, with many more runs than in the test suite.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::process;

/// Runs of each kind of file when none are asked for.
pub const RUNS: &str = "1000000";

/// Package, test target and what its tests are named by: records and pictures, safetensors and `config.json`, recipes.
const TESTS: [(&str, &[&str], &str); 3] = [
    ("adamllm-corpus", &["--test", "hostile"], ""),
    ("adamllm-model", &["--test", "suite"], "hostile"),
    ("adamllm-run", &["--lib"], "hostile"),
];

/// Runs all of them in release mode; fails with the first that fails.
pub fn run(root: &Path, runs: &str) -> Result<ExitCode> {
    for (package, target, filter) in TESTS {
        eprintln!("fuzz: {package}, {runs} runs of each kind");
        let mut tests = process::cargo(root, &["test", "--release", "-p", package]);
        tests.args(target);
        if !filter.is_empty() {
            tests.args(["--", filter]);
        }
        let code = process::pass_through(tests.env("ADAMLLM_FUZZ_RUNS", runs))?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}
