//! Two ways of training on the same items, each trained with several random seeds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bootstrap::mean;
use super::clusters::Clusters;
use super::comparison::FEW;
use super::crossed::{Uncertainty, one_way, two_way};
use super::distribution::{t_quantile, t_two_sided};

/// How [`OverSeeds`] is made, in a sentence for a report.
pub const OVER_SEEDS_METHOD: &str = "t interval of the paired difference whose variance has a part of seeds and a part of clusters \
     (crossed two-way layout, method of moments, Satterthwaite's degrees of freedom)";

/// Standard errors below this many points are rounding.
const ROUNDING: f64 = 1e-9;

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
}

/// What chance an interval counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chance {
    /// Other items alone: there is one seed, which says nothing about others.
    Clusters,
    /// Other items and other seeds.
    SeedsAndClusters,
}

/// The difference after training with one seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct OfSeed {
    /// The seed.
    pub seed: u64,
    /// One way minus the other, the mean of the items.
    pub difference: f64,
}

/// Where the variance of the items' differences comes from, in squared points.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Variances {
    /// Of seeds, whatever the cluster; null with one seed.
    pub seeds: Option<f64>,
    /// Of clusters, whatever the seed; with one seed together with the rest.
    pub clusters: f64,
    /// Of a cluster with a seed beyond both; null with one seed.
    pub rest: Option<f64>,
}

/// Two ways over seeds and clusters; points are of 0 to 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverSeeds {
    /// How many seeds there are.
    pub seeds: usize,
    /// How many items each seed answered.
    pub items: usize,
    /// How many clusters they lie in.
    pub clusters: usize,
    /// Whether that is fewer than [`FEW`].
    pub too_few: bool,
    /// What the interval and `p` count.
    pub chance: Chance,
    /// Mean score of one way.
    pub one: f64,
    /// Mean score of the other.
    pub other: f64,
    /// One minus the other.
    pub difference: f64,
    /// 95 % interval of the difference.
    pub interval: [f64; 2],
    /// The standard error of the difference; null with one cluster.
    pub error: Option<f64>,
    /// The degrees of freedom of the standard error; null without any spread or with one cluster.
    pub freedom: Option<f64>,
    /// Two-sided p-value; below 0.05 where the interval excludes 0.
    pub p: f64,
    /// The components behind the standard error; null with one cluster.
    pub variances: Option<Variances>,
    /// The difference with each seed, in the order of the seeds.
    pub by_seed: Vec<OfSeed>,
}

