//! Comparisons over seeds against `scipy` and `statsmodels`, and how often their intervals hold the truth.

use corpus::seed::Rng;
use evaluation::statistics::{
    Chance, OverSeeds, SeedError, SeedNumber, SeedRow, SetRow, holm, t_quantile, t_two_sided,
};
use serde_json::Value;

use crate::golden;
use crate::seeded::{Clusters, Tasks, World, run};

#[track_caller]
fn close(found: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().expect("a number");
    assert!(
        (found - expected).abs() <= 1e-9 * expected.abs(),
        "{what}: {found} instead of {expected}"
    );
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().expect("a list").iter();
    values.map(|v| v.as_f64().expect("a number")).collect()
}

#[test]
fn students_t_is_that_of_scipy() {
    let golden = golden("seeds.json");
    let rows = golden["t"].as_array().expect("rows");
    assert_eq!(rows.len(), 221);
    for row in rows {
        let at = |n: usize| row[n].as_f64().expect("a number");
        let found = match row[0].as_str() {
            // The quantile of a half is 0, which bisection meets to its last step.
            Some("quantile") if at(3).abs() < 1e-15 => {
                assert!(t_quantile(at(1), at(2)).abs() < 1e-9);
                continue;
            }
            Some("quantile") => t_quantile(at(1), at(2)),
            _ => t_two_sided(at(1), at(2)),
        };
        close(found, &row[3], &row.to_string());
    }
}

#[test]
fn holm_is_that_of_statsmodels() {
    for table in golden("seeds.json")["holm"].as_array().expect("tables") {
        let found = holm(&numbers(&table[0])).expect("p-values");
        for (found, expected) in found.iter().zip(table[1].as_array().expect("p-values")) {
            close(*found, expected, "Holm");
        }
    }
}

/// The items of a task as the golden file has them.
struct Task {
    items: Vec<String>,
    clusters: Vec<String>,
    /// A list of scores a seed.
    one: Vec<Vec<f64>>,
    other: Vec<Vec<f64>>,
}

impl Task {
    fn new(value: &Value) -> Self {
        let list = |key: &str| value[key].as_array().expect("a list").iter();
        let clusters: Vec<String> = list("cluster").map(Value::to_string).collect();
        Self {
            items: (0..clusters.len()).map(|n| format!("item {n}")).collect(),
            one: list("one").map(numbers).collect(),
            other: list("other").map(numbers).collect(),
            clusters,
        }
    }

    fn rows(&self) -> Vec<SeedRow<'_>> {
        let mut rows = Vec::new();
        for (seed, (one, other)) in self.one.iter().zip(&self.other).enumerate() {
            for (n, item) in self.items.iter().enumerate() {
                rows.push(SeedRow {
                    seed: seed as u64,
                    item,
                    cluster: &self.clusters[n],
                    one: one[n],
                    other: other[n],
                });
            }
        }
        rows
    }
}

#[track_caller]
fn equal(found: &OverSeeds, expected: &Value, name: &str) {
    close(found.one, &expected["one"], name);
    close(found.other, &expected["other"], name);
    close(found.difference, &expected["difference"], name);
    close(found.error.expect("a spread"), &expected["error"], name);
    close(found.freedom.expect("a spread"), &expected["freedom"], name);
    close(found.interval[0], &expected["interval"][0], name);
    close(found.interval[1], &expected["interval"][1], name);
    close(found.p, &expected["p"], name);
    let variances = found.variances.expect("a spread");
    let parts = [variances.seeds, Some(variances.clusters), variances.rest];
    let of_golden = expected["variance"].as_array().expect("parts");
    for (part, expected) in parts.iter().zip(of_golden) {
        match part {
            Some(part) => close(*part, expected, name),
            None => assert!(expected.is_null(), "{name}"),
        }
    }
}

#[test]
fn comparisons_are_those_of_mixed_models() {
    let golden = golden("seeds.json");
    let comparisons = golden["comparisons"].as_array().expect("comparisons");
    assert_eq!(comparisons.len(), 8);
    for comparison in comparisons {
        let name = comparison["name"].as_str().expect("a name");
        let task = Task::new(comparison);
        let found = OverSeeds::new(&task.rows()).expect(name);
        equal(&found, &comparison["expected"], name);
    }
}

