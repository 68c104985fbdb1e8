//! `adamllm inspect run`: where a run stands.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde_json::{Map, Value, json};

use crate::cli::Shared;
use crate::commands::print;
use crate::run_folder::{Manifest, STAGES};

/// Where each stage of a run stands, what it counted and why records were left out. Takes no lock, so that a run can be
/// looked at while it goes on.
pub fn run(shared: &Shared, folder: &Path) -> Result<()> {
    if !folder.join("recipe.json").is_file() {
        bail!(
            "`{}` is no run folder: it has no `recipe.json`; name what was given as --run-dir",
            folder.display()
        );
    }
    let mut stages = Vec::new();
    for stage in STAGES {
        stages.push(look(folder, stage)?);
    }
    let recipe = read_json(&folder.join("recipe.json"))?;
    let chosen: Map<String, Value> = recipe
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, key)| key["origin"]["from"] != "preset")
        .map(|(name, key)| (name.clone(), key["value"].clone()))
        .collect();
    let bytes = size(folder)?;
    let document = json!({"stages": stages, "chosen": chosen, "bytes": bytes});
    print(shared, &document, || {
        println!("`{}`, {:.1} MB\n", folder.display(), bytes as f64 / 1e6);
        for (key, value) in &chosen {
            println!("{key:<32} {value}");
        }
        println!();
        for stage in &stages {
            let text = |key: &str| stage[key].as_str().unwrap_or_default();
            println!(
                "{:<18} {:<10} {}",
                text("stage"),
                text("state"),
                text("shown")
            );
            for (reason, count) in stage["rejected"].as_object().into_iter().flatten() {
                println!("{:<18} left out, {reason}: {count}", "");
            }
        }
    })
}

fn look(folder: &Path, stage: &str) -> Result<Value> {
    let path = folder.join(stage);
    let mut rejected: BTreeMap<String, usize> = BTreeMap::new();
    for row in crate::context::read_rejected(&path)? {
        *rejected.entry(row.reason).or_default() += 1;
    }
    let manifest: Option<Manifest> = std::fs::read(path.join("manifest.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let training = last_step(&path);
    let (standing, mut shown) = match &manifest {
        Some(manifest) => {
            let counts = manifest
                .counts
                .iter()
                .map(|(name, n)| format!("{n} {name}"));
            let counts: Vec<String> = counts.collect();
            (
                "done",
                format!("{:.1} s, {}", manifest.seconds, counts.join(", ")),
            )
        }
        None if path.exists() => ("half-done", String::new()),
        None => ("not begun", String::new()),
    };
    if let Some(metrics) = &training {
        let (step, loss) = (
            &metrics["step"],
            metrics["loss"].as_f64().unwrap_or(f64::NAN),
        );
        let before = if shown.is_empty() { "" } else { "; " };
        shown = format!("{shown}{before}step {step}, loss {loss:.3}");
    }
    Ok(json!({
        "stage": stage, "state": standing, "shown": shown, "rejected": rejected, "last_step": training,
        "seconds": manifest.as_ref().map(|m| m.seconds), "counts": manifest.map(|m| m.counts),
    }))
}

/// The last whole line of a training's metrics.
fn last_step(folder: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(folder.join("metrics.jsonl")).ok()?;
    text.lines()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok())
}

fn read_json(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("`{}` is not sound JSON", path.display()))
}

fn size(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder `{}`", folder.display()))?
    {
        let entry = entry?;
        let found = entry.metadata()?;
        sum += if found.is_dir() {
            size(&entry.path())?
        } else {
            found.len()
        };
    }
    Ok(sum)
}
