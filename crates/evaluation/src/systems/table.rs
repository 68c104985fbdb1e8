//! The table of several systems, as the paper's Tables 2 and 3: a row a system, a column a task and metric, domain by domain.

use rayon::prelude::*;
use serde::Serialize;

use super::columns::Aligned;
use crate::scoring::Scorer;
use crate::statistics::{Error, FEW, mean};
use crate::tasks;
use crate::{Paired, average};

/// All that systems have in common, by one scorer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// The scorer.
    pub scorer: Scorer,
    /// The domains in the order of the paper.
    pub domains: Vec<DomainTable>,
}

/// The columns of a domain.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DomainTable {
    /// The domain; `own` for a user's tasks.
    pub domain: String,
    /// One a task and metric.
    pub columns: Vec<Column>,
    /// The plain mean over the columns; null unless every column of the domain is there.
    pub average: Option<Column>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    /// The task, or `average`.
    pub task: String,
    /// The metric, or `mean`.
    pub metric: String,
    /// What stands over it.
    pub title: String,
    /// How many items.
    pub n: usize,
    /// In how many clusters; of an average the fewest of its columns.
    pub clusters: usize,
    /// 0 to 100, in the order of the systems; null for a system that cannot be compared here.
    pub scores: Vec<Option<f64>>,
    /// 95 % intervals of the scores; null for averages.
    pub intervals: Vec<Option<[f64; 2]>>,
    /// What the best constant answer scores.
    pub majority: Option<f64>,
    /// What the base scores on blank pictures.
    pub blind: Option<f64>,
    /// The best system against the next best.
    pub best: Option<Best>,
}

/// The best system of a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Best {
    /// Its place among the systems.
    pub at: usize,
    /// Its name.
    pub system: String,
    /// The name of the next best.
    pub next: String,
    /// By how much it is better.
    pub difference: f64,
    /// 95 % interval of that paired difference.
    pub interval: [f64; 2],
    /// Whether it is marked: the interval lies above 0, and the clusters are not too few for it to mean much.
    pub marked: bool,
}

impl Column {
    /// Whether a system is marked as the best one.
    pub fn marks(&self, system: usize) -> bool {
        self.best
            .as_ref()
            .is_some_and(|best| best.marked && best.at == system)
    }

    /// Whether its clusters are too few for an interval to mean much.
    pub fn is_too_small(&self) -> bool {
        self.clusters < FEW
    }
}

impl Table {
    /// All columns in order, averages after their domains.
    pub fn columns(&self) -> impl Iterator<Item = &Column> {
        let domains = self.domains.iter();
        domains.flat_map(|domain| domain.columns.iter().chain(&domain.average))
    }
}

/// The scorer that was not asked for.
pub(super) fn other_than(scorer: Scorer) -> Scorer {
    match scorer {
        Scorer::Strict => Scorer::Reference,
        Scorer::Reference => Scorer::Strict,
    }
}

/// The table of columns.
pub(super) fn table(
    names: &[&str],
    scorer: Scorer,
    columns: &[Aligned],
    seed: u64,
    notes: &mut Vec<String>,
) -> Result<Table, Error> {
    let mut domains: Vec<&str> = Vec::new();
    for column in columns {
        if !domains.contains(&column.domain.as_str()) {
            domains.push(&column.domain);
        }
    }
    let made = domains.into_par_iter().map(|domain| {
        let of_domain: Vec<&Aligned> = columns
            .iter()
            .filter(|column| column.domain == domain)
            .collect();
        let made = of_domain.par_iter().map(|column| one(names, column, seed));
        let whole = tasks::columns(domain).len();
        let average = if whole > 0 && of_domain.len() == whole {
            Some(mean_of(names, &of_domain, seed)?)
        } else {
            None
        };
        Ok(DomainTable {
            domain: domain.to_owned(),
            columns: made.collect::<Result<_, Error>>()?,
            average,
        })
    });
    let domains: Vec<DomainTable> = made.collect::<Result<_, Error>>()?;
    for domain in &domains {
        let whole = tasks::columns(&domain.domain).len();
        if whole > 0 && domain.average.is_none() {
            let line = |by: &str| {
                format!(
                    "{}: {} of its {whole} columns can be compared by {by}, so that it has no average",
                    domain.domain,
                    domain.columns.len()
                )
            };
            let before = line(&format!("the {} scorer", other_than(scorer).name()));
            match notes.iter_mut().find(|note| **note == before) {
                Some(note) => *note = line("either scorer"),
                None => notes.push(line(&format!("the {} scorer", scorer.name()))),
            }
        }
    }
    Ok(Table { scorer, domains })
}

fn one(names: &[&str], column: &Aligned, seed: u64) -> Result<Column, Error> {
    let scores: Vec<Option<f64>> = (0..names.len()).map(|at| column.mean(at)).collect();
    let clusters = column.num_clusters();
    let best = best(names, &scores, clusters, |next, first| {
        let Some(paired) = column.paired(next, first) else {
            return Ok(None);
        };
        Ok(Some(paired.score(seed)?.interval))
    })?;
    Ok(Column {
        task: column.task.clone(),
        metric: column.metric.clone(),
        title: column.title.clone(),
        n: column.clusters.len(),
        clusters,
        scores,
        intervals: column.intervals.clone(),
        majority: column.majority,
        blind: column.blind,
        best,
    })
}

/// The mean over the columns of a domain.
fn mean_of(names: &[&str], columns: &[&Aligned], seed: u64) -> Result<Column, Error> {
    let scores: Vec<Option<f64>> = (0..names.len())
        .map(|at| {
            let means: Option<Vec<f64>> = columns.iter().map(|column| column.mean(at)).collect();
            means.map(|means| mean(&means))
        })
        .collect();
    let clusters = columns
        .iter()
        .map(|column| column.num_clusters())
        .min()
        .unwrap_or(0);
    let best = best(names, &scores, clusters, |next, first| {
        let paired: Option<Vec<Paired>> = columns
            .iter()
            .map(|column| column.paired(next, first))
            .collect();
        let row = average(&paired.unwrap_or_default(), seed)?;
        Ok(row.map(|row| row.interval))
    })?;
    Ok(Column {
        task: "average".to_owned(),
        metric: "mean".to_owned(),
        title: "average".to_owned(),
        n: columns.iter().map(|column| column.clusters.len()).sum(),
        clusters,
        intervals: vec![None; scores.len()],
        scores,
        majority: None,
        blind: None,
        best,
    })
}

/// The best of some scores, and whether it is known to be better than the next best. `None` with one score alone.
fn best(
    names: &[&str],
    scores: &[Option<f64>],
    clusters: usize,
    interval: impl FnOnce(usize, usize) -> Result<Option<[f64; 2]>, Error>,
) -> Result<Option<Best>, Error> {
    let mut order: Vec<(usize, f64)> = scores
        .iter()
        .enumerate()
        .filter_map(|(at, score)| Some((at, (*score)?)))
        .collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let [(first, high), (next, low), ..] = order[..] else {
        return Ok(None);
    };
    Ok(interval(next, first)?.map(|interval| Best {
        at: first,
        system: names[first].to_owned(),
        next: names[next].to_owned(),
        difference: high - low,
        interval,
        marked: interval[0] > 0.0 && clusters >= FEW,
    }))
}
