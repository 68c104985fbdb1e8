//! `cargo xtask fuzz`: the tests that feed damaged and random files, with many more runs than in the test suite.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};

use crate::workspace::{self, Package};
use crate::{cargo, process};

/// Runs of each kind of file when none are asked for.
pub const RUNS: &str = "1000000";

/// By this variable a test is told how often to run, and by it such tests are found.
const VARIABLE: &str = "ADAMLLM_FUZZ_RUNS";

/// Arguments of `cargo test` that run the hostile tests of one target.
type Arguments = Vec<String>;

/// Runs all of them in release mode; fails with the first that fails.
pub fn run(root: &Path, runs: &str) -> Result<ExitCode> {
    let tests = find(&workspace::packages(root)?)?;
    // Records and pictures, model folders, recipes.
    ensure!(
        tests.len() >= 3,
        "found hostile tests in {} targets only, expected three or more: do they still read `{VARIABLE}`?",
        tests.len()
    );
    for (package, arguments) in tests {
        eprintln!("fuzz: {package}, {runs} runs of each kind");
        let mut tests = cargo::command(root, &["test", "--release", "-p", &package]);
        let code = process::pass_through(tests.args(arguments).env(VARIABLE, runs))?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Packages and how to run their hostile tests, found by the variable that they read.
fn find(packages: &[Package]) -> Result<BTreeSet<(String, Arguments)>> {
    let mut found = BTreeSet::new();
    for package in packages.iter().filter(|package| package.name != "xtask") {
        for file in workspace::rust_files(&package.folder)? {
            let text = std::fs::read_to_string(&file)
                .with_context(|| format!("cannot read `{}`", file.display()))?;
            if text.contains(VARIABLE) {
                let inside = file.strip_prefix(&package.folder).unwrap_or(&file);
                let has_library = package.targets.iter().any(|target| target.kind == "lib");
                found.insert((package.name.clone(), arguments(inside, has_library)));
            }
        }
    }
    Ok(found)
}

/// Of a test that lies in this file of its package.
fn arguments(file: &Path, has_library: bool) -> Arguments {
    let names: Vec<&str> = file.iter().filter_map(|name| name.to_str()).collect();
    let words: &[&str] = match names.as_slice() {
        // The whole target is of this kind.
        ["tests", name] => &["--test", name.trim_end_matches(".rs")],
        ["tests", target, ..] => &["--test", target, "--", "hostile"],
        _ if has_library => &["--lib", "--bins", "--", "hostile"],
        _ => &["--bins", "--", "hostile"],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Target;

    #[test]
    fn finds_hostile_tests_wherever_they_lie() {
        let root = tempfile::tempdir().unwrap();
        let files = [
            "corpus/tests/hostile.rs",
            "model/tests/suite/hostile.rs",
            "run/src/recipe/tests.rs",
            "adamllm/src/tests.rs",
        ];
        let packages = files.map(|path| {
            let (name, _) = path.split_once('/').unwrap();
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, format!("std::env::var(\"{VARIABLE}\")")).unwrap();
            std::fs::write(path.with_file_name("other.rs"), "").unwrap();
            let kind = if name == "adamllm" { "bin" } else { "lib" };
            Package {
                name: name.to_owned(),
                folder: root.path().join(name),
                targets: vec![Target {
                    kind: kind.to_owned(),
                    path: root.path().join("root.rs"),
                }],
                dependencies: Vec::new(),
            }
        });
        let found: Vec<String> = find(&packages)
            .unwrap()
            .into_iter()
            .map(|(package, arguments)| format!("{package} {}", arguments.join(" ")))
            .collect();
        assert_eq!(
            found,
            [
                "adamllm --bins -- hostile",
                "corpus --test hostile",
                "model --test suite -- hostile",
                "run --lib --bins -- hostile",
            ]
        );
    }
}
