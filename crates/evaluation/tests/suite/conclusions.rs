//! An answer that reasons at length is scored on its conclusion, in every kind of task.

use std::path::PathBuf;

use evaluation::predictions::read;
use evaluation::scoring::{Options, Scored, score};
use evaluation::tasks::{FileMetric, Spec, find};
use serde_json::{Value, json};

/// 300 words that name no class, option, number and neither yes nor no.
fn reasons() -> String {
    "Several shapes stand beside one another while light falls upon them "
        .repeat(28)
        .trim()
        .to_owned()
}

fn scored(task: &Spec, rows: &[Value], names: Option<&Vec<String>>) -> Scored {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("p.jsonl");
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    std::fs::write(&path, lines.join("\n")).expect("write");
    let found = read(&path, None).expect("predictions");
    let options = Options {
        names: names.cloned(),
        ..Options::default()
    };
    score(task, found.rows, found.problems, &options).expect("scores")
}

fn scores(scored: &Scored) -> Vec<f64> {
    scored.rows.iter().map(|row| row.score).collect()
}

#[test]
fn every_task_reads_the_conclusion() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tasks.jsonl");
    let lines = std::fs::read_to_string(path).expect("fixture");
    let mut count = 0;
    for line in lines.lines() {
        let case: Value = serde_json::from_str(line).expect("json");
        let task = find(case["task"].as_str().expect("task")).expect("built in");
        let names: Option<Vec<String>> =
            serde_json::from_value(case["names"].clone()).expect("names");
        // An answer of blanks is one that concludes in nothing.
        let rows: Vec<Value> = case["rows"].as_array().expect("rows").clone();
        let is_said = |row: &&Value| !row["prediction"].as_str().unwrap_or(" ").trim().is_empty();
        let rows: Vec<Value> = rows.iter().filter(is_said).cloned().collect();
        let expected = scores(&scored(&task, &rows, names.as_ref()));
        for announced in [
            "Therefore, the answer is",
            "\n**Final answer:**",
            "In short:",
        ] {
            let reasoned: Vec<Value> = rows
                .iter()
                .map(|row| {
                    let mut row = row.clone();
                    let said = row["prediction"].as_str().expect("text");
                    row["prediction"] = json!(format!("{} {announced} {said}", reasons()));
                    row
                })
                .collect();
            let found = scores(&scored(&task, &reasoned, names.as_ref()));
            assert_eq!(found, expected, "{}: {announced}", task.id);
            count += found.len();
        }
    }
    assert!(count > 90, "{count}");
}

#[test]
fn files_of_questions_read_it_too_and_cut_answers_are_counted() {
    for (metric, label) in [
        (FileMetric::ExactMatch, "left lung"),
        (FileMetric::YesNo, "no"),
        (FileMetric::Choice, "B"),
        (FileMetric::RougeL, "a red apple"),
    ] {
        let task = metric.task("kind");
        let row = |id: &str, said: &str, end: &str| {
            json!({"id": id, "prediction": format!("{} {said}", reasons()), "label": label, "finish_reason": end,
                   "choices": {"A": "mountain", "B": "valley"}})
        };
        let rows = [
            row("whole", &format!("So the answer is {label}"), "stop"),
            row("cut", "", "length"),
        ];
        let found = scored(&task, &rows, None);
        assert!((found.rows[0].score - 100.0).abs() < 1e-9, "{metric:?}");
        assert!(found.rows[1].score < 5.0, "{metric:?}");
        assert!(
            (found.result.rates.cut_off - 50.0).abs() < 1e-9,
            "{metric:?}"
        );
    }
}
