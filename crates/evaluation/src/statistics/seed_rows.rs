//! Scores of two ways by seed, and whether they fit together.

use std::collections::{BTreeMap, HashMap};

/// Points below this are rounding.
pub(super) const ROUNDING: f64 = 1e-9;

/// An item that both ways answered after training with one seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeedRow<'a> {
    /// The random seed of both trainings.
    pub seed: u64,
    /// The item's id, the same with every seed.
    pub item: &'a str,
    /// What the item shares with others, such as its picture.
    pub cluster: &'a str,
    /// The score of one way, 0 to 100.
    pub one: f64,
    /// The score of the other way, 0 to 100.
    pub other: f64,
}

/// Rows that are no comparison over seeds.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SeedError {
    /// No row at all.
    #[error("there are no scores")]
    Empty,
    /// A score lies outside the scale, or is no number.
    #[error("item `{item}` has the score {value} with seed {seed}, which is not between 0 and 100")]
    NotAScore {
        /// The item.
        item: String,
        /// The seed.
        seed: u64,
        /// What the score is.
        value: f64,
    },
    /// An item is there twice with one seed.
    #[error("item `{item}` is there twice with seed {seed}")]
    Twice {
        /// The item.
        item: String,
        /// The seed.
        seed: u64,
    },
    /// An item lies in another cluster with another seed.
    #[error("item `{item}` lies in cluster `{first}`, and with seed {seed} in cluster `{second}`")]
    TwoClusters {
        /// The item.
        item: String,
        /// Its cluster with the first seed.
        first: String,
        /// The seed where it lies elsewhere.
        seed: u64,
        /// Its cluster there.
        second: String,
    },
    /// An item was not answered with every seed.
    #[error("item `{item}` is missing with seed {seed}; every seed must answer the same items")]
    Missing {
        /// The item.
        item: String,
        /// The seed that lacks it.
        seed: u64,
    },
    /// A task of an average was not asked with every seed.
    #[error("task {task} of the average has no scores with seed {seed}, which another task has")]
    TaskWithoutSeed {
        /// The place of the task, counted from 1.
        task: usize,
        /// The seed that it lacks.
        seed: u64,
    },
    /// A number of a seed lies outside the scale, or is none.
    #[error("seed {seed} has the number {value}, which is not between 0 and 100")]
    NotOnTheScale {
        /// The seed.
        seed: u64,
        /// What it has.
        value: f64,
    },
    /// An item of a set that a run made has no score on the scale.
    #[error(
        "an item of cluster `{cluster}` has the score {value} with seed {seed}, which is not between -100 and 100"
    )]
    NotOfASet {
        /// The item's cluster.
        cluster: String,
        /// The seed.
        seed: u64,
        /// What the score is.
        value: f64,
    },
    /// A seed has two numbers.
    #[error("seed {seed} is there twice")]
    SeedTwice {
        /// The seed.
        seed: u64,
    },
}

/// A number that each of two ways has of one seed, with nothing behind it that could be resampled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeedNumber {
    /// The random seed of both.
    pub seed: u64,
    /// The number of one way, 0 to 100.
    pub one: f64,
    /// The number of the other way, 0 to 100.
    pub other: f64,
}

/// An item of a set that a run made itself; other runs have other items.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SetRow<'a> {
    /// The random seed of the run.
    pub seed: u64,
    /// What the item shares with others, be it of another set or seed: the pair that it was made of.
    pub cluster: &'a str,
    /// Its score, -100 to 100.
    pub score: f64,
}

/// The rows of each seed.
pub(super) fn sets_by_seed<'a>(
    rows: &[SetRow<'a>],
) -> Result<BTreeMap<u64, Vec<SetRow<'a>>>, SeedError> {
    let mut seeds: BTreeMap<u64, Vec<SetRow>> = BTreeMap::new();
    for row in rows {
        if !(-100.0..=100.0).contains(&row.score) {
            return Err(SeedError::NotOfASet {
                cluster: row.cluster.to_owned(),
                seed: row.seed,
                value: row.score,
            });
        }
        seeds.entry(row.seed).or_default().push(*row);
    }
    if seeds.is_empty() {
        return Err(SeedError::Empty);
    }
    Ok(seeds)
}

