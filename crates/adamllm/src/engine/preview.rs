//! `adamllm synthesize --preview N`: what the synthesizer writes for a few pairs, before hours are spent.

use std::collections::BTreeMap;

use adamllm::cli::Stage;
use adamllm::flags::Shared;
use adamllm::output::print;
use adamllm::{machine, recipes};
use anyhow::{Result, bail};
use corpus::{Completion, Pair, Rejected, Triplet, jsonl};
use pipeline::records;
use pipeline::stages::{pairs, synthesize, tune_synthesizer};
use run::Graph;
use run::recipe::Fitting;
use serde_json::{Value, json};

use crate::road::up_to;

/// Works in the folder `preview` of the run folder, with the run's synthesizer if that is tuned.
pub fn run(shared: &Shared, stage: &Stage, number: usize) -> Result<()> {
    if number == 0 {
        bail!("`--preview 0` would show nothing; name how many pairs");
    }
    let graph = Graph::read(&stage.run_dir);
    let tuned = graph.as_ref().and_then(|graph| {
        let node = graph.node(tune_synthesizer::NAME)?;
        let folder = graph.stage_folder(&stage.run_dir, node);
        let model = folder.path.join("model");
        (folder.manifest().is_some() && model.join("config.json").is_file()).then_some(model)
    });
    let mut set = stage.set.clone();
    set.push("data.held_out=0.0".to_owned());
    set.push("data.max_bad=1.0".to_owned());
    let recipe = recipes::load(
        &stage.recipe,
        &set,
        machine::automatic(shared),
        Fitting::default(),
    )?;
    let synthesizer = &recipe.synthesizer;
    let is_untuned = recipe.synthesizes_untuned();
    if let Some(model) = tuned.filter(|_| !is_untuned) {
        let model = std::path::absolute(model)?;
        // What it was tuned with is not asked for any more.
        let of_tuning = [
            "synthesizer.train.",
            "synthesizer.seed_data",
            "synthesizer.blank_images",
        ];
        set.retain(|item| {
            !of_tuning
                .iter()
                .any(|key| item.trim_start().starts_with(key))
        });
        set.push(format!("synthesizer.checkpoint={}", model.display()));
    } else if synthesizer.checkpoint.is_none() && synthesizer.endpoint.is_none() && !is_untuned {
        bail!(
            "the synthesizer is not tuned yet; tune it first: adamllm tune-synthesizer {} --run-dir {}",
            stage.recipe.display(),
            stage.run_dir.display()
        );
    }
    let few = Stage {
        recipe: stage.recipe.clone(),
        run_dir: stage.run_dir.join("preview"),
        limit: Some(number),
        set,
        yes: stage.yes,
        resume: false,
    };
    let unlike = Shared {
        json: false,
        ..shared.clone()
    };
    up_to(&unlike, &few, synthesize::NAME)?;
    let place = |stage: &str, file: &str| few.run_dir.join(stage).join(file);
    let of_synthesis = |file: &str| place(synthesize::NAME, file);
    let pairs: Vec<Pair> = records::read(&place(pairs::NAME, pairs::PAIRS))?;
    let triplets: Vec<Triplet> = jsonl::read(&of_synthesis(synthesize::TRIPLETS))?;
    let completions: Vec<Completion> = jsonl::read(&of_synthesis(synthesize::COMPLETIONS))?;
    let rejected: Vec<Rejected> = records::read_rejected(&few.run_dir.join(synthesize::NAME))?;
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
