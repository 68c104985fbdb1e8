//! The road: seven stages, each a folder with a manifest that is written last.

pub mod basis;
mod controls;
mod evaluate;
pub mod plan;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use corpus::formats::{self, Loaded};
use corpus::{Decoding, Pair, Rejected, Sample, Triplet, jsonl};
use generate::LocalGenerator;
use model::checkpoint::Checkpoint;
use synthesis::{Blank, JudgeKind, JudgeOptions, KeepRule, MixOptions, ParseOptions, SeedOptions};

use crate::context::{Context, write_rejected};
use crate::pictures;
use crate::run_folder::{Manifest, STAGES, State};
use crate::runner;
use crate::signals;
use crate::training::{self, Data};

type Counts = BTreeMap<String, u64>;

/// Which stages run.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// The first one, which is done anew even if it is finished.
    pub from: Option<String>,
    /// The last one.
    pub until: Option<String>,
}

/// Positions of the first and the last stage of a span.
pub fn places(span: &Span) -> Result<(usize, usize)> {
    let place = |name: &Option<String>, preset: usize| match name {
        None => Ok(preset),
        Some(name) => STAGES
            .iter()
            .position(|s| s == name)
            .with_context(|| format!("unknown stage `{name}`; stages are {}", STAGES.join(", "))),
    };
    let (from, until) = (place(&span.from, 0)?, place(&span.until, STAGES.len() - 1)?);
    if from > until {
        bail!(
            "`--from {}` comes after `--until {}`",
            STAGES[from],
            STAGES[until]
        );
    }
    Ok((from, until))
}

/// Folders of models without weights that the stages up to the one at `until` read, and the keys that name them.
fn without_weights(context: &Context, until: usize) -> Result<Vec<(String, PathBuf)>> {
    let recipe = context.recipe;
    let reaches = |stage: &str| STAGES[..=until].contains(&stage);
    let mut named = Vec::new();
    if seeds_path(context).is_some() || reaches("train") {
        named.push(("model.checkpoint", context.base_folder()));
    }
    if recipe.mix.synthetic && reaches("synthesize") {
        let synthesizer = recipe.synthesizer.checkpoint.as_ref();
        named
            .extend(synthesizer.map(|path| ("synthesizer.checkpoint", context.model_folder(path))));
    }
    if recipe.mix.synthetic && recipe.filter.enabled && reaches("filter") {
        named.push(match &recipe.filter.checkpoint {
            Some(path) => ("filter.checkpoint", context.model_folder(path)),
            None => ("model.checkpoint", context.base_folder()),
        });
    }
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    for (key, folder) in named {
        match Checkpoint::open(&folder) {
            Err(model::Error::NoWeights { .. }) => {}
            opened => {
                opened.with_context(|| format!("cannot open the weights of `{key}`"))?;
                continue;
            }
        }
        let key = format!("`{key}`");
        match found.iter_mut().find(|(_, known)| *known == folder) {
            Some((keys, _)) if keys.contains(&key) => {}
            Some((keys, _)) => *keys = format!("{keys} and {key}"),
            None => found.push((key, folder)),
        }
    }
    Ok(found)
}

