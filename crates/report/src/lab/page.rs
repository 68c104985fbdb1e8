//! What a grid came to.

use std::collections::BTreeMap;

use evaluation::grids::Compared;
use serde::{Deserialize, Serialize};

/// A grid's table with all that a reader must know of it; `table.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// What the table is called.
    pub title: String,
    /// What it shows, in a sentence or two.
    pub about: String,
    /// Which way round it is.
    pub layout: Layout,
    /// The factors, random seeds aside: what the rows' `levels` are levels of.
    pub factors: Vec<String>,
    /// The rows in order.
    pub rows: Vec<Row>,
    /// The scores of the rows that have any, and what they show.
    pub compared: Compared,
    /// What a reader must know, in sentences with or without a full stop.
    pub notes: Vec<String>,
    /// What it took; null where nobody knows.
    pub work: Option<Work>,
}

/// Which way round a table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// A row a way, a column a task.
    #[default]
    Tasks,
    /// A row a task, a column a way.
    Ways,
}

/// A system of a combination of levels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is called, such as `two stages`.
    pub name: String,
    /// Its level of each factor, in the order of the page's factors; empty where it does not have that factor.
    pub levels: Vec<String>,
    /// The system in its runs: `adapted`, `base`, `after-<stage>`, or whatever else has scores.
    pub system: String,
    /// Its place among the ways that were compared; null where it has no finished cell or cannot have one.
    pub way: Option<usize>,
    /// How many cells it has, one a seed.
    pub cells: usize,
    /// How many of them are finished.
    pub finished: usize,
    /// The others.
    pub unfinished: Vec<Unfinished>,
    /// Optimizer steps, the mean over its finished cells.
    pub steps: Option<f64>,
    /// Tokens that carried loss, the mean over its finished cells.
    pub learned_tokens: Option<f64>,
    /// The paper's own scores.
    pub published: Option<Published>,
    /// What it would need that a program cannot give, in a sentence; it has no cells then.
    pub needs: Option<String>,
}

/// A cell that is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// The cell's name.
    pub cell: String,
    /// Why.
    pub state: State,
}

/// Why a cell is not finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing of it was tried, or another process is at it.
    NotDone,
    /// It waits for something that is missing, such as a model; in a sentence.
    Waits(String),
    /// A stage of it failed; in a sentence.
    Failed(String),
}

/// Scores that the paper prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Scores, 0 to 100, by column as [`Scores::name`](evaluation::grids::Scores::name) has it; an average's is its domain.
    pub scores: BTreeMap<String, f64>,
    /// Where they are from, such as `table 5`.
    pub source: String,
    /// Why they do not compare with ours, in a sentence; empty where they do.
    pub differs: String,
}

/// What a grid took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// How many stages have to run, each content key once.
    pub stage_runs: usize,
    /// How many would run if every cell ran all of its own.
    pub unshared: usize,
    /// Seconds that the plan gave for them; null where it could not tell.
    pub planned: Option<f64>,
    /// Seconds that the finished ones took.
    pub measured: Option<f64>,
}

impl Work {
    /// The share of stage runs that cells save by sharing them, 0 to 100.
    ///
    /// ```
    /// let work = report::lab::Work { stage_runs: 30, unshared: 120, ..Default::default() };
    /// assert_eq!(work.saved(), 75.0);
    /// ```
    pub fn saved(&self) -> f64 {
        match self.unshared {
            0 => 0.0,
            unshared => 100.0 * (1.0 - self.stage_runs as f64 / unshared as f64),
        }
    }
}
