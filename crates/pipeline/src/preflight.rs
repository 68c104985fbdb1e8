//! What a run will need and does not find, looked at before its first stage: hours of synthesis would come before the first
//! look at the judge.

use std::collections::BTreeMap;
use std::path::Path;

use run::graph::Wish;
use run::plan;
use run::recipe::Recipe;
use run::{Node, Span};

use crate::driver::{Driver, Ready, without_weights};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::estimate::{Estimate, Measured};
use crate::reader::ModelRead;
use crate::settings;
use crate::sources::Sources;
use crate::stages::Stages;

/// Looks at a span of stages. A run of which some stage will not find what it needs is refused; all that is missing is said at
/// once.
///
/// Gives [`Error::Missing`]; [`Error::Run`] where the span or the run folder is wrong, [`Error::Weights`] where weights
/// are damaged, and what the stages' reads give.
pub fn look<'a>(driver: &Driver<'a>, span: &Span) -> Result<Ready<'a>> {
    let mut missing = of_stages(driver.stages, span)?;
    // A stage that misses something cannot be told by what it reads.
    let (ready, models) = if missing.is_empty() {
        let ready = driver.identify(span)?;
        let models = ready
            .iter()
            .flat_map(|stage| stage.models.clone())
            .collect();
        (ready, models)
    } else {
        (Vec::new(), models_of(driver, span)?)
    };
    missing.extend(of_models(driver, &models)?);
    missing.extend(disk(
        driver.recipe,
        driver.stages,
        driver.engine,
        &driver.run.path,
    )?);
    if missing.is_empty() {
        return Ok(Ready {
            stages: ready,
            span: span.clone(),
        });
    }
    Err(Error::Missing { missing })
}

/// The models that stages read, as far as it can be told: what else is wrong with what one reads is told once nothing is
/// missing.
fn models_of(driver: &Driver<'_>, span: &Span) -> Result<Vec<ModelRead>> {
    let wishes = driver.stages.graph().wishes(span)?;
    let stages = driver.stages.all().zip(wishes);
    let asked = stages.filter(|(_, wish)| *wish != Wish::No);
    let read = asked.filter_map(|(stage, _)| driver.reads(stage).ok());
    Ok(read.flat_map(|(_, models)| models).collect())
}

/// Weights that are not there, and processors that cannot be opened.
fn of_models(driver: &Driver<'_>, models: &[ModelRead]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for (keys, folder) in without_weights(models)? {
        all.push(format!(
            "there are no weights (`*.safetensors`) of {keys} in `{}`; put them there (`--dry-run` plans without them)",
            folder.display()
        ));
    }
    let mut opened: Vec<&ModelRead> = Vec::new();
    for model in models {
        if opened.iter().any(|known| known.folder == model.folder) {
            continue;
        }
        opened.push(model);
        if let Err(error) = driver.engine.processor(&model.folder) {
            all.push(format!("`{}`: {}", model.key, corpus::causes(&error)));
        }
    }
    Ok(all)
}

/// What the stages of a span say that they miss, each once.
pub(crate) fn of_stages(stages: &Stages, span: &Span) -> Result<Vec<String>> {
    let wishes = stages.graph().wishes(span)?;
    let mut all: Vec<String> = Vec::new();
    for (stage, _) in stages
        .all()
        .zip(wishes)
        .filter(|(_, wish)| *wish != Wish::No)
    {
        for sentence in stage.missing() {
            if !all.contains(&sentence) {
                all.push(sentence);
            }
        }
    }
    Ok(all)
}

/// What can be told of a recipe with which something is wrong: what its stages miss, and room on the disk where `run` would be.
pub fn of_most(recipe: &Recipe, engine: &Engine, run: &Path) -> Vec<String> {
    let Ok(stages) = Stages::of(recipe, run, None) else {
        return Vec::new();
    };
    let mut all = of_stages(&stages, &Span::default()).unwrap_or_default();
    let there = run.ancestors().find(|folder| folder.is_dir());
    let disk = there.and_then(|there| disk(recipe, &stages, engine, there).ok().flatten());
    all.extend(disk);
    all
}

/// A sentence if what the stages will write has no room.
fn disk(recipe: &Recipe, stages: &Stages, engine: &Engine, run: &Path) -> Result<Option<String>> {
    let graph = stages.graph();
    let is_open = |node: &Node| {
        let folder = graph.stage_folder(run, node);
        folder.manifest().is_none() && !folder.has_work()
    };
    // Costs are counted from files, which a run that only goes on need not read for it.
    if !graph.nodes().iter().any(is_open) {
        return Ok(None);
    }
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
    let mut costs = Vec::new();
    for (stage, node) in stages.all().zip(graph.nodes()) {
        let Ok(cost) = stage.cost(&estimate) else {
            return Ok(None);
        };
        estimate.before.insert(node.name.clone(), cost.clone());
        if is_open(node) {
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
