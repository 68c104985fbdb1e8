//! Agreement, stratified estimates and variety against the field's packages.

use corpus::seed::Rng;
use evaluation::metrics::{distinct, self_bleu};
use evaluation::statistics::{
    Alpha, Bootstrap, Clusters, Drawn, Error, Filter, Level, SampleError, SampledStratum,
    ScoredStratum, Share, Undefined, Weights, alpha, alpha_interval, exact_agreement, kappa, pairs,
    position_effect, rater_bias, stratified_mean, stratified_share, threshold_curve,
};
use serde_json::Value;

use crate::golden;

/// Equal within 1e-9 of the value, or of 1 for small ones.
#[track_caller]
fn close(found: Option<f64>, expected: &Value, what: &str) {
    match (found, expected.as_f64()) {
        (None, None) if expected.is_null() => {}
        (Some(found), Some(expected))
            if (found - expected).abs() <= 1e-9 * expected.abs().max(1.0) => {}
        _ => panic!("{what}: {found:?} instead of {expected}"),
    }
}

#[track_caller]
fn is_share(found: Option<Share>, expected: &Value, what: &str) {
    let numbers = [
        found.map(|f| f.value),
        found.map(|f| f.low),
        found.map(|f| f.high),
    ];
    for (at, found) in numbers.into_iter().enumerate() {
        let expected = expected.get(at).unwrap_or(&Value::Null);
        close(found, expected, &format!("{what}, number {at}"));
    }
}

fn rows(name: &str) -> Vec<Value> {
    let golden = golden("agreement.json");
    golden[name].as_array().expect("rows").clone()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn numbers(value: &Value) -> Vec<f64> {
    let numbers = list(value).iter();
    numbers.map(|v| v.as_f64().expect("a number")).collect()
}

fn units(value: &Value) -> Vec<Vec<Option<f64>>> {
    let unit = |unit: &Value| list(unit).iter().map(Value::as_f64).collect();
    list(value).iter().map(unit).collect()
}

#[test]
fn alpha_is_that_of_krippendorff() {
    let rows = rows("agreement");
    assert_eq!(rows.len(), 14 + 36 + 1);
    for row in rows {
        let units = units(&row["units"]);
        let levels = [Level::Nominal, Level::Ordinal, Level::Interval];
        for (level, expected) in levels.into_iter().zip(list(&row["alpha"])) {
            close(alpha(&units, level), expected, &format!("{level:?} {row}"));
        }
        close(exact_agreement(&units), &row["exact"], &row.to_string());
    }
}

#[test]
fn kappa_is_that_of_scikit_learn() {
    for row in rows("kappa") {
        let units: Vec<_> = numbers(&row["one"])
            .into_iter()
            .zip(numbers(&row["other"]))
            .map(|(one, other)| vec![Some(one), None, Some(other)])
            .collect();
        let pairs = pairs(&units, 0, 2);
        let weights = [Weights::Plain, Weights::Linear, Weights::Quadratic];
        for (weights, expected) in weights.into_iter().zip(list(&row["kappa"])) {
            close(
                kappa(&pairs, weights),
                expected,
                &format!("{weights:?} {row}"),
            );
        }
    }
    assert_eq!(kappa(&[], Weights::Plain), None);
    assert_eq!(kappa(&[(1.0, f64::NAN)], Weights::Plain), None);
}

#[test]
fn variety_is_that_of_nltk() {
    for row in rows("variety") {
        let texts: Vec<&str> = list(&row["texts"])
            .iter()
            .map(|t| t.as_str().expect("a text"))
            .collect();
        for (found, expected) in distinct(&texts).into_iter().zip(list(&row["distinct"])) {
            close(found, expected, &row.to_string());
        }
        close(self_bleu(&texts), &row["self_bleu"], &row.to_string());
    }
}

#[test]
fn stratified_means_are_those_of_statsmodels() {
    for row in rows("stratified") {
        let values: Vec<Vec<f64>> = list(&row["strata"])
            .iter()
            .map(|stratum| numbers(&stratum["values"]))
            .collect();
        let strata: Vec<SampledStratum> = list(&row["strata"])
            .iter()
            .zip(&values)
            .map(|(stratum, values)| SampledStratum {
                total: stratum["total"].as_u64().expect("a number") as usize,
                values,
                clusters: None,
            })
            .collect();
        let found = stratified_mean(&strata).expect("a sample");
        let what = row.to_string();
        close(Some(found.mean), &row["mean"], &what);
        close(Some(found.total().0), &row["total"], &what);
        close(found.standard_error, &row["error"], &what);
        close(found.freedom, &row["freedom"], &what);
        if row["interval"].is_array() {
            let interval = found.interval.expect("an interval");
            close(Some(interval[0]), &row["interval"][0], &what);
            close(Some(interval[1]), &row["interval"][1], &what);
        }
        if row["share"].is_array() {
            let share = stratified_share(&strata).expect("a sample");
            close(Some(share.value), &row["mean"], &what);
            close(Some(share.low), &row["share"][0], &what);
            close(Some(share.high), &row["share"][1], &what);
        }
        // Every item a cluster of its own is the same sample.
        let singles: Vec<Clusters> = values.iter().map(|v| Clusters::single(v.len())).collect();
        let clustered: Vec<SampledStratum> = strata
            .iter()
            .zip(&singles)
            .map(|(stratum, clusters)| SampledStratum {
                clusters: Some(clusters),
                ..*stratum
            })
            .collect();
        assert_eq!(stratified_mean(&clustered).expect("a sample"), found);
    }
}

fn drawn(total: usize, right: &[bool]) -> Drawn<'_> {
    Drawn {
        total,
        right,
        clusters: None,
    }
}

