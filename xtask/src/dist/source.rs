//! Which commit is packed. Packages of a tree with changes are the bytes of no commit.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process;

/// A commit, by what packages say of it.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its full name, with `-dirty` where the tree has changes.
    pub name: String,
    /// Seconds since 1970: the time of every file in the packages.
    pub seconds: u64,
}

/// The commit that is checked out; refuses a tree with changes unless `allow_dirty`.
pub fn commit(root: &Path, allow_dirty: bool) -> Result<Commit> {
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        process::output(command.current_dir(root).args(args))
            .context("packages are made of a commit, so git has to know one")
    };
    let changed = git(&["status", "--porcelain", "--untracked-files=normal"])?;
    let mut name = git(&["rev-parse", "HEAD"])?.trim().to_owned();
    if let Some(first) = changed.lines().next() {
        ensure!(
            allow_dirty,
            "the tree has changes (`{}`), so its packages would be those of no commit: commit them, or give --allow-dirty",
            first.trim()
        );
        name += "-dirty";
    }
    let seconds = git(&["log", "-1", "--format=%ct"])?;
    let seconds = seconds.trim().parse().context("git told no time")?;
    Ok(Commit { name, seconds })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_tree_with_changes_unless_told_otherwise() {
        let root = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let mut command = Command::new("git");
            command.current_dir(root.path()).args(args);
            command.env("GIT_AUTHOR_DATE", "1700000000 +0000");
            command.env("GIT_COMMITTER_DATE", "1700000100 +0000");
            process::output(&mut command).unwrap()
        };
        git(&["init", "--quiet"]);
        std::fs::write(root.path().join("a"), "one").unwrap();
        git(&["add", "a"]);
        let who = ["-c", "user.name=n", "-c", "user.email=n@example.org"];
        git(&[&who[..], &["commit", "--quiet", "-m", "one"]].concat());
        let found = commit(root.path(), false).unwrap();
        assert_eq!(found.seconds, 1_700_000_100);
        assert_eq!(found.name.len(), 40);

        std::fs::write(root.path().join("b"), "new").unwrap();
        let error = commit(root.path(), false).unwrap_err().to_string();
        assert!(
            error.contains("`?? b`") && error.contains("--allow-dirty"),
            "{error}"
        );
        assert!(commit(root.path(), true).unwrap().name.ends_with("-dirty"));
    }
}
