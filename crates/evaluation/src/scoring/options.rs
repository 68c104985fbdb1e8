//! How predictions are scored, and why they cannot be.

use serde::{Deserialize, Serialize};

use crate::statistics::Error;
use crate::tasks::Extraction;

/// Which of the two scorers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scorer {
    /// What can be defended: [`metrics`](crate::metrics).
    #[default]
    Strict,
    /// What was published: [`reference`](crate::reference).
    Reference,
}

impl Scorer {
    /// The name as it stands in file names and tables.
    ///
    /// ```
    /// assert_eq!(evaluation::scoring::Scorer::Strict.name(), "strict");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Reference => "reference",
        }
    }
}

/// Why a task cannot be scored at all.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScoreError {
    /// No reference scorer exists.
    #[error("no scoring code was published for `{task}`; use the strict scorer")]
    NoReference {
        /// The task.
        task: String,
    },
    /// The names are not known.
    #[error(
        "`{task}` needs its list of names; give a vocabulary file with one name a line in the published order"
    )]
    NoNames {
        /// The task.
        task: String,
    },
    /// Nothing can be scored.
    #[error("none of the {found} predictions of `{task}` can be scored: {why}")]
    Nothing {
        /// The task.
        task: String,
        /// How many rows there are.
        found: usize,
        /// What is wrong with them, most frequent first.
        why: String,
    },
    /// The scores do not make a statistic.
    #[error(transparent)]
    Statistics(#[from] Error),
}

/// How predictions are scored.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which scorer.
    pub scorer: Scorer,
    /// The names of the task in the published order, where the task does not have them itself.
    pub names: Option<Vec<String>>,
    /// How the answer is taken out of what was written; the whole text by default.
    pub extraction: Extraction,
    /// The benchmark's ids, so that missing and unknown ones are found.
    pub expected: Option<Vec<String>>,
    /// Keys of `meta` to break scores down by, besides the answer type.
    pub breakdowns: Vec<String>,
    /// Seed of the intervals.
    pub seed: u64,
}