fn right(count: usize, of: usize) -> Vec<bool> {
    (0..of).map(|n| n < count).collect()
}

#[test]
fn limits_of_a_share_are_those_of_scipy() {
    for row in rows("limits") {
        let count = |key: &str| row[key].as_u64().expect("a number") as usize;
        let kept = right(count("right"), count("n"));
        // So many that the sample takes nothing away.
        let found = Filter::measure(drawn(1_000_000_000_000_000, &kept), drawn(0, &[]));
        let found = found.expect("a sample");
        let precision = found.precision.expect("kept items");
        close(Some(precision.low), &row["low"], &row.to_string());
        close(Some(precision.high), &row["high"], &row.to_string());
        // Nothing was dropped.
        if count("right") > 0 {
            let recall = found.recall.expect("right items");
            assert!((recall.value - 1.0).abs() < 1e-12 && (recall.low - 1.0).abs() < 1e-9);
        }
    }
}

#[test]
fn a_filter_is_measured_as_scikit_learn_does_with_weights() {
    for row in rows("filters") {
        let side = |key: &str| {
            let counts: Vec<usize> = numbers(&row[key]).iter().map(|&n| n as usize).collect();
            (counts[0], right(counts[2], counts[1]))
        };
        let (kept, dropped) = (side("kept"), side("dropped"));
        let found = Filter::measure(drawn(kept.0, &kept.1), drawn(dropped.0, &dropped.1));
        let found = found.expect("a sample");
        let what = row.to_string();
        is_share(found.precision, &row["precision"], &what);
        is_share(found.recall, &row["recall"], &what);
        is_share(found.f1, &row["f1"], &what);
        is_share(Some(found.accuracy), &row["accuracy"], &what);
        is_share(Some(found.right_before), &row["right_before"], &what);
    }
}

#[test]
fn the_threshold_curve_is_that_of_scikit_learn_with_weights() {
    for row in rows("curves") {
        let items: Vec<Vec<(f64, bool)>> = list(&row["items"])
            .iter()
            .map(|stratum| {
                let item = |item: &Value| (item[0].as_f64().expect("a score"), item[1] == true);
                list(stratum).iter().map(item).collect()
            })
            .collect();
        let strata: Vec<ScoredStratum> = numbers(&row["totals"])
            .iter()
            .zip(&items)
            .map(|(&total, items)| ScoredStratum {
                total: total as usize,
                items,
                clusters: None,
            })
            .collect();
        let points = list(&row["points"]);
        let thresholds: Vec<f64> = points
            .iter()
            .map(|p| p["threshold"].as_f64().expect("a number"))
            .collect();
        let curve = threshold_curve(&strata, &thresholds).expect("a sample");
        for (found, expected) in curve.iter().zip(points) {
            let what = expected.to_string();
            close(Some(found.drawn as f64), &expected["drawn"], &what);
            close(Some(found.kept), &expected["kept"], &what);
            is_share(found.precision, &expected["precision"], &what);
            is_share(found.recall, &expected["recall"], &what);
        }
    }
}

