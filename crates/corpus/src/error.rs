//! What can be wrong with a file, and with one row of a file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Rejected;

/// A file that cannot be read or written as records.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not the record that is expected.
    #[error("`{}`, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The file as a whole is not what is expected.
    #[error("`{}`: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// `columns` maps a name that no record has.
    #[error("`columns` maps the unknown name `{name}`; expected one of {}", list(.expected))]
    UnknownColumn {
        /// The name.
        name: String,
        /// The names that can be mapped.
        expected: &'static [&'static str],
    },
}

impl Error {
    pub(crate) fn reading(path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action: "read",
            path: path.clone(),
            source,
        }
    }

    pub(crate) fn writing(path: &Path) -> impl Fn(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action: "write",
            path: path.clone(),
            source,
        }
    }

    pub(crate) fn file(path: &Path, problem: impl Into<String>) -> Self {
        Self::File {
            path: path.to_owned(),
            problem: problem.into(),
        }
    }

    pub(crate) fn line(path: &Path, line: usize, problem: impl Into<String>) -> Self {
        Self::Line {
            path: path.to_owned(),
            line,
            problem: problem.into(),
        }
    }
}

fn list(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// Why a row is left out: the fixed set of reading and writing data files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The line is not UTF-8 or not JSON.
    Unreadable,
    /// JSON, but keys are missing or have the wrong type.
    NotARecord,
    /// An earlier row has the same id.
    DuplicateId,
    /// The caption has no text.
    EmptyCaption,
    /// The row names no picture.
    NoImage,
    /// A picture that the row names is not there.
    MissingImage,
    /// The places for pictures in the text and the pictures differ in number.
    ImageMarks,
    /// Turns do not go user, assistant, user, assistant.
    TurnOrder,
    /// A training sample has nothing to learn.
    NothingLearned,
    /// A seed has no tasks.
    NoTasks,
    /// The format that is written cannot say this.
    Inexpressible,
}

crate::words!(Reason {
    Unreadable = "unreadable",
    NotARecord = "not-a-record",
    DuplicateId = "duplicate-id",
    EmptyCaption = "empty-caption",
    NoImage = "no-image",
    MissingImage = "missing-image",
    ImageMarks = "image-marks",
    TurnOrder = "turn-order",
    NothingLearned = "nothing-learned",
    NoTasks = "no-tasks",
    Inexpressible = "inexpressible",
});

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A row that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRow {
    /// Where the row starts, counted from 1.
    pub line: usize,
    /// The row's id, or one made from the file's name and the row's position.
    pub id: String,
    /// Why.
    pub reason: Reason,
    /// What was found and what was expected, for a person.
    pub detail: String,
}

impl BadRow {
    /// The rejected row; `unit` is what places are counts of, as in `line 3`.
    pub fn rejected(self, unit: &str) -> Rejected {
        Rejected {
            id: self.id,
            stage: "read".to_owned(),
            reason: self.reason.as_str().to_owned(),
            detail: format!("{unit} {}: {}", self.line, self.detail),
        }
    }
}

impl From<BadRow> for Rejected {
    fn from(row: BadRow) -> Self {
        row.rejected("line")
    }
}

/// What is wrong with a row, before it is known which row it is.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    pub(crate) fn shape(detail: impl Into<String>) -> Self {
        Self::new(Reason::NotARecord, detail)
    }

    pub(crate) fn json(error: &serde_json::Error) -> Self {
        let reason = if error.is_data() {
            Reason::NotARecord
        } else {
            Reason::Unreadable
        };
        Self::new(reason, said(error))
    }

    pub(crate) fn utf8(error: std::str::Utf8Error) -> Self {
        let at = error.valid_up_to() + 1;
        Self::new(
            Reason::Unreadable,
            format!("is not valid UTF-8 (byte {at} of the line)"),
        )
    }
}

/// The message of a JSON error with the column alone: the line is ours to name.
pub(crate) fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(message) => format!("{message} (column {})", error.column()),
        None => text,
    }
}

/// The id of a row that brings none: the file's stem and the row's position, counted from 0.
pub(crate) fn made_id(path: &Path, row: usize) -> String {
    let stem = path
        .file_stem()
        .map_or_else(|| "row".into(), |stem| stem.to_string_lossy());
    format!("{stem}-{row:06}")
}
