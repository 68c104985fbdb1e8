//! Ways of training beside each other, each trained with several random seeds: the means of every column with intervals, the
//! differences of pairs of ways, and what they show in words.
//!
//! A way is whatever was varied: a recipe, a level of a factor, a system of a run. Its runs differ in the random seed alone. What is
//! compared are columns: tasks as [`columns`] reads them from a folder of results, or any other measure.

mod aligned;
mod column;
mod compare;
mod domain;
mod error;
mod folder;
mod table;

pub use column::{Column, Row, Values};
pub use compare::compare;
pub use error::GridError;
pub use folder::{columns, names};
pub use table::{Best, Compared, Domain, Mean, Scores, Table};

/// A way with all its finished runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// What it is called in tables and verdicts, such as `two stages`.
    pub name: String,
    /// A run a seed; none where nothing is finished.
    pub runs: Vec<Run>,
}

/// What was measured of a way with one random seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// The random seed; runs of two ways with one seed are paired.
    pub seed: u64,
    /// Its columns, in the order in which tables show them.
    pub columns: Vec<Column>,
}
