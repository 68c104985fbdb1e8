//! Ways of training beside each other.

use std::collections::BTreeSet;

use super::aligned::is_same;
use super::column::Column;
use super::domain::{domain, label};
use super::error::GridError;
use super::table::{Compared, Domain, Scores, Table};
use super::{Run, Way};
use crate::scoring::Scorer;
use crate::statistics::{Ways, holm, verdicts};

/// A p-value below this tells two ways apart.
const LEVEL: f64 = 0.05;

/// Compares ways column by column and domain by domain, and the pairs that are asked for, the first minus the second.
///
/// A way's mean is over its own seeds, a pair's difference over the seeds that both have. The average of a domain is the plain mean
/// of its columns, as in the paper; its interval and those of the columns are those of
/// [`OverSeeds`](crate::statistics::OverSeeds). Gives every variant of [`GridError`].
///
/// ```
/// use evaluation::grids::{Column, Run, Way, compare};
/// let way = |name: &str, scores: [f64; 3]| Way {
///     name: name.to_owned(),
///     runs: (1..).zip(scores).map(|(seed, score)| Run {
///         seed,
///         columns: vec![Column::number("data", "diversity", "Diversity", score)],
///     }).collect(),
/// };
/// let found = compare(&[way("ours", [80.0, 84.0, 82.0]), way("rules", [50.0, 51.0, 52.0])], &[(0, 1)])?;
/// let said = found.tables[0].verdicts[0].to_string();
/// assert_eq!(said, "ours is better than rules by 31.0 [26.7, 35.3] on Diversity; of the chance of training alone");
/// # Ok::<(), evaluation::grids::GridError>(())
/// ```
pub fn compare(ways: &[Way], pairs: &[(usize, usize)]) -> Result<Compared, GridError> {
    check(ways, pairs)?;
    let mut notes = seeds(ways, pairs);
    let mut tables = Vec::new();
    for scorer in [Scorer::Strict, Scorer::Reference] {
        let columns = columns(ways, scorer);
        if !columns.is_empty() {
            tables.push(table(ways, pairs, scorer, &columns, &mut notes)?);
        }
    }
    let mut said = BTreeSet::new();
    notes.retain(|note| said.insert(note.clone()));
    Ok(Compared {
        ways: ways.iter().map(|way| way.name.clone()).collect(),
        pairs: pairs.to_vec(),
        tables,
        notes,
    })
}

fn check(ways: &[Way], pairs: &[(usize, usize)]) -> Result<(), GridError> {
    let count = ways.len();
    for (pair, &(one, other)) in pairs.iter().enumerate() {
        if one == other || one.max(other) >= count {
            return Err(GridError::NotAPair { pair, ways: count });
        }
    }
    for way in ways {
        let mut seeds = BTreeSet::new();
        for Run { seed, columns } in &way.runs {
            let (way, seed) = (way.name.clone(), *seed);
            if !seeds.insert(seed) {
                return Err(GridError::SeedTwice { way, seed });
            }
            let twice = |(at, column): &(usize, &Column)| {
                columns[..*at].iter().any(|before| is_same(before, column))
            };
            if let Some((_, column)) = columns.iter().enumerate().find(twice) {
                return Err(GridError::ColumnTwice {
                    way,
                    seed,
                    column: column.name.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Tells of pairs that do not have the same seeds.
fn seeds(ways: &[Way], pairs: &[(usize, usize)]) -> Vec<String> {
    let of = |way: usize| -> BTreeSet<u64> { ways[way].runs.iter().map(|run| run.seed).collect() };
    let list = |seeds: &BTreeSet<u64>| {
        let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
        seeds.join(", ")
    };
    let mut notes = Vec::new();
    for &(one, other) in pairs {
        let (own, others) = (of(one), of(other));
        if own == others || own.is_empty() || others.is_empty() {
            continue;
        }
        let both = &own & &others;
        let (one, other) = (&ways[one].name, &ways[other].name);
        let are = format!(
            "{one} has seeds {}, {other} has {}",
            list(&own),
            list(&others)
        );
        notes.push(if both.is_empty() {
            format!("{are}: they have none in common and are not compared")
        } else {
            format!("{are}: they are compared on {}", list(&both))
        });
    }
    notes
}

/// The columns by a scorer, in the order in which runs have them.
fn columns(ways: &[Way], scorer: Scorer) -> Vec<&Column> {
    let mut columns: Vec<&Column> = Vec::new();
    for column in ways
        .iter()
        .flat_map(|way| &way.runs)
        .flat_map(|run| &run.columns)
    {
        if column.scorer == scorer && !columns.iter().any(|known| is_same(known, column)) {
            columns.push(column);
        }
    }
    columns
}

fn table(
    ways: &[Way],
    pairs: &[(usize, usize)],
    scorer: Scorer,
    columns: &[&Column],
    notes: &mut Vec<String>,
) -> Result<Table, GridError> {
    let mut names: Vec<&str> = Vec::new();
    for column in columns {
        if !names.contains(&column.domain.as_str()) {
            names.push(&column.domain);
        }
    }
    let mut domains: Vec<Domain> = Vec::new();
    for name in names {
        let own: Vec<&Column> = columns
            .iter()
            .copied()
            .filter(|column| column.domain == name)
            .collect();
        domains.push(domain(ways, pairs, name, &own, notes)?);
    }
    mark(&mut domains)?;
    let of_domains = domains.iter().flat_map(|domain| match &domain.average {
        Some(average) => vec![(label(&domain.domain), average)],
        None => titled(domain),
    });
    let names: Vec<&str> = ways.iter().map(|way| way.name.as_str()).collect();
    let of_columns = domains.iter().flat_map(titled);
    Ok(Table {
        scorer,
        verdicts: judged(&names, pairs, &of_domains.collect::<Vec<_>>())?,
        by_column: judged(&names, pairs, &of_columns.collect::<Vec<_>>())?,
        domains,
    })
}

fn titled(domain: &Domain) -> Vec<(String, &Scores)> {
    let columns = domain.columns.iter();
    columns
        .map(|column| (column.title.clone(), column))
        .collect()
}

/// A verdict on every pair and column.
fn judged(
    names: &[&str],
    pairs: &[(usize, usize)],
    columns: &[(String, &Scores)],
) -> Result<Vec<crate::statistics::Verdict>, GridError> {
    let mut table = Vec::new();
    for (on, column) in columns {
        for (&(one, other), found) in pairs.iter().zip(&column.differences) {
            if let Some(found) = found {
                table.push(Ways {
                    one: names[one],
                    other: names[other],
                    on,
                    found,
                });
            }
        }
    }
    Ok(verdicts(&table)?)
}

/// Adjusts the p-values of the best ways and marks those that are told apart.
fn mark(domains: &mut [Domain]) -> Result<(), GridError> {
    let mut all: Vec<_> = domains
        .iter_mut()
        .flat_map(|domain| domain.columns.iter_mut().chain(&mut domain.average))
        .filter_map(|column| column.best.as_mut())
        .collect();
    let alone: Vec<f64> = all.iter().map(|best| best.p).collect();
    for (best, p_holm) in all.iter_mut().zip(holm(&alone)?) {
        best.p_holm = p_holm;
        best.is_marked &= p_holm < LEVEL;
    }
    Ok(())
}
