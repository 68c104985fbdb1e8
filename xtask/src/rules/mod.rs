//! The house's own rules, that no other tool checks, one file each: names of modules, arrows between crates, crates without
//! tensors, lints, sizes of files, circles of imports, names of stages, unused dependencies.

mod arrows;
mod circles;
mod dependencies;
mod lints;
mod names;
mod sizes;
mod stages;
mod tensors;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{process, workspace};

/// Whether circles of imports fail the check, or are only said.
const CIRCLES_ENFORCED: bool = false;

/// Whether long files fail the check, or are only said.
const SIZES_ENFORCED: bool = false;

/// Whether unused dependencies fail the check, or are only said.
const DEPENDENCIES_ENFORCED: bool = false;

/// What is not as the rules want it, one sentence each.
#[derive(Debug, Default)]
pub struct Findings {
    /// The check fails.
    pub violations: Vec<String>,
    /// Found by rules that are not enforced.
    pub warnings: Vec<String>,
}

impl Findings {
    fn add(&mut self, is_enforced: bool, found: Vec<String>) {
        if is_enforced {
            self.violations.extend(found);
        } else {
            self.warnings.extend(found);
        }
    }
}

/// Asks all rules.
pub fn findings(root: &Path) -> Result<Findings> {
    let packages = workspace::packages(root)?;
    let mut findings = Findings::default();

    let listing = listing(root)?;
    let files: Vec<&str> = listing
        .split('\0')
        .filter(|path| !path.is_empty())
        .collect();
    findings.add(true, names::banned_modules(&files));
    findings.add(true, sizes::large_files(root, &files));
    findings.add(SIZES_ENFORCED, sizes::long_files(root, &files)?);

    findings.add(true, arrows::check(root)?);
    findings.add(true, tensors::check(root)?);
    for package in &packages {
        let manifest = package.manifest();
        let text = std::fs::read_to_string(&manifest)
            .with_context(|| format!("cannot read `{}`", manifest.display()))?;
        findings.add(
            true,
            Vec::from_iter(lints::missing_lints(&package.name, &text)),
        );
    }
    findings.add(CIRCLES_ENFORCED, circles::check(root, &packages)?);
    findings.add(true, stages::check(root)?);
    findings.add(DEPENDENCIES_ENFORCED, dependencies::check(root, &packages)?);
    Ok(findings)
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
    fn rules_that_are_not_enforced_only_warn() {
        let mut findings = Findings::default();
        findings.add(true, vec!["a".to_owned()]);
        findings.add(false, vec!["b".to_owned()]);
        assert_eq!(findings.violations, ["a"]);
        assert_eq!(findings.warnings, ["b"]);
    }

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
