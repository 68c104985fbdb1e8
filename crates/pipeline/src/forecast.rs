//! What a run will ask of models at endpoints and what that costs, looked at before its first stage.

use std::collections::BTreeMap;

use run::Span;
use run::graph::Wish;
use run::plan::{Cost, Forecast};
use run::recipe::Recipe;

use crate::driver::{Driver, Identified};
use crate::error::Result;
use crate::estimate::{Estimate, Measured, Prompts, Sizes};
use crate::pair_set::PairSet;
use crate::preflight;
use crate::settings;
use crate::sources::Sources;
use crate::stages::synthesize;

/// What a span of a run will ask of endpoints; none where all is asked already, no model is at one, or something is missing that
/// [`preflight::look`] tells. No endpoint is asked for it.
///
/// Gives what reading the pairs gives, and what the stages' costs give.
pub fn look(driver: &Driver<'_>, span: &Span) -> Result<Option<Forecast>> {
    let mut places = driver.recipe.endpoint_places();
    if places.next().is_none() || !preflight::of_stages(driver.stages, span)?.is_empty() {
        return Ok(None);
    }
    let stages = driver.identify(span)?;
    let is_open = |stage: &Identified<'_>| {
        let wanted = stage.basis.as_ref().map(|basis| &basis.key);
        let done = stage.folder.manifest().map(|manifest| manifest.basis.key);
        wanted.is_some() && (stage.wish == Wish::Anew || wanted != done.as_ref())
    };
    let mut asking = stages.iter().filter(|one| one.stage.endpoint().is_some());
    if !asking.any(is_open) {
        return Ok(None);
    }
    let pairs = driver.pairs()?;
    let Some(prompts) = prompts(driver, &stages, pairs.as_ref())? else {
        return Ok(None);
    };
    let sources = Sources::of(driver.recipe, driver.run, None)?;
    let config = settings::config(&driver.recipe.train);
    // A folder that cannot be used is told by whoever opens it; a run about data alone has none.
    let sizes = Measured::sizes(driver.engine, &config, &sources.base);
    let sizes = match sizes {
        Ok(sizes) => sizes,
        Err(_) if driver.recipe.is_of_quality() => Sizes::default(),
        Err(_) => return Ok(None),
    };
    let measured = Measured {
        costs: None,
        sample_tokens: 0.0,
        prompt_tokens: 0,
        pair_pixels: 0.0,
        sizes,
    };
    let mut estimate = Estimate {
        training: pairs.as_ref().map_or(0, PairSet::num_training),
        held_out: pairs.as_ref().map_or(0, PairSet::num_held_out),
        measured: &measured,
        prompts: Some(&prompts),
        before: BTreeMap::new(),
    };
    let mut costs = Vec::new();
    for stage in stages.iter().filter(|stage| stage.basis.is_some()) {
        let cost = stage.stage.cost(&estimate)?;
        estimate
            .before
            .insert(stage.node.name.clone(), cost.clone());
        costs.push(cost);
    }
    Ok(of(driver.recipe, &prompts, costs.iter()))
}

/// The costs of stages at endpoints together.
pub(crate) fn of<'a>(
    recipe: &Recipe,
    prompts: &Prompts,
    costs: impl Iterator<Item = &'a Cost>,
) -> Option<Forecast> {
    let places = costs.filter_map(|cost| cost.endpoint.clone()).collect();
    let shared = &recipe.endpoints;
    Forecast::of(places, shared.max_cost, shared.max_tokens, prompts.basis())
}

/// How long prompts for endpoints are; none where the recipe names no endpoint.
pub(crate) fn prompts(
    driver: &Driver<'_>,
    stages: &[Identified<'_>],
    pairs: Option<&PairSet<'_>>,
) -> Result<Option<Prompts>> {
    if driver.recipe.endpoint_places().next().is_none() {
        return Ok(None);
    }
    let sources = Sources::of(driver.recipe, driver.run, None)?;
    // Without a tokenizer bytes are counted, and the plan says so.
    let processor = driver.engine.processor(&sources.base).ok();
    let few = match pairs {
        Some(pairs) => {
            let places = Prompts::drawn(driver.recipe, pairs.num_training());
            pairs.some_of_training(&places)?
        }
        None => Vec::new(),
    };
    let mut prompts = Prompts::new(driver.recipe, few, processor);
    for stage in stages {
        let (name, Some(basis)) = (stage.node.name.as_str(), &stage.basis) else {
            continue;
        };
        // What a synthesizer wrote is what a judge reads, wherever either is.
        let is_task = name == synthesize::NAME;
        let has_endpoint = stage.stage.endpoint().is_some();
        if is_task || has_endpoint {
            prompts.look(&stage.folder, &basis.key, synthesize::COMPLETIONS, is_task);
        }
    }
    Ok(Some(prompts))
}
