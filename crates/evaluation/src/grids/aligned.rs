//! A column of all ways, item by item.

use std::collections::{BTreeMap, BTreeSet};

use super::Way;
use super::column::{Column, Row, Values};
use super::error::GridError;
use crate::statistics::{SeedNumber, SeedRow, SetRow, mean};

/// A column with the values of every way and seed.
pub(super) struct Aligned<'a> {
    /// The column as the first run has it.
    pub column: &'a Column,
    /// The values of each way by seed.
    pub of: Vec<BTreeMap<u64, Cell<'a>>>,
}

/// The values of a run.
pub(super) enum Cell<'a> {
    /// The rows in the order of their items.
    Rows(Vec<&'a Row>),
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

impl<'a> Cell<'a> {
    fn rows(&self) -> &[&'a Row] {
        match self {
            Self::Rows(rows) => rows,
            Self::Number(_) => &[],
        }
    }

    fn mean(&self) -> f64 {
        match self {
            Self::Number(value) => *value,
            Self::Rows(rows) => mean(&rows.iter().map(|row| row.score).collect::<Vec<_>>()),
        }
    }
}

impl<'a> Aligned<'a> {
    /// Collects a column from all runs that have it, and sees to it that they answered the same items.
    pub fn new(ways: &'a [Way], column: &'a Column) -> Result<Self, GridError> {
        let mut of = Vec::new();
        // The way, seed and rows that all others are held against.
        let mut first: Option<(&Way, u64, Vec<&Row>)> = None;
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
                    (Values::Samples(rows), Values::Samples(_)) => Cell::Rows(at.sorted(rows)?),
                    (Values::Items(rows), Values::Items(_)) => {
                        let rows = at.sorted(rows)?;
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

    /// What is compared over some seeds, all of which have the column.
    pub fn values(&self, one: usize, against: Against, seeds: &BTreeSet<u64>) -> Compare<'a> {
        match self.column.values {
            Values::Items(_) => Compare::Items(self.items(one, against, seeds)),
            Values::Samples(_) => {
                let set = |way: usize| -> Vec<SetRow<'a>> {
                    let of = seeds.iter().flat_map(|seed| {
                        let rows = self.of[way][seed].rows().iter();
                        rows.map(|row| SetRow {
                            seed: *seed,
                            cluster: &row.cluster,
                            score: row.score,
                        })
                    });
                    of.collect()
                };
                Compare::Sets(
                    set(one),
                    match against {
                        Against::Zero => None,
                        Against::Way(other) => Some(set(other)),
                    },
                )
            }
            Values::Number(_) => Compare::Numbers,
        }
    }

    /// Items with both scores; all runs have the same, as was seen to.
    fn items(&self, one: usize, against: Against, seeds: &BTreeSet<u64>) -> Vec<SeedRow<'a>> {
        let mut made = Vec::new();
        for seed in seeds {
            let own = self.of[one][seed].rows();
            let other = match against {
                Against::Zero => None,
                Against::Way(other) => Some(self.of[other][seed].rows()),
            };
            for (at, row) in own.iter().enumerate() {
                made.push(SeedRow {
                    seed: *seed,
                    item: &row.item,
                    cluster: &row.cluster,
                    one: row.score,
                    other: other.map_or(0.0, |rows| rows[at].score),
                });
            }
        }
        made
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

/// What can be compared of a column.
pub(super) enum Compare<'a> {
    /// Items that all runs have.
    Items(Vec<SeedRow<'a>>),
    /// Sets that each run made itself; none against 0.
    Sets(Vec<SetRow<'a>>, Option<Vec<SetRow<'a>>>),
    /// A number a seed alone.
    Numbers,
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
    /// The rows in the order of their items.
    fn sorted<'r>(&self, rows: &'r [Row]) -> Result<Vec<&'r Row>, GridError> {
        let mut sorted: Vec<&Row> = rows.iter().collect();
        sorted.sort_by(|a, b| a.item.cmp(&b.item));
        match sorted.windows(2).find(|two| two[0].item == two[1].item) {
            Some(two) => Err(GridError::ItemTwice {
                column: self.column.to_owned(),
                way: self.way.to_owned(),
                seed: self.seed,
                item: two[0].item.clone(),
            }),
            None => Ok(sorted),
        }
    }

    /// Holds sorted rows against those of another run.
    fn check(
        &self,
        rows: &[&Row],
        other: &str,
        other_seed: u64,
        expected: &[&Row],
    ) -> Result<(), GridError> {
        let missing = |way: &str, seed, row: &Row, other: &str, other_seed| {
            Err(GridError::MissingItem {
                column: self.column.to_owned(),
                way: way.to_owned(),
                seed,
                item: row.item.clone(),
                other: other.to_owned(),
                other_seed,
            })
        };
        if let Some(row) = first_without(expected, rows) {
            return missing(self.way, self.seed, row, other, other_seed);
        }
        if let Some(row) = first_without(rows, expected) {
            return missing(other, other_seed, row, self.way, self.seed);
        }
        let mut both = rows.iter().zip(expected);
        let moved = both.find(|(row, expected)| row.cluster != expected.cluster);
        moved.map_or(Ok(()), |(row, _)| {
            Err(GridError::OtherCluster {
                column: self.column.to_owned(),
                way: self.way.to_owned(),
                seed: self.seed,
                item: row.item.clone(),
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

/// The first of some sorted rows whose item others lack.
fn first_without<'r>(rows: &[&'r Row], others: &[&Row]) -> Option<&'r Row> {
    let lacks = |row: &&&Row| {
        others
            .binary_search_by(|own| own.item.cmp(&row.item))
            .is_err()
    };
    rows.iter().find(lacks).copied()
}
