//! A task by both scorers, and what several tasks come to.

use crate::benchmarks::Benchmark;
use crate::jobs::{self, Job, JobError, Reading};
use crate::leaks::Leaks;
use crate::predictions::{Predictions, sentences};
use crate::scoring::{DomainAverage, ScoreError, Scored, Scorer, TaskResult, score};
use crate::statistics;
use crate::tasks::Spec;

/// Why a task has no scores.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Its predictions cannot be read.
    #[error("task `{task}`")]
    Predictions {
        /// The task.
        task: String,
        /// What is wrong with them.
        source: JobError,
    },
    /// The answers to blank pictures cannot be read.
    #[error("answers of task `{task}` to blank pictures")]
    BlindPredictions {
        /// The task.
        task: String,
        /// What is wrong with them.
        source: JobError,
    },
    /// The answers to blank pictures cannot be scored.
    #[error("answers of task `{task}` to blank pictures")]
    BlindScores {
        /// The task.
        task: String,
        /// What is wrong with them.
        source: ScoreError,
    },
    /// Its benchmark, its names or its files do not fit together.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The predictions cannot be scored.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// The scores of items that were found in the training data do not make a statistic.
    #[error(transparent)]
    Statistics(#[from] statistics::Error),
}

/// A task with what both scorers give.
#[derive(Clone, Debug)]
pub struct ScoredTask {
    /// The task.
    pub spec: Spec,
    /// The strict scores.
    pub strict: Scored,
    /// The published scores, where there are any.
    pub reference: Option<Scored>,
    /// The strict scores of answers to blank pictures, where there are any.
    pub blind: Option<Scored>,
    /// Test items in the training data, where that was looked for.
    pub leaks: Option<Leaks>,
}

impl ScoredTask {
    /// The scores of one scorer.
    pub fn by(&self, scorer: Scorer) -> Option<&Scored> {
        match scorer {
            Scorer::Strict => Some(&self.strict),
            Scorer::Reference => self.reference.as_ref(),
        }
    }

    /// The strict scores, and the published ones where there are any.
    pub fn all(&self) -> impl Iterator<Item = &Scored> {
        std::iter::once(&self.strict).chain(&self.reference)
    }

    /// What a reader of one scorer's numbers must know: warnings, then problems in words.
    pub fn notes(&self, scorer: Scorer) -> Vec<String> {
        let Some(found) = self.by(scorer) else {
            return Vec::new();
        };
        let mut notes = found.result.warnings.clone();
        notes.extend(sentences(&found.result.problems));
        notes
    }
}

/// A task by the strict scorer, and by the published one if it is `wanted`, or if there is one and `also` is set.
///
/// Gives [`TaskError::Predictions`], and what [`of_predictions`] gives.
pub fn by_both(
    job: &Job,
    reading: &Reading,
    wanted: Scorer,
    also: bool,
    benchmark: Option<&Benchmark>,
) -> Result<ScoredTask, TaskError> {
    let found =
        jobs::predictions(job, reading, benchmark).map_err(|source| TaskError::Predictions {
            task: job.spec.id.clone(),
            source,
        })?;
    of_predictions(job, reading, wanted, also, benchmark, &found)
}

/// As [`by_both`], of predictions that are read already. Gives [`TaskError::Job`] and [`TaskError::Score`].
pub fn of_predictions(
    job: &Job,
    reading: &Reading,
    wanted: Scorer,
    also: bool,
    benchmark: Option<&Benchmark>,
    found: &Predictions,
) -> Result<ScoredTask, TaskError> {
    let by = |scorer: Scorer| -> Result<Scored, TaskError> {
        let options = jobs::options(job, reading, scorer, benchmark)?;
        Ok(score(
            &job.spec,
            found.rows.clone(),
            found.problems.clone(),
            &options,
        )?)
    };
    let published = wanted == Scorer::Reference || job.spec.reference && also;
    let (strict, reference) = rayon::join(
        || by(Scorer::Strict),
        || published.then(|| by(Scorer::Reference)).transpose(),
    );
    // What was asked for comes first, so that its error is the one that is told.
    let reference = match reference {
        Err(error) if wanted == Scorer::Reference => return Err(error),
        other => other,
    };
    let mut strict = strict?;
    if let Some(benchmark) = benchmark {
        for line in &benchmark.warnings {
            if !strict.result.warnings.contains(line) {
                strict.result.warnings.push(line.clone());
            }
        }
        let of_data = sentences(&benchmark.problems);
        let of_data = of_data.into_iter().map(|line| format!("benchmark: {line}"));
        strict.result.warnings.extend(of_data);
    }
    let reference = match reference {
        Ok(scored) => scored,
        // The published rules take fewer kinds of labels; where they score nothing the strict numbers stand alone.
        Err(TaskError::Score(error)) => {
            let why = format!("no reference scores: {error}");
            strict.result.warnings.push(why);
            None
        }
        Err(error) => return Err(error),
    };
    Ok(ScoredTask {
        spec: job.spec.clone(),
        strict,
        reference,
        blind: None,
        leaks: None,
    })
}

/// The domains that at least one task was scored of, with their means.
pub fn averages(tasks: &[ScoredTask], scorer: Scorer) -> Vec<DomainAverage> {
    let results: Vec<TaskResult> = tasks
        .iter()
        .filter_map(|task| task.by(scorer))
        .map(|scored| scored.result.clone())
        .collect();
    domains(tasks)
        .into_iter()
        .filter(|domain| *domain != "own")
        .map(|domain| DomainAverage::new(domain, &results))
        .filter(|average| average.columns.iter().any(|(.., score)| score.is_some()))
        .collect()
}

/// Domains in the order of the tasks.
pub fn domains(tasks: &[ScoredTask]) -> Vec<&str> {
    let mut domains: Vec<&str> = Vec::new();
    for task in tasks {
        if !domains.contains(&task.spec.domain.as_str()) {
            domains.push(&task.spec.domain);
        }
    }
    domains
}
