//! The tasks of one call, scored one by one, each written as soon as it is done.

use std::error::Error;
use std::path::{Path, PathBuf};

use corpus::looks::{self, Looks};

use crate::benchmarks::{Benchmark, Keep};
use crate::jobs::{self, Job, Reading};
use crate::leaks::{LeaksError, TestPictures, TrainingData, runs_of};
use crate::results::{self, ResultsError};
use crate::scored_task::{ScoredTask, TaskError, by_both};
use crate::scoring::{Scored, Scorer, score};

/// Why a session cannot begin, or did not score all.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The system refused the output's folder.
    #[error("cannot make the folder `{}`", folder.display())]
    Output {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What was trained on cannot be read.
    #[error(transparent)]
    Trained(#[from] LeaksError),
    /// Some tasks have no scores.
    #[error("{} of {all} tasks cannot be scored: `{}`", failed.len(), failed.join("`, `"))]
    Failed {
        /// Those that have none.
        failed: Vec<String>,
        /// How many tasks there were.
        all: usize,
    },
}

/// What is scored beside the predictions, and where the results go.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Predictions made on blank pictures: a file, or a folder with a file for each task.
    pub blind: Option<PathBuf>,
    /// The scorer whose numbers are wanted; with `output` there are those of both.
    pub scorer: Scorer,
    /// Where results go.
    pub output: Option<PathBuf>,
    /// What the model was trained on (pairs, samples, or a run folder): test items are looked for in it.
    pub trained: Vec<PathBuf>,
    /// How predictions are read.
    pub reading: Reading,
}

/// Scores tasks; one that cannot be scored does not stop the others.
///
/// For each job call [`score`](Self::score), and [`keep`](Self::keep) what it gives or [`failed`](Self::failed) with its
/// error.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    num_jobs: usize,
    looks: Looks,
    trained: TrainingData,
    scored: Vec<ScoredTask>,
    failed: Vec<String>,
}

impl Session {
    /// Reads what was trained on, and makes the output's folder. Gives [`SessionError::Output`] and
    /// [`SessionError::Trained`].
    pub fn new(settings: Settings, num_jobs: usize) -> Result<Self, SessionError> {
        if let Some(folder) = &settings.output {
            std::fs::create_dir_all(folder).map_err(|source| SessionError::Output {
                folder: folder.clone(),
                source,
            })?;
        }
        let looks = looks_of(&settings);
        Ok(Self {
            num_jobs,
            trained: TrainingData::read(&settings.trained, &looks)?,
            looks,
            settings,
            scored: Vec::new(),
            failed: Vec::new(),
        })
    }

    /// Scores a task. Pictures that lie in its benchmark's tables are shown to `embedded`: name by content, content.
    ///
    /// Gives every variant of [`TaskError`].
    pub fn score(
        &self,
        job: &Job,
        embedded: &mut dyn FnMut(&Path, &[u8]),
    ) -> Result<ScoredTask, TaskError> {
        let settings = &self.settings;
        let reading = &settings.reading;
        let mut pictures = TestPictures::new(&self.looks);
        let look = !settings.trained.is_empty();
        let mut show = |item: &str, name: &Path, content: &[u8]| {
            embedded(name, content);
            if look {
                pictures.add_embedded(item, content);
            }
        };
        let benchmark = jobs::benchmark(job, reading, &mut Keep::Show(&mut show))?;
        let benchmark = benchmark.as_ref();
        let also = settings.output.is_some();
        let mut task = by_both(job, reading, settings.scorer, also, benchmark)?;
        task.blind = blind(job, settings, benchmark)?;
        if look {
            let items = benchmark.map_or(&[][..], |found| &found.items);
            pictures.add_files(items);
            let found = self
                .trained
                .leaks(items, &pictures, &task.strict, reading.seed)?;
            let warnings = &mut task.strict.result.warnings;
            warnings.extend(found.lines());
            warnings.extend(self.trained.warning());
            warnings.extend(pictures.warning());
            task.leaks = Some(found);
        }
        Ok(task)
    }

