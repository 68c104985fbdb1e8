//! Ways over seeds beside each other, against means that are worked out by hand.

use evaluation::grids::{Column, Compared, GridError, Row, Run, Values, Way, columns, compare};
use evaluation::results;
use evaluation::scoring::{Options, Scorer, score};
use evaluation::statistics::{OverSeeds, SeedRow, holm};
use evaluation::{ScoredTask, tasks};

/// A column of a task whose items have clusters of their own.
fn task(name: &str, scores: &[f64]) -> Column {
    let rows = scores.iter().enumerate().map(|(at, &score)| Row {
        item: format!("{name} {at}"),
        cluster: format!("{at}.png"),
        score,
    });
    Column {
        domain: "own".to_owned(),
        name: name.to_owned(),
        title: name.to_owned(),
        task: name.to_owned(),
        metric: "accuracy".to_owned(),
        scorer: Scorer::Strict,
        values: Values::Items(rows.collect()),
    }
}

fn way(name: &str, runs: Vec<(u64, Vec<Column>)>) -> Way {
    let runs = runs.into_iter();
    Way {
        name: name.to_owned(),
        runs: runs.map(|(seed, columns)| Run { seed, columns }).collect(),
    }
}

/// Three seeds of two tasks, four items and two.
fn two_tasks(name: &str, shift: f64) -> Way {
    let of_seed = |seed: u64| {
        let by_seed = seed as f64;
        let scores = [40.0, 50.0, 60.0, 70.0].map(|score| score + shift + by_seed);
        let others = [20.0, 80.0 + shift];
        (seed, vec![task("a", &scores), task("b", &others)])
    };
    way(name, [1, 2, 3].map(of_seed).to_vec())
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-9,
        "{found} instead of {expected}"
    );
}

#[test]
fn means_differences_and_averages_by_hand() {
    let ways = [two_tasks("two", 8.0), two_tasks("one", 0.0)];
    let found = compare(&ways, &[(0, 1)]).expect("a table");
    assert_eq!((found.tables.len(), found.notes.len()), (1, 0));
    let domain = &found.tables[0].domains[0];
    let [a, b] = domain.columns.as_slice() else {
        panic!("two columns: {domain:?}");
    };
    let average = domain.average.as_ref().expect("an average");
    // Task a: 55 + shift + the mean seed 2. Task b: (100 + shift) / 2.
    for (column, expected) in [
        (a, [65.0, 57.0]),
        (b, [54.0, 50.0]),
        (average, [59.5, 53.5]),
    ] {
        for (mean, expected) in column.of.iter().zip(expected) {
            near(mean.as_ref().expect("a mean").value, expected);
        }
    }
    let by_seed = &a.of[0].as_ref().expect("a mean").by_seed;
    assert_eq!((by_seed[2].seed, by_seed[2].difference), (3, 66.0));
    // 8 on each item of a; 0 and 8 on those of b.
    let of_average = average.differences[0].as_ref().expect("a difference");
    near(of_average.difference, 6.0);
    assert_eq!((of_average.items, of_average.clusters), (6, 4));
    // Clusters 0 to 3 hold 0, 0, 0 and 0 of a's deviations, and -4 and 4 of b's, of which each is an eighth of the sum: with four
    // clusters their values are 6 - 4, 6 + 4, 6 and 6, whatever the seed.
    near(of_average.variances.expect("a spread").clusters, 32.0 / 3.0);
    near(
        of_average.error.expect("a spread").powi(2),
        32.0 / 3.0 / 4.0,
    );
}

#[test]
fn verdicts_are_adjusted_over_their_table() {
    let ways = [two_tasks("two", 8.0), two_tasks("one", 0.0)];
    let found = compare(&ways, &[(0, 1)]).expect("a table");
    let table = &found.tables[0];
    assert_eq!(table.verdicts.len(), 1);
    assert_eq!(
        (table.verdicts[0].on.as_str(), table.verdicts[0].comparisons),
        ("own tasks", 1)
    );
    let on: Vec<&str> = table.by_column.iter().map(|v| v.on.as_str()).collect();
    assert_eq!(on, ["a", "b"]);
    let alone: Vec<f64> = table.by_column.iter().map(|v| v.p).collect();
    let adjusted: Vec<f64> = table.by_column.iter().map(|v| v.p_holm).collect();
    assert_eq!(adjusted, holm(&alone).expect("p-values"));
    // Without any spread over 4 clusters: 2 of 16 exchanges.
    near(alone[0], 0.125);
}