#[test]
fn at_the_filters_own_threshold_the_curve_is_the_filter() {
    let mut rng = Rng::new(6);
    for (kept, dropped, size) in [(3000, 7000, 1), (120, 90_000, 3)] {
        let mut side = |base: f64| -> Vec<(f64, bool)> {
            let mut item = |_| {
                let score = base + rng.unit() / 2.0;
                (score, rng.chance(score))
            };
            (0..60).map(&mut item).collect()
        };
        let (above, below) = (side(0.5), side(0.0));
        let keys: Vec<String> = (0..60).map(|n| (n / size).to_string()).collect();
        let clusters = Clusters::new(&keys);
        let scored = |total, items| ScoredStratum {
            total,
            items,
            clusters: Some(&clusters),
        };
        let curve = threshold_curve(&[scored(kept, &above), scored(dropped, &below)], &[0.5]);
        let point = curve.expect("a sample")[0];
        let right = |items: &[(f64, bool)]| items.iter().map(|item| item.1).collect::<Vec<_>>();
        let (above, below) = (right(&above), right(&below));
        let side = |total, right| Drawn {
            clusters: Some(&clusters),
            ..drawn(total, right)
        };
        let filter = Filter::measure(side(kept, &above), side(dropped, &below)).expect("a sample");
        for (found, expected) in [
            (point.precision, filter.precision),
            (point.recall, filter.recall),
        ] {
            let (found, expected) = (found.expect("items"), expected.expect("items"));
            for difference in [
                found.value - expected.value,
                found.low - expected.low,
                found.high - expected.high,
            ] {
                assert!(difference.abs() < 1e-9, "{found:?} {expected:?}");
            }
        }
    }
}

#[test]
fn why_alpha_has_no_value_is_said() {
    let bootstrap = Bootstrap::new(1);
    let of = |units: &[Vec<Option<f64>>]| {
        let clusters = Clusters::single(units.len());
        alpha_interval(units, Level::Ordinal, &clusters, &bootstrap)
    };
    assert_eq!(of(&[]), Err(Undefined::NothingToPair));
    assert_eq!(
        of(&[vec![Some(1.0), None], vec![None, Some(2.0)]]),
        Err(Undefined::NothingToPair)
    );
    assert_eq!(
        of(&[vec![Some(1.0), Some(1.0)], vec![None, Some(2.0)]]),
        Err(Undefined::NoVariation)
    );
    assert_eq!(
        of(&[vec![Some(1.0); 2], vec![Some(f64::NAN)]]),
        Err(Undefined::NotFinite { unit: 1 })
    );
    let two = [vec![Some(1.0), Some(2.0)], vec![Some(2.0), Some(2.0)]];
    assert_eq!(
        alpha_interval(&two, Level::Ordinal, &Clusters::single(3), &bootstrap),
        Err(Undefined::Lengths { units: 2, keys: 3 })
    );
    let one_cluster = Clusters::new(&["a", "a"]);
    let found = alpha_interval(&two, Level::Ordinal, &one_cluster, &bootstrap).expect("two values");
    assert_eq!(
        (found.interval, found.clusters, found.ratings),
        (None, 1, 4)
    );
}

/// Ratings of `raters` who know a truth of 1 to 5 in 7 of 10 cases, and say anything else; one in ten is missing.
fn rated(rng: &mut Rng, units: usize, raters: usize) -> Vec<Vec<Option<f64>>> {
    let mut unit = |_| {
        let truth = 1 + rng.below(5);
        let mut rating = |_| {
            let value = if rng.chance(0.7) {
                truth
            } else {
                1 + rng.below(5)
            };
            (!rng.chance(0.1)).then_some(value as f64)
        };
        (0..raters).map(&mut rating).collect()
    };
    (0..units).map(&mut unit).collect()
}

#[test]
fn intervals_of_alpha_hold_it_and_copies_add_nothing() {
    let mut rng = Rng::new(3);
    let bootstrap = |seed| Bootstrap {
        resamples: 300,
        ..Bootstrap::new(seed)
    };
    for level in [Level::Nominal, Level::Ordinal, Level::Interval] {
        // Two raters both know the truth in 49 of 100 cases; else one of them is independent of the other.
        let truth = 0.49;
        let found = alpha(&rated(&mut rng, 100_000, 2), level).expect("variation");
        assert!((found - truth).abs() < 0.01, "{found}");
        let mut held = 0;
        for seed in 0..300 {
            let units = rated(&mut rng, 100, 2);
            let single = Clusters::single(100);
            let found = alpha_interval(&units, level, &single, &bootstrap(seed)).expect("values");
            let [low, high] = found.interval.expect("many clusters");
            held += usize::from(low <= truth && truth <= high);
        }
        // 95 % and three standard errors.
        assert!((274..=296).contains(&held), "{level:?}: {held} of 300");
    }
    let units = rated(&mut rng, 40, 3);
    let doubled: Vec<_> = units.iter().flat_map(|u| [u.clone(), u.clone()]).collect();
    let keys: Vec<String> = (0..80).map(|n| (n / 2).to_string()).collect();
    let width = |units: &[Vec<Option<f64>>], clusters: &Clusters| {
        let found: Alpha =
            alpha_interval(units, Level::Nominal, clusters, &bootstrap(1)).expect("values");
        let [low, high] = found.interval.expect("clusters");
        high - low
    };
    // The factor n − 1 differs, of about 120 or 240 ratings.
    let (once, twice) = (
        width(&units, &Clusters::single(40)),
        width(&doubled, &Clusters::new(&keys)),
    );
    assert!((once - twice).abs() < 0.01, "{once} {twice}");
}