    /// Writes a task's results and remembers them.
    pub fn keep(&mut self, task: ScoredTask) -> Result<(), ResultsError> {
        if let Some(folder) = &self.settings.output {
            results::write(folder, &task)?;
        }
        self.scored.push(task);
        Ok(())
    }

    /// Takes note of a task that has no scores and says why in a line. Of the only task it says nothing: its error is
    /// what the session came to.
    pub fn failed(&mut self, job: &Job, error: &(dyn Error + 'static)) -> Option<String> {
        if self.num_jobs == 1 {
            return None;
        }
        self.failed.push(job.spec.id.clone());
        Some(format!("{}: {}", job.spec.id, corpus::causes(error)))
    }

    /// What the session was begun with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The tasks that have scores, in the order in which they came.
    pub fn scored(&self) -> &[ScoredTask] {
        &self.scored
    }

    /// [`SessionError::Failed`] if there are tasks that have no scores.
    pub fn outcome(&self) -> Result<(), SessionError> {
        if self.failed.is_empty() {
            Ok(())
        } else {
            Err(SessionError::Failed {
                failed: self.failed.clone(),
                all: self.num_jobs,
            })
        }
    }
}

/// What pictures look like: kept beside the results, and known from runs that were trained.
fn looks_of(settings: &Settings) -> Looks {
    let own = settings
        .output
        .as_ref()
        .filter(|_| !settings.trained.is_empty());
    let own = own.map_or_else(Looks::default, |folder| {
        Looks::open(&folder.join(looks::FILE))
    });
    let runs = runs_of(&settings.trained);
    runs.iter()
        .fold(own, |known, run| known.and(&run.join(looks::FILE)))
}

/// The strict scores of answers to blank pictures.
fn blind(
    job: &Job,
    settings: &Settings,
    benchmark: Option<&Benchmark>,
) -> Result<Option<Scored>, TaskError> {
    let Some(predictions) = &settings.blind else {
        return Ok(None);
    };
    let Some(job) = jobs::on_others(job, predictions)? else {
        return Ok(None);
    };
    let reading = &settings.reading;
    let task = &job.spec.id;
    let found = jobs::predictions(&job, reading, benchmark).map_err(|source| {
        let task = task.clone();
        TaskError::BlindPredictions { task, source }
    })?;
    let options = jobs::options(&job, reading, Scorer::Strict, benchmark)?;
    let scored = score(&job.spec, found.rows, found.problems, &options).map_err(|source| {
        let task = task.clone();
        TaskError::BlindScores { task, source }
    })?;
    Ok(Some(scored))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_cannot_be_scored_does_not_stop_the_others() {
        let folder = tempfile::tempdir().expect("folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("write");
        };
        write(
            "slake.jsonl",
            "{\"id\":\"1\",\"prediction\":\"no\",\"label\":\"no\",\"answer_type\":\"CLOSED\"}\n",
        );
        write("vqa-rad.jsonl", "{\"id\":\"1\"}\n");
        let jobs = jobs::of_predictions(&[], folder.path()).expect("jobs");
        let out = folder.path().join("out");
        let settings = Settings {
            output: Some(out.clone()),
            ..Settings::default()
        };
        let mut session = Session::new(settings, jobs.len()).expect("session");
        let mut lines = Vec::new();
        for job in &jobs {
            match session.score(job, &mut |_, _| {}) {
                Ok(task) => session.keep(task).expect("written"),
                Err(error) => lines.push(session.failed(job, &error).expect("not the only task")),
            }
        }
        assert!(
            lines.len() == 1 && lines[0].starts_with("vqa-rad: "),
            "{lines:?}"
        );
        let error = session.outcome().expect_err("one task failed").to_string();
        assert_eq!(error, "1 of 2 tasks cannot be scored: `vqa-rad`");
        let read = results::read(&out).expect("results");
        assert_eq!(read[0].strict, session.scored()[0].strict);
        assert_eq!(read[0].reference, session.scored()[0].reference);
        let mut alone = Session::new(Settings::default(), 1).expect("session");
        let error = TaskError::Job(jobs::JobError::NothingNamed);
        assert_eq!(alone.failed(&jobs[1], &error), None);
    }
}
