//! Flags of `score`, `compare` and of `evaluate` on benchmarks.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use evaluation::jobs;
use evaluation::predictions::{Columns, Layout};
use evaluation::scoring::Scorer;
use evaluation::session::Settings;

use crate::endpoint_flags::{ANSWERER, EndpointFlags};

/// Which scorer's numbers are shown first or alone; with `--output` both are written.
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

/// How a comparison is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FormatName {
    /// For the terminal.
    #[default]
    Text,
    /// Tables in Markdown.
    Markdown,
    /// One row a scorer and system, numbers unrounded.
    Csv,
    /// Tables for pdflatex with booktabs.
    Latex,
    /// The whole document, as with --json.
    Json,
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

impl From<LayoutName> for Layout {
    fn from(name: LayoutName) -> Self {
        match name {
            LayoutName::Own => Self::Own,
            LayoutName::Reference => Self::Reference,
            LayoutName::LmmsEval => Self::LmmsEval,
            LayoutName::Table => Self::Table(Columns::default()),
        }
    }
}

/// How predictions are read.
#[derive(Clone, Debug, Args)]
pub struct Reading {
    /// Layout of the predictions; told by the file when absent.
    #[arg(long, value_enum)]
    pub layout: Option<LayoutName>,
    /// Columns of a table: id=…,prediction=…,label=…,answer_type=…,cluster=…
    #[arg(long)]
    pub columns: Option<String>,
    /// Names of the task, one a line in the published order; or a folder with a file `<task>.txt` for each.
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

impl Reading {
    /// For the library.
    pub fn reading(&self) -> jobs::Reading {
        jobs::Reading {
            layout: self.layout.map(Layout::from),
            columns: self.columns.clone(),
            vocabulary: self.vocabulary.clone(),
            data: self.data.clone(),
            by: self.by.clone(),
            seed: self.seed,
            limit: None,
        }
    }
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
    /// Predictions made on blank pictures, likewise: what the questions alone give away.
    #[arg(long)]
    pub blind: Option<PathBuf>,
    /// Which scorer's numbers are printed.
    #[arg(long, value_enum, default_value = "strict")]
    pub scorer: ScorerName,
    /// List every item's score (with --json).
    #[arg(long)]
    pub items: bool,
    /// Where both scorers' results, tables and pages go.
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// What the model was trained on (pairs, samples, or a run folder); test items found in it are listed. Needs --data;
    /// repeatable.
    #[arg(long, requires = "data")]
    pub trained: Vec<PathBuf>,
    /// How predictions are read.
    #[command(flatten)]
    pub reading: Reading,
}

impl Score {
    /// For the library.
    pub fn settings(&self) -> Settings {
        Settings {
            blind: self.blind.clone(),
            scorer: self.scorer.into(),
            output: self.output.clone(),
            trained: self.trained.clone(),
            reading: self.reading.reading(),
        }
    }
}

/// `adamllm evaluate --model`.
#[derive(Clone, Debug, Args)]
pub struct Benchmarks {
    /// A model folder, or a checkpoint of a training with --processor: answers benchmarks instead of a recipe's tasks.
    #[arg(long, group = ANSWERER)]
    pub model: Option<PathBuf>,
    /// A model at an endpoint instead.
    #[command(flatten)]
    pub endpoint: EndpointFlags,
    /// Where tokenizer and processor are, if not in the model's folder.
    #[arg(long, requires = "model")]
    pub processor: Option<PathBuf>,
    /// Tasks, or task files of your own (TOML), with commas; all that --data has a folder of when absent.
    #[arg(long, value_delimiter = ',', requires = ANSWERER)]
    pub tasks: Vec<String>,
    /// Folder with a folder of the task's name for each benchmark.
    #[arg(long, requires = ANSWERER)]
    pub data: Option<PathBuf>,
    /// Where predictions, both scorers' results, tables and pages go; goes on where it was stopped.
    #[arg(long, requires = ANSWERER)]
    pub output: Option<PathBuf>,
    /// Rank the options of multiple choice by likelihood instead of reading an answer.
    #[arg(long, requires = ANSWERER)]
    pub by_likelihood: bool,
    /// Tokens that an answer may have; the task's own when absent (1024, lists of names 256).
    #[arg(long, requires = ANSWERER, value_parser = crate::flags::positive)]
    pub max_new_tokens: Option<usize>,
    /// Fewest pixels of a resized picture; of Qwen2-VL 224² when absent, as in the paper's evaluation.
    #[arg(long, requires = "model", value_parser = crate::flags::positive)]
    pub min_pixels: Option<usize>,
    /// Most pixels of a resized picture; of Qwen2-VL 1280 × 28² when absent.
    #[arg(long, requires = "model", value_parser = crate::flags::positive)]
    pub max_pixels: Option<usize>,
    /// Ask every question a second time with a blank picture: what the questions alone give away.
    #[arg(long, requires = ANSWERER)]
    pub blind: bool,
    /// What the model was trained on (pairs, samples, or a run folder); repeatable. Known where the model lies in its
    /// run folder.
    #[arg(long, requires = ANSWERER)]
    pub trained: Vec<PathBuf>,
    /// Do not look for test items in the training data.
    #[arg(long, requires = ANSWERER, conflicts_with = "trained")]
    pub no_contamination: bool,
    /// Names of the task, one a line in the published order; or a folder with a file `<task>.txt` for each.
    #[arg(long, requires = ANSWERER)]
    pub vocabulary: Option<PathBuf>,
    /// Which scorer's numbers are printed; both are written.
    #[arg(long, value_enum, default_value = "strict")]
    pub scorer: ScorerName,
    /// Key of the items to break scores down by; repeatable.
    #[arg(long = "by", value_name = "KEY", requires = ANSWERER)]
    pub by: Vec<String>,
    /// Seed of sampling and of the intervals.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// At most so many records; of each benchmark the first items.
    #[arg(long, value_parser = crate::flags::positive)]
    pub limit: Option<usize>,
}

/// `adamllm compare`.
#[derive(Clone, Debug, Args)]
pub struct Compare {
    /// Two systems or more: folders that `score --output` or `evaluate --model` wrote, runs, or predictions.
    ///
    /// A run folder stands for its adapted model, `RUN/evaluate/base` for the model before. `NAME=FOLDER` gives a name.
    #[arg(required = true, value_name = "[NAME=]SYSTEM")]
    pub systems: Vec<PathBuf>,
    /// Name of the system that the others are compared with; the first when absent.
    #[arg(long, value_name = "NAME")]
    pub against: Option<String>,
    /// How the table is printed; files of all forms come with --output.
    #[arg(long, value_enum, default_value = "text")]
    pub format: FormatName,
    /// Compare the items that all systems answered; otherwise three systems or more must have the same items.
    #[arg(long)]
    pub common_items: bool,
    /// Task of two files of predictions; repeatable for folders of predictions.
    #[arg(long = "task", visible_alias = "tasks", value_delimiter = ',')]
    pub tasks: Vec<String>,
    /// Which scorer's numbers come first; those of the other one follow.
    #[arg(long, value_enum, default_value = "strict")]
    pub scorer: ScorerName,
    /// Where tables and pages go.
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// How predictions are read.
    #[command(flatten)]
    pub reading: Reading,
}
