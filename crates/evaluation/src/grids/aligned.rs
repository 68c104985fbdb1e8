//! A column of all ways, item by item.

use std::collections::{BTreeMap, BTreeSet};

use super::Way;
use super::column::{Column, Row, Values};
use super::error::GridError;
use crate::statistics::{SeedNumber, SeedRow, mean};

/// A column with the values of every way and seed.
pub(super) struct Aligned<'a> {
    /// The column as the first run has it.
    pub column: &'a Column,
    /// The values of each way by seed.
    pub of: Vec<BTreeMap<u64, Cell<'a>>>,
}

/// The values of a run.
pub(super) enum Cell<'a> {
    /// The rows by item.
    Rows(BTreeMap<&'a str, &'a Row>),
    /// A number.
    Number(f64),
}

/// What is compared with a way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Against {
    /// Another way.
    Way(usize),
    /// 0 throughout, so that the difference is the score itself.
    Zero,
}

impl Cell<'_> {
    fn mean(&self) -> f64 {
        match self {
            Self::Number(value) => *value,
            Self::Rows(rows) => mean(&rows.values().map(|row| row.score).collect::<Vec<_>>()),
        }
    }
}

impl<'a> Aligned<'a> {
    /// Collects a column from all runs that have it, and sees to it that they answered the same items.
    pub fn new(ways: &'a [Way], column: &'a Column) -> Result<Self, GridError> {
        let mut of = Vec::new();
        // The way, seed and rows that all others are held against.
        let mut first: Option<(&Way, u64, BTreeMap<&str, &Row>)> = None;
        for way in ways {
            let mut by_seed = BTreeMap::new();
            for run in &way.runs {
                let Some(own) = run.columns.iter().find(|own| is_same(own, column)) else {
                    continue;
                };
                let at = Place {
                    column: &column.name,
                    way: &way.name,
                    seed: run.seed,
                };
                let cell = match (&own.values, &column.values) {
                    (Values::Number(value), Values::Number(_)) => Cell::Number(*value),
                    (Values::Samples(rows), Values::Samples(_)) => Cell::Rows(at.by_item(rows)?),
                    (Values::Items(rows), Values::Items(_)) => {
                        let rows = at.by_item(rows)?;
                        match &first {
                            Some((way, seed, expected)) => {
                                at.check(&rows, &way.name, *seed, expected)?;
                            }
                            None => first = Some((way, run.seed, rows.clone())),
                        }
                        Cell::Rows(rows)
                    }
                    _ => return Err(at.other_kind()),
                };
                by_seed.insert(run.seed, cell);
            }
            of.push(by_seed);
        }
        Ok(Self { column, of })
    }

    /// The seeds that a way and what it is compared with both have.
    pub fn seeds(&self, one: usize, against: Against) -> BTreeSet<u64> {
        let own = self.of[one].keys().copied();
        match against {
            Against::Zero => own.collect(),
            Against::Way(other) => own
                .filter(|seed| self.of[other].contains_key(seed))
                .collect(),
        }
    }

