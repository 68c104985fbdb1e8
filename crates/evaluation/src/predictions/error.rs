//! Files of predictions that cannot be read.

use std::path::PathBuf;

/// A file of predictions that cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The system refused, or the file as a whole is not what it should be.
    #[error(transparent)]
    Corpus(#[from] corpus::Error),
    /// The system refused.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A table lacks a column.
    #[error("`{}` has no column `{column}`, only {found}; say which columns to read with `--columns id=…,prediction=…,label=…`", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// What is looked for.
        column: String,
        /// What there is.
        found: String,
    },
    /// A kind of file that is not read.
    #[error("`{}` is a spreadsheet; write it as TSV, CSV or JSON (VLMEvalKit: `PRED_FORMAT=tsv`)", path.display())]
    Spreadsheet {
        /// The file.
        path: PathBuf,
    },
}
