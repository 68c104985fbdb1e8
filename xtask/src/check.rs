//! `cargo xtask check`: everything that reads the code and runs none of it, in order of cost.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Result, bail, ensure};

use crate::{cargo, process, program, rules};

/// Names the tools that the check may do without where they are not installed, with commas between them.
const WITHOUT: &str = "ADAMLLM_CHECK_WITHOUT";

/// A tool that does not come with cargo.
struct Tool {
    name: &'static str,
    install: &'static str,
    /// Whether `ADAMLLM_CHECK_WITHOUT` may name it.
    can_be_missing: bool,
}

const RUSTFMT: Tool = Tool {
    name: "rustfmt",
    install: "rustup component add rustfmt",
    can_be_missing: false,
};
const CLIPPY: Tool = Tool {
    name: "clippy",
    install: "rustup component add clippy",
    can_be_missing: false,
};
const TYPOS: Tool = Tool {
    name: "typos",
    install: "cargo install --locked typos-cli",
    can_be_missing: true,
};
const DENY: Tool = Tool {
    name: "deny",
    install: "cargo install --locked cargo-deny",
    can_be_missing: true,
};

/// Runs all steps, also after one failed, and names those that failed.
pub fn run(root: &Path) -> Result<ExitCode> {
    let mut steps = Steps {
        excused: excused(&std::env::var(WITHOUT).unwrap_or_default())?,
        ..Steps::default()
    };
    let cargo = |args: &[&str]| cargo::command(root, args);

    if steps.has(&RUSTFMT, &mut cargo(&["fmt", "--version"])) {
        steps.run("format", &mut cargo(&["fmt", "--all", "--check"]));
    }
    if steps.has(&CLIPPY, &mut cargo(&["clippy", "--version"])) {
        let args = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ];
        steps.run("clippy", &mut cargo(&args));
        let mut args = vec!["clippy", "-p", "adamllm", "--all-targets"];
        args.extend(program::DEMO);
        args.extend(["--", "-D", "warnings"]);
        steps.run("clippy of the demo's build", &mut cargo(&args));
    }
    let mut docs = cargo(&["doc", "--no-deps", "--workspace"]);
    steps.run("docs", docs.env("RUSTDOCFLAGS", "-D warnings"));
    if steps.has(&TYPOS, Command::new("typos").arg("--version")) {
        steps.run("spelling", Command::new("typos").current_dir(root));
    }
    if steps.has(&DENY, &mut cargo(&["deny", "--version"])) {
        let args = ["deny", "check", "bans", "licenses", "sources"];
        steps.run("licences", &mut cargo(&args));
    }
    eprintln!("check: house rules");
    if !house_rules(root)? {
        steps.failed.push("house rules");
    }
    eprintln!("{}", steps.verdict()?);
    Ok(ExitCode::SUCCESS)
}

/// The house rules alone, which takes seconds.
pub fn run_rules(root: &Path) -> Result<ExitCode> {
    ensure!(house_rules(root)?, "failed: house rules");
    Ok(ExitCode::SUCCESS)
}

/// Says what was found, and whether the rules are kept.
fn house_rules(root: &Path) -> Result<bool> {
    let violations = rules::violations(root)?;
    for violation in &violations {
        eprintln!("error: {violation}");
    }
    Ok(violations.is_empty())
}

/// Reads the value of `ADAMLLM_CHECK_WITHOUT`.
fn excused(value: &str) -> Result<Vec<&'static str>> {
    let names = value.split(',').map(str::trim);
    let names = names.filter(|name| !name.is_empty());
    let tools = [RUSTFMT, CLIPPY, TYPOS, DENY];
    let excused = names.map(|name| match tools.iter().find(|tool| tool.name == name) {
        Some(tool) if tool.can_be_missing => Ok(tool.name),
        Some(tool) => bail!(
            "`{WITHOUT}` names `{name}`, which the check cannot do without: `{}`",
            tool.install
        ),
        None => bail!("`{WITHOUT}` names `{name}`, which is no tool of the check: `typos`, `deny`"),
    });
    excused.collect()
}

/// What came of the steps so far.
#[derive(Default)]
struct Steps {
    /// Tools that may be missing.
    excused: Vec<&'static str>,
    /// Those of them that are.
    missing: Vec<&'static str>,
    failed: Vec<&'static str>,
}

impl Steps {
    /// Whether a tool is there; asked for its version it must succeed. A required one that is not has failed.
    fn has(&mut self, tool: &Tool, version: &mut Command) -> bool {
        let is_there = process::succeeds(version);
        if !is_there && self.excused.contains(&tool.name) {
            eprintln!("check: without `{}`, which is not installed", tool.name);
            self.missing.push(tool.name);
        } else if !is_there {
            let excuse = if tool.can_be_missing {
                format!(", or do without it by `{WITHOUT}={}`", tool.name)
            } else {
                String::new()
            };
            eprintln!(
                "error: `{}` is not installed: `{}`{excuse}",
                tool.name, tool.install
            );
            self.failed.push(tool.name);
        }
        is_there
    }

    fn run(&mut self, name: &'static str, command: &mut Command) {
        eprintln!("check: {name}");
        match command.status() {
            Ok(status) if status.success() => {}
            Ok(_) => self.failed.push(name),
            Err(error) => {
                let program = command.get_program().display();
                eprintln!("error: cannot start `{program}`: {error}");
                self.failed.push(name);
            }
        }
    }

    /// The last line.
    fn verdict(&self) -> Result<String> {
        ensure!(self.failed.is_empty(), "failed: {}", self.failed.join(", "));
        Ok(if self.missing.is_empty() {
            "check: all passed".to_owned()
        } else {
            format!("check: passed without {}", self.missing.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two tools, there or not, and what is said in the end.
    fn check(without: &str, typos: bool, deny: bool, expected: Result<&str, &str>) {
        let mut steps = Steps {
            excused: excused(without).unwrap(),
            ..Steps::default()
        };
        let version = |is_there| Command::new(if is_there { "true" } else { "false" });
        assert_eq!(steps.has(&TYPOS, &mut version(typos)), typos);
        assert_eq!(steps.has(&DENY, &mut version(deny)), deny);
        match (steps.verdict(), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert_eq!(found.to_string(), expected),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_missing_tool_is_never_green_in_silence() {
        check("", true, true, Ok("check: all passed"));
        check("", false, true, Err("failed: typos"));
        check("deny", false, false, Err("failed: typos"));
        check(
            "typos,deny",
            false,
            false,
            Ok("check: passed without typos, deny"),
        );
        // One that is there is used, also where it may be missing.
        check("typos, deny", true, false, Ok("check: passed without deny"));
        check("typos,deny", true, true, Ok("check: all passed"));
    }

    #[test]
    fn a_required_tool_cannot_be_excused() {
        let mut steps = Steps::default();
        assert!(!steps.has(&CLIPPY, &mut Command::new("/nowhere/clippy")));
        assert_eq!(steps.verdict().unwrap_err().to_string(), "failed: clippy");
        let error = excused("typos,rustfmt").unwrap_err().to_string();
        assert!(error.contains("rustup component add rustfmt"), "{error}");
        let error = excused("typo").unwrap_err().to_string();
        assert!(error.contains("no tool of the check"), "{error}");
    }

    #[test]
    fn a_failed_step_is_named() {
        let mut steps = Steps::default();
        steps.run("format", &mut Command::new("true"));
        steps.run("docs", &mut Command::new("false"));
        steps.run("spelling", &mut Command::new("/nowhere/typos"));
        let error = steps.verdict().unwrap_err().to_string();
        assert_eq!(error, "failed: docs, spelling");
    }
}
