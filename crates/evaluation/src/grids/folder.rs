//! Columns from a folder of results.

use std::path::Path;

use super::column::{Column, Row, Values};
use crate::results::{self, ResultsError};
use crate::scored_task::ScoredTask;
use crate::scoring::{Scored, Scorer};
use crate::tasks::{Metric, Spec};

/// The columns of a system whose results lie in a folder as `adamllm score --output` writes them: all by the strict scorer, then
/// those that have published scores. Gives what [`results::read`] gives.
pub fn columns(folder: &Path) -> Result<Vec<Column>, ResultsError> {
    let tasks = results::read(folder)?;
    let by = |scorer| tasks.iter().flat_map(move |task| of_task(task, scorer));
    Ok(by(Scorer::Strict).chain(by(Scorer::Reference)).collect())
}

fn of_task(task: &ScoredTask, scorer: Scorer) -> Vec<Column> {
    let Some(found) = task.by(scorer) else {
        return Vec::new();
    };
    let spec = &task.spec;
    let metrics = spec.metrics.iter().zip(spec.column_titles());
    metrics
        .filter_map(|(metric, title)| {
            let rows = rows(found, metric.name());
            let (name, suffix) = name(spec, *metric);
            // The titles of built-in tasks say which questions they are about, those of a user's do not.
            let title = match suffix {
                Some(suffix) if !title.ends_with(suffix) => format!("{title} {suffix}"),
                _ => title,
            };
            (!rows.is_empty()).then(|| Column {
                domain: spec.domain.clone(),
                name,
                title,
                task: spec.id.clone(),
                metric: metric.name().to_owned(),
                scorer,
                values: Values::Items(rows),
            })
        })
        .collect()
}

fn rows(scored: &Scored, metric: &str) -> Vec<Row> {
    let rows = scored.rows.iter().filter(|row| row.metric == metric);
    rows.map(|row| Row {
        item: row.id.clone(),
        cluster: row.cluster.clone(),
        score: row.score,
    })
    .collect()
}

/// A column's name, and what tells it from the task's other columns.
fn name(spec: &Spec, metric: Metric) -> (String, Option<&'static str>) {
    let has_closed = spec.metrics.contains(&Metric::ClosedAccuracy);
    let suffix = match metric {
        _ if spec.metrics.len() < 2 => None,
        Metric::ClosedAccuracy => Some("closed"),
        Metric::Recall if has_closed => Some("open"),
        other => Some(other.name()),
    };
    let name = suffix.map_or(spec.id.clone(), |suffix| format!("{} {suffix}", spec.id));
    (name, suffix)
}
