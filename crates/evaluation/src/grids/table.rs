//! Tables of ways.

use serde::{Deserialize, Serialize};

use crate::scoring::Scorer;
use crate::statistics::{Chance, OfSeed, OverSeeds, Verdict};

/// Ways beside each other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The ways, in the order that they were given in.
    pub ways: Vec<String>,
    /// The places of the ways that were compared.
    pub pairs: Vec<(usize, usize)>,
    /// A table by the strict scorer, then one by the published scorer where there are such scores.
    pub tables: Vec<Table>,
    /// What is not compared as a reader would think, in sentences without a full stop.
    pub notes: Vec<String>,
}

/// All columns by one scorer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// The scorer.
    pub scorer: Scorer,
    /// The domains, in the order in which runs have them.
    pub domains: Vec<Domain>,
    /// What each pair shows on each domain: of its average, or of each column where it has none. P-values are adjusted over
    /// these.
    pub verdicts: Vec<Verdict>,
    /// What each pair shows on each column; p-values are adjusted over these.
    pub by_column: Vec<Verdict>,
}

/// The columns of a domain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// The domain; `own` for a user's tasks.
    pub domain: String,
    /// Whether these are the columns of a built-in domain, so that its average is made like that of the paper.
    pub is_whole: bool,
    /// One a task and metric.
    pub columns: Vec<Scores>,
    /// The plain mean over the columns; null for a column alone, and for measures that are no tasks.
    pub average: Option<Scores>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// What it is called in files; of an average the domain.
    pub name: String,
    /// What stands over it.
    pub title: String,
    /// The task; empty for measures and averages.
    pub task: String,
    /// The metric's name; empty for measures, `mean` for averages.
    pub metric: String,
    /// The ways in their order; null for one without a finished run.
    pub of: Vec<Option<Mean>>,
    /// The pairs in their order, the first minus the second; null where both have no seed in common.
    pub differences: Vec<Option<OverSeeds>>,
    /// The best way against the next best; null with fewer than two.
    pub best: Option<Best>,
}

/// The mean of a way over its seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mean {
    /// The mean of the seeds' means, 0 to 100.
    pub value: f64,
    /// Its 95 % interval; null where nothing is known of chance.
    pub interval: Option<[f64; 2]>,
    /// What the interval counts.
    pub chance: Chance,
    /// How many items each seed answered; 0 of numbers without items.
    pub items: usize,
    /// How many clusters they lie in.
    pub clusters: usize,
    /// The mean with each seed.
    pub by_seed: Vec<OfSeed>,
}

/// The best way of a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its place among the ways.
    pub way: usize,
    /// The place of the next best.
    pub next: usize,
    /// By how much it is better.
    pub difference: f64,
    /// 95 % interval of that.
    pub interval: [f64; 2],
    /// The p-value of this comparison alone.
    pub p: f64,
    /// The p-value adjusted over the best ways of all columns and averages of the table.
    pub p_holm: f64,
    /// Whether it is told apart from the next best: by `p_holm`, and not on too few clusters.
    pub is_marked: bool,
}

impl Table {
    /// All columns in order, averages after their domains.
    pub fn columns(&self) -> impl Iterator<Item = &Scores> {
        let domains = self.domains.iter();
        domains.flat_map(|domain| domain.columns.iter().chain(&domain.average))
    }
}

impl Scores {
    /// Whether a way is marked as the best one.
    pub fn marks(&self, way: usize) -> bool {
        let best = self.best.as_ref();
        best.is_some_and(|best| best.is_marked && best.way == way)
    }
}

impl Mean {
    /// The first of the two ways that were compared, the other of which is 0 throughout. No score is below `lowest`.
    pub(super) fn of(found: OverSeeds, lowest: f64) -> Self {
        let [low, high] = found.interval;
        Self {
            value: found.one,
            interval: found.error.map(|_| [low.max(lowest), high]),
            chance: found.chance,
            items: found.items,
            clusters: found.clusters,
            by_seed: found.by_seed,
        }
    }
}
