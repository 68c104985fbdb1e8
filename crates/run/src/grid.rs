//! Grids: factors over a recipe, and the cells that they make. A cell is a recipe with a few keys said anew.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

mod cells;
mod entries;
mod factors;
mod file;
mod settings;
mod tables;

#[cfg(test)]
mod tests;

/// A grid as its file says it; paths are full.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    /// What a table of it is called.
    pub title: String,
    /// What it shows and where it is from, in a sentence or two.
    pub about: String,
    /// What the cells are made over; none where every cell has a recipe by its levels.
    pub ground: Option<Ground>,
    /// Recipe keys of all cells, over those of the recipe: `section.key=value`.
    pub set: Vec<String>,
    /// What of a finished cell stays on the disk.
    pub keep: Keep,
    /// What trainings of different ways have in common.
    pub matching: Matching,
    /// The factors, in the order of the file.
    pub factors: Vec<Factor>,
    /// The cells, if the file lists them, each by its levels; otherwise they are the product of the factors.
    pub list: Vec<Levels>,
    /// Combinations that are left out of the product.
    pub skips: Vec<Skip>,
    /// Which way round the table is.
    pub layout: Layout,
    /// The paper's own numbers.
    pub published: Vec<Published>,
    /// What a reader of the table must know, such as where its numbers do not compare with the paper's.
    pub notes: Vec<String>,
}

/// What cells are made over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// A recipe.
    Recipe(PathBuf),
    /// The demo's recipe over an embedded domain, whose files are written into the lab.
    Demo {
        /// The domain, such as `food`.
        domain: String,
        /// The random seed that draws its pairs and questions. Seeds of cells do not change them.
        seed: u64,
    },
}

/// What of a finished cell stays on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// All that its stages left.
    #[default]
    Models,
    /// All but the weights of models that no unfinished cell needs.
    Predictions,
}

/// What trainings of different ways have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// How often each sample is seen.
    #[default]
    Epochs,
    /// How many tokens are learned: as many as the cell of the reference levels learns, with the same seed.
    Tokens,
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

/// Something that is varied.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    /// What it is called, such as `pipeline`; unique.
    pub name: String,
    /// The level that the others are compared with; none where they are not.
    pub reference: Option<String>,
    /// Whether its levels are random seeds (`run.seed`): these are not compared, they say how far chance goes.
    pub is_seed: bool,
    /// Its levels, in the order of the file; at least one.
    pub levels: Vec<Level>,
}

/// One value of a factor.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// What it is called, such as `two stages`; unique in its factor.
    pub name: String,
    /// What it is, in a sentence; empty where the name says it.
    pub about: String,
    /// The recipe that it is over; at most one level of a cell names one.
    pub recipe: Option<PathBuf>,
    /// Recipe keys: `section.key=value`.
    pub set: Vec<String>,
    /// What it would need that a program cannot give, in a sentence: it has a row and no cells.
    pub needs: Option<String>,
}

/// A level's name for each factor's.
pub type Levels = BTreeMap<String, String>;

/// A combination that has no cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Skip {
    /// Its levels; factors that are not named are meant whatever their level.
    pub levels: Levels,
    /// Why.
    pub because: String,
}

/// Published scores of a way.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// Its levels, random seeds aside; factors that are not named do not matter.
    pub levels: Levels,
    /// The system in the run: `adapted`, `base`, or `after-<stage>`.
    pub system: String,
    /// Scores, 0 to 100, by column: a task's id, `<task> open`, `<task> closed`, a domain's id for its average, or any
    /// other measure by its name.
    pub scores: BTreeMap<String, f64>,
    /// Where they are from, such as `table 5`.
    pub source: String,
    /// Why they do not compare with ours, in a sentence; empty where they do.
    pub differs: String,
}

/// A recipe of a grid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Unique in the grid and fit for a file name: its levels' names, cut down to letters, digits and hyphens, between
    /// underscores.
    pub name: String,
    /// Its levels by factor, seeds included.
    pub levels: Levels,
    /// Its random seed, if one of the factors is the seed.
    pub seed: Option<u64>,
    /// What it is over.
    pub ground: Ground,
    /// Recipe keys over that, as [`crate::recipe::resolve`] takes them: those of the grid, `section.key?=value`, then those of its
    /// levels in the order of the factors, `section.key=value`. What the grid says of all cells is passed over in a cell whose
    /// levels leave it unread, such as steps of a synthesizer where none is tuned.
    pub set: Vec<String>,
}

/// A combination of levels without its random seed: what a table has a row for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// The names of its levels, between commas; factors with one level are left out where another has several.
    pub name: String,
    /// Its levels by factor, without the seed's.
    pub levels: Levels,
    /// What it would need that a program cannot give; then it has no cells.
    pub needs: Option<String>,
    /// Its cells' random seeds and names, in the order of the grid's cells; a single one without a seed where no factor is the
    /// seed.
    pub cells: Vec<(Option<u64>, String)>,
}
