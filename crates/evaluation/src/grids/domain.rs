//! The columns of a domain, and its average.

use std::collections::BTreeSet;

use super::Way;
use super::aligned::{Against, Aligned, Compare};
use super::column::{Column, Values};
use super::error::GridError;
use super::table::{Best, Domain, Mean, Scores};
use crate::statistics::{OverSeeds, SeedNumber};
use crate::tasks;

/// A domain as a reader knows it.
pub(super) fn label(domain: &str) -> String {
    match domain {
        "own" => "own tasks".to_owned(),
        other => other.replace('-', " "),
    }
}

/// The table of a domain whose columns are given; what a reader must know goes to `notes`. P-values of the best ways are not
/// adjusted yet.
pub(super) fn domain(
    ways: &[Way],
    pairs: &[(usize, usize)],
    name: &str,
    columns: &[&Column],
    notes: &mut Vec<String>,
) -> Result<Domain, GridError> {
    let aligned: Vec<Aligned> = columns
        .iter()
        .map(|column| Aligned::new(ways, column))
        .collect::<Result<_, _>>()?;
    let table = Comparisons { ways, pairs };
    table.missing(name, &aligned, notes);
    let made: Vec<Scores> = aligned
        .iter()
        .map(|column| {
            let head = Scores {
                name: column.column.name.clone(),
                title: column.column.title.clone(),
                task: column.column.task.clone(),
                metric: column.column.metric.clone(),
                ..Scores::empty()
            };
            table.scores(head, std::slice::from_ref(column))
        })
        .collect::<Result<_, _>>()?;
    let published = tasks::columns(name);
    let is_here = |task: &str, metric: &str| {
        let mut own = columns.iter();
        own.any(|column| column.task == task && column.metric == metric)
    };
    let present = published
        .iter()
        .filter(|(task, metric)| is_here(task, metric.name()))
        .count();
    let is_whole = present > 0 && present == published.len() && present == columns.len();
    let is_of_tasks = columns
        .iter()
        .all(|column| matches!(column.values, Values::Items(_)));
    let average = if columns.len() > 1 && is_of_tasks {
        // A domain of a user's own tasks has no average in the paper.
        if present > 0 && !is_whole {
            notes.push(format!(
                "the average of {} is that of {present} of its {} columns{}, and not the one of the paper",
                label(name),
                published.len(),
                match columns.len() - present {
                    0 => String::new(),
                    others => format!(" and of {others} others"),
                }
            ));
        }
        let head = Scores {
            name: name.to_owned(),
            title: "average".to_owned(),
            metric: "mean".to_owned(),
            ..Scores::empty()
        };
        Some(table.scores(head, &aligned)?)
    } else {
        None
    };
    Ok(Domain {
        domain: name.to_owned(),
        is_whole,
        columns: made,
        average,
    })
}

impl Scores {
    fn empty() -> Self {
        Self {
            name: String::new(),
            title: String::new(),
            task: String::new(),
            metric: String::new(),
            of: Vec::new(),
            differences: Vec::new(),
            best: None,
        }
    }
}

struct Comparisons<'a> {
    ways: &'a [Way],
    pairs: &'a [(usize, usize)],
}

