//! What can be wrong with a conversion as a whole.

use std::path::PathBuf;

use crate::rejects::Groups;

/// A conversion that leaves no output.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error(transparent)]
    Data(#[from] crate::Error),
    /// The input has another layout than was said.
    #[error(
        "`{}` is not {said}: it looks like {found} ({why}); leave `--from` out, or name that",
        path.display()
    )]
    OtherLayout {
        /// The input.
        path: PathBuf,
        /// The layout that was named.
        said: &'static str,
        /// The layout that was found.
        found: &'static str,
        /// By what it was recognised.
        why: String,
    },
    /// The input would be overwritten while it is read.
    #[error("input and output are the same; name another output")]
    SamePlace,
    /// There is no folder for the output.
    #[error("cannot make the folder `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Every record was left out.
    #[error(
        "none of {read} records of `{}` can be written:\n{}\n`{}` names each",
        path.display(),
        reasons.indented("  "),
        list.display()
    )]
    NothingWritten {
        /// The input.
        path: PathBuf,
        /// Records that were looked at.
        read: usize,
        /// Why.
        reasons: Groups<String>,
        /// Where each is named.
        list: PathBuf,
    },
    /// A record of a published data set that the layout has no place for.
    #[error("`{id}`: {reason} ({detail})")]
    Inexpressible {
        /// The record.
        id: String,
        /// Why.
        reason: String,
        /// What was found.
        detail: String,
    },
    /// The file that LLaMA-Factory looks names up in cannot be replaced.
    #[error("cannot write `{}`", path.display())]
    Register {
        /// `dataset_info.json`.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
