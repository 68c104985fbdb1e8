//! `adamllm evaluate --model`: benchmarks through a generator, each task's answers and scores written as soon as it is
//! done, then the pages that `adamllm score` writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::images::ImageError;
use corpus::{Completion, FinishReason, Prediction, Request, Sample, jsonl};
use evaluation::benchmarks::{Benchmark, Keep};
use evaluation::tasks::{Item, Scoring, Spec, most_likely};
use generate::{Error, Generator, LocalGenerator};
use indicatif::ProgressBar;
use model::Mllm;
use processor::Processor;
use serde_json::{Value, json};
use torch::{Device, Kind};

use super::arguments::{Benchmarks, Reading, Score};
use super::leaks::trained_by;
use super::score::Session;
use super::tasks::{self, Job};
use crate::cli::Shared;
use crate::context::blank_picture;
use crate::run_folder::RunFolder;
use crate::{runner, signals};
use corpus::digests::{Digests, together};
use corpus::sealed::{changed_keys, read_sealed, write_sealed};

/// Tokens of one packed forward when options are ranked.
const MICRO_TOKENS: usize = 4096;

/// Answers every task, writes its predictions and scores, and at the end the tables and pages of all.
pub fn run(shared: &Shared, device: Device, kind: Kind, arguments: &Benchmarks) -> Result<()> {
    let (Some(model_folder), Some(output)) = (&arguments.model, &arguments.output) else {
        bail!("`--model` needs `--output`, the folder for predictions, scores and pages");
    };
    let mut jobs = tasks::asked(&arguments.tasks, arguments.data.as_deref())?;
    if arguments.by_likelihood {
        let other = jobs.iter().find(|job| job.spec.scoring != Scoring::Choice);
        if let Some(job) = other {
            bail!(
                "`--by-likelihood` ranks options, and task `{}` has none; name tasks of multiple choice with `--tasks`",
                job.spec.id
            );
        }
    }
    tasks::check_vocabulary(arguments.vocabulary.as_deref(), jobs.len(), "--tasks")?;
    signals::take_over()?;
    let run = RunFolder::open(output)?;
    let predictions = run.path.join("predictions");
    std::fs::create_dir_all(&predictions)
        .with_context(|| format!("cannot make the folder `{}`", predictions.display()))?;
    for job in &mut jobs {
        job.file = predictions.join(format!("{}.jsonl", job.spec.id));
    }
    let mut trained = arguments.trained.clone();
    if trained.is_empty() && !arguments.no_contamination {
        let (files, line) = trained_by(model_folder)?;
        trained = files;
        if let Some(line) = line.filter(|_| !shared.quiet) {
            eprintln!("{line}");
        }
    }
    let blind = arguments.blind.then(|| predictions.join("blind"));
    let blank = match &blind {
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
            Some(blank_picture(&run.path.join("blank.png"))?)
        }
        None => None,
    };
    let scoring = Score {
        tasks: Vec::new(),
        predictions,
        blind: blind.clone(),
        scorer: arguments.scorer,
        items: false,
        output: Some(run.path.clone()),
        trained,
        reading: Reading {
            data: arguments.data.clone(),
            vocabulary: arguments.vocabulary.clone(),
            by: arguments.by.clone(),
            seed: arguments.seed,
            limit: arguments.limit,
            ..Reading::default()
        },
    };
    let mut session = Session::new(shared, &scoring, jobs.len())?;
    let processor_folder = arguments.processor.as_ref().unwrap_or(model_folder);
    let processor = processor::load(processor_folder, &processor::Options::default())
        .with_context(|| {
            format!(
                "cannot open the processor of `{}`; a checkpoint of a training has none, name the model's folder with \
                 `--processor`",
                processor_folder.display()
            )
        })?;
    let model = model::load(model_folder, device, kind)
        .with_context(|| format!("cannot open the model `{}`", model_folder.display()))?;
    let mut digests = Digests::open(run.digests());
    let how = json!({
        "model": digests.folder(model_folder)?,
        "processor": digests.folder(processor_folder)?,
        "dtype": format!("{kind:?}"),
        "seed": arguments.seed,
        "program": env!("CARGO_PKG_VERSION"),
    });
    let asking = Asking {
        shared,
        output: &run.path,
        model: model.as_ref(),
        processor: processor.as_ref(),
        how,
        reading: &scoring.reading,
        by_likelihood: arguments.by_likelihood,
        blind: blank.zip(blind),
    };
    for job in &jobs {
        signals::check()?;
        let answered = asking
            .answer(job, &mut digests)
            .with_context(|| format!("task `{}`", job.spec.id));
        match answered {
            Ok(()) => session.score(job)?,
            // What was asked for stops all tasks; what is wrong with one does not stop the others.
            Err(error) if error.is::<signals::Stopped>() => return Err(error),
            Err(error) => session.failed(job, error)?,
        }
        digests.remember();
    }
    session.finish()
}

