//! A task's columns of two systems, item by item: what tables, averages and comparisons are made of.

use std::collections::HashMap;

use crate::scored_task::ScoredTask;
use crate::scoring::Scored;
use crate::task_score::Paired;

/// One column of a table: a task and one of its metrics, by the strict scorer.
#[derive(Clone, Debug)]
pub struct Column {
    /// Both systems.
    pub paired: Paired,
    /// What the best constant answer scores on each item; `None` where there is no such thing.
    pub constant: Option<Vec<f64>>,
}

/// The columns of a task, in the task's order. The items are those that both systems have a score of.
pub fn columns(base: &ScoredTask, adapted: &ScoredTask) -> Vec<Column> {
    let metrics = base.spec.metrics.iter();
    metrics
        .map(|metric| column(base, adapted, metric.name(), metric.title()))
        .filter(|column| !column.paired.base.is_empty())
        .collect()
}

fn column(base: &ScoredTask, adapted: &ScoredTask, metric: &str, title: &str) -> Column {
    let after: HashMap<&str, f64> = scores(&adapted.strict, metric).collect();
    let mut paired = Paired {
        task: base.spec.id.clone(),
        metric: title.to_owned(),
        majority: base.strict.result.majority.get(metric).copied(),
        blind: adapted
            .blind
            .as_ref()
            .and_then(|blind| blind.result.metrics.get(metric).copied()),
        ..Paired::default()
    };
    let mut constant = Some(Vec::new());
    for row in base.strict.rows.iter().filter(|row| row.metric == metric) {
        let Some(&score) = after.get(row.id.as_str()) else {
            continue;
        };
        paired.clusters.push(row.cluster.clone());
        paired.base.push(row.score);
        paired.adapted.push(score);
        constant = constant.zip(row.majority).map(|(mut all, score)| {
            all.push(score);
            all
        });
    }
    Column { paired, constant }
}

fn scores<'a>(scored: &'a Scored, metric: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    let rows = scored.rows.iter().filter(move |row| row.metric == metric);
    rows.map(|row| (row.id.as_str(), row.score))
}