#[test]
fn a_harsh_rater_and_a_favoured_place_are_found() {
    let mut rng = Rng::new(8);
    let units: Vec<Vec<Option<f64>>> = (0..200)
        .map(|_| {
            let truth = 2.0 + rng.below(3) as f64;
            let third = rng.chance(0.5).then_some(truth);
            vec![Some(truth), Some(truth - 1.0), third]
        })
        .collect();
    let keys: Vec<String> = (0..200).map(|n| (n / 4).to_string()).collect();
    let clusters = Clusters::new(&keys);
    let bootstrap = Bootstrap::new(2);
    let harsh = rater_bias(&units, 1, &clusters, &bootstrap).expect("shared items");
    assert!((harsh.mean + 1.0).abs() < 1e-12);
    assert_eq!((harsh.items, harsh.clusters), (200, 50));
    // Against the mean of one who agrees and one who is a step lower, or of the latter alone.
    let fair = rater_bias(&units, 0, &clusters, &bootstrap).expect("shared items");
    let [low, high] = fair.interval.expect("clusters");
    assert!(0.5 < low && low < fair.mean && fair.mean < high && high < 1.0);
    assert_eq!(
        rater_bias(&units, 3, &clusters, &bootstrap),
        Err(Error::Empty)
    );

    let first = [5.0, 4.0, 4.0, 3.0];
    let last = [4.0, 4.0, 3.0, 3.0];
    let found = position_effect(&first, &last, &Clusters::single(4), &bootstrap).expect("ratings");
    assert!((found.mean - 0.5).abs() < 1e-12 && found.interval.is_some());
    let one = Clusters::new(&["a"; 4]);
    let found = position_effect(&first, &last, &one, &bootstrap).expect("ratings");
    assert_eq!((found.interval, found.clusters), (None, 1));
}

#[test]
fn samples_that_say_nothing_are_named() {
    let stratum = |total, values| SampledStratum {
        total,
        values,
        clusters: None,
    };
    let error = |strata: &[SampledStratum]| stratified_share(strata).expect_err("bad").to_string();
    assert_eq!(
        stratified_mean(&[stratum(0, &[])]),
        Err(SampleError::NoItems)
    );
    assert_eq!(
        error(&[stratum(2, &[0.0]), stratum(5, &[])]),
        "none of the 5 items of stratum 1 (counted from 0) was drawn"
    );
    assert_eq!(
        error(&[stratum(1, &[0.0, 1.0])]),
        "2 items were drawn of the 1 of stratum 0 (counted from 0)"
    );
    assert_eq!(
        error(&[stratum(9, &[0.0, 0.5])]),
        "item 1 of stratum 0 (both counted from 0) has the value 0.5, which is neither 0 nor 1"
    );
    let infinite = SampleError::NotFinite {
        stratum: 0,
        item: 0,
    };
    assert_eq!(
        stratified_mean(&[stratum(9, &[f64::INFINITY])]),
        Err(infinite)
    );
    // One of ten says nothing of the others.
    let found = stratified_mean(&[stratum(10, &[3.0])]).expect("a sample");
    assert!((found.mean - 3.0).abs() < 1e-12 && found.standard_error.is_none());
    let found = stratified_share(&[stratum(10, &[1.0])]).expect("a sample");
    assert!(found.low.abs() < 1e-12 && (found.high - 1.0).abs() < 1e-12);
    let clusters = Clusters::single(3);
    let kept = Drawn {
        clusters: Some(&clusters),
        ..drawn(5, &[true, false])
    };
    let lengths = SampleError::Lengths {
        stratum: 0,
        items: 2,
        keys: 3,
    };
    assert_eq!(Filter::measure(kept, kept), Err(lengths));
    let scored = ScoredStratum {
        total: 3,
        items: &[(f64::NAN, true)],
        clusters: None,
    };
    assert_eq!(threshold_curve(&[scored], &[0.5]), Err(infinite));
}

#[test]
fn a_filter_that_keeps_nothing_has_no_precision() {
    let nothing = drawn(0, &[]);
    let found = Filter::measure(nothing, drawn(900, &[true, true, false, false]));
    let found = found.expect("a sample");
    assert_eq!(found.precision, None);
    let recall = found.recall.expect("right items");
    assert!(recall.value.abs() < 1e-12 && recall.high < 1e-9);
    assert!((found.right_before.value - 0.5).abs() < 1e-12);
    let found = Filter::measure(nothing, drawn(900, &[false; 4])).expect("a sample");
    assert_eq!((found.recall, found.f1), (None, None));
    assert!((found.accuracy.value - 1.0).abs() < 1e-12);
    assert_eq!(Filter::measure(nothing, nothing), Err(SampleError::NoItems));
}
