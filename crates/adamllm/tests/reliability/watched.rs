//! Trainings that are watched: which step becomes the model, when it ends, and that kills change neither.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::program::{self, text};
use crate::run::Small;

const EVERY: u64 = 2;
const STEPS: u64 = 16;

/// Ten pairs whose captions are trained on, and samples of other pictures that say the same in part: their loss falls while
/// the form is learned and rises when the dish is.
fn small() -> Small {
    let small = Small::new();
    let (mut samples, mut questions) = (String::new(), String::new());
    for i in 0..4_u8 {
        let picture = image::RgbImage::from_fn(70, 90 + u32::from(i), |x, y| {
            image::Rgb([i * 60, (x * 3) as u8, (y * 2) as u8])
        });
        let name = format!("other-{i}.png");
        picture.save(small.path(&name)).expect("picture");
        let caption = format!("Dish number {i}: a soup of green peas, on a blue plate.");
        let turns = json!([
            {"role": "user", "text": "<image>\nWhat is in the picture?", "marks": true},
            {"role": "assistant", "text": caption, "learn": true},
        ]);
        let sample = json!({"id": format!("other-{i}"), "images": [name], "turns": turns});
        samples = format!("{samples}{sample}\n");
        let label = if i % 2 == 0 {
            "a red bowl"
        } else {
            "a blue plate"
        };
        let question = json!({
            "id": format!("q{i}"), "images": [name], "question": "Where is it?", "label": label, "metric": "rouge_l",
        });
        questions = format!("{questions}{question}\n");
    }
    small.write("others.jsonl", samples.as_bytes());
    small.write("watched.jsonl", questions.as_bytes());
    let recipe = format!(
        "[model]\ncheckpoint = \"demo\"\n[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.1\n[mix]\nsynthetic = false\n[train]\n\
         max_steps = {STEPS}\nepochs = 100\nsave_steps = 3\nbatch_size = 4\nlearning_rate = 2e-3\nscheduler = \"constant\"\n\
         validation = \"others.jsonl\"\neval_steps = {EVERY}\nbest_by = \"loss\"\n"
    );
    small.write("my.toml", recipe.as_bytes());
    small
}

fn command(small: &Small, run: &str, more: &[&str]) -> Command {
    let mut command = program::adamllm();
    command.arg("run").arg(small.path("my.toml"));
    command.arg("--run-dir").arg(small.path(run));
    command.args(["--threads", "1", "--until", "train"]);
    for key in more {
        command.args(["--set", key]);
    }
    command
}

