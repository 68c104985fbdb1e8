//! Which files are pages of the site: those that `docs/SUMMARY.md` names, in its order.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result};

use super::markdown;

/// The table of contents.
pub const SUMMARY: &str = "docs/SUMMARY.md";

/// The pages, relative to the root.
pub fn of(root: &Path) -> Result<Vec<PathBuf>> {
    let text = read(root, Path::new(SUMMARY))?;
    let links = markdown::links(&text);
    let here = Path::new(SUMMARY).parent().unwrap_or(Path::new(""));
    Ok(links
        .iter()
        .map(|link| normal(&here.join(&link.target)))
        .collect())
}

/// All Markdown files below `docs/`, relative to the root.
pub fn written(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    files_below(root, Path::new("docs"), &mut found)?;
    found.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    Ok(found)
}

/// All files below a folder, relative to the root, in order.
pub fn files_below(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let place = root.join(folder);
    let entries = std::fs::read_dir(&place)
        .with_context(|| format!("cannot list `{}`", place.display()))?
        .collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<PathBuf> = entries
        .iter()
        .map(|entry| folder.join(entry.file_name()))
        .collect();
    paths.sort();
    for path in paths {
        if root.join(&path).is_dir() {
            files_below(root, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// The text of a file of the repository.
pub fn read(root: &Path, path: &Path) -> Result<String> {
    std::fs::read_to_string(root.join(path))
        .with_context(|| format!("cannot read `{}`", path.display()))
}

/// A path without `.` and, where it can be, without `..`.
pub fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if out.file_name().is_some() => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
