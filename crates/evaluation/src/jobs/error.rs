//! Why no job can be made of what was named, or a job not be read.

use std::path::PathBuf;

use crate::benchmarks::LoadError;
use crate::predictions::ReadError;
use crate::tasks::{UnknownTask, UserError};

/// Tasks, files or folders that do not fit together. Hints name the flags of the program.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// A file or folder is missing.
    #[error("`{}` does not exist", path.display())]
    NotThere {
        /// What was named.
        path: PathBuf,
    },
    /// The system refused to list a folder.
    #[error("cannot read `{}`", folder.display())]
    Unreadable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of predictions stands for no task, and none is named.
    #[error("`{}` does not say which task it answers; name it with `--task`, `adamllm evaluate --list` shows all", file.display())]
    WhichTask {
        /// The file.
        file: PathBuf,
    },
    /// Several tasks are named for one file.
    #[error("{tasks} tasks cannot be read from the one file `{}`; give a folder with a file for each", file.display())]
    OneFile {
        /// How many tasks are named.
        tasks: usize,
        /// The file.
        file: PathBuf,
    },
    /// A folder of predictions has no file of any task.
    #[error("`{}` has no file named after a task, such as `slake.jsonl`", folder.display())]
    NoFile {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder of predictions has no file of a task that is named.
    #[error("`{}` has no file named after the task `{task}`", folder.display())]
    NoFileOfTask {
        /// The folder.
        folder: PathBuf,
        /// The task.
        task: String,
    },
    /// A folder of predictions has more than one file of a task.
    #[error(
        "`{}` has {} files for the task `{task}`: {}; name one with `--predictions`",
        folder.display(),
        files.len(),
        files.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
    )]
    SeveralFiles {
        /// The folder.
        folder: PathBuf,
        /// The task.
        task: String,
        /// Those that bear its name.
        files: Vec<PathBuf>,
    },
    /// A built-in task is to be answered, and its data is not named.
    #[error("task `{task}` needs `--data`, the folder in which its own folder lies")]
    NoData {
        /// The task.
        task: String,
    },
    /// A run's built-in task has no data.
    #[error(
        "task `{task}` is built in, and `evaluate.data` does not say where its data is; name the folder in which its own folder lies"
    )]
    NoDataOfRun {
        /// The task.
        task: String,
    },
    /// A run's task is not where its data should be.
    #[error(
        "{}: `evaluate.data`, `{}`, has no {}file `{task}.jsonl` or `{task}.toml`",
        if *is_built_in { format!("task `{task}` has no data") } else { format!("there is no task `{task}`") },
        folder.display(),
        if *is_built_in { format!("folder `{task}` and no ") } else { String::new() }
    )]
    NotInData {
        /// The task.
        task: String,
        /// The folder.
        folder: PathBuf,
        /// Whether its folder would do.
        is_built_in: bool,
    },
    /// A run's data holds no task.
    #[error(
        "`evaluate.data`, `{}`, has no task: no file of questions (`.jsonl`), no task file (`.toml`) and no folder of a \
         built-in task",
        folder.display()
    )]
    NothingInData {
        /// The folder.
        folder: PathBuf,
    },
    /// Two tasks would write to one place.
    #[error("two tasks are called `{task}`; leave one out, or give it another name")]
    Twice {
        /// The name.
        task: String,
    },
    /// Neither tasks nor data are named.
    #[error("name tasks with `--tasks`, and the folder of their data with `--data`")]
    NothingNamed,
    /// A folder of data has no folder of any task.
    #[error("`{}` has no folder named after a task, such as `slake`; `adamllm evaluate --list` shows all", folder.display())]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The columns of a table are named wrongly.
    #[error("`--columns`: {problem}")]
    Columns {
        /// What is wrong.
        problem: String,
    },
    /// Columns are named for a layout that has none.
    #[error("`--columns` is for tables; leave out `--layout`")]
    ColumnsOfNoTable,
    /// One list of names is given for several tasks.
    #[error(
        "a file of `--vocabulary` belongs to one task; name it with `{flag}`, or give a folder with a file for each, such \
         as `nutrition5k.txt`"
    )]
    OneVocabulary {
        /// The flag that names tasks.
        flag: &'static str,
    },
    /// No built-in task has the name.
    #[error(transparent)]
    Unknown(#[from] UnknownTask),
    /// A user's own task or a list of names cannot be read.
    #[error(transparent)]
    User(#[from] UserError),
    /// The benchmark cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The predictions cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}
