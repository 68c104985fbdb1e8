//! Whether the libraries' examples stand alone: each is copied into a package outside of the workspace, which names the libraries
//! as a user's would, and checked there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result};

use crate::process;
use crate::workspace::{self, Need, Package};

/// How an example reaches for files of its package, which a copy does not have: those measure the package itself.
const REACHES: [&str; 2] = ["#[path = \"../", "include_str!(\"../"];

/// Copies, checks, and says which examples were left out.
pub fn run(root: &Path) -> Result<ExitCode> {
    let outside = std::env::temp_dir().join(format!("adamllm-examples-{}", std::process::id()));
    let result = check(root, &outside);
    let removed = fs::remove_dir_all(&outside);
    let code = result?;
    removed.with_context(|| format!("cannot remove `{}`", outside.display()))?;
    Ok(code)
}

fn check(root: &Path, outside: &Path) -> Result<ExitCode> {
    let workspace = read(&root.join("Cargo.toml"))?;
    let packages = workspace::packages(root)?;
    write(&outside.join("src/lib.rs"), "")?;
    let (mut used, mut copied) = (BTreeSet::new(), 0);
    for package in &packages {
        for (name, text) in examples(package)? {
            if REACHES.iter().any(|reaches| text.contains(reaches)) {
                eprintln!(
                    "left out: {name}, which measures its package by the package's own tests"
                );
                continue;
            }
            write(&outside.join("examples").join(format!("{name}.rs")), &text)?;
            copied += 1;
            used.insert(package.name.clone());
            let named = package.dependencies.iter();
            let named = named.filter(|dependency| dependency.need != Need::Build);
            used.extend(named.map(|dependency| dependency.key.clone()));
        }
    }
    let manifest = manifest(&workspace, &used, root);
    write(&outside.join("Cargo.toml"), &manifest)?;
    // The same versions as in the workspace, so that nothing is looked up.
    fs::copy(root.join("Cargo.lock"), outside.join("Cargo.lock"))?;
    eprintln!("{copied} examples are checked in `{}`", outside.display());
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let mut cargo = Command::new(program);
    cargo.current_dir(outside).env("CARGO_TARGET_DIR", target);
    process::pass_through(cargo.args(["check", "--offline", "--examples"]))
}

/// The examples of a package by names that are theirs alone, with their texts.
fn examples(package: &Package) -> Result<BTreeMap<String, String>> {
    let of = package.name.trim_start_matches("adamllm-");
    let targets = package.targets.iter().filter(|t| t.kind == "example");
    let named = targets.map(|target| {
        let stem = target.path.file_stem().unwrap_or_default();
        let name = format!("{of}-{}", stem.to_string_lossy());
        Ok((name, read(&target.path)?))
    });
    named.collect()
}

/// A package of no workspace that depends on those `used` ones of the workspace's table (by key, or by the package's name).
fn manifest(workspace: &str, used: &BTreeSet<String>, root: &Path) -> String {
    let mut out =
        "[package]\nname = \"stand-alone\"\nedition = \"2024\"\n\n[workspace]\n".to_owned();
    let mut section = "";
    for line in workspace.lines() {
        if line.starts_with('[') {
            section = line;
            if line == "[workspace.dependencies]" {
                out += "\n[dependencies]\n";
            } else if line.starts_with("[profile.") {
                // Else every third-party crate would be checked anew.
                let _ = writeln!(out, "\n{line}");
            }
        } else if section == "[workspace.dependencies]" {
            let key = line.split(' ').next().unwrap_or_default();
            let is_used = used.contains(key)
                || used
                    .iter()
                    .any(|name| line.contains(&format!("package = \"{name}\"")));
            if is_used && !key.is_empty() {
                let from = format!("path = \"{}/", root.display());
                let _ = writeln!(out, "{}", line.replace("path = \"", &from));
            }
        } else if section.starts_with("[profile.") && !line.is_empty() {
            let _ = writeln!(out, "{line}");
        }
    }
    out
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_depends_on_what_its_examples_may_use() {
        let workspace = "[workspace]\nmembers = [\"crates/*\"]\n\n[workspace.dependencies]\n# Ours.\n\
                         corpus = { package = \"adamllm-corpus\", path = \"crates/corpus\" }\n\
                         demo = { package = \"adamllm-demo\", path = \"crates/demo\" }\nserde = \"1.0\"\nregex = \"1\"\n\n\
                         [workspace.lints.rust]\nunsafe_code = \"deny\"\n\n[profile.dev]\nopt-level = 1\n";
        let used = ["adamllm-corpus", "serde"].map(str::to_owned).into();
        let expected = "[package]\nname = \"stand-alone\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
                        corpus = { package = \"adamllm-corpus\", path = \"/r/crates/corpus\" }\nserde = \"1.0\"\n\n\
                        [profile.dev]\nopt-level = 1\n";
        assert_eq!(manifest(workspace, &used, Path::new("/r")), expected);
    }
}