impl OverSeeds {
    /// Compares two ways whose every seed answered the same items.
    ///
    /// The estimate d is the mean of the seeds' means, and d ± t·√V its interval, where V = σₛ²/S + σ꜀²/C + σₑ²/SC with the
    /// components of the two-way layout of S seeds and C clusters, and t is the quantile of Student's t with Satterthwaite's
    /// degrees of freedom (1946). Resampling a handful of seeds would show too little of their spread. Clusters of unequal
    /// size enter by the sum of their items' deviations from the seed's mean, times C over the number of items, as in the
    /// linearised variance of a ratio (Cochran, 1977, §6.3). Of one seed V is that of clusters alone, with C − 1 degrees.
    ///
    /// Of 95 % intervals over five seeds or ten 94 to 96 hold the truth, over three 92 to 96 and over two as few as 87
    /// (`examples/seeds.rs`): the fewer seeds, the less is known of how uncertain their own spread is.
    ///
    /// With one cluster the interval is everything that is possible. If all clusters of all seeds show the same difference,
    /// there is no spread to go by; p is then that of exchanging both ways in whole clusters, 2 in 2^C.
    ///
    /// ```
    /// use evaluation::statistics::{OverSeeds, SeedRow};
    /// let score = [[60.0, 72.0, 80.0], [66.0, 70.0, 86.0]];
    /// let rows = [1, 2].into_iter().zip(score).flat_map(|(seed, scores)| {
    ///     ["a", "b", "c"].into_iter().zip(scores).map(move |(item, one)| SeedRow { seed, item, cluster: item, one, other: 50.0 })
    /// });
    /// let found = OverSeeds::new(&rows.collect::<Vec<_>>())?;
    /// assert!((found.difference - 67.0 / 3.0).abs() < 1e-9 && found.interval[0] < 0.0);
    /// # Ok::<(), evaluation::statistics::SeedError>(())
    /// ```
    pub fn new(rows: &[SeedRow]) -> Result<Self, SeedError> {
        let Balanced {
            seeds,
            clusters: keys,
        } = balanced(rows)?;
        let clusters = Clusters::new(&keys);
        let (count, items) = (clusters.count(), keys.len());
        let by_seed: Vec<OfSeed> = seeds
            .iter()
            .map(|(&seed, differences)| OfSeed {
                seed,
                difference: mean(differences),
            })
            .collect();
        let table: Vec<Vec<f64>> = seeds
            .values()
            .zip(&by_seed)
            .map(|(differences, of_seed)| linearised(differences, of_seed.difference, &clusters))
            .collect();
        let of =
            |score: fn(&SeedRow) -> f64| rows.iter().map(score).sum::<f64>() / rows.len() as f64;
        let mut found = Self {
            seeds: table.len(),
            items,
            clusters: count,
            too_few: count < FEW,
            chance: Chance::SeedsAndClusters,
            one: of(|row| row.one),
            other: of(|row| row.other),
            difference: by_seed.iter().map(|s| s.difference).sum::<f64>() / table.len() as f64,
            interval: [-100.0, 100.0],
            error: None,
            freedom: None,
            p: 1.0,
            variances: None,
            by_seed,
        };
        if let [only] = table.as_slice() {
            found.chance = Chance::Clusters;
            if count > 1 {
                let uncertainty = one_way(only);
                found.judge(
                    uncertainty,
                    Variances {
                        seeds: None,
                        clusters: uncertainty.variance * count as f64,
                        rest: None,
                    },
                );
            }
        } else if count > 1 {
            let (components, uncertainty) = two_way(&table);
            found.judge(
                uncertainty,
                Variances {
                    seeds: Some(components.seeds),
                    clusters: components.clusters,
                    rest: Some(components.rest),
                },
            );
        }
        Ok(found)
    }

    /// Fills in interval and p-value.
    fn judge(&mut self, uncertainty: Uncertainty, variances: Variances) {
        let error = uncertainty.variance.sqrt();
        self.error = Some(error);
        self.variances = Some(variances);
        if error < ROUNDING {
            self.interval = [self.difference; 2];
            self.p = if self.difference.abs() < ROUNDING {
                1.0
            } else {
                2.0_f64.powf(1.0 - self.clusters as f64)
            };
            return;
        }
        let half = t_quantile(0.975, uncertainty.freedom) * error;
        self.interval = [
            (self.difference - half).max(-100.0),
            (self.difference + half).min(100.0),
        ];
        self.freedom = Some(uncertainty.freedom);
        self.p = t_two_sided(self.difference / error, uncertainty.freedom);
    }
}

/// What every seed has of every item, all in one order of the items.
struct Balanced<'a> {
    /// The differences of each seed.
    seeds: BTreeMap<u64, Vec<f64>>,
    /// The cluster of each item.
    clusters: Vec<&'a str>,
}

fn balanced<'a>(rows: &[SeedRow<'a>]) -> Result<Balanced<'a>, SeedError> {
    let mut seeds: BTreeMap<u64, BTreeMap<&str, f64>> = BTreeMap::new();
    let mut clusters: BTreeMap<&str, &str> = BTreeMap::new();
    for row in rows {
        let item = || row.item.to_owned();
        if let Some(value) = [row.one, row.other]
            .into_iter()
            .find(|score| !(-ROUNDING..=100.0 + ROUNDING).contains(score))
        {
            return Err(SeedError::NotAScore {
                item: item(),
                seed: row.seed,
                value,
            });
        }
        let cluster = *clusters.entry(row.item).or_insert(row.cluster);
        if cluster != row.cluster {
            return Err(SeedError::TwoClusters {
                item: item(),
                first: cluster.to_owned(),
                seed: row.seed,
                second: row.cluster.to_owned(),
            });
        }
        let of_seed = seeds.entry(row.seed).or_default();
        if of_seed.insert(row.item, row.one - row.other).is_some() {
            return Err(SeedError::Twice {
                item: item(),
                seed: row.seed,
            });
        }
    }
    if rows.is_empty() {
        return Err(SeedError::Empty);
    }
    for (&seed, of_seed) in &seeds {
        if let Some(item) = clusters.keys().find(|item| !of_seed.contains_key(*item)) {
            return Err(SeedError::Missing {
                item: (*item).to_owned(),
                seed,
            });
        }
    }
    Ok(Balanced {
        seeds: seeds
            .into_iter()
            .map(|(seed, of_seed)| (seed, of_seed.into_values().collect()))
            .collect(),
        clusters: clusters.into_values().collect(),
    })
}

