//! A run asks the published benchmarks: twelve small folders in their layouts, three families with tiny random weights.

mod program;

use std::path::Path;
use std::process::Output;

use evaluation::tasks::{Scoring, all};
use program::text;
use serde_json::{Value, json};
use torch::{Device, Kind};

fn adamllm(args: &[&str]) -> Output {
    let program = program::adamllm().args(args).output();
    program.expect("the program starts")
}

fn write_picture(path: &Path, seed: u32) {
    let picture = image::RgbImage::from_fn(40, 30, |x, y| {
        image::Rgb([(x * 6) as u8, (y * 8) as u8, (seed * 40 % 256) as u8])
    });
    std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
    picture.save(path).expect("picture");
}

/// A folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("folder").flatten() {
        let place = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &place);
        } else {
            std::fs::copy(entry.path(), place).expect("copy");
        }
    }
}

/// A model folder of a family with random weights.
fn write_model(name: &str, folder: &Path) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../processor/tests/golden");
    copy(&golden.join(name), folder);
    let config = std::fs::read_to_string(folder.join("config.json")).expect("config");
    let model = model::fresh(&config, 3, Device::Cpu, Kind::Float).expect("model");
    model::save(model.as_ref(), folder, None, Kind::Float).expect("saved");
}

/// Two items of each of the twelve tasks: tables, published layouts and plain items.
fn write_benchmarks(root: &Path) {
    let packaged =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../evaluation/tests/golden/packaged");
    for task in all() {
        let folder = root.join(&task.id);
        std::fs::create_dir_all(&folder).expect("folder");
        if ["pmc-vqa", "food101", "nwpu-captions"].contains(&task.id.as_str()) {
            copy(&packaged.join(&task.id), &folder);
            continue;
        }
        let names: Vec<String> = if task.names.is_empty() {
            vec!["egg".to_owned(), "rice".to_owned()]
        } else {
            task.names.clone()
        };
        if matches!(task.scoring, Scoring::List) {
            std::fs::write(folder.join("names.txt"), names.join("\n")).expect("names");
        }
        if task.id == "uc-merced" {
            // As it was published: a folder of pictures for each class.
            for (at, name) in names.iter().take(2).enumerate() {
                write_picture(&folder.join(name).join(format!("{at}.png")), at as u32);
            }
            continue;
        }
        let rows: Vec<String> = (0..2)
            .map(|at| {
                let image = format!("{at}.png");
                write_picture(&folder.join(&image), at);
                let (label, kind) = match task.scoring {
                    Scoring::Vqa if at == 0 => (json!("left lung"), json!("OPEN")),
                    Scoring::Vqa => (json!("no"), json!("CLOSED")),
                    Scoring::List => (json!([names[at as usize % names.len()]]), Value::Null),
                    Scoring::Class => (json!(names[at as usize]), Value::Null),
                    _ => (json!("three trees"), Value::Null),
                };
                let item = json!({"id": format!("{}-{at}", task.id), "image": image, "question": "What is shown?",
                                  "label": label, "answer_type": kind});
                format!("{item}\n")
            })
            .collect();
        std::fs::write(folder.join("test.jsonl"), rows.concat()).expect("items");
    }
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// A recipe that trains one step without a synthesizer.
fn write_recipe(folder: &Path, evaluate: &str) -> String {
    let rows: Vec<String> = (0..4)
        .map(|at| {
            write_picture(&folder.join(format!("{at}.png")), 10 + at);
            let pair = json!({"id": at.to_string(), "images": [format!("{at}.png")], "caption": format!("Dish {at}.")});
            format!("{pair}\n")
        })
        .collect();
    std::fs::write(folder.join("pairs.jsonl"), rows.concat()).expect("pairs");
    let recipe = format!(
        "[model]\ncheckpoint = \"model\"\ndtype = \"f32\"\n[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.0\n[mix]\n\
         synthetic = false\n[train]\nmax_steps = 1\nbatch_size = 2\n[evaluate]\n{evaluate}"
    );
    let path = folder.join("my.toml");
    std::fs::write(&path, recipe).expect("recipe");
    path.display().to_string()
}

/// The results of `scores.json` without what is said of the training data.
fn results(path: &Path) -> Vec<Value> {
    let mut all = read(path)["tasks"].as_array().expect("tasks").clone();
    for task in &mut all {
        task["warnings"] = Value::Null;
    }
    all.sort_by_key(|task| format!("{} {}", task["task"], task["scorer"]));
    all
}

#[test]
fn a_run_asks_the_twelve_benchmarks_as_evaluate_does() {
    for name in ["qwen", "tile", "canvas"] {
        let folder = tempfile::tempdir().expect("folder");
        let at = |name: &str| folder.path().join(name);
        write_model(name, &at("model"));
        write_benchmarks(&at("benchmarks"));
        let recipe = write_recipe(
            folder.path(),
            "data = \"benchmarks\"\ngeneral = [\"floodnet\"]\nmax_new_tokens = 5\n",
        );
        let run = at("run").display().to_string();
        let output = adamllm(&["run", &recipe, "--run-dir", &run, "--threads", "1"]);
        assert!(output.status.success(), "{name}: {}", text(&output.stderr));
        let summary = read(&at("run/report/summary.json"));
        // Three of the twelve have two columns, and one is asked for what was forgotten.
        let rows = summary["tasks"].as_array().expect("rows");
        assert_eq!(rows.len(), 15, "{name}");
        assert_eq!(rows[14]["task"], "floodnet", "{name}");
        assert_eq!(summary["general"]["n"], 2, "{name}");
        let cut = summary["rates"].as_array().expect("rates");
        assert!(
            cut.iter().any(|row| row["cut_off"] == 100.0),
            "{name}: {cut:?}"
        );
        assert!(!summary["reference"].is_null() && !summary["strict"].is_null());
        let page = std::fs::read_to_string(at("run/report/index.html")).expect("page");
        assert!(
            page.contains("answers/index.html") && page.contains("remote-sensing"),
            "{name}"
        );
        assert!(at("run/report/answers/slake.html").is_file());

        let data = at("benchmarks").display().to_string();
        for (system, model) in [("base", "model"), ("adapted", "run/train/model")] {
            let model = at(model).display().to_string();
            let out = at(&format!("scores-{system}"));
            let found = adamllm(&[
                "evaluate",
                "--model",
                &model,
                "--data",
                &data,
                "--output",
                &out.display().to_string(),
                "--max-new-tokens",
                "5",
                "--threads",
                "1",
            ]);
            let said = text(&found.stderr);
            assert!(found.status.success(), "{name}: {said}");
            // The adapted model lies in its run folder, where the same was answered.
            assert_eq!(
                said.contains("are taken over"),
                system == "adapted",
                "{name}: {said}"
            );
            assert_eq!(
                results(&out.join("scores.json")),
                results(&at(&format!("run/evaluate/{system}/scores.json"))),
                "{name}: {system}"
            );
            let predictions = out.join("predictions").display().to_string();
            let again = at(&format!("again-{system}"));
            let scored = adamllm(&[
                "score",
                "--predictions",
                &predictions,
                "--data",
                &data,
                "--output",
                &again.display().to_string(),
            ]);
            assert!(scored.status.success(), "{name}: {}", text(&scored.stderr));
            assert_eq!(
                results(&again.join("scores.json")),
                results(&out.join("scores.json")),
                "{name}: {system}"
            );
            if name != "qwen" {
                break;
            }
        }
    }
}

/// As the demo asks its choices.
#[test]
fn options_that_a_run_ranks_are_said_to_be_ranked() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name);
    write_model("qwen", &at("model"));
    std::fs::create_dir_all(at("tasks")).expect("folder");
    write_picture(&at("tasks/a.png"), 7);
    for (task, metric) in [("choice", "choice"), ("read", "choice")] {
        let item = json!({"id": "1", "images": ["a.png"], "question": "Which?", "label": "oak", "metric": metric,
            "choices": ["oak", "ash"]});
        let path = at("tasks").join(format!("{task}.jsonl"));
        std::fs::write(path, format!("{item}\n")).expect("task");
    }
    let evaluate = "data = \"tasks\"\nby_likelihood = [\"choice\"]\nmax_new_tokens = 5\n";
    let recipe = write_recipe(folder.path(), evaluate);
    let run = at("run").display().to_string();
    let output = adamllm(&["run", &recipe, "--run-dir", &run, "--threads", "1"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let notes = read(&at("run/report/summary.json"))["notes"].to_string();
    assert!(
        notes.contains("choice: the options are ranked by likelihood"),
        "{notes}"
    );
    assert!(!notes.contains("read: the options are ranked"), "{notes}");
    let page = std::fs::read_to_string(at("run/report/index.html")).expect("page");
    assert!(page.contains("The options of the task choice are ranked by likelihood"));
    for (task, ranked) in [("choice", true), ("read", false)] {
        for system in ["base", "adapted"] {
            let path = at(&format!(
                "run/evaluate/answers/{system}/{task}.completions.jsonl"
            ));
            let answer = read(&path);
            let logprobs = answer["logprobs"].as_array().map_or(0, Vec::len);
            assert_eq!(logprobs == 2, ranked, "{system} {task}: {answer}");
        }
    }
}

#[test]
fn what_later_stages_lack_is_said_before_the_first() {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name);
    write_model("tile", &at("model"));
    write_benchmarks(&at("benchmarks"));
    std::fs::remove_file(at("benchmarks/slake/1.png")).expect("picture");
    // Labels that are none of the classes, and a task file with a key too much.
    let item = json!({"id": "0", "image": "clrs/0.png", "label": "volcano"});
    std::fs::write(at("benchmarks/trees.jsonl"), format!("{item}\n")).expect("items");
    let task = "id = \"trees\"\nprompt = \"Which tree?\"\ndata = \"trees.jsonl\"\nscoring = \"class\"\nnames = [\"oak\", \"ash\"]\n";
    std::fs::write(at("benchmarks/own.toml"), task).expect("task");
    std::fs::write(at("benchmarks/wrong.toml"), format!("{task}colour = 1\n")).expect("task");
    let recipe = write_recipe(
        folder.path(),
        "data = \"benchmarks\"\ntasks = [\"slake\", \"vqa-ra\", \"clrs\", \"benchmarks/own.toml\", \"wrong\"]\ngeneral = [\"clrs\"]\nby_likelihood = [\"clrs\"]\n",
    );
    let run = at("run").display().to_string();
    let output = adamllm(&["run", &recipe, "--run-dir", &run]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for expected in [
        "1.png",
        "there is no task `vqa-ra`",
        "task `clrs` is both in",
        "names `clrs`, which is no multiple choice",
        "unknown field `colour`",
        "task `trees` cannot be scored, not even with its labels for answers",
        "`volcano` is none of the task's 2 names",
    ] {
        assert_eq!(said.matches(expected).count(), 1, "{expected}: {said}");
    }
    for stage in ["pairs", "mix", "train", "recipe.json", "machine.json"] {
        assert!(!at("run").join(stage).exists(), "{stage}");
    }
    // With what is wrong with the recipe itself.
    let output = adamllm(&[
        "run",
        &recipe,
        "--run-dir",
        &run,
        "--set",
        "train.bath_size=3",
        "--set",
        "mix.general=\"no.jsonl\"",
    ]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for expected in ["`train.bath_size`", "no.jsonl", "1.png", "no task `vqa-ra`"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
