//! `compare` of several systems through the binary.

mod program;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use evaluation::scoring::{Options, score};
use evaluation::tasks::FileMetric;
use evaluation::{ScoredTask, results};
use program::text;
use serde_json::{Value, json};

fn adamllm(args: &[&str]) -> Output {
    let program = program::adamllm().args(args).output();
    program.expect("the program starts")
}

/// What a command that must succeed prints.
fn printed(args: &[&str]) -> String {
    let output = adamllm(args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What a command that must fail says, one error alone.
fn refused(args: &[&str]) -> String {
    let output = adamllm(args);
    let said = text(&output.stderr);
    assert!(!output.status.success(), "{args:?} is taken");
    assert_eq!(said.matches("error: ").count(), 1, "{said}");
    said
}

/// A closed question of 60 on 60 pictures, answered by `yes` where it is right.
fn question(i: usize, is_right: bool) -> Value {
    json!({"id": i.to_string(), "prediction": if is_right { "Yes." } else { "No." }, "label": "yes",
        "answer_type": "CLOSED", "image": format!("{i}.png"), "question": format!("Is it {i}?")})
}

/// Results of a system as `score --output` writes them: of SLAKE with 60 closed questions and of Food101 with 40 pictures.
fn system(folder: &Path, name: &str, right: impl Fn(usize) -> bool, foods: usize) -> String {
    let predictions = folder.join("predictions").join(name);
    std::fs::create_dir_all(&predictions).expect("folder");
    let lines = |rows: Vec<Value>| {
        let rows: Vec<String> = rows.iter().map(|row| format!("{row}\n")).collect();
        rows.concat()
    };
    let slake = (0..60).map(|i| question(i, right(i))).collect();
    std::fs::write(predictions.join("slake.jsonl"), lines(slake)).expect("write");
    let food = |i: usize| {
        let answer = if i < foods { "pizza" } else { "sushi" };
        json!({"id": format!("f{i}"), "prediction": answer, "label": "pizza", "image": format!("f{i}.png")})
    };
    std::fs::write(
        predictions.join("food101.jsonl"),
        lines((0..40).map(food).collect()),
    )
    .expect("write");
    scored(folder, name)
}

fn scored(folder: &Path, name: &str) -> String {
    let output = folder.join("scores").join(name).display().to_string();
    let predictions = folder.join("predictions").join(name).display().to_string();
    printed(&["score", "--predictions", &predictions, "--output", &output]);
    output
}

/// Three systems: `b` has five of six questions, `a` and `c` half of them each, on other questions.
fn three(folder: &Path) -> [String; 3] {
    [
        system(folder, "a", |i| i < 30, 20),
        system(folder, "b", |i| i < 50, 40),
        system(folder, "c", |i| i >= 30, 40),
    ]
}

/// A CSV file as its reader sees it: a map from heads to cells for each row.
fn csv(text: &str) -> Vec<BTreeMap<String, String>> {
    let cells = |line: &str| -> Vec<String> {
        let (mut out, mut cell, mut is_quoted) = (Vec::new(), String::new(), false);
        let mut letters = line.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if is_quoted && letters.peek() == Some(&'"') => {
                    cell.push('"');
                    letters.next();
                }
                '"' => is_quoted = !is_quoted,
                ',' if !is_quoted => out.push(std::mem::take(&mut cell)),
                other => cell.push(other),
            }
        }
        out.push(cell);
        out
    };
    let mut lines = text.lines();
    let heads = cells(lines.next().expect("a head line"));
    let rows = lines.map(|line| {
        let cells = cells(line);
        assert_eq!(cells.len(), heads.len(), "{line}");
        heads.iter().cloned().zip(cells).collect()
    });
    rows.collect()
}

