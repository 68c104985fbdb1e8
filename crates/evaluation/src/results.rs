//! Results of tasks on disk: `<folder>/<task>/{strict,reference}.json` with the numbers and `.jsonl` with every row,
//! `scores.json` with the numbers of all tasks.

use std::path::{Path, PathBuf};

use corpus::jsonl;
use corpus::sealed::write_json;
use serde_json::{Value, json};

use crate::leaks::Leaks;
use crate::scored_task::{ScoredTask, averages};
use crate::scoring::{Scored, ScoredRow, Scorer, TaskResult};
use crate::tasks::{self, Metric, Scoring, Spec};

const STRICT: &str = "strict";
const REFERENCE: &str = "reference";
/// The file of strict scores of answers to blank pictures.
const BLIND: &str = "blind";

/// The file of test items that were found in the training data.
const LEAKS: &str = "leaks.json";

/// Results that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The system refused a folder.
    #[error("cannot make the folder `{}`", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system refused to list a folder, or to read a file of it.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of numbers that the scorer did not write.
    #[error("`{}` is not a result of `adamllm score`", path.display())]
    NotAResult {
        /// The file.
        path: PathBuf,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// A file of test items found in the training data that the scorer did not write.
    #[error("`{}` cannot be read back", path.display())]
    Leaks {
        /// The file.
        path: PathBuf,
        /// Where it breaks.
        source: serde_json::Error,
    },
    /// A folder of something else.
    #[error("`{}` has no results; write them with `adamllm score --output`", folder.display())]
    Nothing {
        /// The folder.
        folder: PathBuf,
    },
    /// A file of rows cannot be written or read.
    #[error(transparent)]
    Corpus(#[from] corpus::Error),
}

/// Writes a task's results; each file is whole or absent. Gives [`ResultsError::Folder`] and [`ResultsError::Corpus`].
pub fn write(folder: &Path, task: &ScoredTask) -> Result<(), ResultsError> {
    let folder = folder.join(&task.spec.id);
    std::fs::create_dir_all(&folder).map_err(|source| ResultsError::Folder {
        folder: folder.clone(),
        source,
    })?;
    let all = [
        Some(&task.strict),
        task.reference.as_ref(),
        task.blind.as_ref(),
    ];
    for (name, scored) in [STRICT, REFERENCE, BLIND].into_iter().zip(all) {
        if let Some(scored) = scored {
            jsonl::write(&folder.join(format!("{name}.jsonl")), &scored.rows)?;
            write_json(&folder.join(format!("{name}.json")), &scored.result)?;
        }
    }
    match &task.leaks {
        Some(leaks) => Ok(write_json(&folder.join(LEAKS), leaks)?),
        None => Ok(()),
    }
}

/// Writes `scores.json`: every task's numbers and the domains' averages.
pub fn write_summary(folder: &Path, tasks: &[ScoredTask]) -> Result<(), corpus::Error> {
    let all: Vec<_> = tasks
        .iter()
        .flat_map(ScoredTask::all)
        .map(|scored| &scored.result)
        .collect();
    let blind: Vec<_> = tasks
        .iter()
        .filter_map(|task| task.blind.as_ref())
        .map(|scored| &scored.result)
        .collect();
    let averages: Vec<_> = [Scorer::Strict, Scorer::Reference]
        .map(|scorer| json!({"scorer": scorer, "domains": averages(tasks, scorer)}))
        .into();
    write_json(
        &folder.join("scores.json"),
        &json!({"tasks": all, "averages": averages, "blind": blind}),
    )
}

/// One task's result by a scorer, or all of them with the domains' averages; with `items` every item's score too. The
/// keys are a contract.
pub fn document(
    done: &[ScoredTask],
    scorer: Scorer,
    items: bool,
) -> Result<Value, serde_json::Error> {
    let mut tasks = Vec::new();
    for scored in done.iter().filter_map(|task| task.by(scorer)) {
        let mut value = serde_json::to_value(&scored.result)?;
        if items {
            value["items"] = scored
                .rows
                .iter()
                .map(|row| json!({"id": row.id, "score": row.score, "unreadable": row.unreadable}))
                .collect();
        }
        tasks.push(value);
    }
    if tasks.len() == 1 {
        return Ok(tasks.remove(0));
    }
    let averages = serde_json::to_value(averages(done, scorer))?;
    Ok(json!({"tasks": tasks, "averages": averages}))
}

/// Whether a folder holds results as `adamllm score --output` writes them.
pub fn are_in(folder: &Path) -> bool {
    folders(folder).is_ok_and(|found| !found.is_empty())
}

/// Every task's results of a folder, in the order of the paper's tables, own tasks last.
///
/// Gives every variant of [`ResultsError`] but [`ResultsError::Folder`].
pub fn read(folder: &Path) -> Result<Vec<ScoredTask>, ResultsError> {
    let mut all = Vec::new();
    for folder in folders(folder)? {
        let strict = scored(&folder, STRICT)?;
        let id = strict.result.task.clone();
        all.push(ScoredTask {
            spec: tasks::find(&id).unwrap_or_else(|_| own(&strict.result)),
            reference: one(&folder, REFERENCE)?,
            blind: one(&folder, BLIND)?,
            strict,
            leaks: leaks(&folder)?,
        });
    }
    let place = |id: &str| {
        tasks::all()
            .iter()
            .position(|task| task.id == id)
            .unwrap_or(usize::MAX)
    };
    all.sort_by_key(|task| place(&task.spec.id));
    if all.is_empty() {
        return Err(ResultsError::Nothing {
            folder: folder.to_owned(),
        });
    }
    Ok(all)
}

/// The folder of a run's results of its adapted model, if the run folder has one; those of its other systems lie beside it.
pub fn of_run(run: &Path) -> Option<PathBuf> {
    let adapted = run.join("evaluate/adapted");
    are_in(&adapted).then_some(adapted)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>, ResultsError> {
    let entries = std::fs::read_dir(folder).map_err(reading(folder))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("strict.json").is_file())
        .collect();
    found.sort();
    Ok(found)
}

fn reading(path: &Path) -> impl Fn(std::io::Error) -> ResultsError {
    let path = path.to_owned();
    move |source| ResultsError::Read {
        path: path.clone(),
        source,
    }
}

fn one(folder: &Path, name: &str) -> Result<Option<Scored>, ResultsError> {
    let is_there = folder.join(format!("{name}.json")).is_file();
    is_there.then(|| scored(folder, name)).transpose()
}

fn scored(folder: &Path, name: &str) -> Result<Scored, ResultsError> {
    let path = folder.join(format!("{name}.json"));
    let text = std::fs::read_to_string(&path).map_err(reading(&path))?;
    let result: TaskResult =
        serde_json::from_str(&text).map_err(|source| ResultsError::NotAResult {
            path: path.clone(),
            source,
        })?;
    let rows: Vec<ScoredRow> = jsonl::read(&path.with_extension("jsonl"))?;
    Ok(Scored { result, rows })
}

/// What was found in the training data, where that was looked for.
fn leaks(folder: &Path) -> Result<Option<Leaks>, ResultsError> {
    let path = folder.join(LEAKS);
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path).map_err(reading(&path))?;
    let found =
        serde_json::from_str(&text).map_err(|source| ResultsError::Leaks { path, source })?;
    Ok(Some(found))
}

/// A task that is known by its result only.
fn own(result: &TaskResult) -> Spec {
    let names: Vec<String> = result
        .classes
        .iter()
        .map(|class| class.name.clone())
        .collect();
    let metrics = [
        Metric::Recall,
        Metric::ClosedAccuracy,
        Metric::Accuracy,
        Metric::RougeL,
        Metric::F1,
    ];
    Spec {
        id: result.task.clone(),
        title: result.task.clone(),
        domain: "own".to_owned(),
        scoring: Scoring::Exact,
        metrics: metrics
            .into_iter()
            .filter(|metric| result.intervals.contains_key(metric.name()))
            .collect(),
        prompt: String::new(),
        decoding: corpus::Decoding::default(),
        names,
        ignored: Vec::new(),
        splits: Vec::new(),
        reference: false,
        version: result.version,
        source: String::new(),
    }
}
