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
    let mut set = stage.set.clone();
    set.push("data.held_out=0.0".to_owned());
    set.push("data.max_bad=1.0".to_owned());
    let recipe = recipes::load(
        &stage.recipe,
        &set,
        machine::automatic(shared),
        Fitting::default(),
    )?;
    let by_synthesizer = recipe.making.is_by_synthesizer();
    let tuned = graph.as_ref().filter(|_| by_synthesizer).and_then(|graph| {
        let node = graph.node(tune_synthesizer::NAME)?;
        let folder = graph.stage_folder(&stage.run_dir, node);
        let model = folder.path.join("model");
        (folder.manifest().is_some() && model.join("config.json").is_file()).then_some(model)
    });
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
    } else if by_synthesizer {
        let is_named = synthesizer.checkpoint.is_some() || synthesizer.endpoint.is_some();
        if !is_named && !is_untuned {
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
        yes: stage.yes,
        resume: false,
        processes: None,
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
    let tasks: Vec<Value> = records::read_if_there(&of_synthesis(synthesize::TASKS))?;
    // Makers that ask no model leave none.
    let completions: Vec<Completion> =
        records::read_if_there(&of_synthesis(synthesize::COMPLETIONS))?;
    let rejected: Vec<Rejected> = records::read_rejected(&few.run_dir.join(synthesize::NAME))?;
    let triplets: BTreeMap<&str, &Triplet> =
        triplets.iter().map(|t| (t.pair.as_str(), t)).collect();
    let tasks: BTreeMap<&str, &Value> = tasks
        .iter()
        .filter_map(|task| Some((task["pair"].as_str()?, task)))
        .collect();
    let written: BTreeMap<&str, &Completion> =
        completions.iter().map(|c| (c.id.as_str(), c)).collect();
    let reason = |id: &str| rejected.iter().find(|row| row.id == id);
    let rows: Vec<Value> = pairs
        .iter()
        .map(|pair| {
            json!({
                "id": pair.id, "images": pair.images, "caption": pair.caption, "triplet": triplets.get(pair.id.as_str()),
                "task": tasks.get(pair.id.as_str()),
                "generation": written.get(pair.id.as_str()).map(|c| &c.text), "rejected": reason(&pair.id),
            })
        })
        .collect();
    let author = if by_synthesizer {
        "the synthesizer"
    } else {
        "the model"
    };
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
            } else if let Some(task) = tasks.get(pair.id.as_str()) {
                for exchange in task["exchanges"].as_array().into_iter().flatten() {
                    let part = |at: usize| exchange[at].as_str().unwrap_or_default();
                    println!("  question     {}\n  answer       {}", part(0), part(1));
                }
            } else {
                let why = reason(&pair.id).map_or("no request was made", |row| row.reason.as_str());
                let text = written
                    .get(pair.id.as_str())
                    .map_or("", |c| c.text.as_str());
                println!("  no task ({why}); {author} wrote: {text}");
            }
        }
        let with_a_task = triplets.len() + tasks.len();
        println!("\n{with_a_task} of {} pairs got a task", pairs.len());
    })
}
