//! The system's lock of a folder that processes work in.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// A folder that is there, and its lock if nobody else has it.
pub(crate) struct Folder {
    /// Its full path.
    pub path: PathBuf,
    /// What is held for as long as the file is open; none where another process holds it. Some file systems have no locks, and
    /// some keep them to one machine: there leases are what counts.
    pub lock: Option<File>,
}

/// Makes a folder and locks it in one of two ways. Gives [`Error::MakeRun`] and [`Error::WriteInRun`].
pub(crate) fn folder(
    path: &Path,
    lock: fn(&File) -> Result<(), TryLockError>,
) -> Result<Folder, Error> {
    let made = fs::create_dir_all(path).and_then(|()| path.canonicalize());
    let path = made.map_err(|source| Error::MakeRun {
        path: path.to_owned(),
        source,
    })?;
    let file = match File::create(path.join(".lock")) {
        Ok(file) => file,
        Err(source) => return Err(Error::WriteInRun { path, source }),
    };
    let is_held = matches!(lock(&file), Err(TryLockError::WouldBlock));
    let lock = (!is_held).then_some(file);
    Ok(Folder { path, lock })
}
