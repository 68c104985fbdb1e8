//! What a run would do: `--dry-run`. Begins no stage; writes `plan.json` and notes of what was read.

use std::collections::BTreeMap;

use corpus::sealed::write_json;
use corpus::{Pair, Sample, formats};
use run::graph::Wish;
use run::plan::{self, Plan, Step};
use run::{Span, State};
use synthesis::{Blank, SeedOptions};

use crate::driver::{Driver, Identified, given_of, without_weights};
use crate::error::Result;
use crate::estimate::{self, Estimate, FewPairs, Measured, Probe, Prompts};
use crate::forecast;
use crate::memory::too_little;
use crate::pair_set::PairSet;
use crate::preflight;
use crate::reader::ModelRead;
use crate::settings;
use crate::sources::{Sources, Tuning};

/// Makes the plan and writes it. Nothing else in the run folder changes, but for notes of what was read.
///
/// Gives what [`Driver`] gives before the first stage: [`Error::Run`](crate::Error::Run),
/// [`Error::Weights`](crate::Error::Weights), [`Error::Prompts`](crate::Error::Prompts),
/// [`Error::Corpus`](crate::Error::Corpus) and what a stage's reads and costs give.
pub fn make(driver: &Driver<'_>, span: &Span, limit: Option<usize>) -> Result<Plan> {
    let stages = driver.identify(span)?;
    let pairs = driver.pairs()?;
    let few = FewPairs::of(pairs.as_ref(), driver.engine.generation.group)?;
    let models: Vec<ModelRead> = stages.iter().flat_map(|s| s.models.clone()).collect();
    let missing = without_weights(&models)?;
    let mut missing: Vec<String> = missing
        .into_iter()
        .map(|(keys, folder)| format!("weights of {keys} in `{}`", folder.display()))
        .collect();
    missing.extend(preflight::of_stages(driver.stages, span)?);
    let sources = Sources::of(driver.recipe, driver.run, limit)?;
    let probe = Probe {
        engine: driver.engine,
        base: &sources.base,
        config: &settings::config(&driver.recipe.train),
        samples: &few_samples(driver, &sources, &few.first)?,
        pairs: &few,
        caption_request: &sources.prompts.synthesizer.caption_request,
        seed: driver.recipe.seed,
    };
    // A run about data that lies somewhere has no general model.
    let has_model = !driver.recipe.is_of_quality();
    let measured = if has_model {
        probe.measure(&mut missing)?
    } else {
        Measured::default()
    };
    let prompts = forecast::prompts(driver, &stages, pairs.as_ref())?;
    let mut estimate = Estimate {
        training: pairs.as_ref().map_or(0, PairSet::num_training),
        held_out: pairs.as_ref().map_or(0, PairSet::num_held_out),
        measured: &measured,
        prompts: prompts.as_ref(),
        before: BTreeMap::new(),
    };
    let mut steps = Vec::new();
    let (mut given, mut open) = (BTreeMap::new(), Vec::new());
    for stage in &stages {
        let Some(basis) = &stage.basis else { continue };
        let name = stage.node.name.as_str();
        let (skipped, why) = stands(driver, stage, &mut given, &open)?;
        if !skipped {
            open.push(name);
        }
        let mut cost = stage.stage.cost(&estimate)?;
        estimate.before.insert(name.to_owned(), cost.clone());
        if skipped {
            cost.seconds = Some(0.0);
        } else {
            let unfitted = preflight::unfitted(driver.recipe, std::iter::once(name));
            if unfitted.is_empty() {
                missing.extend(too_little(name, &cost, driver.engine.memory));
            }
            missing.extend(unfitted);
        }
        steps.push(Step {
            stage: name.to_owned(),
            key: basis.key.clone(),
            skipped,
            why,
            cost,
        });
    }
    let times = if measured.costs.is_some() {
        let group = driver.engine.generation.group;
        format!(
            "times are from 2 training steps over {} samples and {group} answers of {} tokens, if answers take {:.0} % of \
             the tokens that they may",
            estimate::SAMPLES,
            estimate::ANSWER,
            estimate::SHARE * 100.0
        )
    } else if !has_model {
        "times of judges and answerers are not in this plan, nor is their memory".to_owned()
    } else {
        "times and the memory of activations are measured with weights, so they are not in this plan".to_owned()
    };
    let costs = steps.iter().map(|step| &step.cost);
    let endpoints = prompts
        .as_ref()
        .and_then(|p| forecast::of(driver.recipe, p, costs));
    let plan = Plan {
        disk: plan::disk(steps.iter().map(|step| &step.cost)),
        stages: steps,
        parameters: measured.sizes.parameters.clone(),
        missing,
        memory: if has_model {
            memory(driver, &measured)
        } else {
            BTreeMap::new()
        },
        memory_budget: driver.engine.memory,
        free_disk: plan::free_disk(driver.run)?,
        notes: notes(driver, times, prompts.as_ref()),
        endpoints,
    };
    write_json(&driver.run.join(Plan::FILE), &plan)?;
    Ok(plan)
}

