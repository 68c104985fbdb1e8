//! What can be wrong with a set as a whole.

use std::path::PathBuf;

use corpus::rejects::Groups;

/// A set that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing has this name.
    #[error("set `{set}`: `{}` is not there", path.display())]
    Missing {
        /// The set.
        set: String,
        /// What was looked for.
        path: PathBuf,
    },
    /// The file, or the one with its pairs or verdicts, cannot be read at all.
    #[error("set `{set}`: {source}")]
    Unreadable {
        /// The set.
        set: String,
        /// Why.
        source: corpus::Error,
    },
    /// The file has records, but they are no tasks.
    #[error(
        "set `{set}`: `{}`, line {line}: {found}; expected triplets, a maker's conversations, seed data with `tasks`, or \
         conversations",
        path.display()
    )]
    NoTasks {
        /// The set.
        set: String,
        /// The file.
        path: PathBuf,
        /// Of the first record.
        line: usize,
        /// What the record is.
        found: String,
    },
    /// No record of the file can be used.
    #[error("set `{set}`: no record of `{}` can be used:\n{}", path.display(), rejected.indented("  "))]
    NothingUsable {
        /// The set.
        set: String,
        /// The file.
        path: PathBuf,
        /// Why.
        rejected: Groups<String>,
    },
    /// A folder in which no stage has left tasks.
    #[error(
        "set `{set}`: `{}` has no tasks: there is none of {} with a record in it",
        path.display(),
        list(.looked)
    )]
    NoRun {
        /// The set.
        set: String,
        /// The folder.
        path: PathBuf,
        /// The files that were looked for, relative to it.
        looked: Vec<PathBuf>,
    },
    /// Two sets would be told apart by nothing.
    #[error("two sets are called `{name}`; give one another name")]
    SameName {
        /// The name.
        name: String,
    },
    /// A filter is to be measured on a set that none has judged.
    #[error(
        "set `{set}`: no verdict of a filter is known of its items, so the filter cannot be measured on it"
    )]
    NotJudged {
        /// The set.
        set: String,
    },
    /// A picture of a data file cannot be written out.
    #[error("set `{set}`: cannot write the picture `{}`: {source}", path.display())]
    Picture {
        /// The set.
        set: String,
        /// The picture.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There are no sets.
    #[error("no sets are named")]
    NoSets,
}

fn list(paths: &[PathBuf]) -> String {
    let names = paths.iter().map(|path| format!("`{}`", path.display()));
    names.collect::<Vec<_>>().join(", ")
}
