//! `cargo xtask test-sheet`: the rating sheet in a real browser, by keys alone, with what it saves read by the library.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{cargo, process};

const HELP: &str = "\
usage: cargo xtask test-sheet [FLAGS]

Makes a sheet of many items with pictures, opens it in Chromium and rates by keyboard; asks for size, time to
open, what survives a closed tab, saved files, hostile texts, requests, and WCAG by axe-core, which npm fetches into
the work folder. Needs Node 18 or newer and Chromium.

  --chromium P   the browser (default: the first of chromium, chromium-browser, google-chrome that starts)
  --items N      items of the sheet, 60 at least (default: 800)
  --axe FILE     an axe.min.js that is there already
  --without-axe  leave accessibility out, which the output says
  --results FILE where measured numbers are written, as JSON
  --pictures D   a folder for pictures of the screen
  --work D       folder for everything else, emptied first and removed after (default: target/test-sheet)
";

/// Its rules change with its version, so it is one.
const AXE: &str = "axe-core@4.14.1";
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What was asked for.
struct Options {
    chromium: Option<PathBuf>,
    work: PathBuf,
    axe: Option<PathBuf>,
    is_without_axe: bool,
    /// Flags that the script takes as they are.
    passed: Vec<String>,
}

/// Runs all checks; fails if one does, or if a tool is missing.
pub fn run(root: &Path, args: &[String]) -> Result<ExitCode> {
    if args.iter().any(|arg| arg == "--help") {
        eprint!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    }
    let options = parse(root, args)?;
    let starts = |program: &Path| process::succeeds(Command::new(program).arg("--version"));
    ensure!(
        starts(Path::new("node")),
        "`node` does not start: the checks of the sheet are a script for Node 18 or newer"
    );
    let chromium = match options.chromium {
        Some(path) => path,
        None => (BROWSERS.map(PathBuf::from).into_iter())
            .find(|program| starts(program))
            .with_context(|| {
                format!(
                    "none of {} starts: name a browser with --chromium",
                    BROWSERS.join(", ")
                )
            })?,
    };
    let [sheet, ratings] = build(root)?;
    let work = options.work;
    if work.exists() {
        std::fs::remove_dir_all(&work)?;
    }
    std::fs::create_dir_all(&work)?;
    let axe = match (options.axe, options.is_without_axe) {
        (Some(file), _) => Some(file),
        (None, true) => None,
        (None, false) => Some(fetch_axe(&work)?),
    };
    let mut script = Command::new("node");
    script.arg(root.join("crates/report/tests/browser/sheet.mjs"));
    script.arg("--chromium").arg(chromium);
    script.arg("--sheet").arg(sheet);
    script.arg("--ratings").arg(ratings);
    script.arg("--work").arg(&work);
    if let Some(file) = &axe {
        script.arg("--axe").arg(file);
    }
    let code = process::pass_through(script.args(options.passed))?;
    std::fs::remove_dir_all(&work)?;
    if axe.is_none() {
        eprintln!("test-sheet: WITHOUT axe: accessibility was not checked");
    }
    Ok(code)
}

fn parse(root: &Path, args: &[String]) -> Result<Options> {
    let mut options = Options {
        chromium: None,
        work: root.join("target/test-sheet"),
        axe: None,
        is_without_axe: false,
        passed: Vec::new(),
    };
    let mut args = args.iter();
    while let Some(flag) = args.next() {
        if flag == "--without-axe" {
            options.is_without_axe = true;
            continue;
        }
        let value = args.next();
        let value = value.with_context(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--chromium" => options.chromium = Some(value.into()),
            "--axe" => options.axe = Some(std::path::absolute(value)?),
            "--work" => options.work = std::path::absolute(value)?,
            "--items" | "--results" | "--pictures" => {
                options.passed.extend([flag.clone(), value.clone()]);
            }
            other => bail!("unknown flag `{other}`\n\n{HELP}"),
        }
    }
    Ok(options)
}

/// The examples that make a sheet and read ratings.
fn build(root: &Path) -> Result<[PathBuf; 2]> {
    let args = [
        "build",
        "-p",
        "adamllm-quality",
        "-p",
        "adamllm-report",
        "--examples",
        "--message-format=json-render-diagnostics",
    ];
    let output = cargo::command(root, &args)
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    ensure!(output.status.success(), "the examples do not build");
    let messages = String::from_utf8_lossy(&output.stdout);
    let example = |name: &str| {
        example(&messages, name).with_context(|| format!("cargo built no example `{name}`"))
    };
    Ok([example("sheet")?, example("ratings")?])
}

/// Reads cargo's messages, one JSON object a line.
fn example(messages: &str, name: &str) -> Option<PathBuf> {
    let mut messages =
        (messages.lines()).filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let message = messages.find(|message| {
        message["target"]["name"] == name && message["target"]["kind"][0] == "example"
    })?;
    message["executable"].as_str().map(PathBuf::from)
}

fn fetch_axe(work: &Path) -> Result<PathBuf> {
    let mut npm = Command::new("npm");
    npm.current_dir(work);
    npm.args([
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--no-save",
        AXE,
    ]);
    let told = process::output(&mut npm).context(
        "axe-core cannot be fetched; name a copy with --axe, or leave it out with --without-axe",
    )?;
    eprintln!("{AXE}: {}", told.trim());
    Ok(work.join("node_modules/axe-core/axe.min.js"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_an_example_among_what_was_built() {
        let library = r#"{"target":{"name":"sheet","kind":["lib"]},"executable":null}"#;
        let built =
            r#"{"target":{"name":"sheet","kind":["example"]},"executable":"/t/examples/sheet"}"#;
        let found = example(&[library, built].join("\nnoise\n"), "sheet");
        assert_eq!(found.as_deref(), Some(Path::new("/t/examples/sheet")));
        assert_eq!(example(library, "sheet"), None);
    }
}