#[test]
fn averages_are_those_of_mixed_models() {
    let golden = golden("seeds.json");
    let averages = golden["averages"].as_array().expect("averages");
    assert_eq!(averages.len(), 4);
    for average in averages {
        let name = average["name"].as_str().expect("a name");
        let tasks: Vec<Task> = average["tasks"]
            .as_array()
            .expect("tasks")
            .iter()
            .map(Task::new)
            .collect();
        let rows: Vec<Vec<SeedRow>> = tasks.iter().map(Task::rows).collect();
        let found = OverSeeds::of_average(&rows).expect(name);
        equal(&found, &average["expected"], name);
    }
}

#[test]
fn the_average_of_one_task_is_that_task() {
    for comparison in golden("seeds.json")["comparisons"].as_array().expect("all") {
        let task = Task::new(comparison);
        let rows = task.rows();
        let (alone, average) = (OverSeeds::new(&rows), OverSeeds::of_average(&[rows]));
        assert_eq!(alone, average);
    }
}

#[test]
fn numbers_without_items_have_the_interval_of_a_paired_t_test() {
    // scipy 1.17.1: the paired t test of [61, 64, 70] and [60, 60, 60] and its confidence interval.
    let numbers = [(4, 61.0), (9, 64.0), (2, 70.0)].map(|(seed, one)| SeedNumber {
        seed,
        one,
        other: 60.0,
    });
    let found = OverSeeds::of_numbers(&numbers).expect("numbers");
    let expected = [
        0.199_359_230_974_564_34,
        -6.383_749_100_790_279,
        16.383_749_100_790_28,
    ];
    for (found, expected) in [found.p, found.interval[0], found.interval[1]]
        .iter()
        .zip(expected)
    {
        assert!(
            (found - expected).abs() < 1e-9,
            "{found} instead of {expected}"
        );
    }
    assert_eq!(
        (found.chance, found.seeds, found.items),
        (Chance::Seeds, 3, 0)
    );
    let by_seed: Vec<u64> = found.by_seed.iter().map(|of| of.seed).collect();
    assert_eq!(by_seed, [2, 4, 9]);
    // One number says nothing of others.
    let alone = OverSeeds::of_numbers(&numbers[..1]).expect("a number");
    assert_eq!(
        (alone.interval, alone.p, alone.error),
        ([-100.0, 100.0], 1.0, None)
    );
}

#[test]
fn says_which_numbers_are_none() {
    let number = |seed, one| SeedNumber {
        seed,
        one,
        other: 60.0,
    };
    for (numbers, expected) in [
        (vec![], "there are no scores"),
        (
            vec![number(3, 100.5)],
            "seed 3 has the number 100.5, which is not between 0 and 100",
        ),
        (
            vec![number(3, 1.0), number(3, 2.0)],
            "seed 3 is there twice",
        ),
    ] {
        let error = OverSeeds::of_numbers(&numbers).expect_err("bad numbers");
        assert_eq!(error.to_string(), expected);
    }
    let row = |seed| SeedRow {
        seed,
        item: "a",
        cluster: "a",
        one: 1.0,
        other: 2.0,
    };
    let error = OverSeeds::of_average(&[vec![row(1), row(2)], vec![row(1)]]).expect_err("a gap");
    assert_eq!(
        error.to_string(),
        "task 2 of the average has no scores with seed 2, which another task has"
    );
    assert_eq!(OverSeeds::of_average(&[]), Err(SeedError::Empty));
}