#[test]
fn the_table_has_a_row_a_system_and_a_column_a_task() {
    let folder = tempfile::tempdir().expect("folder");
    let [a, b, c] = three(folder.path());
    let odd = format!("x, \"y\"={c}");
    let rows = csv(&printed(&["compare", &a, &b, &odd, "--format", "csv"]));
    let of = |scorer: &str, system: &str| {
        let mut rows = rows.iter();
        let row = rows.find(|row| row["scorer"] == scorer && row["system"] == system);
        row.unwrap_or_else(|| panic!("no row of {scorer}, {system}"))
    };
    assert_eq!(rows.len(), 6);
    let number = |cell: &str| cell.parse::<f64>().expect("a number");
    for scorer in ["strict", "reference"] {
        for (system, closed, food, best) in [
            ("a", 50.0, 50.0, ""),
            ("b", 100.0 * 50.0 / 60.0, 100.0, "slake:closed_accuracy"),
            ("x, \"y\"", 50.0, 100.0, ""),
        ] {
            let row = of(scorer, system);
            assert!(
                (number(&row["slake:closed_accuracy"]) - closed).abs() < 1e-9,
                "{row:?}"
            );
            assert!(
                (number(&row["food101:accuracy"]) - food).abs() < 1e-9,
                "{row:?}"
            );
            // `b` wins 20 more of 60 than `a`, the next best in the order given, and loses none: 33 ± 12. Two systems have
            // all of the food, so that none is the best.
            assert_eq!(row["best_in"], best, "{row:?}");
        }
    }
    let shown = printed(&["compare", &a, &b, &c]);
    for line in [
        "Biomedicine, strict scorer",
        " SLAKE\n  closed",
        "b   83.3*",
        "c   50.0",
        "Food, reference scorer",
        "- biomedicine: 1 of its 7 columns can be compared by either scorer, so that it has no average",
        "Differences from a, strict scorer",
        "SLAKE closed     60  50.0  +33.3 [",
    ] {
        assert!(shown.contains(line), "no `{line}` in\n{shown}");
    }
    let from_c = printed(&["compare", &a, &b, &c, "--against", "c"]);
    assert!(
        from_c.contains("Differences from c, strict scorer"),
        "{from_c}"
    );
    let markdown = printed(&["compare", &a, &b, &c, "--format", "markdown"]);
    for line in [
        "| | SLAKE closed |\n|---|---:|\n| a | 50.0 |\n| b | **83.3** |\n| c | 50.0 |",
        "## c against a, reference scorer",
    ] {
        assert!(markdown.contains(line), "no `{line}` in\n{markdown}");
    }
    // Two systems have their whole list of tests behind the table.
    let two = printed(&["compare", &a, &b]);
    assert!(
        two.contains("b   83.3*")
            && two.contains("| slake | closed_accuracy | 60 | 60 | 50.0 | 83.3 | +33.3 |"),
        "{two}"
    );
}

#[test]
fn the_document_names_systems_tables_and_differences() {
    let folder = tempfile::tempdir().expect("folder");
    let [a, b, c] = three(folder.path());
    let text = printed(&["compare", &a, &b, &c, "--format", "json", "--against", "b"]);
    assert_eq!(
        text,
        printed(&["compare", &a, &b, &c, "--json", "--against", "b"])
    );
    let found: Value = serde_json::from_str(&text).expect("one document");
    assert_eq!(
        (&found["systems"], &found["against"]),
        (&json!(["a", "b", "c"]), &json!("b"))
    );
    let column = &found["tables"][0]["domains"][0]["columns"][0];
    assert_eq!(column["scores"][0], 50.0);
    assert_eq!(
        (
            &column["task"],
            &column["metric"],
            &column["n"],
            &column["clusters"]
        ),
        (
            &json!("slake"),
            &json!("closed_accuracy"),
            &json!(60),
            &json!(60)
        )
    );
    let best = &column["best"];
    assert_eq!(
        (&best["system"], &best["next"], &best["marked"]),
        (&json!("b"), &json!("a"), &json!(true))
    );
    assert!(
        best["interval"][0].as_f64().is_some_and(|low| low > 15.0),
        "{best}"
    );
    let food = &found["tables"][0]["domains"][1]["columns"][0]["best"];
    assert_eq!(
        (&food["difference"], &food["marked"]),
        (&json!(0.0), &json!(false))
    );
    let differences = found["differences"].as_array().expect("a list");
    let of: Vec<(&str, &str)> = differences
        .iter()
        .filter_map(|other| Some((other["scorer"].as_str()?, other["system"].as_str()?)))
        .collect();
    assert_eq!(
        of,
        [
            ("strict", "a"),
            ("strict", "c"),
            ("reference", "a"),
            ("reference", "c")
        ]
    );
    assert!(
        differences[0]["tasks"][0]["difference"]
            .as_f64()
            .is_some_and(|d| d < -33.0)
    );
}

