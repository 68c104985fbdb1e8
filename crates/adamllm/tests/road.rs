//! The whole road through the binary, with the shipped demo base and a few steps, on pictures made here.

mod program;

use std::path::Path;
use std::process::Output;

use program::text;
use serde_json::Value;

fn adamllm(args: &[&str]) -> Output {
    let program = program::adamllm().args(args).output();
    program.expect("the program starts")
}

/// Ten photograph-sized pictures with long captions, as LLaMA-Factory writes them.
fn write_data(folder: &Path) {
    let mut records = Vec::new();
    for i in 0..10_u8 {
        let picture = image::RgbImage::from_fn(90 + u32::from(i) * 7, 120, |x, y| {
            image::Rgb([(x * 2) as u8, (y * 2) as u8, i * 20])
        });
        picture
            .save(folder.join(format!("{i}.png")))
            .expect("picture");
        records.push(serde_json::json!({
            "messages": [
                {"role": "user", "content": "<image>\nWhat dish is this?"},
                {"role": "assistant", "content": format!("Dish number {i}: a stew of beans, served in a red bowl with bread.")}
            ],
            "images": [format!("{i}.png")],
        }));
    }
    std::fs::write(
        folder.join("data.json"),
        serde_json::to_string(&records).expect("json"),
    )
    .expect("data");
    let recipe = "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"data.json\"\n[synthesizer]\nmax_new_tokens = 40\n\
                  [synthesizer.train]\nmax_steps = 2\nsave_steps = 1\n[train]\nmax_steps = 2\n\
                  [evaluate]\ncontrols = [\"captions\", \"shuffled-pictures\"]\n";
    std::fs::write(folder.join("my.toml"), recipe).expect("recipe");
}

fn summary(run: &Path) -> Value {
    serde_json::from_str(
        &std::fs::read_to_string(run.join("report/summary.json")).expect("summary"),
    )
    .expect("json")
}

#[test]
fn own_pairs_become_an_adapted_model_and_a_report() {
    let folder = tempfile::tempdir().expect("folder");
    write_data(folder.path());
    let (recipe, run) = (folder.path().join("my.toml"), folder.path().join("run"));
    let (recipe, run_text) = (recipe.display().to_string(), run.display().to_string());
    let limited = ["run", &recipe, "--run-dir", &run_text, "--threads", "1"];
    let output = adamllm(&limited);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("description"),
        "{}",
        text(&output.stdout)
    );
    let first = summary(&run);
    assert_eq!(first["funnel"]["pairs"], 10);
    assert_eq!(first["funnel"]["held_out"], 1);
    assert_eq!(first["tasks"][0]["task"], "description");
    let against = first["against"].as_array().expect("controls");
    let names: Vec<&Value> = against.iter().map(|a| &a["name"]).collect();
    assert_eq!(names, ["base or majority", "captions", "shuffled-pictures"]);
    // Nothing was said that a most frequent answer could say, so the base is the better of the two.
    assert_eq!(against[0]["average"]["base"], first["average"]["base"]);
    assert!(
        run.join("train/model/model.safetensors").exists()
            && run.join("report/index.html").exists()
    );

    // Again: every stage is skipped, and nothing changes.
    let again = adamllm(&limited);
    assert!(
        text(&again.stderr).contains("report: done before, skipped"),
        "{}",
        text(&again.stderr)
    );
    assert_eq!(summary(&run), first);

    // In another folder: the same numbers.
    let other = folder.path().join("other");
    let output = adamllm(&[
        "run",
        &recipe,
        "--run-dir",
        &other.display().to_string(),
        "--threads",
        "1",
        "--quiet",
    ]);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        text(&output.stderr)
    );
    let second = summary(&other);
    assert_eq!(
        (&second["tasks"], &second["funnel"]),
        (&first["tasks"], &first["funnel"])
    );
    let weights =
        |run: &Path| std::fs::read(run.join("train/model/model.safetensors")).expect("weights");
    assert_eq!(weights(&run), weights(&other));

    // A changed key does again what depends on it only.
    let changed = adamllm(&[
        "run",
        &recipe,
        "--run-dir",
        &run_text,
        "--threads",
        "1",
        "--set",
        "train.max_steps=1",
    ]);
    let said = text(&changed.stderr);
    assert!(
        said.contains("mix: done before, skipped") && !said.contains("train: done before"),
        "{said}"
    );

    // What was learned in a sample can be looked at.
    let model = run.join("demo/base-model").display().to_string();
    let samples = run.join("mix/samples.jsonl").display().to_string();
    let shown = adamllm(&["inspect", "sample", "--model", &model, "--data", &samples]);
    assert!(text(&shown.stdout).contains('«'), "{}", text(&shown.stdout));
}

