//! No dependency is declared and unused: not by a package, not in the workspace's table.
//!
//! A library is used where its name begins a path or stands in a `use`. What only tests use is a dependency of tests.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::source::{self, Kind, Token};
use crate::workspace::{self, Need, Package};

/// Dependencies that are needed without being named: package, key, reason.
const UNNAMED: &[(&str, &str, &str)] = &[];

/// All dependencies that nothing names.
pub fn check(root: &Path, packages: &[Package]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut taken = BTreeSet::new();
    for package in packages {
        found.extend(unused(package)?);
        taken.extend(workspace_keys(&read(&package.manifest())?));
    }
    let table = declared(&read(&root.join("Cargo.toml"))?);
    for key in table.into_iter().filter(|key| !taken.contains(key)) {
        found.push(format!(
            "the workspace declares `{key}`, which no package takes: leave it out of `[workspace.dependencies]`"
        ));
    }
    Ok(found)
}

/// The names that each part of a package uses.
#[derive(Default)]
struct Names {
    normal: BTreeSet<String>,
    /// Of tests, examples, benches and examples in the docs.
    dev: BTreeSet<String>,
    build: BTreeSet<String>,
}

fn unused(package: &Package) -> Result<Vec<String>> {
    let names = names(package)?;
    let mut found = Vec::new();
    for dependency in &package.dependencies {
        let name = dependency.key.replace('-', "_");
        let (is_used, place, hint) = match dependency.need {
            Need::Normal if names.dev.contains(&name) => (
                names.normal.contains(&name),
                "its sources",
                "only tests or examples name it, so it belongs to `[dev-dependencies]`",
            ),
            Need::Normal => (names.normal.contains(&name), "its sources", "leave it out"),
            Need::Dev => (names.dev.contains(&name), "its tests", "leave it out"),
            Need::Build => (
                names.build.contains(&name),
                "its build script",
                "leave it out",
            ),
        };
        let is_listed = UNNAMED
            .iter()
            .any(|(of, key, _)| *of == package.name && *key == dependency.key);
        if !is_used && !is_listed {
            found.push(
                format!(
                    "`{}` depends on `{}`, which {place} do not name: {hint}",
                    package.name, dependency.key
                )
                .replace("script do not", "script does not"),
            );
        }
    }
    Ok(found)
}

fn names(package: &Package) -> Result<Names> {
    let mut names = Names::default();
    let scripts: Vec<&Path> = package
        .targets
        .iter()
        .filter(|target| target.kind == "custom-build")
        .map(|target| target.path.as_path())
        .collect();
    for file in workspace::rust_files(&package.folder)? {
        let inside = file.strip_prefix(&package.folder).unwrap_or(&file);
        let text = read(&file)?;
        let tokens = source::tokens(&text);
        if scripts.contains(&file.as_path()) {
            names.build.extend(named(&tokens));
        } else if workspace::is_for_tests(inside) {
            names.dev.extend(named(&tokens));
        } else {
            names.normal.extend(named(&source::without_tests(&tokens)));
            names.dev.extend(named(&tokens));
            names
                .dev
                .extend(named(&source::tokens(&documentation(&text))));
        }
    }
    let readme = package.folder.join("README.md");
    if readme.exists() {
        names.dev.extend(named(&source::tokens(&read(&readme)?)));
    }
    Ok(names)
}

