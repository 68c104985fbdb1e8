//! The house's own rules, that no other tool checks, one file each: names of modules, arrows between crates, crates without
//! tensors, lints, sizes of files, circles of imports, names of stages, unused dependencies, errors without a
//! type.

mod arrows;
mod circles;
mod dependencies;
mod errors;
mod lints;
mod names;
mod sizes;
mod stages;
mod tensors;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{process, workspace};

/// What is not as the rules want it, one sentence each.
pub fn violations(root: &Path) -> Result<Vec<String>> {
    let packages = workspace::packages(root)?;
    let mut found = Vec::new();

    let listing = listing(root)?;
    let files: Vec<&str> = listing
        .split('\0')
        .filter(|path| !path.is_empty())
        .collect();
    found.extend(names::banned_modules(&files));
    found.extend(sizes::large_files(root, &files));
    found.extend(sizes::long_files(root, &files)?);

    found.extend(arrows::check(root)?);
    found.extend(tensors::check(root)?);
    for package in &packages {
        let manifest = package.manifest();
        let text = std::fs::read_to_string(&manifest)
            .with_context(|| format!("cannot read `{}`", manifest.display()))?;
        found.extend(lints::missing_lints(&package.name, &text));
    }
    found.extend(circles::check(root, &packages)?);
    found.extend(stages::check(root)?);
    found.extend(dependencies::check(root, &packages)?);
    found.extend(errors::check(&packages));
    Ok(found)
}

/// The paths of what is committed or would be, each ended by a zero; in a folder that is no clone, of the Rust files.
fn listing(root: &Path) -> Result<String> {
    if root.join(".git").exists() {
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
        return process::output(&mut git);
    }
    eprintln!(
        "check: this is no git clone, so no file is committed; only Rust files are looked at"
    );
    let mut listing = String::new();
    for folder in ["crates", "xtask"] {
        for file in workspace::rust_files(&root.join(folder))? {
            let inside = file.strip_prefix(root).unwrap_or(&file);
            listing.push_str(&inside.to_string_lossy());
            listing.push('\0');
        }
    }
    Ok(listing)
}

/// Each sentence holds the part that is expected of it, in this order, and there are no others.
#[cfg(test)]
fn assert_found(found: &[String], expected: &[&str]) {
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, part) in found.iter().zip(expected) {
        assert!(found.contains(part), "{found}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_no_clone_is_looked_at_too() {
        let root = tempfile::tempdir().unwrap();
        for path in ["crates/a/src/lib.rs", "xtask/src/main.rs", "notes.md"] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = listing(root.path()).unwrap();
        assert_eq!(found, "crates/a/src/lib.rs\0xtask/src/main.rs\0");
    }
}
