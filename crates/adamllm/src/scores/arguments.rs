//! Flags of `score` and `compare`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use evaluation::scoring::Scorer;

/// Which scorer's numbers are shown; with `--output` both are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ScorerName {
    /// What can be defended.
    #[default]
    Strict,
    /// What the method's authors published.
    Reference,
}

impl From<ScorerName> for Scorer {
    fn from(name: ScorerName) -> Self {
        match name {
            ScorerName::Strict => Self::Strict,
            ScorerName::Reference => Self::Reference,
        }
    }
}

/// How files of predictions are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LayoutName {
    /// Our records (`id`, `prediction`, `label`), and completions (`id`, `text`) with `--data`.
    Own,
    /// The published code's output (`syn_id`, `pred`, `label`).
    Reference,
    /// lmms-eval's sample logs.
    LmmsEval,
    /// A table with a head line, such as VLMEvalKit's.
    Table,
}

/// How predictions are read.
#[derive(Clone, Debug, Default, Args)]
pub struct Reading {
    /// Layout of the predictions; told by the file when absent.
    #[arg(long, value_enum)]
    pub layout: Option<LayoutName>,
    /// Columns of a table: id=…,prediction=…,label=…,answer_type=…,cluster=…
    #[arg(long)]
    pub columns: Option<String>,
    /// Names of the task, one a line in the published order.
    #[arg(long)]
    pub vocabulary: Option<PathBuf>,
    /// Folder with a folder of the task's name: the benchmark, whose items must all be there.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Key of the predictions to break scores down by; repeatable.
    #[arg(long = "by", value_name = "KEY")]
    pub by: Vec<String>,
    /// Seed of the intervals.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// `adamllm score`.
#[derive(Clone, Debug, Args)]
pub struct Score {
    /// Task, or a task file of your own (TOML); repeatable. All that the folder has when absent.
    #[arg(long = "task", visible_alias = "tasks", value_delimiter = ',')]
    pub tasks: Vec<String>,
    /// Predictions: a file, or a folder with a file for each task.
    #[arg(long)]
    pub predictions: PathBuf,
    /// Which scorer's numbers are printed.
    #[arg(long, value_enum, default_value = "strict")]
    pub scorer: ScorerName,
    /// List every item's score (with --json).
    #[arg(long)]
    pub items: bool,
    /// Where both scorers' results, tables and pages go.
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// What the model was trained on (pairs or samples); test items found in it are listed. Needs --data; repeatable.
    #[arg(long, requires = "data")]
    pub trained: Vec<PathBuf>,
    /// How predictions are read.
    #[command(flatten)]
    pub reading: Reading,
}

/// `adamllm compare`.
#[derive(Clone, Debug, Args)]
pub struct Compare {
    /// The system before: a folder that `adamllm score --output` wrote, or predictions.
    pub base: PathBuf,
    /// The system after, likewise.
    pub adapted: PathBuf,
    /// Task of two files of predictions; repeatable for folders of predictions.
    #[arg(long = "task", visible_alias = "tasks", value_delimiter = ',')]
    pub tasks: Vec<String>,
    /// Which scorer's numbers are compared.
    #[arg(long, value_enum, default_value = "strict")]
    pub scorer: ScorerName,
    /// Where tables go, and pages of the strict scores.
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// How predictions are read.
    #[command(flatten)]
    pub reading: Reading,
}
