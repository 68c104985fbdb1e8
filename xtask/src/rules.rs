//! The house's own rules, that no other tool checks: names of modules, arrows between crates,
//! crates without tensors, lints, sizes of files.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process;

/// Module names that say nothing about what is in them.
const BANNED_MODULES: [&str; 5] = ["utils", "common", "base", "helpers", "manager"];

/// Each package and those of the workspace that it may depend on. No other arrow.
const ARROWS: [(&str, &[&str]); 10] = [
    (
        "adamllm",
        &[
            "adamllm-train",
            "adamllm-generate",
            "adamllm-model",
            "adamllm-torch",
            "adamllm-evaluation",
            "adamllm-synthesis",
            "adamllm-processor",
            "adamllm-corpus",
        ],
    ),
    (
        "adamllm-train",
        &[
            "adamllm-model",
            "adamllm-processor",
            "adamllm-corpus",
            "adamllm-torch",
        ],
    ),
    (
        "adamllm-generate",
        &[
            "adamllm-model",
            "adamllm-processor",
            "adamllm-corpus",
            "adamllm-torch",
        ],
    ),
    (
        "adamllm-model",
        &["adamllm-processor", "adamllm-corpus", "adamllm-torch"],
    ),
    ("adamllm-torch", &[]),
    ("adamllm-evaluation", &["adamllm-corpus"]),
    ("adamllm-synthesis", &["adamllm-corpus"]),
    ("adamllm-processor", &["adamllm-corpus"]),
    ("adamllm-corpus", &[]),
    ("xtask", &[]),
];

/// Packages that build and test on a machine without libtorch.
const TENSOR_FREE: [&str; 5] = [
    "adamllm-corpus",
    "adamllm-processor",
    "adamllm-synthesis",
    "adamllm-evaluation",
    "xtask",
];

/// What a package without tensors must not reach.
const TENSOR_LIBRARIES: [&str; 3] = ["tch", "torch-sys", "adamllm-torch"];

/// The one package with `unsafe` code; its table of lints stands in its own manifest.
const OWN_LINTS: &str = "adamllm-torch";

/// The largest file that may be committed, in bytes.
const MAX_FILE_BYTES: u64 = 20_000_000;