/// What every seed has of every item of a task, all in one order of the items.
pub(super) struct Balanced<'a> {
    /// The differences of each seed.
    pub(super) seeds: BTreeMap<u64, Vec<f64>>,
    /// The cluster of each item.
    pub(super) clusters: Vec<&'a str>,
    /// Mean score of one way.
    pub(super) one: f64,
    /// Mean score of the other.
    pub(super) other: f64,
}

/// Rows of one task.
pub(super) fn balanced<'a>(rows: &[SeedRow<'a>]) -> Result<Balanced<'a>, SeedError> {
    let mut items = Items::default();
    let mut seeds: BTreeMap<u64, Vec<Option<f64>>> = BTreeMap::new();
    for row in rows {
        if let Some(value) = off_the_scale([row.one, row.other]) {
            return Err(SeedError::NotAScore {
                item: row.item.to_owned(),
                seed: row.seed,
                value,
            });
        }
        let at = items.place(row)?;
        let of_seed = seeds.entry(row.seed).or_default();
        if of_seed.len() <= at {
            of_seed.resize(at + 1, None);
        }
        if of_seed[at].replace(row.one - row.other).is_some() {
            return Err(SeedError::Twice {
                item: row.item.to_owned(),
                seed: row.seed,
            });
        }
    }
    if rows.is_empty() {
        return Err(SeedError::Empty);
    }
    // Sums in one order have the same last digits whatever the order of the rows.
    let order = items.order();
    let mut of_seeds = BTreeMap::new();
    for (seed, of_seed) in seeds {
        let mut differences = Vec::with_capacity(order.len());
        for &at in &order {
            let difference = of_seed.get(at).copied().flatten();
            differences.push(difference.ok_or_else(|| SeedError::Missing {
                item: items.all[at].0.to_owned(),
                seed,
            })?);
        }
        of_seeds.insert(seed, differences);
    }
    let of = |score: fn(&SeedRow) -> f64| rows.iter().map(score).sum::<f64>() / rows.len() as f64;
    Ok(Balanced {
        seeds: of_seeds,
        clusters: order.iter().map(|&at| items.all[at].1).collect(),
        one: of(|row| row.one),
        other: of(|row| row.other),
    })
}

/// Items with their clusters, numbered as they come.
#[derive(Default)]
struct Items<'a> {
    all: Vec<(&'a str, &'a str)>,
    numbers: HashMap<&'a str, usize>,
}

impl<'a> Items<'a> {
    /// The number of a row's item, which must lie in the cluster where it lay before.
    fn place(&mut self, row: &SeedRow<'a>) -> Result<usize, SeedError> {
        let at = *self.numbers.entry(row.item).or_insert(self.all.len());
        if at == self.all.len() {
            self.all.push((row.item, row.cluster));
        }
        let cluster = self.all[at].1;
        if cluster != row.cluster {
            return Err(SeedError::TwoClusters {
                item: row.item.to_owned(),
                first: cluster.to_owned(),
                seed: row.seed,
                second: row.cluster.to_owned(),
            });
        }
        Ok(at)
    }

    /// The numbers in the order of the items' ids.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        order.sort_by_key(|&at| self.all[at].0);
        order
    }
}

/// The numbers by seed.
pub(super) fn by_seed(numbers: &[SeedNumber]) -> Result<BTreeMap<u64, SeedNumber>, SeedError> {
    let mut seeds = BTreeMap::new();
    for number in numbers {
        let seed = number.seed;
        if let Some(value) = off_the_scale([number.one, number.other]) {
            return Err(SeedError::NotOnTheScale { seed, value });
        }
        if seeds.insert(seed, *number).is_some() {
            return Err(SeedError::SeedTwice { seed });
        }
    }
    if seeds.is_empty() {
        return Err(SeedError::Empty);
    }
    Ok(seeds)
}

fn off_the_scale(scores: [f64; 2]) -> Option<f64> {
    let is_off = |score: &f64| !(-ROUNDING..=100.0 + ROUNDING).contains(score);
    scores.into_iter().find(is_off)
}
