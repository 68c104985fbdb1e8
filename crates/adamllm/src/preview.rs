//! `adamllm synthesize --preview N`: what the synthesizer writes for a few pairs, before hours are spent.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use corpus::{Completion, Pair, Rejected, Triplet, jsonl};
use serde_json::{Value, json};
use torch::Device;

use crate::cli::{Shared, Stage};
use crate::commands::{print, road};
use crate::run_folder::Manifest;
use crate::stages::Span;

/// Works in the folder `preview` of the run folder, with the run's synthesizer if that is tuned.
pub fn run(shared: &Shared, device: Device, stage: &Stage, number: usize) -> Result<()> {
    if number == 0 {
        bail!("`--preview 0` would show nothing; name how many pairs");
    }
    let tuned = stage.run_dir.join("tune-synthesizer");
    let is_tuned = std::fs::read(tuned.join("manifest.json"))
        .is_ok_and(|bytes| serde_json::from_slice::<Manifest>(&bytes).is_ok())
        && tuned.join("model/config.json").is_file();
    let mut set = stage.set.clone();
    set.push("data.held_out=0.0".to_owned());
    set.push("data.max_bad=1.0".to_owned());
    if is_tuned {
        let model = std::path::absolute(tuned.join("model"))?;
        set.push(format!("synthesizer.checkpoint={}", model.display()));
    } else {
        let recipe = crate::recipe::load(&stage.recipe, &set)?;
        if recipe.synthesizer.checkpoint.is_none() {
            bail!(
                "the synthesizer is not tuned yet; tune it first: adamllm tune-synthesizer {} --run-dir {}",
                stage.recipe.display(),
                stage.run_dir.display()
            );
        }
    }
    let few = Stage {
        recipe: stage.recipe.clone(),
        run_dir: stage.run_dir.join("preview"),
        limit: Some(number),
        set,
        resume: false,
    };
    let span = Span {
        from: None,
        until: Some("synthesize".to_owned()),
    };
    let quiet = Shared {
        json: false,
        ..shared.clone()
    };
    road(&quiet, device, &few, &span, false)?;
    let folder = few.run_dir.join("synthesize");
    let pairs: Vec<Pair> = jsonl::read(&folder.join("pairs.jsonl"))?;
    let triplets: Vec<Triplet> = jsonl::read(&folder.join("triplets.jsonl"))?;
    let completions: Vec<Completion> = jsonl::read(&folder.join("completions.jsonl"))?;
    let rejected: Vec<Rejected> = crate::context::read_rejected(&folder)?;
    let triplets: BTreeMap<&str, &Triplet> =
        triplets.iter().map(|t| (t.pair.as_str(), t)).collect();
    let written: BTreeMap<&str, &Completion> =
        completions.iter().map(|c| (c.id.as_str(), c)).collect();
    let reason = |id: &str| rejected.iter().find(|row| row.id == id);
    let rows: Vec<Value> = pairs
        .iter()
        .map(|pair| {
            json!({
                "id": pair.id, "images": pair.images, "caption": pair.caption, "triplet": triplets.get(pair.id.as_str()),
                "generation": written.get(pair.id.as_str()).map(|c| &c.text), "rejected": reason(&pair.id),
            })
        })
        .collect();
    print(shared, &json!({"preview": rows}), || {
        for pair in &pairs {
            let pictures: Vec<String> = pair
                .images
                .iter()
                .map(|p| p.display().to_string())
                .collect();
            println!(
                "\n{}  {}\n  caption      {}",
                pair.id,
                pictures.join(", "),
                pair.caption
            );
            if let Some(triplet) = triplets.get(pair.id.as_str()) {
                println!(
                    "  instruction  {}\n  informative  {}\n  precise      {}",
                    triplet.instruction, triplet.informative, triplet.precise
                );
            } else {
                let why = reason(&pair.id).map_or("no request was made", |row| row.reason.as_str());
                let text = written
                    .get(pair.id.as_str())
                    .map_or("", |c| c.text.as_str());
                println!("  no task ({why}); the synthesizer wrote: {text}");
            }
        }
        println!("\n{} of {} pairs got a task", triplets.len(), pairs.len());
    })
}
