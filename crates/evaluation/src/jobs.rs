//! Which tasks are scored on which files, and how those are read.
//!
//! Takes names of tasks, a file or folder of predictions and a folder of benchmarks; gives a [`Job`] for each task, and of
//! a job its benchmark, its predictions and the [`Options`] of scoring.

mod error;
mod job;
mod of_run;

use std::path::{Path, PathBuf};

use corpus::Prediction;

use crate::benchmarks::{self, Benchmark};
use crate::predictions::{Columns, Layout, Predictions, read_for};
use crate::scoring::{Options, Scorer};
use crate::tasks::{self, Spec, UserTask};

pub use error::JobError;
pub use job::Job;
pub use of_run::of_run;

/// How predictions and their benchmarks are read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Layout of the predictions; told by the file when absent.
    pub layout: Option<Layout>,
    /// Columns of a table, as [`Columns::parse`] takes them.
    pub columns: Option<String>,
    /// Names of the task, one a line in the published order; or a folder with a file `<task>.txt` for each.
    pub vocabulary: Option<PathBuf>,
    /// Folder with a folder of the task's name: the benchmark, whose items must all be there.
    pub data: Option<PathBuf>,
    /// Keys of the predictions to break scores down by.
    pub by: Vec<String>,
    /// Seed of the intervals.
    pub seed: u64,
    /// At most so many items of each benchmark.
    pub limit: Option<usize>,
}

/// The jobs of a file or folder of predictions.
pub fn of_predictions(names: &[String], predictions: &Path) -> Result<Vec<Job>, JobError> {
    there(predictions)?;
    let folder = predictions.is_dir();
    if names.is_empty() {
        if !folder {
            return Err(JobError::WhichTask {
                file: predictions.to_owned(),
            });
        }
        let mut found = Vec::new();
        for spec in tasks::all() {
            if let Some(file) = file_of(&spec.id, predictions)? {
                found.push(Job {
                    file,
                    ..Job::of(spec)
                });
            }
        }
        if found.is_empty() {
            return Err(JobError::NoFile {
                folder: predictions.to_owned(),
            });
        }
        return Ok(found);
    }
    if !folder && names.len() > 1 {
        return Err(JobError::OneFile {
            tasks: names.len(),
            file: predictions.to_owned(),
        });
    }
    names
        .iter()
        .map(|name| {
            let mut job = named(name)?;
            job.file = if folder {
                file_of(&job.spec.id, predictions)?.ok_or_else(|| JobError::NoFileOfTask {
                    folder: predictions.to_owned(),
                    task: job.spec.id.clone(),
                })?
            } else {
                predictions.to_owned()
            };
            Ok(job)
        })
        .collect()
}

fn there(path: &Path) -> Result<(), JobError> {
    if path.exists() {
        Ok(())
    } else {
        Err(JobError::NotThere {
            path: path.to_owned(),
        })
    }
}

/// The job on other predictions, a file or a folder that may have one of the task's name.
pub fn on_others(job: &Job, predictions: &Path) -> Result<Option<Job>, JobError> {
    there(predictions)?;
    let file = if predictions.is_dir() {
        file_of(&job.spec.id, predictions)?
    } else {
        Some(predictions.to_owned())
    };
    Ok(file.map(|file| Job {
        file,
        ..job.clone()
    }))
}

/// The jobs of tasks that are to be answered; their files are named later. Without names, all tasks that have a folder
/// of their name.
pub fn of_benchmarks(names: &[String], data: Option<&Path>) -> Result<Vec<Job>, JobError> {
    if !names.is_empty() {
        let jobs = names.iter().map(|name| named(name));
        let jobs: Vec<Job> = jobs.collect::<Result<_, _>>()?;
        if let Some(job) = jobs
            .iter()
            .find(|job| job.own.is_none())
            .filter(|_| data.is_none())
        {
            return Err(JobError::NoData {
                task: job.spec.id.clone(),
            });
        }
        return Ok(jobs);
    }
    let Some(root) = data else {
        return Err(JobError::NothingNamed);
    };
    let all = tasks::all().into_iter();
    let found: Vec<Job> = all
        .filter(|spec| root.join(&spec.id).is_dir())
        .map(Job::of)
        .collect();
    if found.is_empty() {
        return Err(JobError::NoFolder {
            folder: root.to_owned(),
        });
    }
    Ok(found)
}

/// A built-in task, or a user's task file.
fn named(name: &str) -> Result<Job, JobError> {
    if Path::new(name).extension().is_some_and(|e| e == "toml") {
        return Ok(Job::of_own(UserTask::read(Path::new(name))?));
    }
    Ok(Job::of(tasks::find(name)?))
}

