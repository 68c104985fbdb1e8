//! Several systems beside each other, against intervals that are worked out by hand.

use corpus::Prediction;
use evaluation::scoring::{CompareError, Options, Scorer, score};
use evaluation::systems::{
    Column, Compared, Items, System, SystemsError, Table, compare, document,
};
use evaluation::{ScoredTask, tasks};

/// Closed questions of a task on pictures of their own; right where `right` says so.
fn closed(task: &str, n: usize, right: impl Fn(usize) -> bool) -> ScoredTask {
    let rows = (0..n).map(|i| {
        let answer = if right(i) { "yes" } else { "no" };
        prediction(&format!(
            "{{\"id\":\"{i}\",\"prediction\":\"{answer}\",\"label\":\"yes\",\"answer_type\":\"CLOSED\",\"image\":\"{i}.png\"}}"
        ))
    });
    scored(task, &rows.collect::<Vec<_>>(), &[])
}

fn prediction(line: &str) -> Prediction {
    serde_json::from_str(line).expect("a prediction")
}

fn scored(task: &str, rows: &[Prediction], names: &[&str]) -> ScoredTask {
    let spec = tasks::find(task).expect("built in");
    let names = (!names.is_empty()).then(|| {
        names
            .iter()
            .map(|&name| name.to_owned())
            .collect::<Vec<String>>()
    });
    let by = |scorer: Scorer| {
        let options = Options {
            scorer,
            names: names.clone(),
            seed: 1,
            ..Options::default()
        };
        score(&spec, rows.to_vec(), Vec::new(), &options).expect("scores")
    };
    ScoredTask {
        strict: by(Scorer::Strict),
        reference: spec.reference.then(|| by(Scorer::Reference)),
        spec,
        blind: None,
        leaks: None,
    }
}

/// Systems `a`, `b`, … by the strict scorer first.
fn compared(all: &[Vec<ScoredTask>], items: Items) -> Result<Compared, SystemsError> {
    let systems: Vec<System<'_>> = all
        .iter()
        .zip(["a", "b", "c", "d"])
        .map(|(tasks, name)| System {
            name: name.to_owned(),
            tasks,
        })
        .collect();
    compare(&systems, 0, Scorer::Strict, items, 1)
}

fn columns(table: &Table) -> Vec<&Column> {
    table.columns().collect()
}

#[test]
fn the_best_is_marked_only_where_it_is_known_to_be_better() {
    // 400 pictures with one question each. `c` has 300 right, `b` 296 of which 20 are not among `c`'s, `a` 200.
    let a = closed("slake", 400, |i| i < 200);
    let b = closed("slake", 400, |i| (24..320).contains(&i));
    let c = closed("slake", 400, |i| i < 300);
    let found = compared(&[vec![a.clone()], vec![b], vec![c.clone()]], Items::Same).expect("table");
    let column = columns(&found.tables[0])[0];
    assert_eq!(column.scores, [Some(50.0), Some(74.0), Some(75.0)]);
    let best = column.best.as_ref().expect("a best one");
    assert_eq!(
        (best.system.as_str(), best.next.as_str(), best.marked),
        ("c", "b", false)
    );
    // 24 items won and 20 lost: mean 1, deviation 100 · √(44 / 400 − 0.01²), an interval of ± 1.966 · 33.15 / 20.
    let half = 1.966 * 100.0 * (44.0 / 400.0 - 0.0001_f64).sqrt() / 20.0;
    assert!((best.interval[0] - (1.0 - half)).abs() < 0.5, "{best:?}");
    assert!((best.interval[1] - (1.0 + half)).abs() < 0.5, "{best:?}");
    assert!(!(0..3).any(|at| column.marks(at)));

    // Against `a` alone it is known: 100 won and none lost, 25 ± 1.966 · 43.3 / 20.
    let found = compared(&[vec![a], vec![c]], Items::Same).expect("table");
    let column = columns(&found.tables[0])[0];
    let best = column.best.as_ref().expect("a best one");
    let half = 1.966 * 100.0 * (0.25 * 0.75_f64).sqrt() / 20.0;
    assert!((best.interval[0] - (25.0 - half)).abs() < 0.5, "{best:?}");
    assert_eq!((best.difference, best.marked), (25.0, true));
    assert_eq!([column.marks(0), column.marks(1)], [false, true]);
}

