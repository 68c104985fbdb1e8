//! Two systems, each read from a folder of results or scored from predictions, and their paired differences.

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::Value;

use crate::benchmarks::Keep;
use crate::jobs::{self, Reading};
use crate::predictions::sentences;
use crate::results;
use crate::scored_task::{ScoredTask, by_both};
use crate::scoring::{CompareError, Comparisons, Scored, Scorer, compare};

/// One system's scores: read from a folder of results, or made from predictions. What is wrong with these is told to
/// `note`.
pub fn read(
    path: &Path,
    tasks: &[String],
    reading: &Reading,
    scorer: Scorer,
    note: &mut dyn FnMut(&str),
) -> Result<Vec<ScoredTask>> {
    if path.is_dir() && results::are_in(path) {
        let mut found = results::read(path)?;
        found.retain(|task| tasks.is_empty() || tasks.contains(&task.spec.id));
        if found.iter().all(|task| task.by(scorer).is_none()) {
            bail!(
                "`{}` has no {} scores of the tasks that are asked for",
                path.display(),
                scorer.name()
            );
        }
        return Ok(found);
    }
    let jobs = jobs::of_predictions(tasks, path)?;
    jobs.iter()
        .map(|job| {
            let benchmark = jobs::benchmark(job, reading, &mut Keep::Nothing)?;
            let task = by_both(job, reading, scorer, true, benchmark.as_ref())?;
            if let Some(scored) = task.by(scorer) {
                for line in sentences(&scored.result.problems) {
                    note(&format!("{}: {line}", job.file.display()));
                }
            }
            Ok(task)
        })
        .collect()
}

/// The comparison by the scorer that was asked for, then by the other one where both systems have its scores.
pub fn by_both_scorers(
    base: &[ScoredTask],
    adapted: &[ScoredTask],
    asked: Scorer,
    seed: u64,
) -> Result<Vec<(Scorer, Comparisons)>, CompareError> {
    let other = match asked {
        Scorer::Strict => Scorer::Reference,
        Scorer::Reference => Scorer::Strict,
    };
    let of = |all: &[ScoredTask], scorer: Scorer| -> Vec<Scored> {
        let scored = all.iter().filter_map(|task| task.by(scorer));
        scored.cloned().collect()
    };
    let by = |scorer: Scorer| compare(&of(base, scorer), &of(adapted, scorer), seed);
    let mut found = vec![(asked, by(asked)?)];
    match by(other) {
        Ok(comparisons) => found.push((other, comparisons)),
        // Own tasks, captions and lists of words have no published rules.
        Err(CompareError::NothingInCommon) => {}
        Err(error) => return Err(error),
    }
    Ok(found)
}

/// Lines about tasks that only one system answered.
pub fn left_out(base: &[ScoredTask], adapted: &[ScoredTask]) -> Vec<String> {
    let has = |all: &[ScoredTask], task: &str| all.iter().any(|other| other.spec.id == task);
    base.iter()
        .chain(adapted)
        .map(|task| &task.spec.id)
        .filter(|id| !has(base, id) || !has(adapted, id))
        .map(|id| format!("{id}: only one of both systems answered it; it is left out"))
        .collect()
}

/// The tasks that stand in a comparison.
pub fn compared(tasks: &[ScoredTask], found: &[(Scorer, Comparisons)]) -> Vec<ScoredTask> {
    let is_compared = |task: &&ScoredTask| {
        let mut rows = found.iter().flat_map(|(_, by)| &by.tasks);
        rows.any(|row| row.task == task.spec.id)
    };
    tasks.iter().filter(is_compared).cloned().collect()
}

/// What two systems are called: the names of their files or folders, `before` and `after` where those are the same.
pub fn names(base: &Path, adapted: &Path) -> [String; 2] {
    let name = |path: &Path| {
        let stem = path.file_stem().unwrap_or(path.as_os_str());
        stem.to_string_lossy().into_owned()
    };
    let (first, second) = (name(base), name(adapted));
    if first == second {
        ["before".to_owned(), "after".to_owned()]
    } else {
        [first, second]
    }
}

/// The comparison by the scorer that was asked for, and under `other` the one by the other. The keys are a contract.
pub fn document(found: &[(Scorer, Comparisons)]) -> Result<Value> {
    let mut all = found.iter();
    let mut value = match all.next() {
        Some((_, comparisons)) => serde_json::to_value(comparisons)?,
        None => Value::Null,
    };
    value["other"] = match all.next() {
        Some((_, comparisons)) => serde_json::to_value(comparisons)?,
        None => Value::Null,
    };
    Ok(value)
}
