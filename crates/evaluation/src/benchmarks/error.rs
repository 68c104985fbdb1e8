//! Benchmarks that cannot be loaded.

use std::path::PathBuf;

use crate::tasks::UserError;

/// A benchmark that cannot be loaded at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error(transparent)]
    Corpus(#[from] corpus::Error),
    /// A list of names cannot be read.
    #[error(transparent)]
    Names(#[from] UserError),
    /// The system refused.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not in the published layout.
    #[error("`{}` is not in the published layout of `{task}`: {problem}", path.display())]
    Layout {
        /// The task.
        task: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Nothing that can be loaded.
    #[error("`{}` holds no data of `{task}`: expected {expected}", folder.display())]
    Nothing {
        /// The task.
        task: String,
        /// The folder.
        folder: PathBuf,
        /// What is looked for.
        expected: String,
    },
}