/// The text of doc comments, in which examples stand.
fn documentation(text: &str) -> String {
    let lines = text.lines().filter_map(|line| {
        let line = line.trim_start();
        line.strip_prefix("///")
            .or_else(|| line.strip_prefix("//!"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every name that begins a path or is imported whole, unless a module of the crate bears it there.
fn named(tokens: &[Token]) -> BTreeSet<String> {
    let before = |at: usize, back: usize| at.checked_sub(back).map(|at| &tokens[at]);
    let mut found = BTreeSet::new();
    let mut own = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.kind != Kind::Word {
            continue;
        }
        let begins_path = tokens.get(at + 1).is_some_and(|next| next.is_sign("::"));
        let (last, second) = (before(at, 1), before(at, 2));
        let is_word =
            |token: Option<&Token>, word: &str| token.is_some_and(|one| one.is_word(word));
        let is_sign =
            |token: Option<&Token>, sign: &str| token.is_some_and(|one| one.is_sign(sign));
        let is_imported =
            is_word(last, "use") || (is_word(last, "crate") && is_word(second, "extern"));
        if is_sign(last, "::") {
            // Within a path, or the beginning of one that names a library for sure.
            let is_inner = second.is_some_and(|one| {
                one.is_sign(">") || (one.kind == Kind::Word && one.text != "use")
            });
            if !is_inner && begins_path {
                found.insert(format!("::{}", token.text));
            }
            let ends_import = tokens
                .get(at + 1)
                .is_some_and(|next| [";", ",", "}"].iter().any(|sign| next.is_sign(sign)));
            if ends_import && starts_in_crate(tokens, at) {
                own.insert(token.text.as_str());
            }
        } else if is_word(last, "mod") {
            own.insert(token.text.as_str());
        } else if begins_path || is_imported {
            found.insert(token.text.clone());
        }
    }
    let names = found
        .into_iter()
        .filter_map(|name| match name.strip_prefix("::") {
            Some(name) => Some(name.to_owned()),
            None => (!own.contains(name.as_str())).then_some(name),
        });
    names.collect()
}

/// Whether the path that ends at `at` begins with `crate`, `super` or `self`, as in `use crate::a::b;`.
fn starts_in_crate(tokens: &[Token], at: usize) -> bool {
    let mut start = at;
    while start >= 2 && tokens[start - 1].is_sign("::") && tokens[start - 2].kind == Kind::Word {
        start -= 2;
    }
    let is_use = start >= 1 && tokens[start - 1].is_word("use");
    is_use
        && ["crate", "super", "self"]
            .iter()
            .any(|word| tokens[start].is_word(word))
}

/// The keys of `[workspace.dependencies]`.
fn declared(manifest: &str) -> Vec<String> {
    entries(manifest)
        .filter(|(section, _, _)| *section == "workspace.dependencies")
        .map(|(_, key, _)| key.to_owned())
        .collect()
}

/// The keys that a manifest takes from the workspace's table.
fn workspace_keys(manifest: &str) -> Vec<String> {
    let dependencies =
        entries(manifest).filter(|(section, _, _)| section.ends_with("dependencies"));
    let keys = dependencies.filter_map(|(_, key, value)| {
        let plain = key.strip_suffix(".workspace").filter(|_| value == "true");
        let value = value.replace(' ', "");
        plain.or_else(|| value.contains("workspace=true").then_some(key))
    });
    keys.map(str::to_owned).collect()
}

/// Section, key and value of each line `key = value`.
fn entries(manifest: &str) -> impl Iterator<Item = (&str, &str, &str)> {
    let mut section = "";
    manifest.lines().map(str::trim).filter_map(move |line| {
        if let Some(name) = line.strip_prefix('[') {
            section = name.split(']').next().unwrap_or_default();
            return None;
        }
        let (key, value) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        Some((section, key.trim(), value.trim()))
    })
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::assert_found;
    use crate::workspace::{Dependency, Target};

    /// Plants a package with these files, whose dependencies are these.
    fn check_planted(files: &[(&str, &str)], dependencies: &[(&str, Need)], expected: &[&str]) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let package = Package {
            name: "planted".to_owned(),
            folder: root.path().to_path_buf(),
            targets: vec![Target {
                kind: "custom-build".to_owned(),
                path: root.path().join("build.rs"),
            }],
            dependencies: dependencies
                .iter()
                .map(|(key, need)| Dependency {
                    key: (*key).to_owned(),
                    need: *need,
                })
                .collect(),
        };
        assert_found(&unused(&package).unwrap(), expected);
    }

    #[test]
    fn finds_dependencies_that_nothing_names() {
        let files = [
            (
                "src/lib.rs",
                "// tar::Archive\nuse serde::Serialize; fn f() { arrow_array::g(\"csv::h\") }",
            ),
            ("tests/suite.rs", "use tempfile::tempdir; use insta;"),
            ("build.rs", "fn main() { cc::Build::new(); }"),
        ];
        let dependencies = [
            ("serde", Need::Normal),
            ("arrow-array", Need::Normal),
            ("tar", Need::Normal),
            ("csv", Need::Normal),
            ("tempfile", Need::Normal),
            ("tempfile", Need::Dev),
            ("insta", Need::Dev),
            ("proptest", Need::Dev),
            ("cc", Need::Build),
            ("bindgen", Need::Build),
        ];
        check_planted(
            &files,
            &dependencies,
            &[
                "`tar`, which its sources do not name: leave it out",
                "`csv`",
                "`tempfile`, which its sources do not name: only tests",
                "`proptest`, which its tests",
                "`bindgen`, which its build script does not name",
            ],
        );
    }

    #[test]
    fn examples_in_the_docs_are_tests() {
        let files = [
            (
                "src/lib.rs",
                "//! ```\n//! use image::open;\n//! ```\n/// `toml::from_str`\nfn f() {}",
            ),
            ("README.md", "```\nserde_json::to_string(&1);\n```"),
        ];
        let dependencies = ["image", "toml", "serde_json"].map(|key| (key, Need::Dev));
        check_planted(&files, &dependencies, &[]);
    }

    #[test]
    fn a_module_of_the_same_name_is_not_the_library() {
        let check = |text: &str, expected: &[&str]| {
            check_planted(
                &[("src/lib.rs", text)],
                &[("report", Need::Normal)],
                expected,
            );
        };
        check("mod report; fn f() { report::page() }", &["`report`"]);
        check(
            "use crate::report; fn f() { report::page() }",
            &["`report`"],
        );
        check(
            "fn f() { crate::report::page(); Vec::<u8>::report::<u8>() }",
            &["`report`"],
        );
        check("mod report; fn f() { ::report::page() }", &[]);
        check("use ::report::page;", &[]);
        check("use other::{report}; fn f() { report::page() }", &[]);
        check("pub use report;", &[]);
    }

    #[test]
    fn finds_lines_of_the_workspace_that_no_package_takes() {
        let table = "[workspace.dependencies]\n# tar = 1\nserde = \"1\"\nown = { path = \"crates/own\" }\n\n[profile.dev]\nx = 1\n";
        assert_eq!(declared(table), ["serde", "own"]);
        let manifest = "[package]\nversion.workspace = true\n[dependencies]\nserde.workspace = true\ncsv = \"1\"\n\
                        [dev-dependencies]\nown = { workspace = true, optional = true }\n[lints]\nworkspace = true\n";
        assert_eq!(workspace_keys(manifest), ["serde", "own"]);
    }
}
