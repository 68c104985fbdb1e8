//! Why a training cannot be watched as the recipe says.

use std::path::PathBuf;

/// Why a training cannot be watched as the recipe says.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A share is to be held back of samples that all hang together.
    #[error(
        "`validation` is a share of the groups of {samples} samples, which all belong to one: they have a pair, a group of \
         pairs, a picture or a text in common; name a file of samples"
    )]
    OneGroup {
        /// The samples.
        samples: usize,
    },
    /// The file of validation samples holds none.
    #[error("`validation` names `{}`, which holds no sample", path.display())]
    NothingHeld {
        /// The file.
        path: PathBuf,
    },
    /// Samples of the file show what they must not.
    #[error(
        "{count} of {samples} samples of `{}` show a picture that {what}, `{first}` for one; `validation` is for others",
        path.display()
    )]
    NotApart {
        /// The file.
        path: PathBuf,
        /// How many.
        count: usize,
        /// Of how many.
        samples: usize,
        /// The first of them.
        first: String,
        /// What the pictures are to the run.
        what: &'static str,
    },
    /// The best step is to be chosen by a task that is not asked.
    #[error("`best_by` is `{task}`, which is none of `eval_tasks`: {}", tasks.join(", "))]
    NotAsked {
        /// The task.
        task: String,
        /// Those that are asked.
        tasks: Vec<String>,
    },
}
