//! Two ways of training on the same items, each trained with several random seeds.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::bootstrap::mean;
use super::clusters::Clusters;
use super::comparison::FEW;
use super::crossed::{Uncertainty, one_way, two_way};
use super::distribution::{t_quantile, t_two_sided};
use super::seed_rows::{
    Balanced, ROUNDING, SeedError, SeedNumber, SeedRow, SetRow, balanced, by_seed, sets_by_seed,
};

/// How [`OverSeeds`] is made, in a sentence for a report.
pub const OVER_SEEDS_METHOD: &str = "t interval of the paired difference whose variance has a part of seeds and a part of clusters \
     (crossed two-way layout, method of moments, Satterthwaite's degrees of freedom)";

/// What chance an interval counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chance {
    /// Other items alone: there is one seed, which says nothing about others.
    Clusters,
    /// Other items and other seeds.
    SeedsAndClusters,
    /// Other seeds alone: each has one number, which says nothing about items.
    Seeds,
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
    /// Of clusters, whatever the seed; with one seed together with the rest, of numbers without items 0.
    pub clusters: f64,
    /// Of a cluster with a seed beyond both; null with one seed.
    pub rest: Option<f64>,
}

/// Two ways over seeds and clusters; points are of 0 to 100.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OverSeeds {
    /// How many seeds there are.
    pub seeds: usize,
    /// How many items each seed answered, those of all tasks together.
    pub items: usize,
    /// How many clusters they lie in; of numbers without items 0.
    pub clusters: usize,
    /// How many the task with the fewest has.
    pub fewest: usize,
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
        Self::of(&[balanced(rows)?])
    }

    /// Compares two ways by the plain mean of several tasks, however many items each has. Tasks share a cluster where its key
    /// is the same.
    ///
    /// As [`OverSeeds::new`], which it is for one task: a cluster enters by the sum over the T tasks of its items' deviations from
    /// the task's mean of that seed, divided by T times the task's number of items, times the C clusters of all tasks together.
    /// Tasks may differ in size; one with fewer than [`FEW`] clusters makes the interval a little short (`examples/seeds.rs`).
    ///
    /// ```
    /// use evaluation::statistics::{OverSeeds, SeedRow};
    /// let task = |scores: &[f64]| -> Vec<SeedRow> {
    ///     let items = ["a", "b", "c", "d"].into_iter().zip(scores);
    ///     items.map(|(item, &one)| SeedRow { seed: 1, item, cluster: item, one, other: 50.0 }).collect()
    /// };
    /// // A mean of 70 over four items and of 50 over two.
    /// let found = OverSeeds::of_average(&[task(&[60.0, 70.0, 70.0, 80.0]), task(&[40.0, 60.0])])?;
    /// assert_eq!((found.one, found.difference, found.items, found.clusters), (60.0, 10.0, 6, 4));
    /// # Ok::<(), evaluation::statistics::SeedError>(())
    /// ```
    pub fn of_average(tasks: &[Vec<SeedRow>]) -> Result<Self, SeedError> {
        let tasks: Result<Vec<Balanced>, SeedError> =
            tasks.iter().map(|rows| balanced(rows)).collect();
        Self::of(&tasks?)
    }

    /// Compares two ways by one number a seed: the interval is d ± t·√(σ²/S) of the S seeds' differences, with S − 1 degrees of
    /// freedom. Of one seed it is everything that is possible.
    ///
    /// ```
    /// use evaluation::statistics::{OverSeeds, SeedNumber};
    /// let numbers = [(1, 61.0), (2, 64.0), (3, 67.0)].map(|(seed, one)| SeedNumber { seed, one, other: 60.0 });
    /// let found = OverSeeds::of_numbers(&numbers)?;
    /// // 4 ± 4.3027 · 3 / √3
    /// assert!((found.interval[1] - 11.452).abs() < 1e-3);
    /// # Ok::<(), evaluation::statistics::SeedError>(())
    /// ```
    pub fn of_numbers(numbers: &[SeedNumber]) -> Result<Self, SeedError> {
        let seeds = by_seed(numbers)?;
        let differences: Vec<f64> = seeds.values().map(|n| n.one - n.other).collect();
        let of =
            |score: fn(&SeedNumber) -> f64| mean(&seeds.values().map(score).collect::<Vec<f64>>());
        let mut found = Self {
            too_few: false,
            chance: Chance::Seeds,
            ..Self::unjudged(
                [0; 3],
                [of(|n| n.one), of(|n| n.other)],
                seeds
                    .iter()
                    .map(|(&seed, n)| OfSeed {
                        seed,
                        difference: n.one - n.other,
                    })
                    .collect(),
            )
        };
        if differences.len() > 1 {
            let uncertainty = one_way(&differences);
            found.judge(
                uncertainty,
                Variances {
                    seeds: Some(uncertainty.variance * differences.len() as f64),
                    clusters: 0.0,
                    rest: None,
                },
            );
        }
        Ok(found)
    }

    /// Compares two sets by the means of their items, or a set with 0 throughout where there is no `other`. Every seed makes sets of
    /// its own, of which no two need have an item in common; what ties them are the clusters.
    ///
    /// As [`OverSeeds::new`], with the C clusters of all sets together: with each seed a cluster enters by its items' share in the
    /// linearised mean of each set, C·Σ(x − x̄)/n, which is 0 where it has none. Seeds that only one way has are left out;
    /// [`OverSeeds::items`] counts the items of both sets, of the seed with the fewest.
    ///
    /// ```
    /// use evaluation::statistics::{OverSeeds, SetRow};
    /// let set = |score: f64, clusters: &[&'static str]| -> Vec<SetRow<'static>> {
    ///     let rows = clusters.iter().enumerate();
    ///     rows.map(|(at, cluster)| SetRow { seed: 1, cluster, score: score + 10.0 * (at % 2) as f64 }).collect()
    /// };
    /// let found = OverSeeds::of_sets(&set(60.0, &["a", "b", "c", "d"]), Some(&set(50.0, &["c", "d", "e", "f"])))?;
    /// assert_eq!((found.one, found.other, found.clusters), (65.0, 55.0, 6));
    /// # Ok::<(), evaluation::statistics::SeedError>(())
    /// ```
    pub fn of_sets(one: &[SetRow], other: Option<&[SetRow]>) -> Result<Self, SeedError> {
        let mut ones = sets_by_seed(one)?;
        let others = other.map(sets_by_seed).transpose()?;
        if let Some(others) = &others {
            ones.retain(|seed, _| others.contains_key(seed));
        }
        if ones.is_empty() {
            return Err(SeedError::Empty);
        }
        let sets = ones.iter().map(|(&seed, own)| {
            let other = others.as_ref().map(|others| others[&seed].as_slice());
            (seed, own.as_slice(), other.unwrap_or_default())
        });
        let sets: Vec<(u64, &[SetRow], &[SetRow])> = sets.collect();
        let all = sets
            .iter()
            .flat_map(|(_, own, other)| own.iter().chain(*other));
        let mut places: BTreeMap<&str, usize> = all.map(|row| (row.cluster, 0)).collect();
        for (at, place) in places.values_mut().enumerate() {
            *place = at;
        }
        let count = places.len();
        let (mut table, mut by_seed, mut means) = (Vec::new(), Vec::new(), [0.0, 0.0]);
        let mut items = usize::MAX;
        for &(seed, own, other) in &sets {
            let mut values = vec![0.0; count];
            let mut of_seed = [0.0, 0.0];
            for (at, (rows, sign)) in [(own, 1.0), (other, -1.0)].into_iter().enumerate() {
                if rows.is_empty() {
                    continue;
                }
                let size = rows.len() as f64;
                of_seed[at] = rows.iter().map(|row| row.score).sum::<f64>() / size;
                for row in rows {
                    values[places[row.cluster]] +=
                        sign * count as f64 * (row.score - of_seed[at]) / size;
                }
            }
            let difference = of_seed[0] - of_seed[1];
            table.push(values.iter().map(|value| difference + value).collect());
            by_seed.push(OfSeed { seed, difference });
            for (mean, of_seed) in means.iter_mut().zip(of_seed) {
                *mean += of_seed / sets.len() as f64;
            }
            items = items.min(own.len() + other.len());
        }
        let mut found = Self::unjudged([items, count, count], means, by_seed);
        found.judge_table(&table);
        Ok(found)
    }

    /// Nothing known yet of chance.
    fn unjudged(
        [items, clusters, fewest]: [usize; 3],
        [one, other]: [f64; 2],
        by_seed: Vec<OfSeed>,
    ) -> Self {
        Self {
            seeds: by_seed.len(),
            items,
            clusters,
            fewest,
            too_few: fewest < FEW,
            chance: Chance::SeedsAndClusters,
            one,
            other,
            difference: by_seed.iter().map(|s| s.difference).sum::<f64>() / by_seed.len() as f64,
            interval: [-100.0, 100.0],
            error: None,
            freedom: None,
            p: 1.0,
            variances: None,
            by_seed,
        }
    }

    /// The mean of tasks, each of which was asked with the same seeds.
    fn of(tasks: &[Balanced]) -> Result<Self, SeedError> {
        let seeds: BTreeSet<u64> = tasks.iter().flat_map(|t| t.seeds.keys().copied()).collect();
        if seeds.is_empty() {
            return Err(SeedError::Empty);
        }
        for (at, task) in tasks.iter().enumerate() {
            if let Some(&seed) = seeds.iter().find(|seed| !task.seeds.contains_key(seed)) {
                return Err(SeedError::TaskWithoutSeed { task: at + 1, seed });
            }
        }
        let keys: Vec<&str> = tasks
            .iter()
            .flat_map(|t| t.clusters.iter().copied())
            .collect();
        let clusters = Clusters::new(&keys);
        let table: Vec<(OfSeed, Vec<f64>)> = seeds
            .iter()
            .map(|&seed| {
                let (difference, values) = linearised(tasks, seed, &clusters);
                (OfSeed { seed, difference }, values)
            })
            .collect();
        let (by_seed, table): (Vec<OfSeed>, Vec<Vec<f64>>) = table.into_iter().unzip();
        let of =
            |score: fn(&Balanced) -> f64| tasks.iter().map(score).sum::<f64>() / tasks.len() as f64;
        let count = clusters.count();
        let means = [of(|task| task.one), of(|task| task.other)];
        let of_task = tasks
            .iter()
            .map(|task| Clusters::new(&task.clusters).count());
        let fewest = of_task.min().unwrap_or(0);
        let mut found = Self::unjudged([keys.len(), count, fewest], means, by_seed);
        found.judge_table(&table);
        Ok(found)
    }

    /// Fills in interval and p-value by a row a seed and a column a cluster.
    fn judge_table(&mut self, table: &[Vec<f64>]) {
        let count = table.first().map_or(0, Vec::len);
        if let [only] = table {
            self.chance = Chance::Clusters;
            if count > 1 {
                let uncertainty = one_way(only);
                let variances = Variances {
                    seeds: None,
                    clusters: uncertainty.variance * count as f64,
                    rest: None,
                };
                self.judge(uncertainty, variances);
            }
        } else if count > 1 {
            let (components, uncertainty) = two_way(table);
            let variances = Variances {
                seeds: Some(components.seeds),
                clusters: components.clusters,
                rest: Some(components.rest),
            };
            self.judge(uncertainty, variances);
        }
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
                let units = match self.chance {
                    Chance::Seeds => self.seeds,
                    Chance::Clusters | Chance::SeedsAndClusters => self.clusters,
                };
                2.0_f64.powf(1.0 - units as f64)
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

/// The mean of the tasks with a seed, and a value a cluster whose mean is that and whose spread is that of the clusters' sums.
fn linearised(tasks: &[Balanced], seed: u64, clusters: &Clusters) -> (f64, Vec<f64>) {
    let count = tasks.len() as f64;
    let (mut of_all, mut spread) = (0.0, vec![0.0; clusters.count()]);
    let mut places = clusters.of_item().iter();
    for task in tasks {
        let differences = &task.seeds[&seed];
        let of_task = mean(differences);
        let mut sums = vec![0.0; spread.len()];
        for (difference, &cluster) in differences.iter().zip(places.by_ref()) {
            sums[cluster] += difference - of_task;
        }
        let scale = spread.len() as f64 / differences.len() as f64;
        for (value, sum) in spread.iter_mut().zip(sums) {
            *value += scale * sum / count;
        }
        of_all += of_task;
    }
    let of_all = of_all / count;
    (of_all, spread.iter().map(|value| of_all + value).collect())
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
