//! Why a cache cannot be kept.

use std::io;
use std::path::{Path, PathBuf};

/// Why answers cannot be kept or looked up.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A file or folder of answers cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file or folder of answers cannot be written.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A key is not the SHA-256 of something, in lower case.
    #[error("`{key}` is no key of an answer; keys are 64 hexadecimal digits in lower case")]
    Key {
        /// The key.
        key: String,
    },
}

impl CacheError {
    pub(super) fn reading(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read {
            path: path.clone(),
            source,
        }
    }

    pub(super) fn writing(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write {
            path: path.clone(),
            source,
        }
    }

    /// Whether a place cannot be written at all, as opposed to a write that failed.
    pub(super) fn is_closed_to_writing(&self) -> bool {
        let Self::Write { source, .. } = self else {
            return false;
        };
        matches!(
            source.kind(),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
        )
    }
}
