//! Two systems on the same tasks.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::options::Scorer;
use super::result::{Scored, ScoredRow};
use crate::statistics::{Clusters, Comparison, Error, PAIRED_METHOD, PERMUTATION_METHOD, holm};
use crate::task_score::{Paired, TaskScore, average};

/// Why two systems cannot be compared.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CompareError {
    /// A task was scored differently.
    #[error("`{task}` was scored in two ways: {base} and {adapted}; score both files alike")]
    Scoring {
        /// The task.
        task: String,
        /// How the base was scored.
        base: String,
        /// How the adapted system was scored.
        adapted: String,
    },
    /// They have nothing in common.
    #[error("the two systems have no task with a common item")]
    NothingInCommon,
    /// The scores do not make a statistic.
    #[error(transparent)]
    Statistics(#[from] Error),
}

/// One column of the table for both systems.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskComparison {
    /// The task.
    pub task: String,
    /// The metric.
    pub metric: String,
    /// The scorer.
    pub scorer: Scorer,
    /// The numbers.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// P-value adjusted for the number of columns (Holm).
    pub p_holm: f64,
    /// Items that only one system answered; they are left out.
    pub unpaired: Vec<String>,
}

/// Every column, and the average.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparisons {
    /// One row a task and metric.
    pub tasks: Vec<TaskComparison>,
    /// The mean over them, with an interval that resamples pictures over all tasks together.
    pub average: TaskScore,
    /// How the numbers are made.
    pub method: String,
}

/// Compares two systems task by task; tasks that only one has are left out.
pub fn compare(
    base: &[Scored],
    adapted: &[Scored],
    seed: u64,
) -> Result<Comparisons, CompareError> {
    let mut columns: Vec<(Paired, Scorer, Vec<String>)> = Vec::new();
    for before in base {
        let result = &before.result;
        let Some(after) = adapted
            .iter()
            .find(|after| after.result.task == result.task)
        else {
            continue;
        };
        let (was, is) = (way(before), way(after));
        if was != is {
            return Err(CompareError::Scoring {
                task: result.task.clone(),
                base: was,
                adapted: is,
            });
        }
        let metrics: BTreeSet<&String> = before.rows.iter().map(|row| &row.metric).collect();
        for metric in metrics {
            let (paired, unpaired) = pair(&result.task, metric, &before.rows, &after.rows);
            let paired = Paired {
                majority: result.majority.get(metric).copied(),
                ..paired
            };
            if !paired.base.is_empty() {
                columns.push((paired, result.scorer, unpaired));
            }
        }
    }
    let all: Vec<Paired> = columns.iter().map(|(paired, ..)| paired.clone()).collect();
    let average = average(&all, seed)?.ok_or(CompareError::NothingInCommon)?;
    let mut tasks = Vec::new();
    for (paired, scorer, unpaired) in columns {
        let comparison = Comparison::new(
            &paired.base,
            &paired.adapted,
            &Clusters::new(&paired.clusters),
            seed,
        )?;
        let (task, metric) = (paired.task, paired.metric);
        tasks.push(TaskComparison {
            task,
            metric,
            scorer,
            p_holm: comparison.p,
            comparison,
            unpaired,
        });
    }
    let adjusted = holm(
        &tasks
            .iter()
            .map(|task| task.comparison.p)
            .collect::<Vec<_>>(),
    )?;
    tasks
        .iter_mut()
        .zip(adjusted)
        .for_each(|(task, p)| task.p_holm = p);
    let method = format!(
        "difference: {PAIRED_METHOD}; p: {PERMUTATION_METHOD}; p_holm: adjusted over all rows"
    );
    Ok(Comparisons {
        tasks,
        average,
        method,
    })
}

fn way(scored: &Scored) -> String {
    format!(
        "{:?} version {}",
        scored.result.scorer, scored.result.version
    )
    .to_lowercase()
}

/// The scores of the items that both have, in the order of the base, and the ids that only one has.
fn pair(
    task: &str,
    metric: &str,
    base: &[ScoredRow],
    adapted: &[ScoredRow],
) -> (Paired, Vec<String>) {
    let of = |rows: &[ScoredRow]| -> HashMap<String, f64> {
        rows.iter()
            .filter(|row| row.metric == metric)
            .map(|row| (row.id.clone(), row.score))
            .collect()
    };
    let (before, after) = (of(base), of(adapted));
    let mut paired = Paired {
        task: task.to_owned(),
        metric: metric.to_owned(),
        ..Paired::default()
    };
    let mut unpaired = Vec::new();
    for row in base.iter().filter(|row| row.metric == metric) {
        match after.get(&row.id) {
            Some(score) => {
                paired.clusters.push(row.cluster.clone());
                paired.base.push(row.score);
                paired.adapted.push(*score);
            }
            None => unpaired.push(row.id.clone()),
        }
    }
    unpaired.extend(
        adapted
            .iter()
            .filter(|r| r.metric == metric && !before.contains_key(&r.id))
            .map(|r| r.id.clone()),
    );
    (paired, unpaired)
}
