//! What a run would do: `--dry-run`, and planned against measured afterwards.
//!
//! Counts and steps come from the files, sizes from the model, times from two training steps and a few answers of the
//! general model. An estimate says what it rests on; it is no promise. Without weights everything but times and
//! activations is known from `config.json`, and the plan says what is missing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use corpus::{Decoding, Open, Pair, Request, Role, Sample, Turn, formats};
use generate::{Generator as _, LocalGenerator};
use model::Mllm;
use model::checkpoint::Checkpoint;
use pipeline::settings;
use processor::{Encoded, Processor};
use run::recipe::{Dtype, Training};
use serde::{Deserialize, Serialize};
use synthesis::{Blank, SeedOptions};
use train::{SampleSource, TooLong, Trainer, peak_rss_bytes};

use super::{Span, basis, evaluate, places, seeds_path};
use crate::context::Context;
use crate::pictures;
use crate::run_folder::{STAGES, State};
use crate::runner::GROUP;
use corpus::sealed::write_json;

/// Samples of the measured training steps.
const MEASURED: usize = 8;
/// Tokens of each measured answer.
const ANSWER: usize = 16;
/// Estimated share of the allowed tokens that an answer takes.
const SHARE: f64 = 0.5;

/// `plan.json`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The stages in order.
    pub stages: Vec<Step>,
    /// The general model's parameters by group.
    #[serde(default)]
    pub parameters: BTreeMap<String, u64>,
    /// What is not there yet, one line each; the run would stop without it.
    #[serde(default)]
    pub missing: Vec<String>,
    /// Bytes by part, at the largest moment of the run.
    pub memory: BTreeMap<String, u64>,
    /// Bytes by part at the end, checkpoints at the largest moment.
    pub disk: BTreeMap<String, u64>,
    /// Bytes that are free where the run folder is.
    pub free_disk: u64,
    /// What the numbers rest on.
    pub notes: Vec<String>,
}

/// One stage of a plan.
#[derive(Debug, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub stage: String,
    /// Digest of what it depends on.
    pub key: String,
    /// Whether it would be skipped.
    pub skipped: bool,
    /// Why it would be skipped or done.
    pub why: String,
    /// Counts by name.
    pub counts: BTreeMap<String, u64>,
    /// Estimated wall time; none where there were no weights to measure with.
    pub seconds: Option<f64>,
}

/// What the general model's folder told.
struct Measured {
    /// What two steps and a few answers took; none without weights.
    costs: Option<Costs>,
    /// Mean tokens of a training sample.
    sample_tokens: f64,
    prompt_tokens: usize,
    sizes: Sizes,
}

/// What a short measurement told.
struct Costs {
    /// Seconds of training for each token.
    train: f64,
    /// Seconds of decoding for each token of an answer, in a group.
    answer: f64,
    /// Bytes that two steps took beyond what is counted.
    rest: u64,
}

/// What a model is made of.
struct Sizes {
    /// Parameters by group.
    parameters: BTreeMap<String, u64>,
    /// Parameters that are trained.
    trained: u64,
    /// Bytes of the weights and of one cached token.
    weights: u64,
    cached_token: u64,
}

impl Sizes {
    fn of(context: &Context, model: &dyn Mllm) -> Self {
        // An outline has tensors of another dtype than the run would load.
        let width = settings::kind(context.recipe.dtype).elt_size_in_bytes() as u64;
        let freeze = settings::config(&context.recipe.train).freeze;
        let groups = model::inspect::groups(model);
        let all = groups.iter().map(|g| g.values as u64);
        let trained = groups.iter().filter(|g| !freeze.contains(&g.group));
        let cache = model.new_cache(1, 1);
        let cached = cache.layers.iter().flat_map(|(k, v)| [k, v]);
        Self {
            weights: width * all.sum::<u64>(),
            trained: trained.map(|g| g.values as u64).sum(),
            cached_token: width * cached.map(|t| t.numel() as u64).sum::<u64>(),
            parameters: groups
                .iter()
                .map(|g| (g.group.as_str().to_owned(), g.values as u64))
                .collect(),
        }
    }
}