/// A value a cluster whose mean is that of the items and whose spread is that of the clusters' sums.
fn linearised(differences: &[f64], mean: f64, clusters: &Clusters) -> Vec<f64> {
    let mut values = vec![0.0; clusters.count()];
    for (&cluster, difference) in clusters.of_item().iter().zip(differences) {
        values[cluster] += difference - mean;
    }
    let scale = values.len() as f64 / differences.len() as f64;
    values.iter().map(|sum| mean + scale * sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seed: u64, item: &'static str, one: f64) -> SeedRow<'static> {
        SeedRow {
            seed,
            item,
            cluster: item,
            one,
            other: 40.0,
        }
    }

    #[test]
    fn says_what_is_wrong_with_the_rows() {
        let elsewhere = SeedRow {
            cluster: "x",
            ..row(2, "a", 1.0)
        };
        for (rows, expected) in [
            (vec![], "there are no scores"),
            (
                vec![row(1, "a", f64::NAN)],
                "item `a` has the score NaN with seed 1, which is not between 0 and 100",
            ),
            (
                vec![row(1, "a", 101.0)],
                "item `a` has the score 101 with seed 1, which is not between 0 and 100",
            ),
            (
                vec![row(3, "a", 1.0), row(3, "a", 1.0)],
                "item `a` is there twice with seed 3",
            ),
            (
                vec![row(1, "a", 1.0), elsewhere],
                "item `a` lies in cluster `a`, and with seed 2 in cluster `x`",
            ),
            (
                vec![row(1, "a", 1.0), row(1, "b", 1.0), row(2, "a", 1.0)],
                "item `b` is missing with seed 2; every seed must answer the same items",
            ),
        ] {
            let error = OverSeeds::new(&rows).expect_err("bad rows").to_string();
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn without_spread_it_is_the_test_that_exchanges_clusters() {
        let rows = |one| -> Vec<_> {
            let of_seed = |seed| ["a", "b", "c"].map(|item| row(seed, item, one));
            [1, 2].into_iter().flat_map(of_seed).collect()
        };
        let all = OverSeeds::new(&rows(45.0)).expect("rows");
        assert_eq!((all.interval, all.p, all.freedom), ([5.0, 5.0], 0.25, None));
        let none = OverSeeds::new(&rows(40.0)).expect("rows");
        assert_eq!(
            (none.interval, none.p, none.error),
            ([0.0, 0.0], 1.0, Some(0.0))
        );
    }

    #[test]
    fn one_cluster_shows_nothing() {
        for rows in [
            vec![row(1, "a", 90.0)],
            vec![row(1, "a", 90.0), row(2, "a", 91.0)],
        ] {
            let found = OverSeeds::new(&rows).expect("rows");
            assert_eq!(
                (found.interval, found.p, found.error),
                ([-100.0, 100.0], 1.0, None)
            );
            assert!(found.too_few);
        }
    }

    #[test]
    fn the_order_of_rows_does_not_matter() {
        let mut rows = Vec::new();
        for (seed, shift) in [(9, 0.0), (2, 3.0), (5, 7.0)] {
            for (item, one) in [("b", 50.0), ("a", 44.0), ("c", 61.0)] {
                rows.push(row(seed, item, one + shift));
            }
        }
        let found = OverSeeds::new(&rows).expect("rows");
        rows.reverse();
        let again = OverSeeds::new(&rows).expect("rows");
        assert_eq!((found.interval, found.p), (again.interval, again.p));
        let seeds: Vec<u64> = found.by_seed.iter().map(|s| s.seed).collect();
        assert_eq!(seeds, [2, 5, 9]);
    }
}