#[test]
fn equal_scores_and_few_pictures_have_no_best() {
    let same = closed("slake", 60, |i| i < 30);
    let found = compared(&[vec![same.clone()], vec![same]], Items::Same).expect("table");
    let best = columns(&found.tables[0])[0]
        .best
        .clone()
        .expect("the first of both");
    assert_eq!(
        (best.difference, best.interval, best.marked),
        (0.0, [0.0, 0.0], false)
    );
    // All right against all wrong on 19 pictures: an interval of [100, 100] that means nothing.
    let of = |n| {
        let all = [
            vec![closed("slake", n, |_| false)],
            vec![closed("slake", n, |_| true)],
        ];
        let found = compared(&all, Items::Same).expect("table");
        let column = columns(&found.tables[0])[0].clone();
        (
            column.best.clone().expect("best").interval,
            column.clusters,
            column.is_too_small(),
        )
    };
    assert_eq!(of(19), ([100.0, 100.0], 19, true));
    assert_eq!(of(20), ([100.0, 100.0], 20, false));
}

#[test]
fn a_domain_has_an_average_when_every_column_is_there() {
    let names = ["egg", "rice"];
    let food = |recall: usize, right: usize| -> Vec<ScoredTask> {
        let row = |i: usize, label: &str, answer: &str| {
            prediction(&format!(
                "{{\"id\":\"{i}\",\"prediction\":\"{answer}\",\"label\":{label},\"image\":\"{i}.png\"}}"
            ))
        };
        let list = |i: usize| {
            row(
                i,
                "[\"egg\",\"rice\"]",
                if i < recall { "egg, rice" } else { "egg" },
            )
        };
        let class = |i: usize| row(i, "\"pizza\"", if i < right { "pizza" } else { "sushi" });
        let text = |i: usize| {
            row(
                i,
                "\"Mix the flour.\"",
                if i < right { "Mix the flour." } else { "-" },
            )
        };
        vec![
            scored("recipe1m", &(0..40).map(text).collect::<Vec<_>>(), &[]),
            scored(
                "nutrition5k",
                &(0..40).map(list).collect::<Vec<_>>(),
                &names,
            ),
            scored("food101", &(0..40).map(class).collect::<Vec<_>>(), &[]),
            scored("foodseg103", &(0..40).map(list).collect::<Vec<_>>(), &names),
        ]
    };
    let found = compared(&[food(20, 10), food(40, 30), food(0, 0)], Items::Same).expect("table");
    let table = &found.tables[0];
    assert_eq!(table.domains.len(), 1);
    let average = table.domains[0]
        .average
        .as_ref()
        .expect("four of four columns");
    // Recipes 25, recall (20 · 100 + 20 · 50) / 40 = 75, classes 25, F1 (20 · 100 + 20 · 66.7) / 40 = 83.3.
    let expected = [
        (25.0 + 75.0 + 25.0 + 250.0 / 3.0) / 4.0,
        (75.0 + 100.0 + 75.0 + 100.0) / 4.0,
        (0.0 + 50.0 + 0.0 + 200.0 / 3.0) / 4.0,
    ];
    for (score, expected) in average.scores.iter().zip(expected) {
        assert!(
            (score.expect("a score") - expected).abs() < 1e-6,
            "{average:?}"
        );
    }
    assert!(average.marks(1));
    // The mean difference stands in the differences too, and p-values are adjusted over both systems' columns.
    let of_b = found.by(Scorer::Strict)[0];
    assert!((of_b.domains[0].difference - (expected[1] - expected[0])).abs() < 1e-6);
    let smallest = found
        .by(Scorer::Strict)
        .iter()
        .flat_map(|other| &other.found.tasks)
        .map(|row| (row.comparison.p, row.p_holm))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .expect("rows");
    assert!(
        (smallest.1 - 8.0 * smallest.0).abs() < 1e-12,
        "{smallest:?}"
    );

    // Without one task of `c` that system has no average, without it in all of them nobody has.
    let mut all = [food(20, 10), food(40, 30), food(0, 0)];
    all[2].remove(0);
    let found = compared(&all, Items::Same).expect("table");
    let average = found.tables[0].domains[0]
        .average
        .clone()
        .expect("all columns");
    assert!(average.scores[1].is_some() && average.scores[2].is_none());
    assert!(
        found
            .notes
            .contains(&"recipe1m: `c` did not answer it (–)".to_owned()),
        "{:?}",
        found.notes
    );
    all[1].remove(0);
    let found = compared(&all, Items::Same).expect("table");
    assert_eq!(found.tables[0].domains[0].average, None);
    let said = [
        "recipe1m: only `a` answered it; it is left out",
        "food: 3 of its 4 columns can be compared by either scorer, so that it has no average",
    ];
    assert!(
        said.iter()
            .all(|line| found.notes.iter().any(|note| note == line)),
        "{:?}",
        found.notes
    );
}