/// Makes the plan and writes it to `plan.json`. Nothing else in the run folder changes, but for notes of what was read.
pub fn make(context: &Context, span: &Span) -> Result<Plan> {
    let (from, until) = places(span)?;
    let (pairs, _) = pictures::usable_pairs(context)?;
    let pairs: Vec<Pair> = pairs
        .into_iter()
        .take(context.limit.unwrap_or(usize::MAX))
        .collect();
    let recipe = context.recipe;
    let (training, held_out) = corpus::splits::split(&pairs, recipe.held_out, recipe.seed);
    let missing = super::without_weights(context, until)?;
    let base = context.base_folder();
    let opened = Checkpoint::open(&base);
    let has_weights = !matches!(opened, Err(model::Error::NoWeights { .. }));
    let mut missing: Vec<String> = missing
        .into_iter()
        .map(|(keys, folder)| format!("weights of {keys} in `{}`", folder.display()))
        .collect();
    let measured = if has_weights {
        measure(context, &pairs)?
    } else {
        outlined(context, &pairs, &mut missing)?
    };
    let mut counts = Counted {
        context,
        training: training.len(),
        held_out: held_out.len(),
        answers: 0.0,
        train_seconds: None,
    };
    let mut steps = Vec::new();
    let (mut before, mut first_open) = (String::new(), None::<&str>);
    for (at, (stage, basis)) in STAGES
        .into_iter()
        .zip(basis::all(context, until)?)
        .enumerate()
    {
        let mut digests = context.digests.borrow_mut();
        let state = context.run.state(stage, &basis, &before, &mut digests)?;
        drop(digests);
        let anew = span.from.is_some() && at == from;
        let (skipped, why) = match (&state, first_open) {
            _ if anew => (false, "done anew, as `--from` says".to_owned()),
            (_, Some(open)) => (false, format!("builds on `{open}`")),
            (State::Done(manifest), None) => {
                before = manifest.given();
                (true, "done before".to_owned())
            }
            (State::New, None) => (false, "not done yet".to_owned()),
            (other, None) => (false, other.why()),
        };
        if !skipped && first_open.is_none() {
            first_open = Some(stage);
        }
        let (counts, seconds) = counts.of(stage, &measured)?;
        steps.push(Step {
            stage: stage.to_owned(),
            key: basis.key,
            skipped,
            why,
            counts,
            seconds: if skipped { Some(0.0) } else { seconds },
        });
    }
    let keeps = |training: &Training| {
        if training.save_steps > 0 {
            training.keep.max(1) + 1
        } else {
            1
        }
    };
    let kept = keeps(&recipe.train).max(keeps(&recipe.synthesizer.train)) as u64;
    let is_half = recipe.dtype != Dtype::F32;
    let sizes = &measured.sizes;
    let master = if is_half { 4 * sizes.trained } else { 0 };
    let longest = measured.prompt_tokens + recipe.synthesizer.max_new_tokens;
    let mut memory = BTreeMap::from([
        ("weights".to_owned(), sizes.weights),
        ("master weights".to_owned(), master),
        ("gradients".to_owned(), 4 * sizes.trained),
        ("moments".to_owned(), 8 * sizes.trained),
        (
            "cache of a group of answers".to_owned(),
            sizes.cached_token * (GROUP * longest).min(1 << 17) as u64,
        ),
    ]);
    if let Some(costs) = &measured.costs {
        memory.insert("activations and the rest (measured)".to_owned(), costs.rest);
    }
    let tuned = u64::from(seeds_path(context).is_some());
    let disk = BTreeMap::from([
        (
            "models".to_owned(),
            (tuned + 1 + recipe.controls.len() as u64) * sizes.weights,
        ),
        (
            "checkpoints while training".to_owned(),
            kept * (sizes.weights + 8 * sizes.trained + master),
        ),
        (
            "records".to_owned(),
            // Requests, completions and what is made of them.
            4096 * (training.len() as u64 * 3) + 1024 * counts.answers as u64,
        ),
    ]);
    let free = rustix::fs::statvfs(&context.run.path)
        .map(|found| found.f_bavail * found.f_frsize)
        .context("cannot ask for the free disk space")?;
    let times = if measured.costs.is_some() {
        format!(
            "times are from 2 training steps over {MEASURED} samples and {GROUP} answers of {ANSWER} tokens, if answers \
             take {:.0} % of the tokens that they may",
            SHARE * 100.0
        )
    } else {
        "times and the memory of activations are measured with weights, so they are not in this plan".to_owned()
    };
    let notes = vec![
        times,
        "filter: at most as many tasks as there are pairs".to_owned(),
    ];
    let plan = Plan {
        stages: steps,
        parameters: sizes.parameters.clone(),
        missing,
        memory,
        disk,
        free_disk: free,
        notes,
    };
    write_json(&context.run.path.join("plan.json"), &plan)?;
    Ok(plan)
}