#[test]
fn the_best_is_marked_only_where_it_is_told_apart() {
    let scores =
        |shift: f64| -> Vec<f64> { (0..30).map(|at| 40.0 + f64::from(at % 5) + shift).collect() };
    let runs = |shift: f64, noise: f64| {
        let of_seed = |seed: u64| {
            let own = scores(shift + noise * (seed as f64 - 2.0));
            (seed, vec![task("a", &own)])
        };
        [1, 2, 3].map(of_seed).to_vec()
    };
    let best = |ways: &[Way]| {
        compare(ways, &[]).expect("a table").tables[0].domains[0].columns[0]
            .best
            .clone()
    };
    let clear = best(&[
        way("x", runs(0.0, 0.5)),
        way("y", runs(20.0, 0.0)),
        way("z", runs(1.0, 0.0)),
    ]);
    let clear = clear.expect("a best");
    assert_eq!((clear.way, clear.next, clear.is_marked), (1, 2, true));
    near(clear.difference, 19.0);
    let unclear = best(&[way("x", runs(0.0, 9.0)), way("y", runs(1.0, 0.0))]).expect("a best");
    assert_eq!((unclear.way, unclear.is_marked), (1, false));
    // A column of four clusters has none.
    let few = best(&[two_tasks("two", 20.0), two_tasks("one", 0.0)]).expect("a best");
    assert!(!few.is_marked);
}

#[test]
fn ways_are_compared_on_the_seeds_that_both_have() {
    let mut short = two_tasks("short", 4.0);
    short.runs.remove(0);
    let ways = [
        short,
        two_tasks("long", 0.0),
        way("none", vec![]),
        way("other", vec![(9, vec![task("a", &[1.0, 2.0, 3.0, 4.0])])]),
    ];
    let found = compare(&ways, &[(0, 1), (2, 1), (3, 1)]).expect("a table");
    let column = &found.tables[0].domains[0].columns[0];
    let seeds = |pair: usize| column.differences[pair].as_ref().map(|found| found.seeds);
    assert_eq!([seeds(0), seeds(1), seeds(2)], [Some(2), None, None]);
    assert!(column.of[2].is_none());
    let average = found.tables[0].domains[0]
        .average
        .as_ref()
        .expect("an average");
    assert!(
        average.of[3].is_none(),
        "a way without a column has no average"
    );
    assert_eq!(
        found.notes,
        [
            "short has seeds 2, 3, long has 1, 2, 3: they are compared on 2, 3",
            "other has seeds 9, long has 1, 2, 3: they have none in common and are not compared",
            "other has no b",
        ]
    );
}

#[test]
fn sets_that_runs_made_are_compared_by_their_means() {
    let samples = |ids: &[&str], score: f64| {
        let rows = ids.iter().enumerate().map(|(at, id)| Row {
            item: (*id).to_owned(),
            cluster: (*id).to_owned(),
            score: score + 10.0 * (at % 2) as f64,
        });
        vec![Column::samples(
            "data",
            "knowledge",
            "Knowledge",
            rows.collect(),
        )]
    };
    let ours = way(
        "ours",
        vec![
            (1, samples(&["p", "q", "r", "s"], 85.0)),
            (2, samples(&["p", "q"], 79.0)),
        ],
    );
    let apart = way(
        "apart",
        vec![
            (1, samples(&["x", "y"], -5.0)),
            (2, samples(&["y", "z"], 1.0)),
        ],
    );
    let found = compare(&[ours, apart], &[(0, 1)]).expect("a table");
    let domain = &found.tables[0].domains[0];
    assert!(domain.average.is_none() && found.notes.is_empty());
    let column = &domain.columns[0];
    let difference = column.differences[0].clone().expect("a difference");
    assert_eq!(
        (difference.one, difference.other, difference.difference),
        (87.0, 3.0, 84.0)
    );
    assert_eq!((difference.items, difference.clusters), (4, 7));
    near(column.of[0].as_ref().expect("a mean").value, 87.0);
    // What may be below 0 keeps its interval there.
    let low = column.of[1].as_ref().and_then(|mean| mean.interval);
    assert!(low.is_some_and(|[low, _]| low < 0.0), "{low:?}");
}

