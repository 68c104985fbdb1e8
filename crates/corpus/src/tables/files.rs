//! The tables of a folder.

use std::path::{Path, PathBuf};

use crate::Error;

/// Folders below the one that is searched.
const DEPTH: usize = 3;

/// The tables of a folder, those of the test split alone if names tell splits apart; sorted by name.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    collect(folder, DEPTH, &mut found)?;
    found.sort();
    let is_test = |path: &PathBuf| {
        let inside = path.strip_prefix(folder).unwrap_or(path);
        inside.components().any(|part| {
            part.as_os_str()
                .to_string_lossy()
                .to_lowercase()
                .contains("test")
        })
    };
    if found.iter().any(is_test) {
        found.retain(is_test);
    }
    Ok(found)
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    for entry in std::fs::read_dir(folder).map_err(Error::reading(folder))? {
        let path = entry.map_err(Error::reading(folder))?.path();
        if path.is_dir() {
            if depth > 0 {
                collect(&path, depth - 1, found)?;
            }
        } else if path
            .extension()
            .is_some_and(|e| e == "parquet" || e == "arrow")
        {
            found.push(path);
        }
    }
    Ok(())
}
