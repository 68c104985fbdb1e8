//! `adamllm inspect run`: where each stage of a run stands, what it counted and why records were left out. Takes no lock, so
//! that a run can be looked at while it goes on.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use corpus::Rejected;
use corpus::rejects::{self, Group, Groups};
use run::events::{self, Event, What};
use run::looks;
use run::plan::{Forecast, size_of_folder};
use run::spending::Spending;
use run::usage::{METRICS, Usage};
use run::{Graph, Node};
use serde_json::{Map, Value, json};

use crate::columns::{table, width};
use crate::flags::Shared;
use crate::output::print;

/// Shows a run folder.
pub fn run(shared: &Shared, folder: &Path) -> Result<()> {
    if !folder.join("recipe.json").is_file() {
        bail!(
            "`{}` is no run folder: it has no `recipe.json`; name what was given as --run-dir",
            folder.display()
        );
    }
    let graph = Graph::read(folder).with_context(|| {
        format!(
            "`{}` has no sound `graph.json`: no stage was begun, or another version of adamllm made it",
            folder.display()
        )
    })?;
    let (told, _) = events::read(folder)?;
    let mut stages = Vec::new();
    for node in graph.nodes() {
        stages.push(look(folder, &graph, node, &told)?);
    }
    let recipe = read_json(&folder.join("recipe.json"))?;
    let chosen: Map<String, Value> = recipe
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, key)| key["origin"]["from"] != "preset")
        .map(|(name, key)| (name.clone(), key["value"].clone()))
        .collect();
    let bytes = size_of_folder(folder);
    let documents: Vec<&Value> = stages.iter().map(|(stage, _)| stage).collect();
    let forecast = Forecast::read(folder);
    let document =
        json!({"stages": documents, "chosen": chosen, "bytes": bytes, "forecast": forecast});
    print(shared, &document, || {
        println!("`{}`, {:.1} MB\n", folder.display(), bytes as f64 / 1e6);
        let chosen: Vec<(&String, String)> = chosen
            .iter()
            .map(|(key, value)| (key, value.to_string()))
            .collect();
        let rows: Vec<[&str; 2]> = chosen.iter().map(|(k, v)| [k.as_str(), v]).collect();
        println!("{}", table(&rows, &[32], width()));
        for place in forecast.iter().flat_map(|forecast| &forecast.places) {
            println!("forecast of `{}.endpoint`: {}", place.place, place.text());
        }
        for (stage, left_out) in &stages {
            let text = |key: &str| stage[key].as_str().unwrap_or_default();
            let row = ["stage", "state", "shown"].map(text);
            print!("{}", table(&[row], &[18, 10], width()));
            for line in left_out {
                print!("{}", table(&[["", line]], &[18], width()));
            }
        }
    })
}

/// A stage for programs, and what it left out as lines.
fn look(run: &Path, graph: &Graph, node: &Node, told: &[Event]) -> Result<(Value, Vec<String>)> {
    let folder = graph.stage_folder(run, node);
    let mut rejected = Groups::default();
    let path = folder.path.join("rejected.jsonl");
    if path.exists() {
        for row in corpus::jsonl::read::<Rejected>(&path)? {
            rejected.add(row.reason, || rejects::line(&row.id, ""));
        }
    }
    let mut lines: Vec<String> = rejected.by_size().into_iter().map(line).collect();
    if !lines.is_empty() {
        lines.push(format!("(`{}` names each)", path.display()));
    }
    let manifest = folder.manifest();
    let (standing, mut shown) = match &manifest {
        Some(manifest) => {
            let counts = manifest.counts.as_object().into_iter().flatten();
            let counts = counts.filter(|(_, n)| !n.is_object());
            let counts: Vec<String> = counts.map(|(name, n)| format!("{n} {name}")).collect();
            (
                "done",
                format!("{:.1} s, {}", manifest.seconds, counts.join(", ")),
            )
        }
        None if folder.is_begun() => ("half-done", progress(told, &node.name)),
        None => ("not begun", String::new()),
    };
    let training = last_step(&folder.path);
    if let Some(metrics) = &training {
        let (step, loss) = (
            &metrics["step"],
            metrics["loss"].as_f64().unwrap_or(f64::NAN),
        );
        let before = if shown.is_empty() { "" } else { "; " };
        shown = format!("{shown}{before}step {step}, loss {loss:.3}");
    }
    let seen = looks::read(&folder.path);
    if let Some(look) = seen.last() {
        shown = format!("{shown}; {} at step {}", look.text(), look.step);
    }
    let usage = Usage::read(&folder.path);
    if let Some(usage) = &usage {
        shown = format!("{shown}; {}", usage.text());
    }
    let spending = manifest.as_ref().and_then(|m| Spending::of(&m.counts));
    if let Some(spending) = &spending {
        shown = format!("{shown}; {}", spending.text());
    }
    let document = json!({
        "stage": node.name, "state": standing, "shown": shown, "rejected": rejected, "last_step": training,
        "usage": usage, "validation": seen, "spending": spending,
        "seconds": manifest.as_ref().map(|m| m.seconds), "counts": manifest.map(|m| m.counts),
    });
    Ok((document, lines))
}

/// What was left out for one reason, with the first few.
fn line(group: &Group<String>) -> String {
    let more = if group.count > group.first.len() {
        ", …"
    } else {
        ""
    };
    let ids = group.first.join(", ");
    format!("left out, {}: {} ({ids}{more})", group.kind, group.count)
}

/// How far a stage said that it is.
fn progress(told: &[Event], stage: &str) -> String {
    let of_stage = told.iter().rev().filter(|event| event.stage == stage);
    let mut last = of_stage.filter_map(|event| match &event.what {
        What::Progress {
            label, done, total, ..
        } => Some(format!("{label} {done} of {total}")),
        _ => None,
    });
    last.next().unwrap_or_default()
}

/// The last whole line of a training's metrics.
fn last_step(folder: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(folder.join(METRICS)).ok()?;
    text.lines()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok())
}

fn read_json(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("`{}` is not sound JSON", path.display()))
}
