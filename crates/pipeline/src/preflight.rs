//! What a run will need and does not find, looked at before its first stage: hours of synthesis would come before the first
//! look at the judge.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use run::Span;
use run::graph::Wish;
use run::plan;

use crate::driver::{Driver, without_weights};
use crate::estimate::{Estimate, Measured};
use crate::reader::ModelRead;
use crate::settings;
use crate::sources::Sources;

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
    all.extend(disk(driver)?);
    Ok(all)
}

/// A sentence if what the stages will write has no room.
fn disk(driver: &Driver<'_>) -> Result<Option<String>> {
    let run = &driver.run.path;
    let sources = Sources::of(driver.recipe, run, None)?;
    let config = settings::config(&driver.recipe.train);
    // A folder that cannot be used is told by whoever opens it.
    let Ok(sizes) = Measured::sizes(driver.engine, &config, &sources.base) else {
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
    let graph = driver.stages.graph();
    let mut costs = Vec::new();
    for (stage, node) in driver.stages.all().zip(graph.nodes()) {
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
