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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_of_one_name_are_told_apart_by_their_order() {
        let of = |a: &str, b: &str| names(Path::new(a), Path::new(b));
        assert_eq!(of("x/base", "x/adapted.jsonl"), ["base", "adapted"]);
        assert_eq!(of("x/slake.jsonl", "y/slake.jsonl"), ["before", "after"]);
    }

    #[test]
    fn files_are_scored_and_compared_by_both_scorers() {
        let folder = tempfile::tempdir().expect("folder");
        let file = |name: &str, answer: &str| {
            let row = |i: usize| {
                format!(
                    "{{\"id\":\"{i}\",\"prediction\":\"{answer}\",\"label\":\"yes\",\"answer_type\":\"CLOSED\"}}\n"
                )
            };
            let path = folder.path().join(name);
            std::fs::write(&path, (0..4).map(row).collect::<String>()).expect("write");
            path
        };
        let (tasks, reading) = (["slake".to_owned()], Reading::default());
        let mut notes = Vec::new();
        let mut system = |path: &Path| {
            let mut note = |line: &str| notes.push(line.to_owned());
            read(path, &tasks, &reading, Scorer::Strict, &mut note).expect("scores")
        };
        let base = system(&file("base.jsonl", "no"));
        let adapted = system(&file("adapted.jsonl", "yes"));
        assert!(notes.is_empty(), "{notes:?}");
        let found = by_both_scorers(&base, &adapted, Scorer::Reference, 1).expect("comparison");
        let scorers: Vec<Scorer> = found.iter().map(|(scorer, _)| *scorer).collect();
        assert_eq!(scorers, [Scorer::Reference, Scorer::Strict]);
        assert!(
            found
                .iter()
                .all(|(_, by)| by.average.difference.total_cmp(&100.0).is_eq())
        );
        assert_eq!(compared(&base, &found).len(), 1);
        let document = document(&found).expect("json");
        assert_eq!(document["tasks"][0]["scorer"], "reference");
        assert_eq!(document["other"]["tasks"][0]["scorer"], "strict");
        assert_eq!(
            left_out(&base, &[]),
            ["slake: only one of both systems answered it; it is left out"]
        );
    }
}
