//! `cargo xtask check`: everything that reads the code and runs none of it, in order of cost.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{process, rules};

/// Runs all steps, also after one failed, and names those that failed.
pub fn run(root: &Path) -> Result<ExitCode> {
    let mut failed = Vec::new();

    if installed(root, "fmt") {
        step(
            "format",
            &mut process::cargo(root, &["fmt", "--all", "--check"]),
            &mut failed,
        );
    } else {
        skip("format", "rustfmt");
    }
    if installed(root, "clippy") {
        let args = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ];
        step("clippy", &mut process::cargo(root, &args), &mut failed);
    } else {
        skip("clippy", "clippy");
    }
    let mut docs = process::cargo(root, &["doc", "--no-deps", "--workspace"]);
    step("docs", docs.env("RUSTDOCFLAGS", "-D warnings"), &mut failed);
    if process::succeeds(Command::new("typos").arg("--version")) {
        step(
            "spelling",
            Command::new("typos").current_dir(root),
            &mut failed,
        );
    } else {
        skip("spelling", "typos");
    }
    if installed(root, "deny") {
        let args = ["deny", "check", "bans", "licenses", "sources"];
        step("licences", &mut process::cargo(root, &args), &mut failed);
    } else {
        skip("licences", "cargo-deny");
    }
    eprintln!("check: house rules");
    let violations = rules::violations(root)?;
    for violation in &violations {
        eprintln!("error: {violation}");
    }
    if !violations.is_empty() {
        failed.push("house rules");
    }

    anyhow::ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    eprintln!("check: all passed");
    Ok(ExitCode::SUCCESS)
}

fn installed(root: &Path, subcommand: &str) -> bool {
    process::succeeds(&mut process::cargo(root, &[subcommand, "--version"]))
}

fn step(name: &'static str, command: &mut Command, failed: &mut Vec<&'static str>) {
    eprintln!("check: {name}");
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(_) => failed.push(name),
        Err(error) => {
            eprintln!(
                "error: cannot start `{}`: {error}",
                command.get_program().display()
            );
            failed.push(name);
        }
    }
}

fn skip(name: &str, tool: &str) {
    eprintln!("check: {name} skipped, {tool} is not installed");
}