/// All violations, one sentence each.
pub fn violations(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();

    // A clone may belong to another user than the one who checks it.
    let mut git = Command::new("git");
    git.current_dir(root).args([
        "-c",
        "safe.directory=*",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    if root.join(".git").exists() {
        let listing = process::output(&mut git)?;
        let files: Vec<&str> = listing
            .split('\0')
            .filter(|path| !path.is_empty())
            .collect();
        found.extend(banned_modules(&files));
        found.extend(large_files(root, &files));
    } else {
        eprintln!("check: names and sizes of files skipped, this is no git clone");
    }

    let args = [
        "tree",
        "--workspace",
        "--depth",
        "1",
        "--prefix",
        "depth",
        "--all-features",
    ];
    let tree = process::output(process::cargo(root, &args).args(["-e", "normal,build,dev"]))?;
    found.extend(wrong_arrows(&tree));

    for package in TENSOR_FREE {
        let args = [
            "tree",
            "-p",
            package,
            "--prefix",
            "none",
            "--all-features",
            "-e",
            "normal,build,dev",
        ];
        let tree = process::output(&mut process::cargo(root, &args))?;
        found.extend(tensor_libraries(package, &tree));
    }

    for (package, _) in ARROWS {
        let manifest = manifest_of(root, package);
        let text = std::fs::read_to_string(&manifest)
            .with_context(|| format!("cannot read `{}`", manifest.display()))?;
        found.extend(missing_lints(package, &text));
    }
    Ok(found)
}

/// Rust files, and folders of them, with a name that says nothing.
fn banned_modules(files: &[&str]) -> Vec<String> {
    let sources = files.iter().filter(|path| {
        Path::new(path)
            .extension()
            .is_some_and(|ending| ending == "rs")
    });
    let banned = sources.filter(|path| {
        let stem = path.trim_end_matches(".rs");
        stem.split('/').any(|part| BANNED_MODULES.contains(&part))
    });
    banned
        .map(|path| {
            format!("`{path}` has a module name that says nothing: name it after what is in it")
        })
        .collect()
}

fn large_files(root: &Path, files: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for path in files {
        // A file that is listed but gone has no size.
        let Ok(file) = root.join(path).symlink_metadata() else {
            continue;
        };
        if file.len() > MAX_FILE_BYTES {
            found.push(format!("`{path}` has {} bytes, the most is {MAX_FILE_BYTES}: keep it out of the repository", file.len()));
        }
    }
    found
}

/// Reads `cargo tree --prefix depth`: lines `0<package> v..` each followed by lines `1<dependency> v..`.
fn wrong_arrows(tree: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut package = "";
    let mut allowed: &[&str] = &[];
    for line in tree.lines() {
        let name = line
            .get(1..)
            .and_then(|rest| rest.split(' ').next())
            .unwrap_or_default();
        if line.starts_with('0') {
            package = name;
            if let Some((_, arrows)) = ARROWS.iter().find(|(from, _)| *from == name) {
                allowed = arrows;
            } else {
                allowed = &[];
                found.push(format!("crate `{name}` has no row in the table of arrows: give its reason in ARCHITECTURE.md, then add it to xtask"));
            }
        } else if (name == "adamllm" || name == "xtask" || name.starts_with("adamllm-"))
            && !allowed.contains(&name)
        {
            found.push(format!(
                "`{package}` depends on `{name}`, an arrow that the layout does not have"
            ));
        }
    }
    found
}

/// Reads `cargo tree --prefix none` of one package.
fn tensor_libraries(package: &str, tree: &str) -> Vec<String> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let mut tensors: Vec<&str> = names
        .filter(|name| TENSOR_LIBRARIES.contains(name))
        .collect();
    tensors.sort_unstable();
    tensors.dedup();
    tensors
        .into_iter()
        .map(|library| format!("`{package}` must build without tensors, but reaches `{library}`"))
        .collect()
}

/// Packages are named `adamllm-<folder>`; the program and the chores bear their folder's name.
fn manifest_of(root: &Path, package: &str) -> PathBuf {
    let folder = package.strip_prefix("adamllm-").unwrap_or(package);
    let parent = if package == "xtask" {
        root.to_path_buf()
    } else {
        root.join("crates")
    };
    parent.join(folder).join("Cargo.toml")
}

/// Reads a manifest: does it take the lints of the workspace?
fn missing_lints(package: &str, manifest: &str) -> Option<String> {
    let mut in_table = false;
    let mut taken = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            in_table = line == "[lints]";
        } else if in_table {
            taken |= line
                .split('#')
                .next()
                .unwrap_or_default()
                .replace(' ', "")
                .trim()
                == "workspace=true";
        }
    }
    (!taken && package != OWN_LINTS).then(|| {
        format!("crate `{package}` is not under the workspace's lints: add `[lints]` with `workspace = true` to its manifest")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: &[String], expected: &[&str]) {
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, part) in found.iter().zip(expected) {
            assert!(found.contains(part), "{found}");
        }
    }

    #[test]
    fn finds_modules_whose_name_says_nothing() {
        check(
            &banned_modules(&[
                "crates/model/src/families/llava.rs",
                "assets/base/notes.md",
                "xtask/src/database.rs",
            ]),
            &[],
        );
        let files = [
            "crates/corpus/src/utils.rs",
            "crates/train/src/helpers/mod.rs",
        ];
        check(
            &banned_modules(&files),
            &["corpus/src/utils.rs", "helpers/mod.rs"],
        );
    }

    #[test]
    fn finds_arrows_that_the_layout_does_not_have() {
        let good = "0adamllm-model v0.1.0 (/r/crates/model)\n1adamllm-processor v0.1.0 (/r)\n1serde v1.0.0\n\n0xtask v0.1.0 (/r/xtask)\n1anyhow v1.0.0\n";
        check(&wrong_arrows(good), &[]);
        let upwards = "0adamllm-corpus v0.1.0 (/r)\n1adamllm-model v0.1.0 (/r)\n\n0adamllm-synthesis v0.1.0 (/r)\n1adamllm-corpus v0.1.0 (/r)\n1adamllm v0.1.0 (/r)\n";
        check(
            &wrong_arrows(upwards),
            &[
                "`adamllm-corpus` depends on `adamllm-model`",
                "`adamllm-synthesis` depends on `adamllm`",
            ],
        );
        check(
            &wrong_arrows("0adamllm-extra v0.1.0 (/r)\n1adamllm-corpus v0.1.0 (/r)\n"),
            &["no row", "`adamllm-extra` depends"],
        );
    }

    #[test]
    fn finds_tensor_libraries() {
        check(
            &tensor_libraries("xtask", "xtask v0.1.0 (/r)\nsha2 v0.11.0\n"),
            &[],
        );
        check(
            &tensor_libraries(
                "xtask",
                "xtask v0.1.0\ntch v0.24.0\ntorch-sys v0.24.0\ntch v0.24.0 (*)\n",
            ),
            &["`tch`", "`torch-sys`"],
        );
    }

    #[test]
    fn finds_large_files() {
        let root = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(root.path().join("weights")).unwrap();
        file.set_len(MAX_FILE_BYTES).unwrap();
        check(&large_files(root.path(), &["weights", "gone"]), &[]);
        file.set_len(MAX_FILE_BYTES + 1).unwrap();
        check(
            &large_files(root.path(), &["weights", "gone"]),
            &["`weights` has 20000001 bytes"],
        );
    }

    #[test]
    fn finds_crates_outside_of_the_lints() {
        let check = |package, manifest, expected: bool| {
            assert_eq!(
                missing_lints(package, manifest).is_some(),
                expected,
                "{manifest}"
            );
        };
        check(
            "adamllm-corpus",
            "[package]\nname = \"c\"\n\n[lints]\nworkspace = true\n",
            false,
        );
        check(
            "adamllm-corpus",
            "[lints]\nworkspace=true # all of them\n",
            false,
        );
        check(
            "adamllm-corpus",
            "[package]\nversion.workspace = true\n",
            true,
        );
        check(
            "adamllm-corpus",
            "[lints]\n\n[dependencies]\nworkspace = true\n",
            true,
        );
        check("adamllm-corpus", "[lints]\n# workspace = true\n", true);
        check(
            "adamllm-torch",
            "[lints.rust]\nmissing_docs = \"warn\"\n",
            false,
        );
    }

    #[test]
    fn knows_where_each_manifest_lies() {
        let root = Path::new("/r");
        assert_eq!(
            manifest_of(root, "adamllm"),
            Path::new("/r/crates/adamllm/Cargo.toml")
        );
        assert_eq!(
            manifest_of(root, "adamllm-train"),
            Path::new("/r/crates/train/Cargo.toml")
        );
        assert_eq!(manifest_of(root, "xtask"), Path::new("/r/xtask/Cargo.toml"));
    }
}
