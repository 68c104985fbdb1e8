//! The parts that a package is made of: every crate that is linked into its programs, as cargo resolves them, with the texts
//! of their licences.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{cargo, process};

/// The machine that packages are for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Beginnings of names of files that hold a licence or a notice.
const LICENCE_FILES: [&str; 6] = [
    "license",
    "licence",
    "copying",
    "notice",
    "unlicense",
    "copyright",
];

/// Something that others made, with its licence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    pub version: String,
    /// As an SPDX expression, where its makers give one.
    pub licence: String,
    pub authors: Vec<String>,
    /// What it is among all packages of its kind: `pkg:cargo/tch@0.24.0`.
    pub purl: String,
    /// Of the archive that it came in, where that is known.
    pub sha256: Option<String>,
    /// Identifiers of the parts that it is built on.
    pub depends_on: Vec<String>,
    /// Names and texts of its licence files.
    pub texts: Vec<(String, String)>,
    /// Whether it is one of our own crates.
    pub is_own: bool,
}

/// The crates that both programs are linked from, our own too, in the order of their names.
pub fn crates(root: &Path) -> Result<Vec<Part>> {
    // What is linked, by the features that this very build has; macros and build scripts leave no code of their own.
    let edges = "normal,no-proc-macro";
    let shape = ["--prefix", "none", "--format", "{p}"];
    let mut tree = cargo::command(root, &["tree", "--package", "adamllm", "--locked"]);
    tree.args(["--edges", edges, "--target", TARGET])
        .args(shape);
    let linked = linked(&process::output(&mut tree)?);
    let args = [
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        TARGET,
    ];
    let metadata = process::output(&mut cargo::command(root, &args))?;
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))?;
    let mut parts = Vec::new();
    for (mut part, folder) in read(&metadata, &lock, &linked)? {
        if !part.is_own {
            part.texts = texts(&folder)?;
        }
        parts.push(part);
    }
    Ok(parts)
}

/// Names and versions in the lines of `cargo tree`, `tch v0.24.0 (…) (*)`.
fn linked(tree: &str) -> BTreeSet<(String, String)> {
    let lines = tree.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        let version = words.next()?.strip_prefix('v')?;
        Some((name.to_owned(), version.to_owned()))
    });
    lines.collect()
}

/// Checksums of crates in `Cargo.lock`.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let start = format!("{key} = \"");
            let line = package.lines().find_map(|line| line.strip_prefix(&start))?;
            Some(line.trim_end_matches('"').to_owned())
        };
        if let (Some(name), Some(version), Some(sum)) =
            (value("name"), value("version"), value("checksum"))
        {
            found.insert((name, version), sum);
        }
    }
    found
}

/// The linked crates of `cargo metadata` with the folders of their sources.
fn read(
    metadata: &str,
    lock: &str,
    linked: &BTreeSet<(String, String)>,
) -> Result<Vec<(Part, PathBuf)>> {
    let metadata: Value = serde_json::from_str(metadata)?;
    let sums = checksums(lock);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut purls = BTreeMap::new();
    let mut parts = Vec::new();
    for package in list(&metadata["packages"]) {
        let key = (text(&package["name"]), text(&package["version"]));
        if !linked.contains(&key) {
            continue;
        }
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let part = Part {
            licence: expression(&text(&package["license"])),
            authors: list(&package["authors"]).iter().map(&text).collect(),
            purl: format!("pkg:cargo/{}@{}", key.0, key.1),
            sha256: sums.get(&key).cloned(),
            is_own: package["source"].is_null(),
            name: key.0,
            version: key.1,
            ..Part::default()
        };
        let folder = manifest.parent().context("a manifest lies in a folder")?;
        purls.insert(text(&package["id"]), part.purl.clone());
        parts.push((text(&package["id"]), part, folder.to_path_buf()));
    }
    let nodes = list(&metadata["resolve"]["nodes"]);
    for (id, part, _) in &mut parts {
        let node = nodes.iter().find(|node| node["id"] == **id);
        let node = node.with_context(|| format!("cargo does not resolve `{id}`"))?;
        let on = list(&node["deps"]).into_iter().filter_map(|on| {
            let is_linked = list(&on["dep_kinds"])
                .iter()
                .any(|kind| kind["kind"].is_null());
            purls.get(&text(&on["pkg"])).filter(|_| is_linked).cloned()
        });
        part.depends_on = on.collect();
        part.depends_on.sort();
    }
    let mut parts: Vec<_> = parts
        .into_iter()
        .map(|(_, part, folder)| (part, folder))
        .collect();
    parts.sort_by(|(a, _), (b, _)| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    Ok(parts)
}

/// The older form of a choice, `MIT/Apache-2.0`, as an SPDX expression.
fn expression(licence: &str) -> String {
    licence
        .split('/')
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" OR ")
}