/// Counts of the stages, from the files that they would read.
struct Counted<'a> {
    context: &'a Context<'a>,
    training: usize,
    held_out: usize,
    answers: f64,
    /// Of the adapted model, and so of each control.
    train_seconds: Option<f64>,
}

impl Counted<'_> {
    fn of(
        &mut self,
        stage: &str,
        measured: &Measured,
    ) -> Result<(BTreeMap<String, u64>, Option<f64>)> {
        let costs = measured.costs.as_ref();
        let training =
            |samples: usize| Some(costs?.train * measured.sample_tokens * samples as f64);
        let answering = |answers: f64, tokens: f64| Some(costs?.answer * tokens * SHARE * answers);
        let recipe = self.context.recipe;
        let mut counts = BTreeMap::new();
        let mut count = |name: &str, n: usize| {
            counts.insert(name.to_owned(), n as u64);
        };
        let trains = |samples: usize, training: &Training| {
            let ids: Vec<String> = (0..samples).map(|i| i.to_string()).collect();
            let plan =
                train::Plan::new(ids.iter().map(String::as_str), &settings::config(training));
            let drawn: usize = (0..plan.total_steps()).map(|s| plan.batch(s).len()).sum();
            (plan.total_steps(), drawn)
        };
        let limit = self.context.limit.unwrap_or(usize::MAX);
        let seconds = match stage {
            "tune-synthesizer" => match seeds_path(self.context) {
                None => Some(0.0),
                Some(path) => {
                    let options = self.context.reading(false);
                    let samples = match &recipe.synthesizer.train.data {
                        Some(data) => formats::read_samples(data, &options)?.rows.len(),
                        None => formats::read_seeds(&path, &options)?.rows.len().min(limit),
                    };
                    let (steps, drawn) = trains(samples, &recipe.synthesizer.train);
                    count("samples", samples);
                    count("steps", steps);
                    training(drawn)
                }
            },
            "synthesize" if recipe.mix.synthetic => {
                count("requests", self.training);
                count("held out", self.held_out);
                let tokens = recipe.synthesizer.max_new_tokens as f64;
                answering(self.training as f64, tokens)
            }
            "filter" if recipe.filter.enabled && recipe.mix.synthetic => {
                count("judged", self.training);
                answering(self.training as f64, ANSWER as f64)
            }
            "mix" => {
                count("samples", self.mixed()?);
                Some(0.0)
            }
            "train" => {
                let samples = match &recipe.train.data {
                    Some(data) => formats::read_samples(data, &self.context.reading(false))?
                        .rows
                        .len(),
                    None => self.mixed()?,
                };
                let (steps, drawn) = trains(samples, &recipe.train);
                count("samples", samples);
                count("steps", steps);
                self.train_seconds = training(drawn);
                self.train_seconds
            }
            "evaluate" => {
                let mut items = 0;
                for path in evaluate::task_files(self.context)? {
                    let task: Vec<evaluation::questions::Item> = corpus::jsonl::read(&path)?;
                    items += task.len().min(limit);
                }
                if recipe.tasks_folder.is_none() {
                    items = self.held_out;
                }
                // Base, adapted and blind, and the controls, each trained as long as the adapted model.
                let controls = recipe.controls.len();
                let answers = items * (3 + controls);
                count("answers", answers);
                if controls > 0 {
                    count("controls", controls);
                }
                self.answers = answers as f64;
                let answered = answering(self.answers, ANSWER as f64);
                answered
                    .zip(self.train_seconds)
                    .map(|(answered, trained)| answered + trained * controls as f64)
            }
            _ => Some(0.0),
        };
        Ok((counts, seconds))
    }

    /// Domain and replay samples.
    fn mixed(&self) -> Result<usize> {
        let mix = &self.context.recipe.mix;
        let Some(path) = &mix.general else {
            return Ok(self.training);
        };
        let rows = formats::read_samples(path, &self.context.reading(false))?.rows;
        // Once all are used, they come again.
        let wanted = (self.training as f64 * mix.general_ratio).round() as usize;
        Ok(self.training + if rows.is_empty() { 0 } else { wanted })
    }
}

struct Few<'a>(&'a [(String, Encoded)]);

impl SampleSource for Few<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn id(&self, index: usize) -> &str {
        &self.0[index].0
    }

    fn encode(&self, index: usize) -> Result<Encoded, String> {
        Ok(self.0[index].1.clone())
    }
}

