//! Comparisons over seeds against `scipy` and `statsmodels`, and how often their intervals hold the truth.

use evaluation::statistics::{OverSeeds, SeedRow, holm, t_quantile, t_two_sided};
use serde_json::Value;

use crate::golden;
use crate::seeded::{Clusters, World, run};

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

#[test]
fn comparisons_are_those_of_mixed_models() {
    let golden = golden("seeds.json");
    let comparisons = golden["comparisons"].as_array().expect("comparisons");
    assert_eq!(comparisons.len(), 8);
    for comparison in comparisons {
        let name = comparison["name"].as_str().expect("a name");
        let clusters: Vec<String> = comparison["cluster"]
            .as_array()
            .expect("clusters")
            .iter()
            .map(Value::to_string)
            .collect();
        let items: Vec<String> = (0..clusters.len()).map(|n| format!("item {n}")).collect();
        let scores = |way: &str| -> Vec<Vec<f64>> {
            comparison[way]
                .as_array()
                .expect("seeds")
                .iter()
                .map(numbers)
                .collect()
        };
        let mut rows = Vec::new();
        for (seed, (one, other)) in scores("one").iter().zip(scores("other")).enumerate() {
            for (n, item) in items.iter().enumerate() {
                rows.push(SeedRow {
                    seed: seed as u64,
                    item,
                    cluster: &clusters[n],
                    one: one[n],
                    other: other[n],
                });
            }
        }
        let found = OverSeeds::new(&rows).expect(name);
        let expected = &comparison["expected"];
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
        for (part, expected) in parts
            .iter()
            .zip(expected["variance"].as_array().expect("parts"))
        {
            match part {
                Some(part) => close(*part, expected, name),
                None => assert!(expected.is_null(), "{name}"),
            }
        }
    }
}

#[test]
fn intervals_hold_the_truth() {
    let of = |seed_variance, sizes| {
        let world = World {
            seeds: 5,
            clusters: 50,
            seed_variance,
            rest_variance: 1.0,
            sizes,
        };
        let found = run(world, 1000);
        // Two standard errors of 1,000 repetitions are 1.4 points.
        assert!((93.0..=97.0).contains(&found.held), "{world:?}: {found:?}");
        found
    };
    let [none, equal, large] = [0.0, 1.0, 4.0].map(|variance| of(variance, Clusters::Single));
    // From the clusters' 49 degrees of freedom down to the seeds' 4, as seeds come to matter more.
    assert!(none.freedom > 30.0 && equal.freedom < 8.0 && large.freedom < 5.0);
    // Of the last the true variance is 36/5 and a little, t with 4 degrees is 2.776, and a deviation that is estimated with
    // 4 degrees is 0.94 of the true one on average.
    let expected = 2.0 * 2.776 * 0.94 * 7.416_f64.sqrt();
    assert!((large.width / expected - 1.0).abs() < 0.05, "{large:?}");
    assert!(none.width < equal.width && equal.width < large.width);
    of(1.0, Clusters::Unequal);
}
