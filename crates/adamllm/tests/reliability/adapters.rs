//! Trainings of adapters: what they leave, what opens it, and that a kill changes no bit.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{self, text};
use crate::run::Small;

const RECIPE: &str = "[model]\ncheckpoint = \"demo\"\ndtype = \"f32\"\n[data]\npairs = \"pairs.jsonl\"\nheld_out = 0.1\n[mix]\nsynthetic = false\n\
     [train]\nmax_steps = 6\nepochs = 100\nsave_steps = 2\nbatch_size = 4\nlearning_rate = 1e-2\n[train.lora]\nrank = 4\n\
     dropout = 0.1\ntargets = [\"language_model\", \"projector\"]\n";

fn command(small: &Small, run: &str) -> Command {
    let mut command = program::adamllm();
    command.arg("run").arg(small.path("my.toml"));
    command.arg("--run-dir").arg(small.path(run));
    command.args(["--threads", "1"]);
    command
}

fn done(mut command: Command) -> Output {
    let output = command.output().expect("the program starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    output
}

/// Nats a token of what the run trained on.
fn loss(small: &Small, model: &str) -> f64 {
    let mut command = program::adamllm();
    command.args(["perplexity", "--json", "--threads", "1", "--dtype", "f32"]);
    command.arg("--model").arg(small.path(model));
    command
        .arg("--data")
        .arg(small.path("run/mix/samples.jsonl"));
    let told: Value = serde_json::from_slice(&done(command).stdout).expect("json");
    told["mean_loss"].as_f64().expect("a loss")
}

#[test]
fn an_adapter_is_trained_killed_answered_with_and_merged() {
    let small = Small::new();
    small.write("my.toml", RECIPE.as_bytes());
    // The whole way, its answers and its report.
    done(command(&small, "run"));
    let model = small.path("run/train/model");
    assert!(
        !model.join("model.safetensors").exists(),
        "no weights of the base"
    );
    let weights = std::fs::read(model.join("adapter_model.safetensors")).expect("an adapter");

    let (base, adapted) = (
        loss(&small, "run/demo/base-model"),
        loss(&small, "run/train/model"),
    );
    assert!(adapted < base - 1.0, "{adapted} of {base}");
    let both = format!("run/demo/base-model+{}", model.display());
    assert!((loss(&small, &both) - adapted).abs() < 1e-9);
    let mut merge = program::adamllm();
    merge
        .args(["convert", "--dtype", "f32", "--merge-lora"])
        .arg(&model);
    merge
        .arg(small.path("run/demo/base-model"))
        .arg(small.path("merged"));
    done(merge);
    let merged = loss(&small, "merged");
    assert!((merged - adapted).abs() < 1e-4, "{merged} for {adapted}");

    // Killed after each of its checkpoints.
    for count in [3, 5] {
        let mut started = command(&small, "killed");
        let started = started.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = started.spawn().expect("the program starts");
        let file = small.path("killed/train/metrics.jsonl");
        let begun = Instant::now();
        let lines = || std::fs::read_to_string(&file).map_or(0, |all| all.matches('\n').count());
        while lines() < count && child.try_wait().expect("wait").is_none() {
            assert!(begun.elapsed() < Duration::from_mins(5), "no line {count}");
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = child.kill();
        child.wait().expect("wait");
    }
    done(command(&small, "killed"));
    let killed = small.path("killed/train/model/adapter_model.safetensors");
    assert!(std::fs::read(killed).expect("an adapter") == weights);
}