/// What `config.json` and the tokenizer tell without weights. What else is missing is added to `missing`.
fn outlined(context: &Context, pairs: &[Pair], missing: &mut Vec<String>) -> Result<Measured> {
    let folder = context.base_folder();
    let path = folder.join("config.json");
    let config = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let model = model::outline(&config, None)
        .with_context(|| format!("cannot use `{}`", path.display()))?;
    let mut lengths = Vec::new();
    match context.processor(&folder) {
        Ok(processor) => {
            for sample in &few_samples(context, pairs)? {
                lengths.push(processor.sample(sample)?.ids.len());
            }
        }
        Err(error) => missing.push(format!("tokenizer and picture settings: {error:#}")),
    }
    let tokens: usize = lengths.iter().sum();
    Ok(Measured {
        costs: None,
        sample_tokens: tokens as f64 / lengths.len().max(1) as f64,
        prompt_tokens: lengths.into_iter().max().unwrap_or(0),
        sizes: Sizes::of(context, model.as_ref()),
    })
}

fn measure(context: &Context, pairs: &[Pair]) -> Result<Measured> {
    let (model, processor) = context.open(&context.base_folder(), context.recipe.dtype)?;
    let samples = few_samples(context, pairs)?;
    let mut encoded = Vec::new();
    for sample in &samples {
        encoded.push((sample.id.clone(), processor.sample(sample)?));
    }
    let tokens: usize = encoded.iter().map(|(_, e)| e.ids.len()).sum();
    let answer = answers(context, pairs, model.as_ref(), processor.as_ref())?;
    let sizes = Sizes::of(context, model.as_ref());

    let before = peak_rss_bytes();
    let config = train::Config {
        epochs: 1e6,
        max_steps: Some(2),
        batch_size: encoded.len(),
        too_long: TooLong::TruncateText,
        ..settings::config(&context.recipe.train)
    };
    let few = Few(&encoded);
    let mut stepper = Trainer::new(model.as_ref(), &few, &config)?;
    stepper.step()?;
    let start = Instant::now();
    stepper.step()?;
    let seconds = start.elapsed().as_secs_f64();
    let is_half = context.recipe.dtype != Dtype::F32;
    let counted = sizes.trained * if is_half { 16 } else { 12 };
    Ok(Measured {
        costs: Some(Costs {
            train: seconds / tokens.max(1) as f64,
            answer,
            rest: peak_rss_bytes()
                .saturating_sub(before)
                .saturating_sub(counted),
        }),
        sample_tokens: tokens as f64 / encoded.len().max(1) as f64,
        prompt_tokens: encoded.iter().map(|(_, e)| e.ids.len()).max().unwrap_or(0),
        sizes,
    })
}

/// Some samples as the run would train on them.
fn few_samples(context: &Context, pairs: &[Pair]) -> Result<Vec<Sample>> {
    let seeds = match seeds_path(context) {
        Some(path) if context.recipe.synthesizer.train.data.is_none() => {
            let options = context.reading(true);
            let mut rows = formats::read_seeds(&path, &options)?.rows;
            rows.truncate(MEASURED);
            rows
        }
        _ => Vec::new(),
    };
    if !seeds.is_empty() {
        let options = SeedOptions {
            input: context.recipe.synthesizer.input,
            blank: None::<Blank<'_>>,
            seed: context.recipe.seed,
        };
        return Ok(synthesis::seed_samples(&seeds, options, &context.prompts).items);
    }
    let sample = |pair: &Pair| Sample {
        id: pair.id.clone(),
        images: pair.images.clone(),
        turns: vec![
            asked(context, pair),
            Turn::new(Role::Assistant, pair.caption.clone()).learned(),
        ],
        end: false,
        origin: serde_json::Value::Null,
    };
    Ok(pairs.iter().take(MEASURED).map(sample).collect())
}

fn asked(context: &Context, pair: &Pair) -> Turn {
    let marks = "<image>\n".repeat(pair.images.len());
    let request = &context.prompts.synthesizer.caption_request;
    Turn::new(Role::User, format!("{marks}{request}")).with_marks()
}