/// The items that can be asked with their requests; the others are told, and are in no score.
fn requests_of<'b>(spec: &Spec, all: &'b [Item]) -> (Vec<&'b Item>, Vec<Request>) {
    let (mut items, mut requests, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
    for item in all {
        if let Some(missing) = item.images.iter().find(|image| !image.is_file()) {
            let picture = missing.display();
            left_out.push(format!("`{}`: no picture `{picture}`", item.id));
            continue;
        }
        match item.request(spec) {
            Ok(request) => {
                items.push(item);
                requests.push(request);
            }
            Err(error) => left_out.push(error.to_string()),
        }
    }
    if let Some(first) = left_out.first() {
        eprintln!(
            "{}: {} of {} items are not asked: {first}",
            spec.id,
            left_out.len(),
            all.len()
        );
    }
    (items, requests)
}

/// What all tasks are answered with.
struct Asking<'a> {
    shared: &'a Shared,
    output: &'a Path,
    model: &'a dyn Mllm,
    processor: &'a dyn Processor,
    how: Value,
    reading: &'a Reading,
    by_likelihood: bool,
    /// A blank picture and the folder of the predictions that are made on it.
    blind: Option<(PathBuf, PathBuf)>,
}

/// What of a task is asked.
struct Asked<'a> {
    spec: &'a Spec,
    /// Whether options are ranked.
    ranks: bool,
    /// All its items.
    all: &'a [Item],
    /// Those that can be asked, as they are asked.
    items: &'a [&'a Item],
    requests: &'a [Request],
}

