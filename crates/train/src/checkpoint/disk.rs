//! Folders that appear as a whole.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::Error;

/// `folder` with something appended to its name.
pub(super) fn beside(folder: &Path, suffix: &str) -> PathBuf {
    let mut name = folder.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

pub(super) fn remove(folder: &Path) -> Result<(), Error> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(writing(folder))?;
    }
    Ok(())
}

pub(super) fn sync(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(writing(path))
}

pub(super) fn writing(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        action: "write",
        path: path.clone(),
        source,
    }
}

pub(super) fn reading(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io {
        action: "read",
        path: path.clone(),
        source,
    }
}