/// The one file of a folder whose name is the task's, else the one that has it in its name (`…_samples_slake.jsonl`).
/// Letters and digits count, so that `vqa_rad.tsv` is `vqa-rad`.
fn file_of(task: &str, folder: &Path) -> Result<Option<PathBuf>, JobError> {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    let unreadable = |source| JobError::Unreadable {
        folder: folder.to_owned(),
        source,
    };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let known = ["jsonl", "json", "tsv", "csv"];
        if path
            .extension()
            .is_some_and(|e| known.iter().any(|k| e == *k))
        {
            files.push(path);
        }
    }
    files.sort();
    let stem = |path: &PathBuf| plain(&path.file_stem().unwrap_or_default().to_string_lossy());
    let task_plain = plain(task);
    let exact: Vec<&PathBuf> = files
        .iter()
        .filter(|path| stem(path) == task_plain)
        .collect();
    let within: Vec<&PathBuf> = files
        .iter()
        .filter(|path| stem(path).contains(&task_plain))
        .collect();
    let candidates = if exact.is_empty() { within } else { exact };
    match candidates.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        several => Err(JobError::SeveralFiles {
            folder: folder.to_owned(),
            task: task.to_owned(),
            files: several.iter().map(|&path| path.clone()).collect(),
        }),
    }
}

/// The benchmark of a task: from `--data`, or where the user's task file says.
pub fn benchmark(
    job: &Job,
    reading: &Reading,
    keep: &mut benchmarks::Keep<'_>,
) -> Result<Option<Benchmark>, JobError> {
    let mut found = if let Some(own) = &job.own {
        benchmarks::load_own(own)?
    } else {
        let Some(root) = &reading.data else {
            return Ok(None);
        };
        let folder = root.join(&job.spec.id);
        let folder = if folder.is_dir() {
            folder
        } else {
            root.clone()
        };
        benchmarks::load(&job.spec, &folder, keep)?
    };
    if let Some(limit) = reading.limit.filter(|&limit| limit < found.items.len()) {
        found.warnings.push(format!(
            "only the first {limit} of {} items were asked (`--limit`); scores are not comparable",
            found.items.len()
        ));
        found.items.truncate(limit);
    }
    Ok(Some(found))
}

/// Reads a job's predictions.
pub fn predictions(
    job: &Job,
    reading: &Reading,
    benchmark: Option<&Benchmark>,
) -> Result<Predictions, JobError> {
    let columns = reading
        .columns
        .as_deref()
        .map(Columns::parse)
        .transpose()
        .map_err(|problem| JobError::Columns { problem })?;
    let layout = match (reading.layout.clone(), columns) {
        (None | Some(Layout::Table(_)), Some(columns)) => Some(Layout::Table(columns)),
        (Some(_), Some(_)) => return Err(JobError::ColumnsOfNoTable),
        (layout, None) => layout,
    };
    let items = benchmark.map_or(&[][..], |benchmark| &benchmark.items);
    let mut found = read_for(&job.file, layout, items)?;
    name_clusters(job, &mut found.rows);
    Ok(found)
}

/// A user's task says which key intervals resample.
pub fn name_clusters(job: &Job, rows: &mut [Prediction]) {
    let Some(key) = job.own.as_ref().and_then(|own| own.cluster.as_deref()) else {
        return;
    };
    for row in rows {
        if let Some(value) = row.meta.get(key) {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            row.cluster = Some(text);
        }
    }
}

/// The names of a task from `--vocabulary`: the file, or of a folder the file of the task's name.
pub fn vocabulary(reading: &Reading, task: &str) -> Result<Option<Vec<String>>, JobError> {
    let of_task = |given: &PathBuf| {
        if !given.is_dir() {
            return Some(given.clone());
        }
        Some(given.join(format!("{task}.txt"))).filter(|path| path.exists())
    };
    let path = reading.vocabulary.as_ref().and_then(of_task);
    Ok(path.as_deref().map(tasks::vocabulary).transpose()?)
}

/// Refuses one file of names for several tasks.
pub fn check_vocabulary(
    path: Option<&Path>,
    num_jobs: usize,
    flag: &'static str,
) -> Result<(), JobError> {
    if num_jobs > 1 && path.is_some_and(|path| !path.is_dir()) {
        return Err(JobError::OneVocabulary { flag });
    }
    Ok(())
}

/// How a job is scored.
pub fn options(
    job: &Job,
    reading: &Reading,
    scorer: Scorer,
    benchmark: Option<&Benchmark>,
) -> Result<Options, JobError> {
    let given = vocabulary(reading, &job.spec.id)?;
    let from_data = benchmark.and_then(|benchmark| benchmark.names.clone());
    Ok(Options {
        scorer,
        names: given.or(from_data),
        extraction: job.extraction.clone(),
        expected: benchmark
            .map(|benchmark| benchmark.items.iter().map(|item| item.id.clone()).collect()),
        breakdowns: reading.by.clone(),
        seed: reading.seed,
    })
}

/// The task with its names, those that are given, the data's or its own.
pub fn with_names(job: &Job, benchmark: &Benchmark, reading: &Reading) -> Result<Spec, JobError> {
    let given = vocabulary(reading, &job.spec.id)?;
    let mut spec = job.spec.clone();
    if let Some(names) = given.or_else(|| benchmark.names.clone()) {
        spec.names = names;
    }
    Ok(spec)
}
