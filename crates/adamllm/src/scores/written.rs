//! Tables and pages as files.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// Writes texts into a folder.
pub fn texts(folder: &Path) -> impl FnMut(&str, String) -> Result<()> {
    move |name, text| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }
}

/// Where pictures that files of predictions name by relative paths may lie: beside the files, and in the data's folder.
pub fn roots(predictions: &[&Path], data: Option<&Path>) -> Vec<PathBuf> {
    let folder = |path: &&Path| {
        if path.is_dir() {
            Some(path.to_path_buf())
        } else {
            path.parent().map(Path::to_owned)
        }
    };
    let mut roots: Vec<PathBuf> = predictions.iter().filter_map(folder).collect();
    roots.extend(data.map(Path::to_owned));
    roots
}
