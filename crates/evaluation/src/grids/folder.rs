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
    let metrics = spec.metrics.iter().zip(names(spec));
    metrics
        .filter_map(|(metric, (name, title))| {
            let rows = rows(found, metric.name());
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

/// What the columns of a task are called in files and in tables, in the order of its metrics.
///
/// ```
/// let slake = evaluation::tasks::find("slake")?;
/// let names = evaluation::grids::names(&slake);
/// assert_eq!(names[1], ("slake closed".to_owned(), "SLAKE closed".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn names(spec: &Spec) -> Vec<(String, String)> {
    let has_closed = spec.metrics.contains(&Metric::ClosedAccuracy);
    let metrics = spec.metrics.iter().zip(spec.column_titles());
    metrics
        .map(|(metric, title)| {
            let suffix = match metric {
                _ if spec.metrics.len() < 2 => return (spec.id.clone(), title),
                Metric::ClosedAccuracy => "closed",
                Metric::Recall if has_closed => "open",
                other => other.name(),
            };
            // The titles of built-in tasks say which questions they are about, those of a user's do not.
            let title = if title.ends_with(suffix) {
                title
            } else {
                format!("{title} {suffix}")
            };
            (format!("{} {suffix}", spec.id), title)
        })
        .collect()
}
