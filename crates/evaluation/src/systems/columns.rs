//! One column of a table: the scores of every system, item by item.

use std::collections::HashMap;

use super::items::SharedTask;
use crate::Paired;
use crate::scoring::{Scored, ScoredRow};
use crate::statistics::{Bootstrap, Clusters, Error, interval, mean};

/// A task's metric with the scores of each system, aligned by item.
pub(super) struct Aligned {
    pub domain: String,
    pub task: String,
    pub metric: String,
    pub title: String,
    /// What each item is resampled with.
    pub clusters: Vec<String>,
    /// 0 to 100, one for each item; `None` for a system without the task.
    pub scores: Vec<Option<Vec<f64>>>,
    /// 95 % interval of each system's mean.
    pub intervals: Vec<Option<[f64; 2]>>,
    /// The best constant answer, where all its items are here.
    pub majority: Option<f64>,
    /// What the base scores on blank pictures.
    pub blind: Option<f64>,
}

impl Aligned {
    /// Two of the systems, if both have the task.
    pub fn paired(&self, base: usize, adapted: usize) -> Option<Paired> {
        Some(Paired {
            task: self.task.clone(),
            metric: self.metric.clone(),
            majority: self.majority,
            blind: None,
            clusters: self.clusters.clone(),
            base: self.scores[base].clone()?,
            adapted: self.scores[adapted].clone()?,
        })
    }

    /// The mean of a system.
    pub fn mean(&self, system: usize) -> Option<f64> {
        self.scores[system].as_deref().map(mean)
    }

    /// How many clusters there are.
    pub fn num_clusters(&self) -> usize {
        Clusters::new(&self.clusters).count()
    }
}

/// The columns of a task.
pub(super) fn aligned(
    task: &SharedTask<'_>,
    base: usize,
    seed: u64,
) -> Result<Vec<Aligned>, Error> {
    let systems = task.scored.len();
    let Some(with) = super::items::yardstick(base, |at| task.scored[at].is_some(), systems) else {
        return Ok(Vec::new());
    };
    let Some(first) = task.scored[with].as_deref() else {
        return Ok(Vec::new());
    };
    let mut out = Vec::new();
    for (metric, title) in task.spec.metrics.iter().zip(task.spec.column_titles()) {
        let name = metric.name();
        let items: Vec<&ScoredRow> = first.rows.iter().filter(|row| row.metric == name).collect();
        if items.is_empty() {
            continue;
        }
        let clusters: Vec<String> = items.iter().map(|row| row.cluster.clone()).collect();
        let mut scores = Vec::new();
        let mut intervals = Vec::new();
        for own in &task.scored {
            let values = own.as_deref().map(|own| values(own, name, &items));
            let range = match (&values, own) {
                (Some(values), Some(own)) => Some(range(values, own, name, &clusters, seed)?),
                _ => None,
            };
            scores.push(values);
            intervals.push(range);
        }
        let is_whole = first.result.counts.get(name) == Some(&items.len());
        let majority = first.result.majority.get(name).copied();
        out.push(Aligned {
            domain: task.spec.domain.clone(),
            task: task.spec.id.clone(),
            metric: name.to_owned(),
            title,
            clusters,
            scores,
            intervals,
            majority: majority.filter(|_| is_whole),
            blind: task
                .blind
                .and_then(|blind| blind.result.metrics.get(name).copied()),
        });
    }
    Ok(out)
}

/// The scores in the order of the items, all of which are there.
fn values(own: &Scored, metric: &str, items: &[&ScoredRow]) -> Vec<f64> {
    let rows = own.rows.iter().filter(|row| row.metric == metric);
    let by_id: HashMap<&str, f64> = rows.map(|row| (row.id.as_str(), row.score)).collect();
    let scores = items.iter().map(|item| by_id.get(item.id.as_str()));
    scores.flatten().copied().collect()
}

/// The interval that was written with the scores, or a new one where items are left out.
fn range(
    values: &[f64],
    own: &Scored,
    metric: &str,
    clusters: &[String],
    seed: u64,
) -> Result<[f64; 2], Error> {
    match own.result.intervals.get(metric) {
        Some(known) if own.result.counts.get(metric) == Some(&values.len()) => Ok(*known),
        _ => {
            let found = interval(values, &Clusters::new(clusters), &Bootstrap::new(seed))?;
            Ok([found.low, found.high])
        }
    }
}
