//! What a run will need and does not find, looked at before its first stage: hours of synthesis would come before the first
//! look at the judge.

use std::collections::BTreeMap;
use std::path::Path;

use run::events::Reporter;
use run::graph::Wish;
use run::plan::{self, Cost};
use run::recipe::Recipe;
use run::{Layout, Node, Span};

use crate::driver::{Driver, Identified, Ready, without_weights};
use crate::endpoints::Place;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::estimate::{Estimate, Measured};
use crate::memory::too_little;
use crate::reader::ModelRead;
use crate::settings;
use crate::sources::Sources;
use crate::stages::{Stages, train, tune_synthesizer};

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
    missing.extend(of_endpoints(driver, span, &ready)?);
    // Of a store somebody else counts: what one graph needs there may be another's.
    if driver.layout == Layout::Run {
        missing.extend(room(
            driver.recipe,
            driver.stages,
            driver.engine,
            driver.run,
        )?);
    }
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

/// Endpoints of stages that are to come and cannot be asked.
fn of_endpoints(driver: &Driver<'_>, span: &Span, ready: &[Identified<'_>]) -> Result<Vec<String>> {
    let graph = driver.stages.graph();
    let mut all = Vec::new();
    let stages = driver.stages.all().zip(graph.nodes());
    for ((stage, node), wish) in stages.zip(graph.wishes(span)?) {
        let known = ready.iter().find(|known| known.node.name == node.name);
        let folder = known.map_or_else(
            || {
                driver
                    .layout
                    .folder(driver.run, graph, node, stage.kind(), None)
            },
            |known| known.folder.clone(),
        );
        let is_done = folder.manifest();
        let Some(asked) = stage.endpoint() else {
            continue;
        };
        if wish == Wish::No || (is_done.is_some() && wish != Wish::Anew) {
            continue;
        }
        let place = Place {
            section: asked.section,
            place: asked.place,
            seed: driver.recipe.seed,
            control_tokens: &[],
        };
        let report = Reporter::new(&node.name, driver.listener);
        let endpoints = &driver.engine.endpoints;
        if let Err(error) = endpoints.probe(place, &[asked.need], report) {
            all.push(corpus::causes(&error));
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

/// What can be told of a recipe with which something is wrong: what its stages miss, room in memory, and on the disk
/// where `run` would be.
pub fn of_most(recipe: &Recipe, engine: &Engine, run: &Path) -> Vec<String> {
    let Ok(stages) = Stages::of(recipe, run, None) else {
        return Vec::new();
    };
    let mut all = of_stages(&stages, &Span::default()).unwrap_or_default();
    let there = run.ancestors().find(|folder| folder.is_dir());
    let lacking = there.and_then(|there| room(recipe, &stages, engine, there).ok());
    all.extend(lacking.unwrap_or_default());
    all
}

/// Sentences if a stage that is to come has no room in memory, and if what they will write has none on the disk.
fn room(recipe: &Recipe, stages: &Stages, engine: &Engine, run: &Path) -> Result<Vec<String>> {
    let costs = costs(recipe, stages, engine, run)?;
    let mut lacking: Vec<String> = unfitted(recipe, costs.iter().map(|(name, _)| name.as_str()));
    if !lacking.is_empty() {
        // What no way of training has room for need not be told of the plain way again.
        lacking.extend(disk(costs.iter().map(|(_, cost)| cost), run)?);
        return Ok(lacking);
    }
    // Of several stages that train or ask the same model one is enough.
    let largest = costs.iter().max_by_key(|(_, cost)| cost.least_memory);
    lacking.extend(largest.and_then(|(name, cost)| too_little(name, cost, engine.memory)));
    lacking.extend(disk(costs.iter().map(|(_, cost)| cost), run)?);
    Ok(lacking)
}

/// Sentences of trainings that have no way that fits, of those of these stages.
pub(crate) fn unfitted<'a>(recipe: &Recipe, stages: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<&str> = stages.collect();
    let fits = recipe.fits.iter();
    let own = fits.filter(|fitted| names.iter().any(|name| trains_by(name, &fitted.section)));
    own.filter_map(|fitted| fitted.problem.clone()).collect()
}

/// Whether a stage trains by this section of the recipe, or is one of the trainings that have sections of their own in it.
fn trains_by(stage: &str, section: &str) -> bool {
    let kind = |kind: &str| {
        stage
            .strip_prefix(kind)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    if section == "synthesizer.train" {
        kind(tune_synthesizer::NAME)
    } else {
        kind(train::NAME)
    }
}

/// The stages that are to come and what they cost, as far as configurations tell it; none where it cannot be told.
fn costs(
    recipe: &Recipe,
    stages: &Stages,
    engine: &Engine,
    run: &Path,
) -> Result<Vec<(String, Cost)>> {
    let graph = stages.graph();
    let is_open = |node: &Node| {
        let folder = graph.stage_folder(run, node);
        folder.manifest().is_none() && !folder.has_work()
    };
    // Costs are counted from files, which a run that only goes on need not read for it.
    if !graph.nodes().iter().any(is_open) {
        return Ok(Vec::new());
    }
    let sources = Sources::of(recipe, run, None)?;
    let config = settings::config(&recipe.train);
    // A folder that cannot be used is told by whoever opens it.
    let Ok(sizes) = Measured::sizes(engine, &config, &sources.base) else {
        return Ok(Vec::new());
    };
    let measured = Measured {
        costs: None,
        sample_tokens: 0.0,
        prompt_tokens: 0,
        pair_pixels: 0.0,
        sizes,
    };
    let mut estimate = Estimate {
        training: 1,
        held_out: 0,
        measured: &measured,
        prompts: None,
        before: BTreeMap::new(),
    };
    let mut costs = Vec::new();
    for (stage, node) in stages.all().zip(graph.nodes()) {
        let Ok(cost) = stage.cost(&estimate) else {
            return Ok(Vec::new());
        };
        estimate.before.insert(node.name.clone(), cost.clone());
        if is_open(node) {
            costs.push((node.name.clone(), cost));
        }
    }
    Ok(costs)
}

/// A sentence if what stages will write has no room.
fn disk<'a>(costs: impl Iterator<Item = &'a Cost>, run: &Path) -> Result<Option<String>> {
    let parts = plan::disk(costs);
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
