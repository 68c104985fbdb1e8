//! Why a ledger cannot be kept, and why it lets no request leave.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cache::CacheError;
use crate::prices::Money;

/// Why a ledger cannot be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file or its folder cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// The file or its folder cannot be written; nothing is reserved any more.
    #[error("cannot write `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// Something else than a file lies there.
    #[error("`{}` is no file", path.display())]
    NoFile {
        /// The place.
        path: PathBuf,
    },
    /// A line is not what this program writes. What was spent cannot be known without it.
    #[error(
        "`{}`, line {line}: {problem}; what was spent cannot be known without it; restore the file, or move it away and lower \
         the caps by what was spent",
        path.display()
    )]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The system cannot tell whether another process writes this ledger.
    #[error("cannot lock `{}`: {source}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: Arc<io::Error>,
    },
    /// Another process writes this ledger.
    #[error("another run is spending by `{}`; wait for it or stop it", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The thread that writes the ledger is gone.
    #[error("the ledger is not written any more")]
    Stopped,
    /// Answers that were paid for cannot be brought to the disk.
    #[error(transparent)]
    Answers(Arc<CacheError>),
}

impl LedgerError {
    pub(super) fn reading(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Read {
            path: path.clone(),
            source: Arc::new(source),
        }
    }

    pub(super) fn writing(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Write {
            path: path.clone(),
            source: Arc::new(source),
        }
    }
}

/// Why a request may not leave.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// What is reserved for others leaves no room. Settling one of them may give some.
    #[error("all that may be spent is reserved for requests that wait for their answers")]
    Wait,
    /// A cap leaves no room, however the requests end that wait for their answers.
    #[error(transparent)]
    Spent(#[from] Exhausted),
    /// The ledger cannot be written.
    #[error(transparent)]
    Failed(#[from] LedgerError),
}

/// A cap that leaves no room for the next request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// A cap on money.
    #[error(
        "`max_cost` of {} leaves no room: {paid} of {cap} paid{}, and the next request may cost {wanted}",
        whose(place.as_deref()),
        also(&uncertain.to_string())
    )]
    Cost {
        /// Whose cap it is; none for the whole run's.
        place: Option<String>,
        /// The cap.
        cap: Money,
        /// What was paid for answers.
        paid: Money,
        /// What may have been paid besides.
        uncertain: Money,
        /// What the request may cost.
        wanted: Money,
    },
    /// A cap on tokens.
    #[error(
        "`max_tokens` of {} leaves no room: {paid} of {cap} taken{}, and the next request may take {wanted}",
        whose(place.as_deref()),
        also(&uncertain.to_string())
    )]
    Tokens {
        /// Whose cap it is; none for the whole run's.
        place: Option<String>,
        /// The cap.
        cap: u64,
        /// What answers took.
        paid: u64,
        /// What may have been taken besides.
        uncertain: u64,
        /// What the request may take.
        wanted: u64,
    },
}

fn whose(place: Option<&str>) -> String {
    place.map_or_else(|| "the run".to_owned(), |place| format!("`{place}`"))
}

fn also(uncertain: &str) -> String {
    match uncertain {
        "0" => String::new(),
        some => format!(", {some} perhaps"),
    }
}