    /// The items that are compared over some seeds, all of which have the column, and how many these are where that is not all.
    /// `None` where only a number a seed can be compared.
    pub fn rows(
        &self,
        one: usize,
        against: Against,
        seeds: &BTreeSet<u64>,
    ) -> (Option<Vec<SeedRow<'a>>>, Option<Shared>) {
        let ways: Vec<usize> = match against {
            Against::Zero => vec![one],
            Against::Way(other) => vec![one, other],
        };
        let cells: Vec<&Cell> = ways
            .iter()
            .flat_map(|&way| seeds.iter().map(move |seed| &self.of[way][seed]))
            .collect();
        let rows: Option<Vec<&BTreeMap<&str, &Row>>> = cells
            .iter()
            .map(|cell| match cell {
                Cell::Rows(rows) => Some(rows),
                Cell::Number(_) => None,
            })
            .collect();
        let Some((rows, first)) = rows.and_then(|rows| Some((rows.clone(), *rows.first()?))) else {
            return (None, None);
        };
        let items: Vec<(&str, &Row)> = first
            .iter()
            .filter(|(item, row)| {
                let is_shared = |other: &&BTreeMap<&str, &Row>| {
                    other
                        .get(*item)
                        .is_some_and(|other| other.cluster == row.cluster)
                };
                rows.iter().all(is_shared)
            })
            .map(|(item, row)| (*item, *row))
            .collect();
        let most = rows.iter().map(|rows| rows.len()).max().unwrap_or(0);
        let shared = (items.len() < most).then_some(Shared {
            items: items.len(),
            most,
        });
        // A way alone keeps all its samples; which of them seeds share says little of it.
        let is_alone = against == Against::Zero && shared.is_some();
        if items.is_empty() || is_alone {
            return (None, shared);
        }
        let score = |way: usize, seed: u64, item: &str| match &self.of[way][&seed] {
            Cell::Rows(rows) => rows[item].score,
            Cell::Number(value) => *value,
        };
        let mut made = Vec::with_capacity(items.len() * seeds.len());
        for &seed in seeds {
            for &(item, row) in &items {
                made.push(SeedRow {
                    seed,
                    item,
                    cluster: &row.cluster,
                    one: score(one, seed, item),
                    other: match against {
                        Against::Zero => 0.0,
                        Against::Way(other) => score(other, seed, item),
                    },
                });
            }
        }
        (Some(made), shared)
    }

    /// A number a seed: the mean of a run.
    pub fn numbers(&self, one: usize, against: Against, seeds: &BTreeSet<u64>) -> Vec<SeedNumber> {
        let of = |way: usize, seed: &u64| self.of[way][seed].mean();
        let number = |seed: &u64| SeedNumber {
            seed: *seed,
            one: of(one, seed),
            other: match against {
                Against::Zero => 0.0,
                Against::Way(other) => of(other, seed),
            },
        };
        seeds.iter().map(number).collect()
    }
}

/// Samples that all compared runs have.
#[derive(Clone, Copy)]
pub(super) struct Shared {
    /// How many.
    pub items: usize,
    /// How many the run with the most has.
    pub most: usize,
}

/// Whether two runs have one column.
pub(super) fn is_same(one: &Column, other: &Column) -> bool {
    one.name == other.name && one.scorer == other.scorer
}

/// The column of a run, for errors.
struct Place<'a> {
    column: &'a str,
    way: &'a str,
    seed: u64,
}

impl Place<'_> {
    fn by_item<'r>(&self, rows: &'r [Row]) -> Result<BTreeMap<&'r str, &'r Row>, GridError> {
        let mut by_item = BTreeMap::new();
        for row in rows {
            if by_item.insert(row.item.as_str(), row).is_some() {
                return Err(GridError::ItemTwice {
                    column: self.column.to_owned(),
                    way: self.way.to_owned(),
                    seed: self.seed,
                    item: row.item.clone(),
                });
            }
        }
        Ok(by_item)
    }

    fn check(
        &self,
        rows: &BTreeMap<&str, &Row>,
        other: &str,
        other_seed: u64,
        expected: &BTreeMap<&str, &Row>,
    ) -> Result<(), GridError> {
        let missing = |way: &str, seed, item: &str, other: &str, other_seed| {
            Err(GridError::MissingItem {
                column: self.column.to_owned(),
                way: way.to_owned(),
                seed,
                item: item.to_owned(),
                other: other.to_owned(),
                other_seed,
            })
        };
        if let Some(item) = expected.keys().find(|item| !rows.contains_key(*item)) {
            return missing(self.way, self.seed, item, other, other_seed);
        }
        if let Some(item) = rows.keys().find(|item| !expected.contains_key(*item)) {
            return missing(other, other_seed, item, self.way, self.seed);
        }
        let moved = rows
            .iter()
            .find(|(item, row)| row.cluster != expected[*item].cluster);
        moved.map_or(Ok(()), |(item, _)| {
            Err(GridError::OtherCluster {
                column: self.column.to_owned(),
                way: self.way.to_owned(),
                seed: self.seed,
                item: (*item).to_owned(),
                other: other.to_owned(),
            })
        })
    }

    fn other_kind(&self) -> GridError {
        GridError::OtherKind {
            column: self.column.to_owned(),
            way: self.way.to_owned(),
            seed: self.seed,
        }
    }
}