#[test]
fn intervals_hold_the_truth() {
    let of = |seed_variance, sizes, tasks| {
        let world = World {
            seeds: 5,
            clusters: 50,
            seed_variance,
            rest_variance: 1.0,
            sizes,
            tasks,
        };
        let found = run(world, 1000);
        // Two standard errors of 1,000 repetitions are 1.4 points.
        assert!((93.0..=97.0).contains(&found.held), "{world:?}: {found:?}");
        found
    };
    let [none, equal, large] =
        [0.0, 1.0, 4.0].map(|variance| of(variance, Clusters::Single, Tasks::One));
    // From the clusters' 49 degrees of freedom down to the seeds' 4, as seeds come to matter more.
    assert!(none.freedom > 30.0 && equal.freedom < 8.0 && large.freedom < 5.0);
    // Of the last the true variance is 36/5 and a little, t with 4 degrees is 2.776, and a deviation that is estimated with
    // 4 degrees is 0.94 of the true one on average.
    let expected = 2.0 * 2.776 * 0.94 * 7.416_f64.sqrt();
    assert!((large.width / expected - 1.0).abs() < 0.05, "{large:?}");
    assert!(none.width < equal.width && equal.width < large.width);
    of(1.0, Clusters::Unequal, Tasks::One);
    of(1.0, Clusters::Unequal, Tasks::Shared);
    of(1.0, Clusters::Single, Tasks::Uneven);
}

/// Normal, by the sum of twelve.
fn normal(rng: &mut Rng) -> f64 {
    (0..12).map(|_| rng.unit()).sum::<f64>() - 6.0
}

#[test]
fn sets_of_the_same_items_are_compared_as_these_items() {
    let mut rng = Rng::new(3);
    let mut rows = Vec::new();
    let names: Vec<String> = (0..30).map(|at| format!("{at}")).collect();
    for seed in 1..=4 {
        for name in &names {
            let [one, other] = [60.0, 50.0].map(|mean| mean + 5.0 * normal(&mut rng));
            let (item, cluster) = (name.as_str(), &name[..1]);
            rows.push(SeedRow {
                seed,
                item,
                cluster,
                one,
                other,
            });
        }
    }
    let set = |score: fn(&SeedRow) -> f64| -> Vec<SetRow> {
        let rows = rows.iter().map(|row| SetRow {
            seed: row.seed,
            cluster: row.cluster,
            score: score(row),
        });
        rows.collect()
    };
    let paired = OverSeeds::new(&rows).expect("rows");
    let sets = OverSeeds::of_sets(&set(|row| row.one), Some(&set(|row| row.other))).expect("sets");
    for (found, expected) in [
        (sets.difference, paired.difference),
        (sets.interval[0], paired.interval[0]),
        (sets.interval[1], paired.interval[1]),
        (sets.p, paired.p),
    ] {
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }
    assert_eq!(sets.chance, Chance::SeedsAndClusters);
}

/// Percent of intervals that hold the truth where every seed of either way makes items of about half of the clusters.
fn held_by_sets(seeds: u64, of_seeds: f64, repetitions: usize) -> f64 {
    let clusters: Vec<String> = (0..120).map(|at| format!("c{at}")).collect();
    let mut rng = Rng::new(17);
    let mut held = 0;
    for _ in 0..repetitions {
        let effects: Vec<[f64; 2]> = clusters
            .iter()
            .map(|_| [6.0 * normal(&mut rng), 3.0 * normal(&mut rng)])
            .collect();
        let (mut one, mut other) = (Vec::new(), Vec::new());
        for seed in 1..=seeds {
            let shift = of_seeds * normal(&mut rng);
            for (cluster, [shared, own]) in clusters.iter().zip(&effects) {
                for (rows, mean) in [(&mut one, 40.0 + shift + own), (&mut other, 30.0)] {
                    for _ in 0..rng.below(4).saturating_sub(1) {
                        rows.push(SetRow {
                            seed,
                            cluster,
                            score: mean + shared + 4.0 * normal(&mut rng),
                        });
                    }
                }
            }
        }
        let found = OverSeeds::of_sets(&one, Some(&other)).expect("sets");
        held += usize::from((found.interval[0]..=found.interval[1]).contains(&10.0));
    }
    100.0 * held as f64 / repetitions as f64
}

#[test]
fn intervals_of_sets_hold_the_truth() {
    for (seeds, of_seeds) in [(1, 0.0), (5, 0.0), (5, 1.0), (5, 4.0)] {
        let held = held_by_sets(seeds, of_seeds, 2_000);
        assert!((93.0..=97.0).contains(&held), "{seeds} {of_seeds}: {held}");
    }
}
