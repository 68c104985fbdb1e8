//! What can be wrong with a run folder, or with what is asked of a graph of stages.

use std::path::{Path, PathBuf};

use crate::process::Process;
use crate::stop::Stopped;

/// A run that cannot begin or go on. Hints name the flags of the program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run folder cannot be made.
    #[error("cannot make the run folder `{}`", path.display())]
    MakeRun {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The run folder cannot be written in.
    #[error("cannot write in the run folder `{}`", path.display())]
    WriteInRun {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has the run folder open.
    #[error(
        "another run works in `{}`{}; wait for it, or choose another --run-dir",
        path.display(),
        in_brackets(by.as_deref())
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process, if it is known.
        by: Option<Box<Process>>,
    },
    /// Another process took over what this one worked in.
    #[error(
        "`{}` was taken over by another process{} or removed: for too long this process did not show that it works, since it \
         was stopped or the disk did not answer. It ends, so that no two write there; what is saved is of use to the other",
        path.display(),
        in_brackets(by.as_deref())
    )]
    TakenOver {
        /// The folder.
        path: PathBuf,
        /// The process, if it is known.
        by: Option<Box<Process>>,
    },
    /// Processes that work together have folders of one name that are not the same.
    #[error(
        "the run folder `{}` is not the same folder in the process of rank {rank} on host `{host}` as in that of rank 0: put \
         it on a file system that all machines share",
        path.display()
    )]
    NotShared {
        /// The folder.
        path: PathBuf,
        /// Which process found out.
        rank: usize,
        /// What its machine calls itself.
        host: String,
    },
    /// The wait for a folder that another process seemed to hold was stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The stages of a run folder have another program's keys.
    #[error(
        "the run folder `{}` was made by another version of adamllm, whose stages this one cannot go on with; choose \
         another --run-dir, or finish it with that version",
        path.display()
    )]
    EarlierLayout {
        /// The folder.
        path: PathBuf,
    },
    /// A store of stage results is used by others and cleared by one, never both.
    #[error(
        "another process works in `{}`{}; a lab is cleared when no process works in it, and the other way round: wait \
         for it",
        path.display(),
        in_brackets(by.as_deref())
    )]
    StoreInUse {
        /// The folder.
        path: PathBuf,
        /// The process, if it is known.
        by: Option<Box<Process>>,
    },
    /// The stages of a store have another program's keys.
    #[error(
        "the store `{}` was made by another version of adamllm, whose stages this one cannot go on with; choose another \
         --lab-dir, or finish it with that version",
        path.display()
    )]
    EarlierStore {
        /// The folder.
        path: PathBuf,
    },
    /// The system refused something in a run folder.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// `make`, `read`, `write`, `remove` or `clear`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the run cannot be read or written.
    #[error(transparent)]
    Corpus(#[from] corpus::Error),
    /// Two stages have one name.
    #[error("the graph has two stages `{stage}`")]
    Twice {
        /// The name.
        stage: String,
    },
    /// A stage is made from one that is not there.
    #[error("stage `{stage}` is made from `{input}`, which the graph does not have")]
    NoInput {
        /// The stage.
        stage: String,
        /// The name of what it is made from.
        input: String,
    },
    /// A span names a group that the graph does not have.
    #[error("unknown stage `{name}`; stages are {}", known.join(", "))]
    UnknownGroup {
        /// What was asked for.
        name: String,
        /// Those that exist.
        known: Vec<String>,
    },
    /// A span ends before it begins.
    #[error("`--from {from}` comes after `--until {until}`")]
    Order {
        /// The first group.
        from: String,
        /// The last group.
        until: String,
    },
    /// The graph cannot be noted in the run folder.
    #[error("cannot note the graph of the run")]
    Note {
        /// What went wrong.
        source: corpus::Error,
    },
    /// The system does not say how much room there is.
    #[error("cannot ask for the free disk space")]
    FreeDisk {
        /// The folder whose disk it is.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
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

fn in_brackets(process: Option<&Process>) -> String {
    process.map_or_else(String::new, |process| format!(" ({process})"))
}