/// Runs the stages in order; a finished stage with unchanged inputs is skipped.
pub fn run(context: &Context, span: &Span) -> Result<()> {
    let (from, until) = places(span)?;
    // Hours of synthesis would come before the first look at the judge.
    let without: Vec<String> = without_weights(context, until)?
        .into_iter()
        .map(|(keys, folder)| format!("  {keys}: `{}`", folder.display()))
        .collect();
    if !without.is_empty() {
        bail!(
            "there are no weights (`*.safetensors`) in\n{}\nput them there; `--dry-run` plans without them",
            without.join("\n")
        );
    }
    context.mend_blank()?;
    let bases = basis::all(context, until)?;
    let mut before = String::new();
    for (at, (stage, basis)) in STAGES.into_iter().zip(bases).enumerate() {
        signals::check()?;
        let state = {
            let mut digests = context.digests.borrow_mut();
            context.run.state(stage, &basis, &before, &mut digests)?
        };
        let anew = span.from.is_some() && at == from;
        let folder = context.run.stage(stage);
        if let (State::Done(manifest), false) = (&state, anew) {
            context.say(&format!("{stage}: done before, skipped"));
            training::clear_checkpoints(&folder)?;
            before = manifest.given();
            continue;
        }
        if at < from {
            bail!(
                "`--from {}` needs stage `{stage}`, which is not finished with this recipe",
                STAGES[from]
            );
        }
        if anew {
            context.run.clear(stage)?;
            context.say(&format!("{stage}: done anew, as `--from` says"));
        } else {
            let why = state.why();
            let colon = if why.is_empty() { "" } else { ": " };
            context.say(&format!("{stage}{colon}{why}"));
        }
        if stage == "tune-synthesizer" && until > at {
            // Hours of tuning would come before the first look at the pairs.
            pictures::usable_pairs(context)?;
        }
        let folder = context.run.begin(stage, &basis, &before)?;
        let start = Instant::now();
        let counts =
            one(context, stage, &folder).with_context(|| format!("stage `{stage}` failed"))?;
        let seconds = (start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        let now = basis::inputs(context, stage)?;
        if let Some((role, _)) = now
            .iter()
            .find(|(role, d)| basis.inputs.get(*role) != Some(d))
        {
            bail!(
                "{role} changed while stage `{stage}` read it; give the command again once nothing writes to it"
            );
        }
        let shown: Vec<String> = counts
            .iter()
            .map(|(name, n)| format!("{name} {n}"))
            .collect();
        context.say(&format!("  {} ({seconds:.0} s)", shown.join(", ")));
        let outputs = context
            .run
            .outputs(stage, &mut context.digests.borrow_mut())?;
        let manifest = Manifest {
            stage: stage.to_owned(),
            basis,
            before,
            outputs,
            counts,
            seconds,
        };
        context.run.finish(&manifest)?;
        training::clear_checkpoints(&folder)?;
        before = manifest.given();
    }
    context.digests.borrow_mut().remember();
    Ok(())
}

fn one(context: &Context, stage: &str, folder: &Path) -> Result<Counts> {
    match stage {
        "tune-synthesizer" => tune_synthesizer(context, folder),
        "synthesize" => synthesize(context, folder),
        "filter" => filter(context, folder),
        "mix" => mix(context, folder),
        "train" => train(context, folder),
        "evaluate" => evaluate::run(context, folder),
        _ => report::run(context, folder),
    }
}

/// The seed data, if the synthesizer has to be tuned.
fn seeds_path(context: &Context) -> Option<PathBuf> {
    let synthesizer = &context.recipe.synthesizer;
    if synthesizer.checkpoint.is_some() || !context.recipe.mix.synthetic {
        return None;
    }
    let shipped = || {
        context
            .recipe
            .uses_demo_base()
            .then(|| context.run.path.join("demo/seeds.jsonl"))
    };
    synthesizer.seed_data.clone().or_else(shipped)
}

fn tune_synthesizer(context: &Context, folder: &Path) -> Result<Counts> {
    let Some(path) = seeds_path(context) else {
        return Ok(Counts::from([("tuned before".to_owned(), 1)]));
    };
    let settings = &context.recipe.synthesizer;
    let tune = |samples: &[Sample], read: usize, unusable: usize| {
        let (stage, base) = ("tune-synthesizer", context.base_folder());
        let data = Data {
            samples,
            read,
            unusable,
        };
        training::train(context, stage, folder, &base, &data, &settings.train)
    };
    if let Some(data) = &settings.train.data {
        let (samples, rejected) = samples_of(context, data)?;
        write_rejected(folder, &rejected)?;
        return tune(&samples, samples.len() + rejected.len(), rejected.len());
    }
    let mut loaded = formats::read_seeds(&path, &context.reading(true))?;
    pictures::reject_broken(&mut loaded, |seed| (&seed.id, &seed.images))?;
    let Loaded {
        mut rows,
        mut rejected,
        ..
    } = loaded;
    refuse_many_bad(context, &path, rows.len(), &rejected)?;
    let read = rows.len() + rejected.len();
    rows.truncate(context.limit.unwrap_or(usize::MAX));
    let blank = context.blank()?;
    let options = SeedOptions {
        input: settings.input,
        blank: Some(Blank {
            path: &blank,
            share: settings.blank_images,
        }),
        seed: context.recipe.seed,
    };
    let made = synthesis::seed_samples(&rows, options, &context.prompts);
    let unusable = rejected.len() + rows.len() - made.items.len();
    rejected.extend(made.rejected);
    write_rejected(folder, &rejected)?;
    jsonl::write(&folder.join("samples.jsonl"), &made.items)?;
    tune(&made.items, read, unusable)
}

fn synthesize(context: &Context, folder: &Path) -> Result<Counts> {
    let recipe = context.recipe;
    let (mut rows, mut rejected) = pictures::usable_pairs(context)?;
    let (usable, unusable) = (rows.len(), rejected.len());
    rows.truncate(context.limit.unwrap_or(usize::MAX));
    for pair in &mut rows {
        for image in &mut pair.images {
            *image = std::path::absolute(&*image)?;
        }
    }
    let (pairs, held_out) = corpus::splits::split(&rows, recipe.held_out, recipe.seed);
    tell_duplicates(context, folder, &pairs, &held_out)?;
    jsonl::write(&folder.join("pairs.jsonl"), &pairs)?;
    jsonl::write(&folder.join("held_out.jsonl"), &held_out)?;
    if pairs.len() + held_out.len() != rows.len() {
        bail!(
            "{} pairs became {} for training and {} held out",
            rows.len(),
            pairs.len(),
            held_out.len()
        );
    }
    let mut counts = Counts::from([
        ("read".to_owned(), (usable + unusable) as u64),
        ("unusable".to_owned(), unusable as u64),
        ("pairs".to_owned(), rows.len() as u64),
        ("held out".to_owned(), held_out.len() as u64),
    ]);
    if !recipe.mix.synthetic {
        write_rejected(folder, &rejected)?;
        jsonl::write(&folder.join("triplets.jsonl"), Vec::<Triplet>::new().iter())?;
        return Ok(counts);
    }
    let model_folder = match &recipe.synthesizer.checkpoint {
        Some(path) => context.model_folder(path),
        None => context.run.stage("tune-synthesizer").join("model"),
    };
    let (model, processor) = context.open(&model_folder, recipe.dtype)?;
    let decoding = Decoding {
        max_new_tokens: recipe.synthesizer.max_new_tokens,
        temperature: recipe.synthesizer.temperature,
        top_p: recipe.synthesizer.top_p,
        ..synthesis::synthesis_decoding(processor.end_of_text())
    };
    let asked = synthesis::synthesis_requests(
        &pairs,
        recipe.synthesizer.input,
        &decoding,
        &context.prompts,
    );
    if pairs.len() != asked.items.len() + asked.rejected.len() {
        bail!(
            "{} pairs gave {} requests and {} rejects",
            pairs.len(),
            asked.items.len(),
            asked.rejected.len()
        );
    }
    rejected.extend(asked.rejected);
    jsonl::write(&folder.join("requests.jsonl"), &asked.items)?;
    let mut generator = LocalGenerator::new(
        model.as_ref(),
        processor.as_ref(),
        runner::options(recipe.seed),
    );
    let bar = context.bar(asked.items.len(), "synthesize");
    let completions = runner::run(
        &mut generator,
        &asked.items,
        &folder.join("completions.jsonl"),
        &bar,
    )?;
    let markers = processor.markers()?;
    let parsing = ParseOptions {
        markers: &markers,
        prompts: &context.prompts.synthesizer,
        same_question: recipe.synthesizer.same_question,
    };
    let name = model_folder.display().to_string();
    let parsed = synthesis::triplets(&asked.items, &completions, parsing, &name);
    let unparsed = parsed.rejected.len();
    rejected.extend(parsed.rejected);
    jsonl::write(&folder.join("triplets.jsonl"), &parsed.items)?;
    write_rejected(folder, &rejected)?;
    counts.insert("triplets".to_owned(), parsed.items.len() as u64);
    if asked.items.len() != parsed.items.len() + unparsed {
        bail!(
            "{} requests gave {} triplets and {unparsed} rejects",
            asked.items.len(),
            parsed.items.len()
        );
    }
    Ok(counts)
}

/// Says which pairs show the same picture, and which of them lie on both sides of the split.
fn tell_duplicates(
    context: &Context,
    folder: &Path,
    pairs: &[Pair],
    held_out: &[Pair],
) -> Result<()> {
    let side = |rows: &[Pair]| -> BTreeSet<String> { rows.iter().map(|p| p.id.clone()).collect() };
    let (trained, held) = (side(pairs), side(held_out));
    let mut groups = Vec::new();
    let mut leaks = 0;
    for mut ids in pictures::duplicates(context) {
        // A limit may have cut some off.
        ids.retain(|id| trained.contains(id) || held.contains(id));
        if ids.len() < 2 {
            continue;
        }
        let is_trained = ids.iter().any(|id| trained.contains(id));
        let leaked: Vec<&String> = ids
            .iter()
            .filter(|id| is_trained && held.contains(*id))
            .collect();
        leaks += leaked.len();
        groups.push(serde_json::json!({"ids": ids, "held_out_of_trained": leaked}));
    }
    if groups.is_empty() {
        return Ok(());
    }
    jsonl::write(&folder.join("duplicates.jsonl"), &groups)?;
    context.say(&format!(
        "  {} groups of pairs show the same picture; {leaks} held-out pairs have theirs among the trained ones{} \
         (`duplicates.jsonl`)",
        groups.len(),
        if leaks > 0 { ", give such pairs a common `group`" } else { "" }
    ));
    Ok(())
}

fn filter(context: &Context, folder: &Path) -> Result<Counts> {
    let recipe = context.recipe;
    let triplets: Vec<Triplet> =
        jsonl::read(&context.run.stage("synthesize").join("triplets.jsonl"))?;
    if !recipe.filter.enabled || triplets.is_empty() {
        jsonl::write(&folder.join("triplets.jsonl"), &triplets)?;
        write_rejected(folder, &[])?;
        return Ok(Counts::from([("kept".to_owned(), triplets.len() as u64)]));
    }
    if recipe.filter.checkpoint.is_none() && !recipe.uses_demo_base() {
        context.say("  no judge is named: the general model itself judges");
    }
    let judge = judge_folder(context);
    let kind = recipe.filter.judge;
    let (model, processor) = context.open(&judge, recipe.dtype)?;
    let requests = synthesis::judge_requests(&triplets, JudgeOptions::new(kind), &context.prompts);
    jsonl::write(&folder.join("requests.jsonl"), &requests)?;
    let mut generator = LocalGenerator::new(
        model.as_ref(),
        processor.as_ref(),
        runner::options(recipe.seed),
    );
    let bar = context.bar(requests.len(), "filter");
    let completions = runner::run(
        &mut generator,
        &requests,
        &folder.join("completions.jsonl"),
        &bar,
    )?;
    let mut judged = synthesis::verdicts(kind, &triplets, &completions);
    if kind != JudgeKind::Verdict {
        let samples = synthesis::judge::likelihood_samples(kind, &triplets, &context.prompts);
        let mut encoded = Vec::with_capacity(samples.len());
        for sample in &samples {
            encoded.push(processor.sample(sample)?);
        }
        let losses = train::losses(model.as_ref(), &encoded, 4096)?;
        let by_id = samples
            .iter()
            .zip(&losses)
            .map(|(s, l)| (s.id.clone(), l.0))
            .collect();
        synthesis::judge::with_likelihood(&mut judged.items, &by_id);
    }
    jsonl::write(&folder.join("verdicts.jsonl"), &judged.items)?;
    let rule = KeepRule {
        threshold: recipe.filter.threshold,
        ..KeepRule::default()
    };
    let kept = synthesis::keep(&triplets, &judged.items, &rule);
    let rejected = kept.rejected;
    write_rejected(folder, &rejected)?;
    jsonl::write(&folder.join("triplets.jsonl"), &kept.items)?;
    if kept.items.len() + rejected.len() != triplets.len() {
        bail!(
            "{} triplets became {} kept and {} left out",
            triplets.len(),
            kept.items.len(),
            rejected.len()
        );
    }
    Ok(Counts::from([
        ("judged".to_owned(), triplets.len() as u64),
        ("kept".to_owned(), kept.items.len() as u64),
    ]))
}

/// The judge that the recipe names, or the general model itself.
fn judge_folder(context: &Context) -> PathBuf {
    match &context.recipe.filter.checkpoint {
        Some(path) => context.model_folder(path),
        None => context.base_folder(),
    }
}

fn mix(context: &Context, folder: &Path) -> Result<Counts> {
    let settings = &context.recipe.mix;
    let pairs: Vec<Pair> = jsonl::read(&context.run.stage("synthesize").join("pairs.jsonl"))?;
    let triplets: Vec<Triplet> = jsonl::read(&context.run.stage("filter").join("triplets.jsonl"))?;
    let (general, mut rejected) = match &settings.general {
        Some(path) => samples_of(context, path)?,
        None => (Vec::new(), Vec::new()),
    };
    let options = mix_options(context);
    let general_unusable = rejected.len();
    let mixed = synthesis::mix(&pairs, &triplets, &general, &options, &context.prompts);
    let with_task = check_mix(&pairs, &triplets, &general, &mixed, &options)?;
    jsonl::write(&folder.join("samples.jsonl"), &mixed.items)?;
    rejected.extend(mixed.rejected);
    write_rejected(folder, &rejected)?;
    Ok(Counts::from([
        ("samples".to_owned(), mixed.items.len() as u64),
        ("with a task".to_owned(), with_task as u64),
        ("left out".to_owned(), rejected.len() as u64),
        (
            "general read".to_owned(),
            (general.len() + general_unusable) as u64,
        ),
        ("general unusable".to_owned(), general_unusable as u64),
    ]))
}

/// Every pair became a sample or was left out, every triplet is a sample's task or was, and the rest is replay; gives the
/// samples with a task.
fn check_mix(
    pairs: &[Pair],
    triplets: &[Triplet],
    general: &[Sample],
    mixed: &synthesis::Outcome<Sample>,
    options: &MixOptions,
) -> Result<usize> {
    // A replayed sample may have an origin of its own, but never its own id in it.
    let of_pairs = mixed.items.iter().filter(|s| s.origin["pair"] == s.id);
    let of_pairs: Vec<&Sample> = of_pairs.collect();
    let with_task = of_pairs.iter().filter(|s| !s.origin["triplet"].is_null());
    let with_task = with_task.count();
    let of_triplets = |r: &&Rejected| ["unknown-pair", "second-triplet"].contains(&&*r.reason);
    let triplets_left_out = mixed.rejected.iter().filter(of_triplets).count();
    let pairs_left_out = mixed.rejected.len() - triplets_left_out;
    if of_pairs.len() + pairs_left_out != pairs.len() {
        bail!(
            "{} pairs became {} samples and {pairs_left_out} rejects",
            pairs.len(),
            of_pairs.len()
        );
    }
    let used = if options.synthetic { triplets.len() } else { 0 };
    if with_task + triplets_left_out != used {
        bail!("{used} triplets became {with_task} tasks and {triplets_left_out} rejects");
    }
    let wanted = (of_pairs.len() as f64 * options.general_ratio.max(0.0)).round() as usize;
    let wanted = if general.is_empty() { 0 } else { wanted };
    let replayed = mixed.items.len() - of_pairs.len();
    if replayed != wanted {
        bail!("{replayed} samples are replayed, but {wanted} are wanted");
    }
    Ok(with_task)
}

fn mix_options(context: &Context) -> MixOptions {
    let settings = &context.recipe.mix;
    MixOptions {
        seed: context.recipe.seed,
        caption: settings.caption,
        synthetic: settings.synthetic,
        without_triplet: settings.without_triplet,
        joiner: settings.joiner,
        answers: synthesis::Answers::Joined,
        caption_position: settings.caption_position,
        general_ratio: settings.general_ratio,
    }
}

fn train(context: &Context, folder: &Path) -> Result<Counts> {
    let training = &context.recipe.train;
    let (samples, rejected) = if let Some(path) = &training.data {
        samples_of(context, path)?
    } else {
        let path = context.run.stage("mix").join("samples.jsonl");
        (jsonl::read(&path)?, Vec::new())
    };
    write_rejected(folder, &rejected)?;
    let data = if training.data.is_some() {
        Data {
            samples: &samples,
            read: samples.len() + rejected.len(),
            unusable: rejected.len(),
        }
    } else {
        let count = |stage: &str, name: &str| -> Result<usize> {
            let manifest = context.run.manifest(stage);
            let found = manifest.and_then(|m| m.counts.get(name).copied());
            found
                .and_then(|n| usize::try_from(n).ok())
                .with_context(|| format!("the manifest of stage `{stage}` has no count `{name}`"))
        };
        Data {
            samples: &samples,
            read: count("synthesize", "read")? + count("mix", "general read")?,
            unusable: count("synthesize", "unusable")? + count("mix", "general unusable")?,
        }
    };
    let base = context.base_folder();
    training::train(context, "train", folder, &base, &data, training)
}

/// Training samples of a file that the recipe names, and what of it cannot be used.
fn samples_of(context: &Context, path: &Path) -> Result<(Vec<Sample>, Vec<Rejected>)> {
    let mut loaded = formats::read_samples(path, &context.reading(true))?;
    pictures::reject_broken(&mut loaded, |sample| (&sample.id, &sample.images))?;
    let Loaded { rows, rejected, .. } = loaded;
    refuse_many_bad(context, path, rows.len(), &rejected)?;
    Ok((rows, rejected))
}

/// Stops a run that would lose more records than the recipe allows.
pub fn refuse_many_bad(
    context: &Context,
    path: &Path,
    good: usize,
    rejected: &[Rejected],
) -> Result<()> {
    let all = good + rejected.len();
    let allowed = (all as f64 * context.recipe.max_bad).floor() as usize;
    let shown: Vec<String> = rejected
        .iter()
        .take(5)
        .map(|r| format!("  `{}`: {} ({})", r.id, r.reason, r.detail))
        .collect();
    if rejected.len() > allowed {
        bail!(
            "{} of {all} records of `{}` cannot be used, more than `data.max_bad` = {} allows:\n{}\nmend them, or \
             raise `data.max_bad`",
            rejected.len(),
            path.display(),
            context.recipe.max_bad,
            shown.join("\n")
        );
    }
    if !rejected.is_empty() {
        context.say(&format!(
            "  {} of {all} records are left out:\n{}",
            rejected.len(),
            shown.join("\n")
        ));
    }
    if good == 0 {
        bail!("`{}` holds no record that can be used", path.display());
    }
    Ok(())
}