/// Seconds for each token of an answer.
fn answers(
    context: &Context,
    pairs: &[Pair],
    model: &dyn Mllm,
    processor: &dyn Processor,
) -> Result<f64> {
    let request = |pair: &Pair| Request {
        id: pair.id.clone(),
        images: pair.images.clone(),
        turns: vec![asked(context, pair)],
        open: Open::Assistant,
        prompt: None,
        decoding: Decoding {
            max_new_tokens: ANSWER,
            ..Decoding::default()
        },
    };
    let options = crate::runner::options(context.recipe.seed);
    let mut generator = LocalGenerator::new(model, processor, options);
    let (mut tokens, start) = (0, Instant::now());
    // A whole group, since decoding many together is what makes it fast.
    let mut requests = pairs.iter().take(GROUP).map(request);
    generator.generate(&mut requests, &mut |completion| {
        tokens += completion.completion_tokens;
        Ok(())
    })?;
    Ok(start.elapsed().as_secs_f64() / tokens.max(1) as f64)
}

impl Plan {
    /// Estimated seconds in all; none where a part is not known.
    pub fn seconds(&self) -> Option<f64> {
        self.stages.iter().map(|step| step.seconds).sum()
    }

    /// The plan for a person.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for step in &self.stages {
            let what = if step.skipped { "skip" } else { "do" };
            let counts: Vec<String> = step
                .counts
                .iter()
                .map(|(k, n)| format!("{k} {n}"))
                .collect();
            let _ = writeln!(
                out,
                "{:<17} {what:<5} {:>9}  {}{}{}",
                step.stage,
                if step.skipped {
                    "-".to_owned()
                } else {
                    duration(step.seconds)
                },
                counts.join(", "),
                if counts.is_empty() { "" } else { "; " },
                step.why
            );
        }
        let _ = writeln!(out, "{:<17} {:>15}", "about", duration(self.seconds()));
        for missing in &self.missing {
            let _ = writeln!(out, "not there yet: {missing}");
        }
        let groups: Vec<String> = self
            .parameters
            .iter()
            .map(|(group, n)| format!("{group} {n}"))
            .collect();
        let total: u64 = self.parameters.values().sum();
        let _ = writeln!(out, "parameters: {total} ({})", groups.join(", "));
        for (title, parts) in [("memory", &self.memory), ("disk", &self.disk)] {
            let _ = writeln!(out, "{title}: {}", bytes(parts.values().sum()));
            for (part, n) in parts.iter().filter(|(_, n)| **n > 0) {
                let _ = writeln!(out, "  {part:<36} {:>10}", bytes(*n));
            }
        }
        let needed: u64 = self.disk.values().sum();
        let enough = if needed > self.free_disk {
            "not enough"
        } else {
            "enough"
        };
        let _ = writeln!(out, "free disk: {}, {enough}", bytes(self.free_disk));
        for note in &self.notes {
            let _ = writeln!(out, "note: {note}");
        }
        out
    }
}

fn duration(seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else {
        return "unknown".to_owned();
    };
    match seconds {
        s if s < 100.0 => format!("{s:.0} s"),
        s if s < 6000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

fn bytes(n: u64) -> String {
    match n {
        n if n < 10_000_000 => format!("{:.1} MB", n as f64 / 1e6),
        n if n < 10_000_000_000 => format!("{:.0} MB", n as f64 / 1e6),
        n => format!("{:.1} GB", n as f64 / 1e9),
    }
}

/// Planned against measured, for the stages that are done as they were planned; nothing without a plan.
pub fn against_measured(context: &Context) -> Option<String> {
    let text = std::fs::read(context.run.path.join("plan.json")).ok()?;
    let plan: Plan = serde_json::from_slice(&text).ok()?;
    let mut out = String::from("planned against measured:\n");
    let mut any = false;
    for step in plan.stages.iter().filter(|step| !step.skipped) {
        let Some(manifest) = context.run.manifest(&step.stage) else {
            continue;
        };
        if manifest.basis.key != step.key {
            continue;
        }
        any = true;
        let steps = match (step.counts.get("steps"), manifest.counts.get("steps")) {
            (Some(planned), Some(done)) => format!("; steps {planned}, {done}"),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "  {:<17} {:>8} planned, {:>8} measured{steps}",
            step.stage,
            duration(step.seconds),
            duration(Some(manifest.seconds))
        );
    }
    let memory: u64 = plan.memory.values().sum();
    let _ = writeln!(
        out,
        "  {:<17} {:>8} planned, {:>8} measured",
        "memory",
        bytes(memory),
        bytes(peak_rss_bytes())
    );
    let disk: u64 = plan.disk.values().sum();
    let _ = write!(
        out,
        "  {:<17} {:>8} planned, {:>8} measured",
        "disk",
        bytes(disk),
        bytes(size_of_folder(&context.run.path))
    );
    any.then_some(out)
}

fn size_of_folder(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => size_of_folder(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}
