//! What a run will need and does not find, looked at before its first stage: hours of synthesis would come before the first
//! look at the judge.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};
use run::Span;
use run::graph::Wish;
use run::plan;
use run::recipe::Recipe;

use crate::driver::{Driver, without_weights};
use crate::engine::Engine;
use crate::estimate::{Estimate, Measured};
use crate::reader::ModelRead;
use crate::settings;
use crate::sources::Sources;
use crate::stage::AnyStage;
use crate::stages::Stages;

/// Refuses a run of which some stage will not find what it needs; all that is missing is said at once.
pub fn refuse_incomplete(driver: &Driver<'_>, span: &Span) -> Result<()> {
    let missing = missing(driver, span)?;
    if missing.is_empty() {
        return Ok(());
    }
    bail!(
        "nothing was begun, since this is missing:\n  {}",
        missing.join("\n  ")
    );
}

/// Everything that is missing for a span of stages, one sentence each.
fn missing(driver: &Driver<'_>, span: &Span) -> Result<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    let mut models: Vec<ModelRead> = Vec::new();
    let wishes = driver.stages.graph().wishes(span)?;
    let stages = driver.stages.all().zip(wishes);
    for (stage, _) in stages.filter(|(_, wish)| *wish != Wish::No) {
        for sentence in stage.missing() {
            if !all.contains(&sentence) {
                all.push(sentence);
            }
        }
        // What else is wrong with what a stage reads is told when its key is made.
        if let Ok((_, read)) = driver.reads(stage) {
            models.extend(read);
        }
    }
    for (keys, folder) in without_weights(&models)? {
        all.push(format!(
            "there are no weights (`*.safetensors`) of {keys} in `{}`; put them there (`--dry-run` plans without them)",
            folder.display()
        ));
    }
    let mut opened: Vec<&ModelRead> = Vec::new();
    for model in &models {
        if opened.iter().any(|known| known.folder == model.folder) {
            continue;
        }
        opened.push(model);
        if let Err(error) = driver.engine.processor(&model.folder) {
            all.push(format!("`{}`: {error:#}", model.key));
        }
    }
    all.extend(disk(
        driver.recipe,
        driver.stages,
        driver.engine,
        &driver.run.path,
    )?);
    Ok(all)
}

/// What can be told of a recipe with which something is wrong: what its stages miss, and room on the disk where `run` would be.
pub fn of_most(recipe: &Recipe, engine: &Engine, run: &Path) -> Vec<String> {
    let Ok(stages) = Stages::of(recipe, run, None) else {
        return Vec::new();
    };
    let mut all: Vec<String> = stages.all().flat_map(AnyStage::missing).collect();
    all.dedup();
    let there = run.ancestors().find(|folder| folder.is_dir());
    let disk = there.and_then(|there| disk(recipe, &stages, engine, there).ok().flatten());
    all.extend(disk);
    all
}

/// A sentence if what the stages will write has no room.
fn disk(recipe: &Recipe, stages: &Stages, engine: &Engine, run: &Path) -> Result<Option<String>> {
    let sources = Sources::of(recipe, run, None)?;
    let config = settings::config(&recipe.train);
    // A folder that cannot be used is told by whoever opens it.
    let Ok(sizes) = Measured::sizes(engine, &config, &sources.base) else {
        return Ok(None);
    };
    let measured = Measured {
        costs: None,
        sample_tokens: 0.0,
        prompt_tokens: 0,
        sizes,
    };
    let mut estimate = Estimate {
        training: 1,
        held_out: 0,
        measured: &measured,
        before: BTreeMap::new(),
    };
    let graph = stages.graph();
    let mut costs = Vec::new();
    for (stage, node) in stages.all().zip(graph.nodes()) {
        let Ok(cost) = stage.cost(&estimate) else {
            return Ok(None);
        };
        estimate.before.insert(node.name.clone(), cost.clone());
        let folder = graph.stage_folder(run, node);
        if folder.manifest().is_none() && !folder.has_work() {
            costs.push(cost);
        }
    }
    let parts = plan::disk(costs.iter());
    let (needed, free) = (parts.values().sum::<u64>(), plan::free_disk(run)?);
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    Ok((needed > free).then(|| {
        let parts: Vec<String> = parts
            .iter()
            .filter(|(_, bytes)| **bytes > 0)
            .map(|(part, bytes)| format!("{part} {:.2}", gigabytes(*bytes)))
            .collect();
        format!(
            "the stages to come need {:.2} GB on the disk ({}), and {:.2} GB are free in `{}`; make room, choose another \
             --run-dir, or keep fewer checkpoints (`train.keep`, `train.save_steps`)",
            gigabytes(needed),
            parts.join(", "),
            gigabytes(free),
            run.display()
        )
    }))
}