/// What the numbers rest on, and how trainings were fitted.
fn notes(driver: &Driver<'_>, times: String, prompts: Option<&Prompts>) -> Vec<String> {
    let mut notes = vec![times];
    if !driver.recipe.is_of_quality() {
        notes.push("filter: at most as many tasks as there are pairs".to_owned());
    }
    let fits = driver.recipe.fits.iter();
    let fitted = fits.filter(|fitted| fitted.problem.is_none());
    notes.extend(prompts.map(Prompts::basis));
    notes.extend(fitted.map(|fitted| {
        format!(
            "`[{}]` by arithmetic (`adamllm plan`), if its largest microbatch is full: {}",
            fitted.section, fitted.why
        )
    }));
    notes
}

/// Whether a stage would be skipped, and why it would be skipped or done.
fn stands<'a>(
    driver: &Driver<'_>,
    stage: &'a Identified<'_>,
    given: &mut BTreeMap<&'a str, String>,
    open: &[&str],
) -> Result<(bool, String)> {
    let Some(basis) = &stage.basis else {
        return Ok((true, String::new()));
    };
    if stage.wish == Wish::Anew {
        return Ok((false, "done anew, as `--from` says".to_owned()));
    }
    // Of several, the last one says most.
    let inputs: Vec<&String> = stage.node.inputs.values().collect();
    if let Some(open) = open
        .iter()
        .rev()
        .find(|open| inputs.iter().any(|i| i == *open))
    {
        return Ok((false, format!("builds on `{open}`")));
    }
    let mut digests = driver.digests.borrow_mut();
    let inputs = given_of(stage.node, given);
    Ok(match stage.folder.state(basis, &inputs, &mut digests)? {
        State::Done(manifest) => {
            given.insert(&stage.node.name, manifest.gave());
            (true, "done before".to_owned())
        }
        State::New => (false, "not done yet".to_owned()),
        other => (false, other.why()),
    })
}

/// Some samples as the run would train on them.
pub(crate) fn few_samples(
    driver: &Driver<'_>,
    sources: &Sources,
    pairs: &[Pair],
) -> Result<Vec<Sample>> {
    let settings = &driver.recipe.synthesizer;
    let seeds = match &sources.tuning {
        Some(Tuning::Seeds(path)) => {
            let options = formats::Options {
                check_images: true,
                ..sources.reading.clone()
            };
            let mut rows = formats::read_seeds(path, &options)?.rows;
            rows.truncate(estimate::SAMPLES);
            rows
        }
        Some(Tuning::Samples(_)) | None => Vec::new(),
    };
    if seeds.is_empty() {
        let request = &sources.prompts.synthesizer.caption_request;
        let few = &pairs[..pairs.len().min(estimate::SAMPLES)];
        return Ok(estimate::caption_samples(few, request));
    }
    let options = SeedOptions {
        input: settings.input,
        blank: None::<Blank<'_>>,
        seed: driver.recipe.seed,
    };
    Ok(synthesis::seed_samples(&seeds, options, &sources.prompts).items)
}

/// Bytes by part, at the largest moment of the run.
fn memory(driver: &Driver<'_>, measured: &Measured) -> BTreeMap<String, u64> {
    let new_tokens = driver.recipe.synthesizer.max_new_tokens;
    let generation = driver.engine.generation;
    let sizes = &measured.sizes;
    let longest = measured.prompt_tokens + new_tokens;
    let mut memory = BTreeMap::from([
        ("weights".to_owned(), sizes.weights),
        ("master weights".to_owned(), sizes.state.masters),
        ("gradients".to_owned(), sizes.state.gradients),
        ("moments".to_owned(), sizes.state.moments),
        (
            "cache of a group of answers".to_owned(),
            sizes.cached_token * (generation.group * longest).min(generation.cache_tokens) as u64,
        ),
    ]);
    if let Some(costs) = &measured.costs {
        memory.insert("activations and the rest (measured)".to_owned(), costs.rest);
    }
    memory
}