#[test]
fn numbers_and_columns_share_a_table() {
    let run = |seed, number| {
        (
            seed,
            vec![
                task("a", &[10.0, 20.0]),
                Column::number("data", "diversity", "Diversity", number),
            ],
        )
    };
    let one = way("one", vec![run(1, 80.0), run(2, 84.0)]);
    let other = way("other", vec![run(1, 50.0), run(2, 52.0)]);
    let found = compare(&[one, other], &[(0, 1)]).expect("a table");
    let on: Vec<&str> = found.tables[0]
        .verdicts
        .iter()
        .map(|v| v.on.as_str())
        .collect();
    assert_eq!(on, ["a", "Diversity"]);
    let alone = compare(&[way("one", vec![run(1, 80.0)])], &[]).expect("a table");
    let mean = alone.tables[0].domains[1].columns[0].of[0]
        .as_ref()
        .expect("a mean");
    assert_eq!((mean.value, mean.interval), (80.0, None));
}

#[test]
fn says_what_does_not_fit() {
    let plain = || task("a", &[1.0, 2.0]);
    let moved = || {
        let mut column = plain();
        if let Values::Items(rows) = &mut column.values {
            rows[1].cluster = "elsewhere".to_owned();
        }
        column
    };
    let twice = || {
        let mut column = plain();
        if let Values::Items(rows) = &mut column.values {
            rows[1].item = "a 0".to_owned();
        }
        column
    };
    let x = || way("x", vec![(1, vec![plain()])]);
    let y = |seed, column| way("y", vec![(seed, vec![column])]);
    let number = Column {
        values: Values::Number(1.0),
        ..plain()
    };
    for (ways, expected) in [
        (
            vec![x(), y(2, task("a", &[1.0]))],
            "`a`: `y` with seed 2 lacks item `a 1`, which `x` with seed 1 has; all runs of a grid answer the same items",
        ),
        (
            vec![x(), y(2, task("a", &[1.0, 2.0, 3.0]))],
            "`a`: `x` with seed 1 lacks item `a 2`, which `y` with seed 2 has; all runs of a grid answer the same items",
        ),
        (
            vec![x(), y(2, moved())],
            "`a`: item `a 1` of `y` with seed 2 lies in another cluster than with `x`",
        ),
        (
            vec![y(2, twice())],
            "`a`: `y` with seed 2 has item `a 0` twice",
        ),
        (
            vec![x(), y(2, number)],
            "column `a` of `y` with seed 2 is not made of what it is made of in other runs",
        ),
        (
            vec![way("x", vec![(1, vec![plain()]), (1, vec![plain()])])],
            "`x` has two runs with seed 1",
        ),
        (
            vec![way("x", vec![(1, vec![plain(), plain()])])],
            "`x` with seed 1 has the column `a` twice",
        ),
        (
            vec![way("x", vec![(1, vec![task("a", &[101.0])])])],
            "scores of `x` in column `a`",
        ),
    ] {
        assert_eq!(
            compare(&ways, &[]).expect_err(expected).to_string(),
            expected
        );
    }
    assert_eq!(
        compare(&[x()], &[(0, 0)]),
        Err(GridError::NotAPair { pair: 0, ways: 1 })
    );
}

