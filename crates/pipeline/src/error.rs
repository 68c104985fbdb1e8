//! What can end a run, or keep it from beginning.

use std::path::{Path, PathBuf};

use corpus::images::ImageError;
use corpus::rejects::Groups;
use evaluation::jobs::JobError;
use evaluation::leaks::LeaksError;
use evaluation::results::ResultsError;
use evaluation::scored_task::TaskError;
use evaluation::scoring::{CompareError, ScoreError};
use evaluation::systems::SystemsError;
use evaluation::{statistics, tasks::ItemError};
use model::proof::ProofError;
use run::Stopped;
use run::plan::bytes;
use synthesis::PromptError;
use torch::OutOfMemory;

pub use crate::imbalance::Imbalance;
pub use crate::length_error::{LengthError, LongSamples};
pub use crate::watch_error::WatchError;

/// What the functions of this crate give.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of a run. Hints name keys of the recipe and flags of the program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The run was asked to stop; what is done is saved.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// Processes that work together cannot, or another one ended the run.
    #[error(transparent)]
    Distributed(distributed::Error),
    /// A process has something else than rank 0.
    #[error("{member} has not what rank 0 has: {}", differences.join("; "))]
    Differs {
        /// The process.
        member: String,
        /// What differs, one sentence each.
        differences: Vec<String>,
    },

    // Before the first stage.
    /// Things that stages need are not there.
    #[error("nothing was begun, since this is missing:\n  {}", missing.join("\n  "))]
    Missing {
        /// A sentence for each.
        missing: Vec<String>,
    },
    /// A span begins after a stage that is not finished.
    #[error("`--from {from}` needs stage `{stage}`, which is not finished with this recipe")]
    NotFinished {
        /// The group that the span begins with.
        from: String,
        /// The stage before it.
        stage: String,
    },
    /// An address, price or cap of a model at an endpoint cannot be used.
    #[error("`{key}`: {problem}")]
    EndpointSetting {
        /// The recipe key or flag.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A model at an endpoint cannot be asked, or the books of what it costs cannot be kept.
    #[error("{section}")]
    Endpoint {
        /// What it answers for, such as `synthesizer`.
        section: String,
        /// Why.
        source: endpoint::Error,
    },
    /// A file of prompts cannot be used.
    #[error("prompts `{}`", path.display())]
    Prompts {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: PromptError,
    },
    /// A stage asks for pairs, and the recipe has none.
    #[error("the recipe names no pairs")]
    NoPairs,

    // Of stages as such.
    /// A stage of this crate or of another one failed.
    #[error("stage `{stage}` failed")]
    Failed {
        /// The stage.
        stage: String,
        /// Why.
        source: Box<Error>,
    },
    /// A training that is to learn as many tokens as another has learned them before its last stage.
    #[error(
        "nothing is left to learn in the last stage: it is to learn as many tokens as the reference, {wanted}, and the stages \
         before it learned {before}; match epochs instead (`match = \"epochs\"`), or train the earlier stages for less"
    )]
    NothingLeft {
        /// Tokens that the reference learned.
        wanted: u64,
        /// Tokens that were learned before.
        before: u64,
    },
    /// A stage of a lab had no room on the disk; the others would have none either.
    #[error("the disk of `{}` is full; make room and run the same command again, which goes on where it was", folder.display())]
    DiskFull {
        /// The lab's store.
        folder: PathBuf,
        /// What the stage gave.
        source: Box<Error>,
    },
    /// What a stage of another crate gives as its own error; [`Error::of_stage`] makes it.
    #[error(transparent)]
    Stage(Box<dyn std::error::Error + Send + Sync>),
    /// A file was written while a stage read it.
    #[error(
        "{role} changed while stage `{stage}` read it; give the command again once nothing writes to it"
    )]
    Changed {
        /// The stage.
        stage: String,
        /// What the stage calls what changed.
        role: String,
    },
    /// What a stage read when it began cannot be read any more.
    #[error(
        "what stage `{stage}` reads changed while it read it; give the command again once nothing writes to it"
    )]
    Vanished {
        /// The stage.
        stage: String,
        /// What happened when it was read again.
        source: Box<Error>,
    },
    /// An input's manifest is missing or damaged.
    #[error("stage `{stage}` has no sound manifest")]
    NoManifest {
        /// The input.
        stage: String,
    },
    /// An input's manifest has other counts than the stage of this name.
    #[error("the counts of stage `{stage}` cannot be read")]
    Counts {
        /// The input.
        stage: String,
        /// Where they differ.
        source: serde_json::Error,
    },
    /// What a stage counted cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// What a stage counted does not add up.
    #[error(transparent)]
    Imbalance(#[from] Imbalance),

    // Of files and folders.
    /// The system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// `make`, `read`, `write`, `remove`, `copy` or `find`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of an earlier stage is not what that stage wrote.
    #[error("`{}` cannot be read back", path.display())]
    ReadBack {
        /// The file.
        path: PathBuf,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// A picture or folder of a run is not named by its full path.
    #[error(
        "`{}` cannot be named relative to `{}`: one of them is no full path",
        path.display(),
        folder.display()
    )]
    NotFull {
        /// The picture.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// A file of records cannot be read or written.
    #[error(transparent)]
    Corpus(#[from] corpus::Error),
    /// A set of tasks cannot be judged.
    #[error(transparent)]
    Sets(#[from] quality::sets::Error),
    /// A file of ratings cannot be used.
    #[error(transparent)]
    Ratings(#[from] quality::ratings::RatingsError),
    /// The sample makes no sheet.
    #[error(transparent)]
    Sheet(#[from] report::sheet::SheetError),
    /// The pictures of records cannot be read.
    #[error("pictures of {role}")]
    Pictures {
        /// What the stage calls the records.
        role: String,
        /// What is wrong.
        source: corpus::Error,
    },
    /// A record's picture was not decoded in time.
    #[error("record `{id}` cannot be read")]
    Record {
        /// The record.
        id: String,
        /// The picture, and how to mend it.
        source: ImageError,
    },
    /// The blank picture, or a corrupted one, cannot be made.
    #[error(transparent)]
    Blank(#[from] image::ImageError),
    /// More records cannot be used than the recipe allows.
    #[error(
        "{count} of {all} records of `{}` cannot be used, more than `data.max_bad` = {max_bad} allows (`{}` names \
         each):\n{}\nmend them, or raise `data.max_bad`",
        path.display(),
        list.display(),
        groups.indented("  ")
    )]
    TooManyBad {
        /// The file, or what stands for several.
        path: PathBuf,
        /// How many.
        count: usize,
        /// Of how many.
        all: usize,
        /// The share that may be.
        max_bad: f64,
        /// The file that names each of them.
        list: PathBuf,
        /// What is wrong with them.
        groups: Groups<String>,
    },
    /// Not one record can be used.
    #[error("`{}` holds no record that can be used", path.display())]
    NoneUsable {
        /// The file, or what stands for several.
        path: PathBuf,
    },
    /// The run folder, its graph, its events or its disk.
    #[error(transparent)]
    Run(#[from] run::Error),

    /// There was no memory for a tensor of a stage.
    #[error(
        "there is too little memory: {} were asked for beside {} in use, and {}; {remedy}",
        bytes(told.asked),
        bytes(told.in_use),
        told.limit.map_or("there is no more".to_owned(), |limit| format!("`model.memory` is {}", bytes(limit)))
    )]
    OutOfMemory {
        /// What was asked for and what there was.
        told: OutOfMemory,
        /// What helps, with the keys of the recipe.
        remedy: String,
    },

    // Of models.
    /// A model cannot be opened.
    #[error("cannot open the model `{}`", folder.display())]
    OpenModel {
        /// Its folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: model::Error,
    },
    /// An adapter that does not say where its base is.
    #[error(
        "`{}` is an adapter, and its base{} is no folder here; name both as BASE+ADAPTER",
        folder.display(),
        base.as_ref().map_or_else(String::new, |base| format!(" `{base}`"))
    )]
    AdapterBase {
        /// Its folder.
        folder: PathBuf,
        /// The base that it names.
        base: Option<String>,
    },
    /// A model's processor cannot be opened.
    #[error("cannot open the processor of `{}`", folder.display())]
    OpenProcessor {
        /// Its folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: processor::Error,
    },
    /// The processor of what is to be evaluated cannot be opened.
    #[error(
        "cannot open the processor of `{}`; a checkpoint of a training has none, name the model's folder with \
         `--processor`",
        folder.display()
    )]
    ProcessorOfCheckpoint {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: processor::Error,
    },
    /// The weights of a model of the recipe cannot be used.
    #[error("cannot open the weights of `{key}`")]
    Weights {
        /// The recipe key that names it.
        key: &'static str,
        /// What is wrong with them.
        source: model::Error,
    },
    /// A model of the recipe does not fit its part.
    #[error("`{key}` cannot be used as {role}")]
    ModelRole {
        /// The recipe key that names it.
        key: &'static str,
        /// What it should be.
        role: String,
        /// Why it is not.
        source: processor::Error,
    },
    /// A model's configuration cannot be used.
    #[error("cannot use `{}`", path.display())]
    Config {
        /// Its `config.json`.
        path: PathBuf,
        /// What is wrong with it.
        source: model::Error,
    },
    /// A trained model cannot be saved.
    #[error("cannot save the trained model")]
    Save {
        /// Its folder.
        folder: PathBuf,
        /// What went wrong.
        source: model::Error,
    },
    /// A trained model's folder does not compute what the model did.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// A processor refused a record.
    #[error(transparent)]
    Processor(#[from] processor::Error),
    /// The trainer failed.
    #[error(transparent)]
    Train(#[from] train::Error),
    /// Samples are too long, or too many records are lost.
    #[error(transparent)]
    Lengths(#[from] LengthError),
    /// A training cannot be watched as the recipe says.
    #[error(transparent)]
    Watch(#[from] WatchError),
    /// The weights that were to become the model are gone.
    #[error("{problem}; give the command again, which goes on from where they are known")]
    BestLost {
        /// What is wrong with them.
        problem: String,
    },
    /// A training left all of its samples out.
    #[error("all {samples} samples were left out; see `{}`", rejected.display())]
    AllLeftOut {
        /// How many there were.
        samples: usize,
        /// The file that says why.
        rejected: PathBuf,
    },

    /// A stage of a training of several has nothing to train on.
    #[error("the stage of the training has no samples: nothing is left of its {about}; see `{}`", rejected.display())]
    EmptyStage {
        /// What it trains on, in words.
        about: &'static str,
        /// The file that says why.
        rejected: PathBuf,
    },

    // Of questions and answers.
    /// The model of a maker of data gave nothing that a task could be read from.
    #[error(
        "`data.maker = \"{maker}\"` got no task out of {answers} answers of `{model}` ({reasons}); of `{id}` it wrote: {example}\n\
         ask a model that follows instructions, or change the words with `maker.prompts`"
    )]
    NothingUsable {
        /// The maker's word.
        maker: &'static str,
        /// The model: its folder, or its name at its endpoint.
        model: String,
        /// Answers that were looked at.
        answers: usize,
        /// How often each reason occurred.
        reasons: String,
        /// The pair whose answer is shown.
        id: String,
        /// The answer.
        example: String,
    },
    /// The generator failed.
    #[error(transparent)]
    Generate(#[from] generate::Error),
    /// A generator passed a request over.
    #[error("the generator gave nothing for request `{request}`")]
    NoAnswer {
        /// The request.
        request: String,
    },
    /// A folder holds the answers of another model, or to other questions.
    #[error(
        "`{}` holds answers to something else; choose another --output, or remove that folder. Differences:\n  {}",
        folder.display(),
        differences.join("\n  ")
    )]
    AskedElse {
        /// The folder.
        folder: PathBuf,
        /// A sentence for each.
        differences: Vec<String>,
    },
    /// A task cannot be answered, or not be read.
    #[error("task `{task}`")]
    Task {
        /// The task.
        task: String,
        /// Why.
        source: Box<Error>,
    },
    /// A system's answers to a task cannot be scored.
    #[error("task `{task}` of `{system}`")]
    TaskOf {
        /// The task.
        task: String,
        /// The system.
        system: String,
        /// Why.
        source: Box<Error>,
    },
    /// Tasks of the recipe cannot be asked.
    #[error("{}", problems.join("\n"))]
    Tasks {
        /// A sentence for each.
        problems: Vec<String>,
    },
    /// A task to be answered has no data.
    #[error("it has no data; name its folder with `--data`")]
    NoData,
    /// A task to be answered has no item that can be asked.
    #[error("none of its {items} items can be asked")]
    NothingAsked {
        /// How many there are.
        items: usize,
    },
    /// An item cannot be asked.
    #[error(transparent)]
    Item(#[from] ItemError),
    /// A task and its data do not fit together.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A task has no scores.
    #[error(transparent)]
    ScoredTask(#[from] TaskError),
    /// Answers cannot be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// Two systems cannot be compared.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// Several systems cannot be compared.
    #[error(transparent)]
    Systems(#[from] SystemsError),
    /// Scores make no statistic.
    #[error(transparent)]
    Statistics(#[from] statistics::Error),
    /// What was trained on cannot be read.
    #[error(transparent)]
    Leaks(#[from] LeaksError),
    /// Results cannot be written or read.
    #[error(transparent)]
    Results(#[from] ResultsError),
}

impl Error {
    /// The error of a stage that is not of this crate; its message and its causes are told as they are.
    pub fn of_stage(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Stage(error.into())
    }

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
