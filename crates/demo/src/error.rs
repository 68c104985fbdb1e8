//! Why the demo's folder cannot be written.

use std::path::{Path, PathBuf};

use corpus::images::ImageError;
use corpus::pictograms;

/// A part of the demo that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused a file or folder.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// `make`, `read`, `write` or `remove`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the shipped model cannot be written.
    #[error("cannot write `{file}` in `{}`", folder.display())]
    Model {
        /// The file.
        file: &'static str,
        /// The model's folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The program, whose digest says which files are its own, does not know where it lies.
    #[error("the program cannot find itself")]
    Program {
        /// What the system said.
        source: std::io::Error,
    },
    /// The embedded pictograms are broken.
    #[error(transparent)]
    Pictograms(#[from] pictograms::Error),
    /// A picture cannot be written or read.
    #[error(transparent)]
    Picture(#[from] ImageError),
    /// A file of records cannot be written.
    #[error(transparent)]
    Corpus(#[from] corpus::Error),
}

impl Error {
    /// For [`Error::Io`].
    pub(crate) fn io(action: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path: path.clone(),
            source,
        }
    }
}