fn done(mut command: Command) -> Output {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

fn looks(folder: &Path) -> Vec<Value> {
    let lines = std::fs::read_to_string(folder.join("validation.jsonl")).expect("looks");
    let lines = lines.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("sound lines")
}

fn step_of(look: &Value) -> u64 {
    look["step"].as_u64().expect("a step")
}

fn loss_of(look: &Value) -> f64 {
    look["loss"].as_f64().expect("a loss")
}

/// The earliest of the smallest losses after the first step.
fn smallest(looks: &[Value]) -> &Value {
    let after = looks.iter().filter(|look| step_of(look) > 0);
    after
        .min_by(|a, b| loss_of(a).total_cmp(&loss_of(b)))
        .expect("looks")
}

/// The loss of the samples that are watched, by the program's own word for it.
fn perplexity(small: &Small, run: &str) -> f64 {
    let mut command = program::adamllm();
    command.args(["perplexity", "--json", "--threads", "1", "--model"]);
    command.arg(small.path(run).join("train/model"));
    command.arg("--data").arg(small.path("others.jsonl"));
    let told: Value = serde_json::from_slice(&done(command).stdout).expect("json");
    told["mean_loss"].as_f64().expect("a loss")
}

fn bytes(folder: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    let names = [
        "model/model.safetensors",
        "validation.jsonl",
        "rejected.jsonl",
    ];
    let read = |name| (name, std::fs::read(folder.join(name)).unwrap_or_default());
    names.map(read).into()
}

#[test]
fn the_best_step_becomes_the_model_whatever_is_killed() {
    let small = small();
    let output = done(command(&small, "run", &[]));
    let folder = small.path("run/train");
    let all = looks(&folder);
    let steps: Vec<u64> = all.iter().map(step_of).collect();
    assert_eq!(steps, (0..=STEPS).step_by(2).collect::<Vec<_>>());
    let best = smallest(&all);
    assert!(
        step_of(best) < STEPS && loss_of(best) < loss_of(&all[0]),
        "a training that overfits: {all:?}"
    );
    let told = format!("the model is that of step {}", step_of(best));
    assert!(
        text(&output.stderr).contains(&told),
        "{told}: {}",
        text(&output.stderr)
    );
    let found = perplexity(&small, "run");
    assert!((found - loss_of(best)).abs() < 1e-4, "{found} for {best}");
    let left = std::fs::read_dir(&folder).expect("folder");
    let left = left.map(|e| e.expect("entry").file_name().into_string().expect("name"));
    let left: Vec<String> = left.filter(|name| name.starts_with("checkpoint")).collect();
    assert!(left.is_empty(), "{left:?}");

    // Killed after each look, wherever it is then: in a look, in a step, in a checkpoint.
    let mut kills = 0;
    for count in 1..all.len() {
        let mut started = command(&small, "killed", &[]);
        let started = started.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = started.spawn().expect("the program starts");
        let file = small.path("killed/train/validation.jsonl");
        let begun = Instant::now();
        let lines = || std::fs::read_to_string(&file).map_or(0, |all| all.matches('\n').count());
        while lines() <= count && child.try_wait().expect("wait").is_none() {
            assert!(begun.elapsed() < Duration::from_mins(5), "no line {count}");
            std::thread::sleep(Duration::from_millis(3));
        }
        if child.try_wait().expect("wait").is_none() {
            child.kill().expect("kill");
            kills += 1;
        }
        child.wait().expect("wait");
    }
    assert!(kills > 2, "{kills}");
    done(command(&small, "killed", &[]));
    let killed = bytes(&small.path("killed/train"));
    let differing: Vec<_> = bytes(&folder)
        .into_iter()
        .filter(|(name, bytes)| killed[name] != *bytes)
        .map(|(name, _)| name)
        .collect();
    assert!(differing.is_empty(), "these differ: {differing:?}");

    // With a patience of one the first look that is no better ends it.
    let output = done(command(&small, "early", &["train.patience=1"]));
    let early = looks(&small.path("early/train"));
    assert_eq!(early[..], all[..early.len()]);
    let (last, before) = (early.last().expect("looks"), &early[..early.len() - 1]);
    assert!(loss_of(last) >= loss_of(smallest(before)) && step_of(last) < STEPS);
    let falling = before[1..]
        .windows(2)
        .all(|two| loss_of(&two[1]) < loss_of(&two[0]));
    assert!(falling, "{early:?}");
    let found = perplexity(&small, "early");
    assert!((found - loss_of(smallest(&early))).abs() < 1e-4, "{found}");
    let manifest = std::fs::read(small.path("early/train/manifest.json")).expect("manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("json");
    assert_eq!(
        manifest["counts"]["steps"],
        step_of(last),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_share_and_a_task_are_watched_and_no_reported_one() {
    let small = small();
    let keys = [
        "train.validation=0.3",
        "train.eval_tasks=[\"watched.jsonl\"]",
        "train.best_by=watched",
        "train.max_steps=4",
    ];
    done(command(&small, "run", &keys));
    let all = looks(&small.path("run/train"));
    assert_eq!(all.len(), 3);
    for look in &all {
        let score = look["scores"]["watched"].as_f64().expect("a score");
        assert!((0.0..=100.0).contains(&score), "{look}");
        let answers = format!(
            "run/train/validation/step-{}/watched.completions.jsonl",
            look["step"]
        );
        let answers = std::fs::read_to_string(small.path(&answers)).expect("answers");
        assert_eq!(answers.lines().count(), 4);
    }
    // Nine pairs are trained on, of which three are held back.
    let manifest = std::fs::read(small.path("run/train/manifest.json")).expect("manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("json");
    assert_eq!(manifest["counts"]["samples"], 6);

    let refused = |more: &[&str], words: &str| {
        let keys: Vec<&str> = keys.iter().chain(more).copied().collect();
        let output = command(&small, "refused", &keys).output().expect("start");
        let said = text(&output.stderr);
        assert!(
            !output.status.success() && said.contains(words),
            "{words}: {said}"
        );
    };
    refused(
        &["evaluate.tasks=[\"watched.jsonl\"]"],
        "task `watched` is in `eval_tasks` and is reported by this run",
    );
    let copy = std::fs::read(small.path("watched.jsonl")).expect("questions");
    small.write("copy.jsonl", &copy);
    refused(
        &["evaluate.tasks=[\"copy.jsonl\"]"],
        "of task `watched` in `eval_tasks` is item `q0` of task `copy`",
    );
    refused(
        &["train.best_by=dishes"],
        "`best_by` is `dishes`, which is none of `eval_tasks`: watched",
    );
    refused(&["train.eval_steps=0"], "only the last step is looked at");
    // A file with pictures of the training is refused before the first step.
    let pairs = std::fs::read_to_string(small.path("pairs.jsonl")).expect("pairs");
    let first: Value = serde_json::from_str(pairs.lines().next().expect("a pair")).expect("json");
    let turns = json!([
        {"role": "user", "text": "<image>\nWhat is it?", "marks": true}, {"role": "assistant", "text": "A dish.", "learn": true},
    ]);
    let lines: Vec<String> = pairs
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("json"))
        .map(|pair| json!({"id": pair["id"], "images": pair["images"], "turns": turns}).to_string())
        .collect();
    small.write("same.jsonl", lines.join("\n").as_bytes());
    refused(
        &["train.validation=same.jsonl"],
        "show a picture that is trained on",
    );
    assert!(first["id"].is_string() && !small.path("refused/train/metrics.jsonl").exists());
}