impl Comparisons<'_> {
    /// The mean over some columns, of every way and pair.
    fn scores(&self, head: Scores, columns: &[Aligned]) -> Result<Scores, GridError> {
        let over = |one, against| self.over(&head, columns, one, against);
        let is_of_samples = |column: &Aligned| matches!(column.column.values, Values::Samples(_));
        let lowest = if columns.iter().any(is_of_samples) {
            -100.0
        } else {
            0.0
        };
        let mut of = Vec::new();
        for way in 0..self.ways.len() {
            of.push(over(way, Against::Zero)?.map(|found| Mean::of(found, lowest)));
        }
        let mut differences = Vec::new();
        for &(one, other) in self.pairs {
            differences.push(over(one, Against::Way(other))?);
        }
        let mut order: Vec<(usize, f64)> = of
            .iter()
            .enumerate()
            .filter_map(|(way, mean)| Some((way, mean.as_ref()?.value)))
            .collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        let best = match order[..] {
            [(way, _), (next, _), ..] => {
                let found = over(way, Against::Way(next))?;
                found.map(|found| Best {
                    way,
                    next,
                    difference: found.difference,
                    interval: found.interval,
                    p: found.p,
                    p_holm: found.p,
                    // Until p-values are adjusted: whether there are enough clusters to mark it.
                    is_marked: !found.too_few,
                })
            }
            _ => None,
        };
        Ok(Scores {
            of,
            differences,
            best,
            ..head
        })
    }

    /// A way against another over the seeds that both have of all columns; `None` without such a seed.
    fn over(
        &self,
        head: &Scores,
        columns: &[Aligned],
        one: usize,
        against: Against,
    ) -> Result<Option<OverSeeds>, GridError> {
        let mut seeds: Option<BTreeSet<u64>> = None;
        for column in columns {
            let own = column.seeds(one, against);
            seeds = Some(match seeds {
                Some(seeds) => &seeds & &own,
                None => own,
            });
        }
        let Some(seeds) = seeds.filter(|seeds| !seeds.is_empty()) else {
            return Ok(None);
        };
        let mut items = Vec::new();
        let mut sets = None;
        for column in columns {
            match column.values(one, against, &seeds) {
                Compare::Items(rows) => items.push(rows),
                Compare::Sets(own, other) => sets = Some((own, other)),
                Compare::Numbers => {}
            }
        }
        let found = match sets {
            Some((own, other)) if columns.len() == 1 => OverSeeds::of_sets(&own, other.as_deref()),
            _ if items.len() == columns.len() => OverSeeds::of_average(&items),
            _ => OverSeeds::of_numbers(&numbers(columns, one, against, &seeds)),
        };
        found.map(Some).map_err(|source| GridError::Scores {
            way: match against {
                Against::Zero => self.ways[one].name.clone(),
                Against::Way(other) => {
                    format!("{} and {}", self.ways[one].name, self.ways[other].name)
                }
            },
            column: head.name.clone(),
            source: Box::new(source),
        })
    }

    /// Tells of runs without columns that others of the table have, way by way. What has nothing of a domain was not asked it.
    fn missing(&self, domain: &str, columns: &[Aligned], notes: &mut Vec<String>) {
        for (at, way) in self.ways.iter().enumerate() {
            let lacks = |column: &Aligned| -> Vec<String> {
                let of = &column.of[at];
                let seeds = way.runs.iter().map(|run| run.seed);
                seeds
                    .filter(|seed| !of.contains_key(seed))
                    .map(|seed| seed.to_string())
                    .collect()
            };
            if columns.iter().all(|column| column.of[at].is_empty()) {
                // Measures of data are not of every system.
                let is_of_tasks = columns.iter().any(|column| !column.column.task.is_empty());
                if is_of_tasks && !way.runs.is_empty() {
                    notes.push(format!("{} has nothing of {}", way.name, label(domain)));
                }
                continue;
            }
            for column in columns {
                let (seeds, title) = (lacks(column), &column.column.title);
                if !seeds.is_empty() && column.of[at].is_empty() {
                    notes.push(format!("{} has no {title}", way.name));
                } else if !seeds.is_empty() {
                    let seeds = seeds.join(", ");
                    notes.push(format!("{} has no {title} with seed {seeds}", way.name));
                }
            }
        }
    }
}

/// The mean of the columns with each seed.
fn numbers(
    columns: &[Aligned],
    one: usize,
    against: Against,
    seeds: &BTreeSet<u64>,
) -> Vec<SeedNumber> {
    let count = columns.len() as f64;
    let mut sums: Vec<SeedNumber> = seeds
        .iter()
        .map(|&seed| SeedNumber {
            seed,
            one: 0.0,
            other: 0.0,
        })
        .collect();
    for column in columns {
        let of_column = column.numbers(one, against, seeds);
        for (sum, number) in sums.iter_mut().zip(of_column) {
            sum.one += number.one / count;
            sum.other += number.other / count;
        }
    }
    sums
}
