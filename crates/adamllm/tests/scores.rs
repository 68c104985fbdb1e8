//! `score`, `compare` and `evaluate --list` through the binary.

mod program;

use std::path::Path;
use std::process::Output;

use program::text;
use serde_json::Value;

fn adamllm(args: &[&str]) -> Output {
    let program = program::adamllm().args(args).output();
    program.expect("the program starts")
}

/// What a command that must succeed prints as JSON.
fn json(args: &[&str]) -> Value {
    let output = adamllm(&[args, &["--json", "--quiet"]].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    std::fs::write(&path, text).expect("write");
    path.display().to_string()
}

const SLAKE: &str = r#"{"id":"0","prediction":"the left lung","label":"Left Lung","answer_type":"OPEN","image":"a.png","question":"Where?"}
{"id":"1","prediction":"It is normal.","label":"no","answer_type":"CLOSED","image":"a.png"}
{"id":"2","prediction":"Yes","label":"yes","answer_type":"CLOSED","image":"b.png"}
"#;

#[test]
fn scores_a_file_as_the_contract_says() {
    let folder = tempfile::tempdir().expect("folder");
    let file = write(folder.path(), "p.jsonl", SLAKE);
    let found = json(&[
        "score",
        "--task",
        "slake",
        "--predictions",
        &file,
        "--items",
    ]);
    assert_eq!(
        (&found["task"], &found["scorer"], &found["n"]),
        (&"slake".into(), &"strict".into(), &3.into())
    );
    assert_eq!(found["metrics"]["recall"], 100.0);
    assert_eq!(found["metrics"]["closed_accuracy"], 50.0);
    assert_eq!(
        found["items"][1],
        serde_json::json!({"id": "1", "score": 0.0, "unreadable": true})
    );
    assert!(
        found["method"]
            .as_str()
            .is_some_and(|method| method.contains("resampling clusters"))
    );
    let reference = json(&[
        "score",
        "--task",
        "slake",
        "--predictions",
        &file,
        "--scorer",
        "reference",
    ]);
    // "normal" has "no" in it.
    assert_eq!(reference["metrics"]["closed_accuracy"], 100.0);
}

#[test]
fn every_task_of_a_folder_is_written_with_tables_and_pages() {
    let folder = tempfile::tempdir().expect("folder");
    let predictions = folder.path().join("predictions");
    write(&predictions, "slake.jsonl", SLAKE);
    write(
        &predictions,
        "2026_samples_pmc_vqa.jsonl",
        r#"{"doc_id":0,"target":"B","filtered_resps":["(B)"],"resps":[["(B)"]],"doc":{},"A":"CT","B":"MRI","C":"x","D":"y"}"#,
    );
    write(
        &predictions,
        "food101.tsv",
        "index\tanswer\tprediction\timage_path\n0\tapple_pie\tApple pie\ta.jpg\n1\tpizza\tramen\tb.jpg\n",
    );
    write(&predictions, "vqa-rad.jsonl", "{\"id\":\"0\"}\n");
    let out = folder.path().join("out");
    let output = adamllm(&[
        "score",
        "--predictions",
        &predictions.display().to_string(),
        "--output",
        &out.display().to_string(),
    ]);
    let message = text(&output.stderr);
    assert!(!output.status.success());
    assert!(
        message.contains("1 of 4 tasks cannot be scored: `vqa-rad`"),
        "{message}"
    );
    assert!(message.contains("none of the 0 predictions of `vqa-rad` can be scored: 1 × label (not scored): the row has no label: `0` in line 1"), "{message}");
    let read = |name: &str| {
        std::fs::read_to_string(out.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    let markdown = read("scores.md");
    assert!(
        markdown.contains("| | SLAKE open | SLAKE closed | PMC-VQA | average |"),
        "{markdown}"
    );
    assert!(
        markdown.contains("95 % intervals: Wilson score interval"),
        "{markdown}"
    );
    let csv = read("scores.csv");
    assert!(
        csv.lines()
            .any(|line| line.starts_with("food101,strict,2,accuracy,50,")),
        "{csv}"
    );
    let all: Value = serde_json::from_str(&read("scores.json")).expect("json");
    assert_eq!(all["tasks"].as_array().map(Vec::len), Some(6));
    let page = read("slake.html");
    assert!(
        page.contains("It is normal.") && page.contains("scorers differ"),
        "no browser"
    );
    assert!(read("food101.html").contains("pizza as ramen: 1 of 1"));
    assert!(read("index.html").contains("PMC-VQA"));
    assert_eq!(read("slake/strict.jsonl").lines().count(), 3);
}

#[test]
fn two_systems_are_compared_from_files_and_from_results() {
    let folder = tempfile::tempdir().expect("folder");
    let rows = |right: &dyn Fn(usize) -> bool| -> String {
        let lines = (0..60).map(|i| {
                let answer = if right(i) { "yes" } else { "no" };
                format!("{{\"id\":\"{i}\",\"prediction\":\"{answer}\",\"label\":\"yes\",\"answer_type\":\"CLOSED\",\"cluster\":\"{}\"}}\n", i / 2)
        });
        lines.collect::<Vec<String>>().concat()
    };
    let before = write(folder.path(), "before.jsonl", &rows(&|i| i % 3 == 0));
    let after = write(folder.path(), "after.jsonl", &rows(&|i| i != 7));
    let out = folder.path().join("pages").display().to_string();
    let found = json(&[
        "compare", &before, &after, "--task", "slake", "--output", &out,
    ]);
    let row = &found["tasks"][0];
    assert_eq!(
        (&row["n"], &row["clusters"], &row["better"]),
        (&60.into(), &30.into(), &39.into())
    );
    assert!(row["p_holm"].as_f64().is_some_and(|p| p < 0.01));
    let read = |name: &str| std::fs::read_to_string(format!("{out}/{name}")).expect(name);
    assert!(read("slake.html").contains("changed"));
    // Both scorers agree on plain yes and no, and both are in every file.
    let other = &found["other"]["tasks"][0];
    assert_eq!(
        (&other["scorer"], &other["difference"]),
        (&"reference".into(), &row["difference"])
    );
    let page = read("index.html");
    for part in [
        "Differences, strict scorer",
        "Differences, reference scorer",
        "Scores, strict scorer",
        "Scores, reference scorer",
    ] {
        assert!(page.contains(part), "no `{part}`");
    }
    let markdown = read("comparison.md");
    assert!(markdown.contains("## strict scorer") && markdown.contains("## reference scorer"));
    let csv = read("comparison.csv");
    let scorers: Vec<&str> = csv
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(2))
        .collect();
    assert_eq!(scorers, ["strict", "reference"]);
    let (a, b) = (
        folder.path().join("a").display().to_string(),
        folder.path().join("b").display().to_string(),
    );
    for (file, out) in [(&before, &a), (&after, &b)] {
        json(&[
            "score",
            "--task",
            "slake",
            "--predictions",
            file,
            "--output",
            out,
        ]);
    }
    let named = [format!("before={a}"), format!("after={b}")];
    assert_eq!(json(&["compare", &named[0], &named[1]]), found);
    let turned = json(&["compare", &a, &b, "--scorer", "reference"]);
    assert_eq!(turned["tasks"][0], *other);
    assert_eq!(turned["other"]["tasks"][0], *row);
    let output = adamllm(&["compare", &before, &after]);
    assert!(
        text(&output.stderr).contains("does not say which task it answers"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_folder_of_names_serves_several_tasks() {
    let folder = tempfile::tempdir().expect("folder");
    let here = folder.path();
    let row = "{\"id\":\"1\",\"prediction\":\"rice and an egg\",\"label\":[\"egg\"]}\n";
    for task in ["nutrition5k", "foodseg103"] {
        write(here, &format!("predictions/{task}.jsonl"), row);
        write(here, &format!("names/{task}.txt"), "egg\nrice\n");
    }
    let path = |name: &str| here.join(name).display().to_string();
    let predictions = path("predictions");
    let command = ["score", "--predictions", &predictions, "--vocabulary"];
    let found = json(&[&command[..], &[&path("names")]].concat());
    // Recall takes no notice of the rice, F1 does: precision 1/2, recall 1.
    assert_eq!(found["tasks"][0]["metrics"]["recall"], 100.0);
    let f1 = found["tasks"][1]["metrics"]["f1"].as_f64();
    assert!(
        f1.is_some_and(|f1| (f1 - 200.0 / 3.0).abs() < 1e-9),
        "{found}"
    );
    let output = adamllm(&[&command[..], &[&path("names/foodseg103.txt")]].concat());
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("belongs to one task"), "{said}");
}

#[test]
fn the_benchmarks_are_listed() {
    let output = adamllm(&["evaluate", "--list"]);
    let list = text(&output.stdout);
    assert!(
        list.contains("179 open + 272 closed") && list.contains("nwpu-captions"),
        "{list}"
    );
    assert_eq!(
        json(&["evaluate", "--list"]).as_array().map(Vec::len),
        Some(12)
    );
    assert_eq!(adamllm(&["evaluate"]).status.code(), Some(2));
}

/// Every bad input ends in one clear sentence.
#[test]
fn bad_input_is_said_in_words() {
    let folder = tempfile::tempdir().expect("folder");
    let here = folder.path();
    let cases: &[(&str, &str, &str)] = &[
        (
            "slake",
            "{\"id\":\"1\",\"prediction\":\"a\",\"label\":[\"a\",\"b\"],\"answer_type\":\"OPEN\"}",
            "the label is a list of 2 where one text is expected",
        ),
        (
            "slake",
            "{\"id\":\"1\",\"prediction\":NaN,\"label\":\"a\"}",
            "not-a-record",
        ),
        ("slake", "", "the file is empty"),
        (
            "pmc-vqa",
            "{\"id\":\"1\",\"prediction\":\"A\",\"label\":\"A\"}",
            "the row has no options",
        ),
        (
            "pmc-vqa",
            "{\"id\":\"1\",\"prediction\":\"A\",\"label\":\"A\",\"choices\":{\"A\":\"x\"}}",
            "`1`",
        ),
        (
            "food101",
            "{\"id\":\"1\",\"prediction\":\"A\",\"label\":\"moon\"}",
            "the label `moon` is none of the task's 101 names",
        ),
        (
            "nutrition5k",
            "{\"id\":\"1\",\"prediction\":\"A\",\"label\":[\"egg\"]}",
            "give a vocabulary file with one name a line",
        ),
    ];
    for (at, (task, rows, expected)) in cases.iter().enumerate() {
        let file = write(here, &format!("{at}.jsonl"), rows);
        let output = adamllm(&["score", "--task", task, "--predictions", &file]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{message}");
        let wanted = if *expected == "not-a-record" {
            "can be scored: "
        } else {
            expected
        };
        assert!(message.contains(wanted), "{task}: {message}");
        assert_eq!(message.matches("error: ").count(), 1, "{message}");
    }
    let scored = [
        (
            "{\"id\":\"1\",\"prediction\":null,\"label\":\"yes\",\"answer_type\":\"CLOSED\"}",
            "1 × no-answer (scored): the prediction is null; it counts as wrong: `1`",
        ),
        (
            "{\"id\":\"1\",\"prediction\":\"x\",\"label\":\"left\",\"answer_type\":\"CLOSED\"}",
            "1 × closed-label (scored): the closed label `left` is neither yes nor no",
        ),
        (
            "{\"id\":\"1\",\"prediction\":\"yes\",\"label\":\"yes\",\"answer_type\":\"CLOSED\"}\n{\"id\":\"1\",\"prediction\":\"no\",\"label\":\"yes\"}",
            "1 × duplicate-id (not scored): an earlier row has this id; the first one counts: `1` in line 2",
        ),
    ];
    let scored = scored.into_iter().chain([(
        "{\"id\":\"1\",\"prediction\":\"no\",\"label\":\"no\"}\n{\"id\":\"2\",\"prediction\":NaN,\"label\":\"no\"}",
        "`NaN` is not JSON, write null where there is no answer: `scored-3-000001` in line 2",
    )]);
    for (at, (rows, expected)) in scored.enumerate() {
        let file = write(here, &format!("scored-{at}.jsonl"), rows);
        let output = adamllm(&["score", "--task", "slake", "--predictions", &file]);
        let message = text(&output.stderr);
        assert!(
            output.status.success() && message.contains(expected),
            "{message}"
        );
    }
    let few = write(
        here,
        "few.jsonl",
        "{\"id\":\"1\",\"prediction\":\"A\",\"label\":\"A\",\"choices\":{\"A\":\"x\",\"B\":\"y\"}}",
    );
    let output = adamllm(&["score", "--task", "pmc-vqa", "--predictions", &few]);
    assert!(
        text(&output.stderr).contains("2 options, the published data has 4"),
        "{}",
        text(&output.stderr)
    );
    let file = write(here, "table.csv", "a,b\n1,2\n");
    let refused = [
        (
            vec!["score", "--task", "slak", "--predictions", &file],
            "did you mean `slake`?",
        ),
        (
            vec!["score", "--task", "slake", "--predictions", "nowhere.jsonl"],
            "`nowhere.jsonl` does not exist",
        ),
        (
            vec!["score", "--task", "slake", "--predictions", &file],
            "has no column `index`, only `a`, `b`",
        ),
        (
            vec![
                "score",
                "--task",
                "slake",
                "--predictions",
                &file,
                "--columns",
                "ids=a",
            ],
            "`ids` is none of `id`, `prediction`",
        ),
        (
            vec![
                "score",
                "--task",
                "clrs",
                "--predictions",
                &few,
                "--scorer",
                "reference",
            ],
            "no scoring code was published for `clrs`",
        ),
    ];
    for (args, expected) in refused {
        let output = adamllm(&args);
        assert!(
            !output.status.success() && text(&output.stderr).contains(expected),
            "{}",
            text(&output.stderr)
        );
    }
    let toml = write(
        here,
        "own.toml",
        "id = \"own\"\nscoring = \"exact\"\nprompt = \"{question}\"\ndata = \"d.jsonl\"\nspeed = 3\n",
    );
    let output = adamllm(&["score", "--task", &toml, "--predictions", &few]);
    assert!(
        text(&output.stderr).contains("unknown field `speed`"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn ids_are_checked_against_the_benchmark() {
    let folder = tempfile::tempdir().expect("folder");
    let own = "id = \"own\"\nscoring = \"exact\"\nprompt = \"{question}\"\ndata = \"d.jsonl\"\n";
    let toml = write(folder.path(), "own.toml", own);
    let item = |id: &str| {
        format!("{{\"id\":\"{id}\",\"image\":\"gone.png\",\"question\":\"q\",\"label\":\"oak\"}}\n")
    };
    write(folder.path(), "d.jsonl", &(item("1") + &item("2")));
    // Completions have no label; it comes from the benchmark.
    let file = write(
        folder.path(),
        "c.jsonl",
        "{\"id\":\"1\",\"text\":\"Oak\",\"finish_reason\":\"length\"}\n{\"id\":\"9\",\"text\":\"x\"}\n",
    );
    let output = adamllm(&["score", "--task", &toml, "--predictions", &file]);
    let message = text(&output.stderr);
    assert!(output.status.success(), "{message}");
    assert!(message.contains("1 × missing-id (not scored): the file has no prediction for this item; it is left out: `2`"), "{message}");
    assert!(
        message
            .contains("1 × unknown-id (not scored): the benchmark has no item with this id: `9`"),
        "{message}"
    );
    assert!(
        message.contains("benchmark: 2 × no-picture (scored): the picture"),
        "{message}"
    );
    let found = json(&["score", "--task", &toml, "--predictions", &file]);
    assert_eq!(
        (&found["n"], &found["metrics"]["accuracy"]),
        (&1.into(), &100.0.into())
    );
    assert_eq!(found["rates"]["cut_off"], 100.0);
}

#[test]
fn a_planted_leak_is_found_and_scored_apart() {
    let folder = tempfile::tempdir().expect("folder");
    let picture = |seed: u32| {
        image::RgbImage::from_fn(120, 90, |x, y| {
            let wave = f64::from(x * (seed + 1) + y * (3 * seed + 2)) / 40.0;
            image::Rgb([
                (127.0 + 120.0 * wave.sin()) as u8,
                ((x + seed * 50) % 256) as u8,
                (y * 2) as u8,
            ])
        })
    };
    let data = folder.path().join("data/slake");
    std::fs::create_dir_all(&data).expect("folder");
    let (mut items, mut answers) = (String::new(), String::new());
    for i in 0..6 {
        picture(i)
            .save(data.join(format!("{i}.png")))
            .expect("picture");
        let answer = if i == 2 { "yes" } else { "no" };
        let item = serde_json::json!({"id": i.to_string(), "image": format!("{i}.png"),
            "question": format!("Is it {i}?"), "label": "yes", "answer_type": "CLOSED"});
        items += &(item.to_string() + "\n");
        let answer = serde_json::json!({"id": i.to_string(), "prediction": answer});
        answers += &(answer.to_string() + "\n");
    }
    std::fs::write(data.join("test.jsonl"), items).expect("items");
    // Trained on: a smaller JPEG of the third picture, and a picture of its own.
    let small = image::imageops::resize(&picture(2), 60, 45, image::imageops::FilterType::Triangle);
    small
        .save(folder.path().join("small.jpg"))
        .expect("picture");
    picture(40)
        .save(folder.path().join("own.png"))
        .expect("picture");
    let pairs = "{\"id\":\"x\",\"images\":[\"small.jpg\"],\"caption\":\"A wave.\"}\n{\"id\":\"y\",\"images\":[\"own.png\"],\"caption\":\"Another.\"}\n\
                 {\"id\":\"z\",\"images\":[\"torn.png\"],\"caption\":\"A third.\"}\n";
    write(folder.path(), "torn.png", "no picture");
    std::fs::write(data.join("5.png"), "no picture").expect("torn");
    let trained = write(folder.path(), "pairs.jsonl", pairs);
    let file = write(folder.path(), "p.jsonl", &answers);
    let out = folder.path().join("out");
    let found = json(&[
        "score",
        "--task",
        "slake",
        "--predictions",
        &file,
        "--data",
        &folder.path().join("data").display().to_string(),
        "--trained",
        &trained,
        "--output",
        &out.display().to_string(),
    ]);
    let leaks: Value = serde_json::from_str(
        &std::fs::read_to_string(out.join("slake/leaks.json")).expect("leaks"),
    )
    .expect("json");
    // What cannot be compared is told, not taken for clean.
    for part in [
        "1 training records and pictures cannot be compared",
        "1 test pictures cannot be compared",
    ] {
        assert!(found["warnings"].to_string().contains(part), "{found}");
    }
    let pictures = leaks["pictures"].as_array().expect("pictures");
    assert_eq!(pictures.len(), 1, "{pictures:?}");
    assert_eq!(
        (&pictures[0]["item"], &pictures[0]["likeness"]),
        (&"2".into(), &"copy".into())
    );
    assert_eq!(leaks["scores"][0]["clean"]["mean"], 0.0);
    assert_eq!(leaks["scores"][0]["found"]["mean"], 100.0);
}

/// A benchmark of one's own with four questions on two pictures, and one in the packaged layout's folder.
fn benchmarks(folder: &Path) {
    for (name, red) in [("a.png", 200), ("b.png", 20)] {
        let picture = image::RgbImage::from_pixel(48, 48, image::Rgb([red, 40, 60]));
        picture.save(folder.join(name)).expect("picture");
    }
    let item = |i: usize, more: &str| {
        let picture = ["a.png", "b.png"][i % 2];
        format!("{{\"id\":\"{i}\",\"image\":\"{picture}\",\"question\":\"What is it?\"{more}}}\n")
    };
    let choices = ",\"label\":\"A\",\"choices\":{\"A\":\"a red pot\",\"B\":\"a cup of tea\"}";
    let items: String = (0..4).map(|i| item(i, choices)).collect();
    write(folder, "own.jsonl", &items);
    let keys = "id = \"own\"\nscoring = \"choice\"\nprompt = \"{question} {choices}\"\ndata = \"own.jsonl\"\n\
                by_likelihood = true\n";
    write(folder, "own.toml", keys);
    let yes = ",\"label\":\"yes\",\"answer_type\":\"CLOSED\"";
    let items: String = (0..2)
        .map(|i| item(i, yes).replace("\"image\":\"", "\"image\":\"../../"))
        .collect();
    write(folder, "data/slake/test.jsonl", &items);
}

#[test]
fn a_model_answers_benchmarks_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().expect("folder");
    benchmarks(folder.path());
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/demo/base-model");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (model, own, data, output) = (
        model.display().to_string(),
        path("own.toml"),
        path("data"),
        path("scores"),
    );
    let tasks = format!("slake,{own}");
    // The first picture was trained on.
    let trained = write(
        folder.path(),
        "trained.jsonl",
        "{\"id\":\"t\",\"images\":[\"a.png\"],\"caption\":\"A red pot.\"}\n",
    );
    let command = [
        "evaluate",
        "--model",
        &model,
        "--tasks",
        &tasks,
        "--data",
        &data,
        "--output",
        &output,
        "--trained",
        &trained,
    ];
    let found = json(&command);
    assert_eq!(found["tasks"][0]["task"], "slake");
    assert_eq!(
        (&found["tasks"][0]["n"], &found["tasks"][1]["n"]),
        (&2.into(), &4.into())
    );
    let file = |name: &str| std::fs::read(folder.path().join("scores").join(name)).expect("file");
    // Options are ranked, so that every answer is one of them.
    for line in text(&file("predictions/own.jsonl")).lines() {
        let row: Value = serde_json::from_str(line).expect("json");
        assert!(
            row["prediction"] == "(A)" || row["prediction"] == "(B)",
            "{row}"
        );
    }
    assert_eq!(found["tasks"][1]["rates"]["unreadable"], 0.0, "{found}");
    let leaks: Value = serde_json::from_slice(&file("slake/leaks.json")).expect("json");
    assert_eq!(leaks["pictures"][0]["item"], "0");
    assert_eq!(leaks["pictures"].as_array().map(Vec::len), Some(1));
    let page = text(&file("slake.leaks.html"));
    assert_eq!(
        page.matches("data:image/jpeg;base64,").count(),
        2,
        "both pictures"
    );
    assert!(text(&file("index.html")).contains("slake.leaks.html"));

    // What is there is kept, and what is missing is done again: the same bits.
    let answers = file("own/completions.jsonl");
    std::fs::remove_file(folder.path().join("scores/own/completions.jsonl")).expect("remove");
    std::fs::remove_file(folder.path().join("scores/own/strict.json")).expect("remove");
    json(&command);
    assert_eq!(file("own/completions.jsonl"), answers);
    // More of the same questions may be asked later, but answers are not thrown away.
    let more = path("more");
    let limited = |limit: &[&str]| {
        let own = [
            "evaluate", "--model", &model, "--tasks", &own, "--output", &more, "--blind",
        ];
        adamllm(&[&own[..], limit].concat())
    };
    let output = limited(&["--limit", "2"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let output = limited(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let file_of_more = |name: &str| std::fs::read(format!("{more}/{name}")).expect(name);
    assert_eq!(file_of_more("own/completions.jsonl"), answers);
    let output = limited(&["--limit", "2"]);
    let said = text(&output.stderr);
    assert!(said.contains("`limit` was null, is 2"), "{said}");
    // Answers to blank pictures are a row of their own; pictures are still what is resampled.
    let blind = text(&file_of_more("predictions/blind/own.jsonl"));
    assert!(
        blind.lines().count() == 4 && blind.contains("a.png"),
        "{blind}"
    );
    assert!(text(&file_of_more("scores.md")).contains("| blind (strict) | "));
    assert!(text(&file_of_more("index.html")).contains("<td>blind</td>"));
    // Answers to other questions are not mixed with these.
    let items = text(&std::fs::read(path("own.jsonl")).expect("items"));
    write(
        folder.path(),
        "own.jsonl",
        &items.replace("What is it?", "Which one?"),
    );
    let output = adamllm(&command);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("holds answers to something else") && said.contains("`requests` was"),
        "{said}"
    );
    let output = adamllm(&[
        "evaluate",
        "--model",
        &model,
        "--tasks",
        "slake",
        "--data",
        &data,
        "--output",
        &path("other"),
        "--by-likelihood",
    ]);
    let said = text(&output.stderr);
    assert!(said.contains("task `slake` has none"), "{said}");
}