impl Asking<'_> {
    /// Writes a task's predictions; what was answered before is kept.
    fn answer(&self, job: &Job, digests: &mut Digests) -> Result<()> {
        let folder = self.output.join(&job.spec.id);
        let pictures = folder.join("pictures");
        let benchmark = tasks::benchmark(job, self.reading, &mut Keep::Folder(&pictures))?
            .context("it has no data; name its folder with `--data`")?;
        let spec = named(job, &benchmark, self.reading)?;
        let (items, requests) = requests_of(&spec, &benchmark.items);
        if requests.is_empty() {
            bail!("none of its {} items can be asked", benchmark.items.len());
        }
        let ranks = self.by_likelihood || job.own.as_ref().is_some_and(|own| own.by_likelihood);
        let asked = Asked {
            spec: &spec,
            ranks,
            all: &benchmark.items,
            items: &items,
            requests: &requests,
        };
        self.complete(&folder, &asked, &items, &job.file, digests)?;
        let Some((blank, predictions)) = &self.blind else {
            return Ok(());
        };
        let seen = items.iter().map(|&item| Item {
            images: vec![blank.clone(); item.images.len()],
            ..item.clone()
        });
        let seen: Vec<Item> = seen.collect();
        let (blind_items, blind_requests) = requests_of(&spec, &seen);
        let asked = Asked {
            items: &blind_items,
            requests: &blind_requests,
            ..asked
        };
        let file = predictions.join(format!("{}.jsonl", spec.id));
        self.complete(&folder.join("blind"), &asked, &items, &file, digests)
    }

    /// Writes the predictions of `answered`, the items as they are in the benchmark, to `file`.
    fn complete(
        &self,
        folder: &Path,
        asked: &Asked<'_>,
        answered: &[&Item],
        file: &Path,
        digests: &mut Digests,
    ) -> Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        self.same_as_before(folder, asked, digests)?;
        let (spec, requests) = (asked.spec, asked.requests);
        let mut local;
        let mut ranking;
        let generator: &mut dyn Generator = if asked.ranks {
            ranking = ByLikelihood::new(self.model, self.processor, asked.items, spec)?;
            &mut ranking
        } else {
            let options = runner::options(self.reading.seed);
            local = LocalGenerator::new(self.model, self.processor, options);
            &mut local
        };
        let bar = if self.shared.quiet {
            ProgressBar::hidden()
        } else {
            ProgressBar::new(requests.len() as u64)
        };
        let path = folder.join("completions.jsonl");
        let completions = runner::run(generator, requests, &path, &bar)?;
        let answers: Vec<Prediction> = answered
            .iter()
            .zip(&completions)
            .map(|(item, completion)| prediction(item, completion))
            .collect();
        let errors: Vec<&Completion> = completions.iter().filter(|c| c.error.is_some()).collect();
        if let Some(first) = errors.first() {
            eprintln!(
                "{}: {} of {} requests could not be answered and count as wrong; `{}` for one: {}",
                spec.id,
                errors.len(),
                requests.len(),
                first.id,
                first.error.as_deref().unwrap_or_default()
            );
        }
        Ok(jsonl::write(file, &answers)?)
    }

    /// Refuses to go on with answers of another model or to other questions. Of the same ones more may be asked than
    /// before (`--limit`).
    fn same_as_before(
        &self,
        folder: &Path,
        asked: &Asked<'_>,
        digests: &mut Digests,
    ) -> Result<()> {
        let (spec, requests) = (asked.spec, asked.requests);
        let mut pictures: Vec<PathBuf> = requests.iter().flat_map(|r| r.images.clone()).collect();
        pictures.sort();
        pictures.dedup();
        let contents: BTreeMap<PathBuf, String> = {
            let found = digests.files(&pictures)?;
            pictures.into_iter().zip(found).collect()
        };
        let line = |request: &Request| {
            // A picture is what it shows, wherever it lies.
            let images = request.images.iter();
            let shown: Vec<&String> = images.filter_map(|image| contents.get(image)).collect();
            let asked = json!([request.turns, request.decoding, shown]);
            let digest = corpus::digest::bytes(asked.to_string().as_bytes());
            (request.id.clone(), digest)
        };
        let mut now = self.how.clone();
        now["task"] = json!(format!("{} version {}", spec.id, spec.version));
        now["by_likelihood"] = json!(asked.ranks);
        now["limit"] = json!(self.reading.limit);
        let lines: Vec<(String, String)> = requests.iter().map(line).collect();
        now["requests"] = json!(together(lines.iter().cloned()));
        let path = folder.join("asked.json");
        if folder.join("completions.jsonl").exists() {
            let before: Option<Value> = read_sealed(&path);
            let differences = match &before {
                Some(before) if is_first_of(before, &now, asked.all, &lines) => {
                    return Ok(write_sealed(&path, &now)?);
                }
                Some(before) => changed_keys(before, &now),
                None => vec![format!("`{}` is missing or damaged", path.display())],
            };
            if !differences.is_empty() {
                bail!(
                    "`{}` holds answers to something else; choose another --output, or remove that folder. Differences:\n  {}",
                    folder.display(),
                    differences.join("\n  ")
                );
            }
            return Ok(());
        }
        Ok(write_sealed(&path, &now)?)
    }
}