#[test]
fn pages_and_files_hold_every_system() {
    let folder = tempfile::tempdir().expect("folder");
    let [a, b, c] = three(folder.path());
    let out = folder.path().join("out").display().to_string();
    let evil = format!("<b>&|={c}");
    printed(&["compare", &a, &b, &evil, "--output", &out]);
    let read = |name: &str| {
        std::fs::read_to_string(format!("{out}/{name}")).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let page = read("index.html");
    assert!(
        !page.contains("<b>&|") && page.contains("&lt;b&gt;&amp;|"),
        "a name is not escaped"
    );
    for part in [
        "Scores, strict scorer",
        "Scores, reference scorer",
        "<b title=\"+33.3 [",
        "b against a, strict scorer",
        "against a, reference scorer",
        "systems disagree on 60",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
    // One is right and another one wrong on all 60 questions, and on the last 20 pictures of food.
    let data = |name: &str| -> Value {
        let page = read(name);
        let text = page
            .split("type=\"application/json\">")
            .nth(1)
            .and_then(|rest| rest.split("</script>").next());
        serde_json::from_str(text.expect("the rows")).expect("json")
    };
    let food = data("food101.html");
    assert_eq!(food["systems"], json!(["a", "b", "<b>&|"]));
    let rows = food["rows"].as_array().expect("rows");
    let ids: Vec<&str> = rows.iter().filter_map(|row| row[0].as_str()).collect();
    let expected: Vec<String> = (20..40).chain(0..20).map(|i| format!("f{i}")).collect();
    assert_eq!(ids, expected);
    assert_eq!(
        rows[0][4],
        json!([
            ["sushi", 0.0, 0.0, 0],
            ["pizza", 100.0, 100.0, 0],
            ["pizza", 100.0, 100.0, 0]
        ])
    );
    assert!(read("food101.html").contains("<b>20</b> of 40 items"));
    let wide = csv(&read("table.csv"));
    assert_eq!(wide.len(), 6);
    let long = csv(&read("comparison.csv"));
    let slake =
        |row: &&BTreeMap<String, String>| row["task"] == "slake" && row["scorer"] == "strict";
    let of: Vec<&str> = long
        .iter()
        .filter(slake)
        .map(|row| row["system"].as_str())
        .collect();
    assert_eq!(of, ["b", "<b>&|"]);
    assert!(long.iter().all(|row| row["against"] == "a"));
    assert!(read("comparison.md").contains("| <b>&\\| | 50.0 |"));
    let document: Value = serde_json::from_str(&read("comparison.json")).expect("json");
    assert_eq!(document["systems"][2], "<b>&|");
}

#[test]
fn latex_means_what_it_says() {
    let folder = tempfile::tempdir().expect("folder");
    let [a, b, c] = three(folder.path());
    let odd = format!("*50% of_a & {{b}} #1 ~^ \\x [é]={c}");
    let found = printed(&["compare", &a, &b, &odd, "--format", "latex"]);
    let row = r"{*}50\% of\_a \& \{b\} \#1 \textasciitilde{}\textasciicircum{} \textbackslash{}x {[}é{]} & 50.0 & 100.0 \\";
    assert!(found.contains(row), "{found}");
    assert!(found.contains(r"b & \textbf{83.3} & 100.0 \\"), "{found}");
    for part in [
        "\\toprule",
        "\\midrule",
        "\\bottomrule",
        "\\cmidrule(lr){2-2}\\cmidrule(lr){3-3}",
        "\\begin{tabular}{lrr}",
    ] {
        assert_eq!(found.matches(part).count(), 2, "{part}");
    }
    // Braces match, and every row has as many cells as the table has columns.
    let bare = found.replace("\\{", "").replace("\\}", "");
    let depth = bare.chars().try_fold(0_i32, |depth, letter| {
        let depth = depth + i32::from(letter == '{') - i32::from(letter == '}');
        (depth >= 0).then_some(depth)
    });
    assert_eq!(depth, Some(0));
    for line in found
        .lines()
        .filter(|line| line.ends_with("\\\\") && !line.contains("multicolumn"))
    {
        assert_eq!(line.replace("\\&", "").matches('&').count(), 2, "{line}");
    }
}

#[test]
fn what_cannot_be_compared_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().expect("folder");
    let here = folder.path();
    let [a, b, c] = three(here);
    let path = |name: &str| here.join(name).display().to_string();
    std::fs::create_dir_all(here.join("empty")).expect("folder");
    std::fs::create_dir_all(here.join("other/a")).expect("folder");
    let (empty, again, a_again) = (path("empty"), format!("again={a}"), format!("a={b}"));
    // Without question 7, and with one that nobody else has.
    let predictions = here.join("predictions/fewer");
    std::fs::create_dir_all(&predictions).expect("folder");
    let rows = (0..61)
        .filter(|i| *i != 7)
        .map(|i| format!("{}\n", question(i, true)));
    std::fs::write(predictions.join("slake.jsonl"), rows.collect::<String>()).expect("write");
    let fewer = scored(here, "fewer");
    let cases: &[(&[&str], &str)] = &[
        (
            &[&a],
            "a comparison needs two systems or more: `adamllm compare A B`",
        ),
        (
            &[&a, &empty],
            "empty` has no results: nothing that `adamllm score --output`",
        ),
        (&[&a, "nowhere"], "`nowhere` does not exist"),
        (&[&a, &a], "is given twice, as `a` and as `a`"),
        (&[&a, &b, &again], "is given twice, as `a` and as `again`"),
        (&[&a, &a_again, &c], "two systems are called `a`"),
        (&[&a, "=x"], "`=x` has no name before its `=`"),
        (
            &[&a, &b, "--against", "d"],
            "no system is called `d`; there are `a`, `b`",
        ),
        (
            &[&a, &b, &c, "--format", "word"],
            "invalid value 'word' for '--format",
        ),
        (&[&a, &b, &c, "--output", &b], "holds the results of `b`"),
        (
            &[&a, &b, &fewer],
            "`slake`: item `7` has an answer of `a` and none of `fewer` (2 such items)",
        ),
    ];
    for (args, expected) in cases {
        let said = refused(&[&["compare"], *args].concat());
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    let found = printed(&["compare", &a, &b, &fewer, "--common-items"]);
    for line in [
        "- slake: 2 items that not all systems answered are left out of the table, the first `7`",
        "- food101: `fewer` did not answer it (–)",
        "fewer       –",
    ] {
        assert!(found.contains(line), "no `{line}` in\n{found}");
    }
}

#[test]
fn the_models_of_a_run_are_systems_too() {
    let folder = tempfile::tempdir().expect("folder");
    let run = folder.path().join("runs/my/evaluate");
    for (system, right) in [("base", 10), ("adapted", 30), ("captions", 12)] {
        let rows = (0..40).map(|i| {
            let said = if i < right { "red" } else { "blue" };
            let row = json!({"id": i.to_string(), "prediction": said, "label": "red", "cluster": format!("c{i}")});
            serde_json::from_value(row).expect("a prediction")
        });
        let spec = FileMetric::ExactMatch.task("colour");
        let scored = score(&spec, rows.collect(), Vec::new(), &Options::default());
        let task = ScoredTask {
            spec,
            strict: scored.expect("scores"),
            reference: None,
            blind: None,
            leaks: None,
        };
        results::write(&run.join(system), &task).expect("written");
    }
    let path = |name: &str| folder.path().join(name).display().to_string();
    let systems = [
        path("runs/my/evaluate/base"),
        path("runs/my"),
        path("runs/my/evaluate/captions"),
    ];
    let rows = csv(&printed(&[
        "compare",
        &systems[0],
        &systems[1],
        &systems[2],
        "--format",
        "csv",
    ]));
    let found: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| {
            (
                row["system"].as_str(),
                row["colour:accuracy"].as_str(),
                row["best_in"].as_str(),
            )
        })
        .collect();
    assert_eq!(
        found,
        [
            ("base", "25", ""),
            ("my", "75", "colour:accuracy"),
            ("captions", "30", "")
        ]
    );
}