#[test]
fn other_items_are_refused_by_name_or_left_out_on_demand() {
    let whole = closed("slake", 60, |i| i < 30);
    let mut fewer = closed("slake", 60, |i| i < 40);
    for rows in [
        &mut fewer.strict.rows,
        &mut fewer.reference.as_mut().expect("rules").rows,
    ] {
        rows.retain(|row| row.id != "17" && row.id != "23");
    }
    let all = [
        vec![whole.clone()],
        vec![whole.clone()],
        vec![fewer.clone()],
    ];
    let error = compared(&all, Items::Same).expect_err("other items");
    let said = "`slake`: item `17` has an answer of `a` and none of `c` (2 such items)";
    assert!(error.to_string().starts_with(said), "{error}");
    let found = compared(&all, Items::Common).expect("table");
    let column = columns(&found.tables[0])[0];
    // 28 of the 58 that are left.
    assert_eq!(
        (column.n, column.scores[0]),
        (58, Some(100.0 * 28.0 / 58.0))
    );
    assert!(column.intervals[0].is_some_and(|[low, high]| low < 48.2 && 48.3 < high));
    let note =
        "slake: 2 items that not all systems answered are left out of the table, the first `17`";
    assert_eq!(
        found.notes,
        [
            note,
            "biomedicine: 1 of its 7 columns can be compared by either scorer, so that it has no average",
        ]
    );
    // Two systems are compared on what both have, as ever, and the items are listed.
    let found = compared(&all[1..], Items::Same).expect("two");
    assert_eq!(found.differences[0].found.tasks[0].unpaired, ["17", "23"]);
    assert_eq!(columns(&found.tables[0])[0].n, 58);

    let mut other = whole.clone();
    other.strict.rows[5].label = corpus::Label::Text("no".to_owned());
    let all = [vec![whole.clone()], vec![other], vec![whole]];
    let error = compared(&all, Items::Same).expect_err("another question");
    let said = "`slake`: item `5` has the label `yes` (closed_accuracy) in `a` and `no` (closed_accuracy) in `b` (1 such items)";
    assert!(error.to_string().starts_with(said), "{error}");
    let found = compared(&all, Items::Common).expect("table");
    // 29 of the 59 whose labels agree; the reference scorer's labels all do.
    let column = |table: usize| columns(&found.tables[table])[0].clone();
    assert_eq!((column(0).n, column(1).n), (59, 60));
    assert_eq!(column(0).scores, [Some(100.0 * 29.0 / 59.0); 3]);
    let note = "slake: 1 items whose labels differ between systems are left out of the table, the first `5`";
    assert_eq!(found.notes[0], note);
}

#[test]
fn scores_of_another_version_are_not_shown_beside_these() {
    let new = closed("slake", 40, |i| i < 20);
    let mut old = closed("slake", 40, |i| i < 30);
    old.strict.result.version += 1;
    let all = [vec![new.clone()], vec![new.clone()], vec![old.clone()]];
    let found = compared(&all, Items::Same).expect("table");
    let column = columns(&found.tables[0])[0];
    assert_eq!(column.scores, [Some(50.0), Some(50.0), None]);
    let version = new.strict.result.version;
    let note = format!(
        "slake: `c` was scored by strict version {}, `a` by strict version {version}; score it again to compare it (–)",
        version + 1
    );
    assert_eq!(found.notes[0], note);
    assert!(matches!(
        compared(&all[1..], Items::Same),
        Err(SystemsError::Compare(CompareError::Scoring { .. }))
    ));
    let other = closed("vqa-rad", 40, |_| true);
    assert!(matches!(
        compared(&[vec![new], vec![other]], Items::Same),
        Err(SystemsError::Compare(CompareError::NothingInCommon))
    ));
}

#[test]
fn a_document_of_two_has_what_it_always_had() {
    let (a, b) = (
        closed("slake", 40, |i| i < 20),
        closed("slake", 40, |i| i < 30),
    );
    let two = compared(&[vec![a.clone()], vec![b.clone()]], Items::Same).expect("table");
    let value = document(&two).expect("json");
    assert_eq!(
        (
            &value["tasks"][0]["scorer"],
            &value["other"]["tasks"][0]["scorer"]
        ),
        (&"strict".into(), &"reference".into())
    );
    assert_eq!(value["average"]["difference"], 25.0);
    let three = compared(&[vec![a.clone()], vec![b], vec![a]], Items::Same).expect("table");
    let value = document(&three).expect("json");
    assert_eq!(value["systems"], serde_json::json!(["a", "b", "c"]));
    assert_eq!(value["against"], "a");
    assert!(value.get("tasks").is_none() && value.get("other").is_none());
    let column = &value["tables"][1]["domains"][0]["columns"][0];
    assert_eq!(
        (&value["tables"][1]["scorer"], &column["scores"]),
        (&"reference".into(), &serde_json::json!([50.0, 75.0, 50.0]))
    );
    let systems: Vec<&str> = value["differences"]
        .as_array()
        .expect("list")
        .iter()
        .filter_map(|other| other["system"].as_str())
        .collect();
    assert_eq!(systems, ["b", "c", "b", "c"]);
    assert_eq!(value["differences"][0]["tasks"][0]["difference"], 25.0);
}