/// Whether `before` were the first of the requests that are asked `now`, and all else is the same.
fn is_first_of(before: &Value, now: &Value, items: &[Item], lines: &[(String, String)]) -> bool {
    let Some(limit) = before["limit"].as_u64() else {
        return false;
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let first = items.iter().take(limit);
    let first: BTreeSet<&str> = first.map(|item| item.id.as_str()).collect();
    let first = lines.iter().filter(|(id, _)| first.contains(id.as_str()));
    let mut then = now.clone();
    then["limit"] = before["limit"].clone();
    then["requests"] = json!(together(first.cloned()));
    changed_keys(before, &then).is_empty()
}

/// The task with its names, from the recipe of the call, the data or itself.
fn named(job: &Job, benchmark: &Benchmark, reading: &Reading) -> Result<Spec> {
    let given = tasks::vocabulary(reading, &job.spec.id)?;
    let mut spec = job.spec.clone();
    if let Some(names) = given.or_else(|| benchmark.names.clone()) {
        spec.names = names;
    }
    Ok(spec)
}

fn prediction(item: &Item, completion: &Completion) -> Prediction {
    let failed = completion.error.is_some();
    let text = (!failed).then(|| completion.text.trim().to_owned());
    let mut prediction = item.answered(text);
    let reason = match completion.finish_reason {
        FinishReason::Stop => "stop",
        FinishReason::Length => "length",
        FinishReason::Error => "error",
    };
    let meta = &mut prediction.meta;
    meta.insert("finish_reason".to_owned(), reason.into());
    prediction
}

/// Answers multiple choice with the option of the smallest loss a token, as `(A)`.
struct ByLikelihood<'a> {
    model: &'a dyn Mllm,
    processor: &'a dyn Processor,
    /// One sample an option, by the item's id.
    options: BTreeMap<String, Vec<Sample>>,
}

impl<'a> ByLikelihood<'a> {
    fn new(
        model: &'a dyn Mllm,
        processor: &'a dyn Processor,
        items: &[&Item],
        spec: &Spec,
    ) -> Result<Self> {
        let mut options = BTreeMap::new();
        for item in items {
            options.insert(item.id.clone(), item.option_samples(spec)?);
        }
        Ok(Self {
            model,
            processor,
            options,
        })
    }

    fn rank(&self, request: &Request) -> Result<Completion, Error> {
        let mut completion = Completion {
            id: request.id.clone(),
            text: String::new(),
            finish_reason: FinishReason::Error,
            prompt_tokens: 0,
            completion_tokens: 0,
            error: None,
            logprobs: None,
        };
        let samples = self.options.get(&request.id);
        let samples = samples.map_or(&[][..], Vec::as_slice);
        let mut encoded = Vec::with_capacity(samples.len());
        for sample in samples {
            match self.processor.sample(sample) {
                Ok(one) if one.ids.len() > self.model.max_positions() => {
                    completion.error = Some(format!(
                        "question and option have {} tokens, more than the model's context of {}",
                        one.ids.len(),
                        self.model.max_positions()
                    ));
                    return Ok(completion);
                }
                Ok(one) => encoded.push(one),
                Err(processor::Error::Image(source @ ImageError::Unfinished { .. })) => {
                    let id = request.id.clone();
                    return Err(Error::Unfinished { id, source });
                }
                Err(error) => {
                    completion.error = Some(error.to_string());
                    return Ok(completion);
                }
            }
        }
        let losses = match train::losses(self.model, &encoded, MICRO_TOKENS) {
            Ok(losses) => losses,
            Err(train::Error::Model(error)) => return Err(error.into()),
            Err(train::Error::Torch(error)) => return Err(error.into()),
            Err(error) => {
                return Err(Error::Score {
                    id: request.id.clone(),
                    problem: error.to_string(),
                });
            }
        };
        let chosen = most_likely(&losses).and_then(|at| samples[at].id.rsplit_once('#'));
        match chosen {
            Some((_, letter)) => {
                completion.text = format!("({letter})");
                completion.finish_reason = FinishReason::Stop;
                completion.logprobs = Some(losses.iter().map(|(loss, _)| -loss).collect());
            }
            None => completion.error = Some("no option has a finite loss".to_owned()),
        }
        Ok(completion)
    }
}

impl Generator for ByLikelihood<'_> {
    fn generate(
        &mut self,
        requests: &mut dyn Iterator<Item = Request>,
        sink: &mut dyn FnMut(Completion) -> Result<(), String>,
    ) -> Result<(), Error> {
        for request in requests {
            sink(self.rank(&request)?).map_err(Error::Sink)?;
        }
        Ok(())
    }
}