/// Licence files in a folder and, for sources of others that a crate carries, one below.
fn texts(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for path in sorted(folder)? {
        if path.is_dir() {
            let is_for_tests = path
                .file_name()
                .is_some_and(|name| name == "tests" || name == "benches");
            for below in sorted(&path)?.iter().filter(|_| !is_for_tests) {
                found.extend(licence_text(below, folder)?);
            }
        } else {
            found.extend(licence_text(&path, folder)?);
        }
    }
    Ok(found)
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| {
        format!(
            "cannot read `{}`: `cargo fetch` brings it",
            folder.display()
        )
    })?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

/// Name and text of a file, if it is one of a licence.
fn licence_text(path: &Path, folder: &Path) -> Result<Option<(String, String)>> {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    let is_text = path.extension().is_none_or(|ending| {
        let ending = ending.to_string_lossy().to_lowercase();
        // `LICENSE-2.0` and `LICENSE.zlib` end in something of their own, sources and settings do not count.
        !["rs", "c", "h", "py", "json", "toml", "html", "tmpl"].contains(&ending.as_str())
    });
    if !is_text || !path.is_file() || !LICENCE_FILES.iter().any(|start| name.starts_with(start)) {
        return Ok(None);
    }
    let bytes = std::fs::read(path)?;
    let inside = path.strip_prefix(folder).unwrap_or(path);
    let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
    Ok(Some((inside.to_string_lossy().into_owned(), text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_linked_with_checksums_and_edges() {
        let tree = "adamllm v0.1.0 (/w/crates/adamllm)\ntch v0.24.0\ncfg-if v1.0.1 (*)\n\n";
        let linked = linked(tree);
        assert_eq!(linked.len(), 3);
        let package = |name: &str, version: &str, source: &str, licence: &str| {
            format!(
                r#"{{"name": "{name}", "version": "{version}", "id": "{name}#{version}", "source": {source}, "license": "{licence}",
                    "authors": ["A"], "manifest_path": "/c/{name}/Cargo.toml"}}"#
            )
        };
        let packages = [
            package("tch", "0.24.0", "\"registry\"", "MIT/Apache-2.0"),
            package("adamllm", "0.1.0", "null", "Apache-2.0"),
            package("cfg-if", "1.0.1", "\"registry\"", "MIT OR Apache-2.0"),
            package("cfg-if", "0.1.0", "\"registry\"", "MIT"),
            package("cc", "1.2.0", "\"registry\"", "MIT"),
        ];
        let node = |id: &str, deps: &str| format!(r#"{{"id": "{id}", "deps": [{deps}]}}"#);
        let nodes = [
            node(
                "tch#0.24.0",
                r#"{"pkg": "cc#1.2.0", "dep_kinds": [{"kind": "build"}]}"#,
            ),
            node(
                "adamllm#0.1.0",
                r#"{"pkg": "tch#0.24.0", "dep_kinds": [{"kind": null}]}, {"pkg": "cfg-if#1.0.1", "dep_kinds": [{"kind": "dev"}]}"#,
            ),
            node("cfg-if#1.0.1", ""),
        ];
        let metadata = format!(
            r#"{{"packages": [{}], "resolve": {{"nodes": [{}]}}}}"#,
            packages.join(","),
            nodes.join(",")
        );
        let lock = "version = 4\n\n[[package]]\nname = \"tch\"\nversion = \"0.24.0\"\nsource = \"r\"\nchecksum = \"ab12\"\n";
        let parts = read(&metadata, lock, &linked).unwrap();
        let names: Vec<_> = parts.iter().map(|(part, _)| part.purl.as_str()).collect();
        assert_eq!(
            names,
            [
                "pkg:cargo/adamllm@0.1.0",
                "pkg:cargo/cfg-if@1.0.1",
                "pkg:cargo/tch@0.24.0"
            ]
        );
        let (own, tch) = (&parts[0].0, &parts[2].0);
        assert!(own.is_own && !tch.is_own);
        assert_eq!(own.depends_on, ["pkg:cargo/tch@0.24.0"]);
        assert_eq!(tch.licence, "MIT OR Apache-2.0");
        assert_eq!(tch.sha256.as_deref(), Some("ab12"));
        assert_eq!(tch.depends_on, Vec::<String>::new());
    }

    #[test]
    fn finds_licences_also_of_sources_that_a_crate_carries() {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("LICENSE-MIT", "mit\r\n"),
            ("license.rs", "code"),
            ("src/lib.rs", "code"),
            ("jemalloc/COPYING", "bsd"),
            ("tests/LICENSE", "of data"),
            ("README.md", "text"),
        ] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = texts(root.path()).unwrap();
        let expected = [("LICENSE-MIT", "mit\n"), ("jemalloc/COPYING", "bsd")];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }
}
