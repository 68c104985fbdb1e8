//! Why systems cannot be compared.

use std::path::PathBuf;

use crate::jobs::JobError;
use crate::results::ResultsError;
use crate::scored_task::TaskError;
use crate::scoring::{CompareError, Scorer};
use crate::statistics::Error;

/// Systems that do not go together. Hints name the flags of the program.
#[derive(Debug, thiserror::Error)]
pub enum SystemsError {
    /// There is nothing to compare with.
    #[error("a comparison needs two systems or more: `adamllm compare A B`")]
    TooFew,
    /// A name without letters.
    #[error("`{argument}` has no name before its `=`; write `NAME=FOLDER`")]
    NoName {
        /// What was given.
        argument: String,
    },
    /// One file or folder stands for two systems.
    #[error("`{}` is given twice, as `{first}` and as `{second}`; a system does not differ from itself", path.display())]
    Twice {
        /// The file or folder.
        path: PathBuf,
        /// What it was called first.
        first: String,
        /// What it was called later.
        second: String,
    },
    /// Two systems cannot be told apart in a table.
    #[error("two systems are called `{name}`: `{}` and `{}`; name them with `NAME=FOLDER`", first.display(), second.display())]
    OneName {
        /// The name.
        name: String,
        /// Who has it.
        first: PathBuf,
        /// Who has it too.
        second: PathBuf,
    },
    /// The system to compare with is none of those given.
    #[error("no system is called `{name}`; there are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// A task was answered on other items.
    #[error(
        "`{task}`: item `{item}` has an answer of `{with}` and none of `{without}` ({differing} such items); score all on the \
         same items, or compare the items that all of them have with `--common-items`"
    )]
    OtherItems {
        /// The task.
        task: String,
        /// The first item that differs.
        item: String,
        /// Who answered it.
        with: String,
        /// Who did not.
        without: String,
        /// How many items one of both answered alone.
        differing: usize,
    },
    /// One id stands for two questions.
    #[error(
        "`{task}`: item `{item}` has the label {one} and {other} ({differing} such items); these are other questions or another \
         split, which `--common-items` leaves out"
    )]
    OtherLabels {
        /// The task.
        task: String,
        /// The first item that differs.
        item: String,
        /// A label with its metric and the name of its system.
        one: String,
        /// Another system's.
        other: String,
        /// How many items of both differ so.
        differing: usize,
    },
    /// A folder of results has none of the tasks that are asked for.
    #[error("`{}` has no {} scores of the tasks that are asked for", path.display(), scorer.name())]
    NoScores {
        /// The folder.
        path: PathBuf,
        /// Whose scores are wanted.
        scorer: Scorer,
    },
    /// A folder with neither results nor predictions.
    #[error(
        "`{}` has no results: nothing that `adamllm score --output`, `adamllm evaluate --model` or a run left, and no \
         predictions named for a task",
        folder.display()
    )]
    NoResults {
        /// The folder.
        folder: PathBuf,
    },
    /// Results cannot be read.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// Predictions, tasks or benchmarks do not fit together.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A task cannot be scored.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// The scores do not go together.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// The scores do not make a statistic.
    #[error(transparent)]
    Statistics(#[from] Error),
}
