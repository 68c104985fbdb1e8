//! The program, built in release mode. It may be two files, the small one and the engine that it executes; both lie
//! in one folder.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::cargo;

/// The features that the demo needs: neither tables nor the rarer pictures.
pub const DEMO: [&str; 3] = ["--no-default-features", "--features", "engine"];

/// Builds both programs of the package with what the demo needs, and gives the path of the one that a user starts.
pub fn build(root: &Path) -> Result<PathBuf> {
    let mut args = vec![
        "build",
        "--release",
        "-p",
        "adamllm",
        "--message-format=json-render-diagnostics",
    ];
    args.extend(DEMO);
    let output = cargo::command(root, &args)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), "the program does not build");
    executable(&String::from_utf8_lossy(&output.stdout)).context("cargo built no program `adamllm`")
}

/// Reads cargo's messages, one JSON object a line.
pub fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    let mut programs = messages.filter_map(|message: Value| {
        let path = message["executable"].as_str()?;
        (message["target"]["name"] == "adamllm").then(|| path.into())
    });
    programs.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_program_among_what_was_built() {
        let library =
            r#"{"reason":"compiler-artifact","target":{"name":"adamllm"},"executable":null}"#;
        let engine = r#"{"reason":"compiler-artifact","target":{"name":"adamllm-engine"},"executable":"/t/release/adamllm-engine"}"#;
        let program = r#"{"reason":"compiler-artifact","target":{"name":"adamllm"},"executable":"/t/release/adamllm"}"#;
        let end = r#"{"reason":"build-finished","success":true}"#;
        let found = executable(&[library, engine, program, end].join("\n"));
        assert_eq!(found.as_deref(), Some(Path::new("/t/release/adamllm")));
        assert_eq!(executable(&[library, engine, end].join("\nnoise\n")), None);
    }
}