#[test]
fn unusable_replay_samples_stop_a_run_or_are_counted() {
    let folder = tempfile::tempdir().expect("folder");
    write_data(folder.path());
    let turns = "[{\"role\":\"user\",\"text\":\"Hi\"},{\"role\":\"assistant\",\"text\":\"Yes\",\"learn\":true}]";
    let good = format!("{{\"id\":\"a\",\"turns\":{turns}}}");
    let bad = format!("{{\"id\":\"b\",\"images\":[\"none.png\"],\"turns\":{turns}}}");
    std::fs::write(
        folder.path().join("replay.jsonl"),
        format!("{good}\n{bad}\n"),
    )
    .expect("replay");
    let (recipe, run) = (folder.path().join("my.toml"), folder.path().join("run"));
    let (recipe, run_text) = (recipe.display().to_string(), run.display().to_string());
    let general = "mix.general=replay.jsonl";
    let args = [
        "run",
        &recipe,
        "--run-dir",
        &run_text,
        "--threads",
        "1",
        "--until",
        "mix",
        "--set",
        general,
        "--set",
        "mix.general_ratio=1.0",
    ];
    let said = text(&adamllm(&args).stderr);
    assert!(
        said.contains("1 of 2 records") && said.contains("data.max_bad"),
        "{said}"
    );
    let lenient: Vec<&str> = args
        .into_iter()
        .chain(["--set", "data.max_bad=0.5"])
        .collect();
    let output = adamllm(&lenient);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rejected = std::fs::read_to_string(run.join("mix/rejected.jsonl")).expect("rejected");
    assert!(rejected.contains("\"id\":\"b\""), "{rejected}");
}

/// Where pictures lie, and from where they are named, is no part of what a run is.
#[test]
fn pictures_that_are_named_from_above_make_the_same_pairs() {
    let folder = tempfile::tempdir().expect("folder");
    let mut seen = Vec::new();
    for (project, below) in [("beside", ""), ("above", "data/")] {
        let data = folder.path().join(project).join("data");
        std::fs::create_dir_all(&data).expect("folder");
        write_data(&data);
        let place = data.join("data.json");
        let rows = std::fs::read_to_string(&place).expect("data");
        let rows = rows.replace("\"images\":[\"", &format!("\"images\":[\"{below}"));
        std::fs::write(&place, rows).expect("data");
        let (recipe, run) = (
            data.join("my.toml"),
            folder.path().join(project).join("run"),
        );
        let (recipe, run_text) = (recipe.display().to_string(), run.display().to_string());
        let output = adamllm(&["run", &recipe, "--run-dir", &run_text, "--until", "pairs"]);
        let said = text(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert_eq!(
            said.contains("names of pictures start in"),
            project == "above",
            "{said}"
        );
        let manifest = std::fs::read_to_string(run.join("pairs/manifest.json")).expect("manifest");
        let manifest: Value = serde_json::from_str(&manifest).expect("JSON");
        let pairs = std::fs::read(run.join("pairs/pairs.jsonl")).expect("pairs");
        assert!(manifest["key"].is_string(), "{manifest}");
        seen.push((manifest["key"].clone(), pairs));
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn bad_recipes_and_data_end_in_words() {
    let folder = tempfile::tempdir().expect("folder");
    write_data(folder.path());
    let run = folder.path().join("run").display().to_string();
    let check = |name: &str, recipe: &str, part: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, recipe).expect("recipe");
        let output = adamllm(&[
            "run",
            &path.display().to_string(),
            "--run-dir",
            &run,
            "--dry-run",
        ]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(part), "{said}");
    };
    check(
        "a.toml",
        "[modle]\ncheckpoint = \"demo\"",
        "did you mean `model.checkpoint`?",
    );
    check(
        "b.toml",
        "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"none.json\"",
        "`data.pairs` names",
    );
    check(
        "c.toml",
        "[model]\ncheckpoint = \"nowhere\"\n[data]\npairs = \"data.json\"",
        "synthesizer.seed_data",
    );
    // A damaged picture is found before anything is trained.
    let whole = std::fs::read(folder.path().join("0.png")).expect("picture");
    std::fs::write(folder.path().join("0.png"), &whole[..whole.len() / 2]).expect("cut");
    let recipe = folder.path().join("my.toml").display().to_string();
    let output = adamllm(&["synthesize", &recipe, "--run-dir", &run, "--threads", "1"]);
    let said = text(&output.stderr);
    assert!(
        said.contains("1 × broken-image:") && said.contains("data.max_bad"),
        "{said}"
    );
    // The list is there though the stage was refused, and the message says where.
    let list = folder.path().join("run/pairs/rejected.jsonl");
    assert!(
        said.contains(&format!("`{}` names each", list.display())),
        "{said}"
    );
    let list = std::fs::read_to_string(list).expect("list");
    assert_eq!(list.matches("\"broken-image\"").count(), 1, "{list}");
    let output = adamllm(&["run"]);
    assert_eq!(output.status.code(), Some(2));
}