#[test]
fn columns_are_those_of_the_folder() {
    let slake = tasks::find("slake").expect("built in");
    let rows: Vec<corpus::Prediction> = (0..6)
        .map(|at| {
            let kind = if at < 4 { "CLOSED" } else { "OPEN" };
            let line = format!(
                "{{\"id\":\"{at}\",\"prediction\":\"yes\",\"label\":\"yes\",\"answer_type\":\"{kind}\",\"image\":\"{}.png\"}}",
                at / 2
            );
            serde_json::from_str(&line).expect("a prediction")
        })
        .collect();
    let by = |scorer| {
        let options = Options {
            scorer,
            ..Options::default()
        };
        score(&slake, rows.clone(), Vec::new(), &options).expect("scores")
    };
    let scored = ScoredTask {
        strict: by(Scorer::Strict),
        reference: Some(by(Scorer::Reference)),
        spec: slake,
        blind: None,
        leaks: None,
    };
    let folder = tempfile::tempdir().expect("a folder");
    results::write(folder.path(), &scored).expect("written");
    let found = columns(folder.path()).expect("columns");
    let heads: Vec<(&str, &str, Scorer)> = found
        .iter()
        .map(|column| (column.name.as_str(), column.title.as_str(), column.scorer))
        .collect();
    assert_eq!(
        heads,
        [
            ("slake open", "SLAKE open", Scorer::Strict),
            ("slake closed", "SLAKE closed", Scorer::Strict),
            ("slake open", "SLAKE open", Scorer::Reference),
            ("slake closed", "SLAKE closed", Scorer::Reference),
        ]
    );
    let Values::Items(rows) = &found[1].values else {
        panic!("items: {found:?}");
    };
    assert_eq!(
        (rows.len(), rows[0].cluster.as_str(), rows[0].score),
        (4, "0.png", 100.0)
    );
    let runs = |name| way(name, vec![(1, found.clone()), (2, found.clone())]);
    let compared = compare(&[runs("x"), runs("y")], &[(0, 1)]).expect("a table");
    let scorers: Vec<Scorer> = compared.tables.iter().map(|table| table.scorer).collect();
    assert_eq!(scorers, [Scorer::Strict, Scorer::Reference]);
    assert!(!compared.tables[0].domains[0].is_whole);
    assert_eq!(
        compared.notes,
        ["the average of biomedicine is that of 2 of its 7 columns, and not the one of the paper"]
    );
}

#[test]
fn columns_of_a_users_task_are_told_apart() {
    let mut spec = tasks::find("slake").expect("built in");
    "mine".clone_into(&mut spec.id);
    "My task".clone_into(&mut spec.title);
    spec.scoring = tasks::Scoring::Exact;
    let names = |spec: &tasks::Spec| -> Vec<String> {
        let names = evaluation::grids::names(spec);
        names
            .into_iter()
            .map(|(name, title)| format!("{name}, {title}"))
            .collect()
    };
    assert_eq!(
        names(&spec),
        ["mine open, My task open", "mine closed, My task closed"]
    );
    spec.metrics.truncate(1);
    assert_eq!(names(&spec), ["mine, My task"]);
}

#[test]
fn a_users_tasks_may_stand_under_a_domain_of_the_paper() {
    let of_food = |column: Column| Column {
        domain: "food".to_owned(),
        ..column
    };
    let run = |tasks: Vec<Column>| way("x", vec![(1, tasks.into_iter().map(of_food).collect())]);
    let own = || vec![task("a", &[1.0, 2.0]), task("b", &[3.0, 5.0])];
    let found = compare(&[run(own())], &[]).expect("a table");
    assert_eq!(
        (found.notes.len(), found.tables[0].domains[0].is_whole),
        (0, false)
    );
    let mut both = own();
    let food101 = Column {
        metric: "accuracy".to_owned(),
        ..task("food101", &[1.0, 2.0])
    };
    both.push(food101);
    let found = compare(&[run(both)], &[]).expect("a table");
    assert_eq!(
        found.notes,
        [
            "the average of food is that of 1 of its 4 columns and of 2 others, and not the one of the paper"
        ]
    );
}

#[test]
fn a_table_is_read_back_as_it_was_written() {
    let ways = [two_tasks("two", 8.0), two_tasks("one", 0.0)];
    let found = compare(&ways, &[(0, 1)]).expect("a table");
    let text = serde_json::to_string(&found).expect("written");
    let again: Compared = serde_json::from_str(&text).expect("read");
    assert_eq!(again, found);
}

#[test]
fn an_average_is_that_of_the_statistics() {
    let ways = [two_tasks("two", 8.0), two_tasks("one", 0.0)];
    let found = compare(&ways, &[(0, 1)]).expect("a table");
    let rows: Vec<Vec<SeedRow>> = (0..2)
        .map(|at| {
            let of = |way: usize, run: usize| match &ways[way].runs[run].columns[at].values {
                Values::Items(rows) => rows,
                other => panic!("items: {other:?}"),
            };
            (0..3)
                .flat_map(|run| {
                    let both = of(0, run).iter().zip(of(1, run));
                    both.map(move |(one, other)| SeedRow {
                        seed: run as u64 + 1,
                        item: &one.item,
                        cluster: &one.cluster,
                        one: one.score,
                        other: other.score,
                    })
                })
                .collect()
        })
        .collect();
    let average = found.tables[0].domains[0]
        .average
        .as_ref()
        .expect("an average");
    assert_eq!(
        average.differences[0],
        Some(OverSeeds::of_average(&rows).expect("rows"))
    );
}
