//! The packages of the workspace as cargo knows them, and the Rust files that belong to them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{cargo, process};

/// When a dependency is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// By the package itself.
    Normal,
    /// By its tests, examples and benches.
    Dev,
    /// By its build script.
    Build,
}

/// A line of a manifest's dependencies.
#[derive(Debug, PartialEq, Eq)]
pub struct Dependency {
    /// Its key in the manifest.
    pub key: String,
    pub need: Need,
}

/// Something that cargo builds.
#[derive(Debug)]
pub struct Target {
    /// `lib`, `bin`, `test`, `example`, `bench`, `custom-build`.
    pub kind: String,
    pub path: PathBuf,
}

/// A member of the workspace.
#[derive(Debug)]
pub struct Package {
    pub name: String,
    pub folder: PathBuf,
    pub targets: Vec<Target>,
    pub dependencies: Vec<Dependency>,
}

impl Package {
    pub fn manifest(&self) -> PathBuf {
        self.folder.join("Cargo.toml")
    }
}

/// All members, as `cargo metadata` gives them.
pub fn packages(root: &Path) -> Result<Vec<Package>> {
    let args = ["metadata", "--no-deps", "--format-version", "1"];
    let text = process::output(&mut cargo::command(root, &args))?;
    read(&text).context("`cargo metadata` gave something else than expected")
}

fn read(metadata: &str) -> Result<Vec<Package>> {
    let metadata: Value = serde_json::from_str(metadata)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    packages.iter().map(package).collect()
}

fn package(value: &Value) -> Result<Package> {
    let text = |value: &Value| value.as_str().map(str::to_owned).context("no text");
    let list = |value: &Value| value.as_array().cloned().context("no list");
    let manifest = PathBuf::from(text(&value["manifest_path"])?);
    let mut package = Package {
        name: text(&value["name"])?,
        folder: manifest.parent().context("no folder")?.to_path_buf(),
        targets: Vec::new(),
        dependencies: Vec::new(),
    };
    for target in list(&value["targets"])? {
        package.targets.push(Target {
            kind: text(&target["kind"][0])?,
            path: text(&target["src_path"])?.into(),
        });
    }
    for dependency in list(&value["dependencies"])? {
        let key = match &dependency["rename"] {
            Value::String(key) => key.clone(),
            _ => text(&dependency["name"])?,
        };
        let need = match dependency["kind"].as_str() {
            None => Need::Normal,
            Some("build") => Need::Build,
            Some(_) => Need::Dev,
        };
        package.dependencies.push(Dependency { key, need });
    }
    Ok(package)
}

/// Rust files in a folder and below, in the order of their names; none where there is no such folder.
pub fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return Ok(found);
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                found.extend(rust_files(&path)?);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file holds nothing but tests, examples or measurements, by where it lies in its package.
pub fn is_for_tests(path: &Path) -> bool {
    let mut names = path.iter().filter_map(|name| name.to_str());
    let folders = ["tests", "benches", "examples"];
    names.clone().any(|name| folders.contains(&name)) || names.next_back() == Some("tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_targets_and_dependencies() {
        let metadata = r#"{"packages": [{"name": "adamllm-model", "manifest_path": "/r/crates/model/Cargo.toml",
            "targets": [{"kind": ["lib"], "name": "model", "src_path": "/r/crates/model/src/lib.rs"}],
            "dependencies": [{"name": "adamllm-torch", "rename": "torch", "kind": null},
                {"name": "tempfile", "rename": null, "kind": "dev"}, {"name": "cc", "rename": null, "kind": "build"}]}]}"#;
        let packages = read(metadata).unwrap();
        let package = &packages[0];
        assert_eq!(package.manifest(), Path::new("/r/crates/model/Cargo.toml"));
        assert_eq!(package.targets[0].kind, "lib");
        let found: Vec<_> = package
            .dependencies
            .iter()
            .map(|dependency| (dependency.key.as_str(), dependency.need))
            .collect();
        assert_eq!(
            found,
            [
                ("torch", Need::Normal),
                ("tempfile", Need::Dev),
                ("cc", Need::Build)
            ]
        );
        assert!(read("{}").is_err());
    }

    #[test]
    fn knows_files_of_tests_by_their_place() {
        let check = |path: &str, expected: bool| {
            assert_eq!(is_for_tests(Path::new(path)), expected, "{path}");
        };
        check("crates/corpus/src/images.rs", false);
        check("crates/corpus/src/formats/tests.rs", true);
        check("crates/corpus/tests/suite/main.rs", true);
        check("crates/corpus/examples/duplicates.rs", true);
        check("crates/corpus/benches/images.rs", true);
    }

    #[test]
    fn finds_rust_files_below_a_folder() {
        let root = tempfile::tempdir().unwrap();
        for path in ["src/b.rs", "src/a/c.rs", "src/note.md", "target/d.rs"] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = rust_files(root.path()).unwrap();
        assert_eq!(
            found,
            ["src/a/c.rs", "src/b.rs"].map(|path| root.path().join(path))
        );
        assert!(rust_files(&root.path().join("gone")).unwrap().is_empty());
    }
}
