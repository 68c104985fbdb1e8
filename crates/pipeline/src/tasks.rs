//! What a run asks its models: benchmarks, tasks of the user, or the captions of the held-out pairs.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use corpus::{Label, Pair, Prediction};
use evaluation::benchmarks::{Benchmark, Keep, Packing};
use evaluation::jobs::{self, Job, JobError, Reading};
use evaluation::scoring::{self, Scorer};
use evaluation::tasks::{FileMetric, Item, Scoring, Spec};
use run::recipe::Recipe;
use serde_json::{Map, json};

use crate::error::{Error, Result};
use crate::questions::{Questions, Role, common_item, packed, unasked};
use crate::reader::Reader;
use crate::records;
use crate::sources::Sources;
use crate::stage::{Link, Site};
use crate::stages::pairs::{HELD_OUT, Pairs};

/// The task that is made of held-out captions.
const DESCRIPTION: &str = "description";

/// Tasks about things that training never named are shown, and averaged apart.
const UNSEEN: &str = "unseen-";
/// So are general tasks.
const GENERAL: &str = "general-";

/// Items whose labels are looked at before a run.
const LOOKED_AT: usize = 200;

/// The tasks of a run.
#[derive(Clone, Debug)]
pub struct Tasks {
    jobs: Vec<(Job, Role)>,
    /// Captions of held-out pairs, with the request where a pair has none.
    held_out: Option<(Link<Pairs>, String)>,
    held_out_limit: usize,
    /// The seed of which of them are asked.
    split_seed: u64,
    reading: Reading,
    /// What cannot be asked, one sentence each.
    problems: Vec<String>,
    /// Tasks whose items none of these may have.
    reported: Vec<Job>,
    /// Read once for all stages of the process.
    found: Arc<OnceLock<(Vec<Questions>, Vec<String>)>>,
}

impl Tasks {
    /// Of a recipe.
    pub fn of(recipe: &Recipe, sources: &Sources, pairs: &Link<Pairs>) -> Self {
        let evaluate = &recipe.evaluate;
        let mut problems = Vec::new();
        let mut named = |names: &[String], data: Option<&Path>| {
            let (jobs, errors) = jobs::of_run(names, data);
            problems.extend(errors.iter().map(ToString::to_string));
            jobs
        };
        let data = evaluate.data.as_deref();
        let domain = if data.is_some() || !evaluate.tasks.is_empty() {
            named(&evaluate.tasks, data)
        } else {
            Vec::new()
        };
        let general = if evaluate.general.is_empty() {
            Vec::new()
        } else {
            named(&evaluate.general, data)
        };
        if !evaluate.tasks.is_empty() {
            problems.extend(twice(&domain, &general));
        }
        let is_general = |job: &Job| general.iter().any(|other| other.spec.id == job.spec.id);
        let mut jobs: Vec<(Job, Role)> = domain
            .into_iter()
            .filter(|job| !is_general(job))
            .map(|job| {
                let role = role_of(&job.spec.id);
                (job, role)
            })
            .collect();
        jobs.extend(general.iter().map(|job| (job.clone(), Role::General)));
        for (job, _) in &mut jobs {
            if let Some(tokens) = evaluate.max_new_tokens {
                job.spec.decoding.max_new_tokens = tokens;
            }
            if evaluate.by_likelihood.contains(&job.spec.id) {
                problems.extend(rank(job));
            }
        }
        for name in &evaluate.by_likelihood {
            if !jobs.iter().any(|(job, _)| job.spec.id == *name) {
                problems.push(format!(
                    "`evaluate.by_likelihood` names `{name}`, which is no task of this run"
                ));
            }
        }
        // What the first jobs ask is what all are averaged over.
        jobs.sort_by_key(|(_, role)| *role);
        let is_named = jobs.iter().any(|(job, _)| job.spec.id == DESCRIPTION);
        let request = &sources.prompts.synthesizer.caption_request;
        let held_out =
            (recipe.held_out > 0.0 && !is_named).then(|| (pairs.clone(), request.clone()));
        Self {
            jobs,
            held_out,
            held_out_limit: evaluate.held_out_limit,
            split_seed: recipe.split_seed.unwrap_or(recipe.seed),
            reading: Reading {
                data: evaluate.data.clone(),
                seed: recipe.seed,
                limit: sources.limit,
                ..Reading::default()
            },
            problems,
            reported: Vec::new(),
            found: Arc::default(),
        }
    }

    /// Tasks that a training is watched on. A task that the run reports is none of them, whichever part of it would be
    /// asked: what is chosen by a task is better at it than it would be by chance. A file with another part of it is one,
    /// under a name of its own and without an item that is reported.
    pub fn of_watching(recipe: &Recipe, sources: &Sources, names: &[String]) -> Self {
        let evaluate = &recipe.evaluate;
        let data = evaluate.data.as_deref();
        let (jobs, errors) = match names {
            [] => (Vec::new(), Vec::new()),
            names => jobs::of_run(names, data),
        };
        let mut problems: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let mut reported = Vec::new();
        if !names.is_empty() && !recipe.pairs.is_empty() {
            if data.is_some() || !evaluate.tasks.is_empty() {
                reported.extend(jobs::of_run(&evaluate.tasks, data).0);
            }
            if !evaluate.general.is_empty() {
                reported.extend(jobs::of_run(&evaluate.general, data).0);
            }
        }
        let is_reported = |job: &&Job| reported.iter().any(|other| other.spec.id == job.spec.id);
        problems.extend(jobs.iter().filter(is_reported).map(|job| {
            format!(
                "task `{}` is in `eval_tasks` and is reported by this run; a training is watched on other questions: name \
                 a file with another part of it",
                job.spec.id
            )
        }));
        Self {
            jobs: jobs.into_iter().map(|job| (job, Role::Domain)).collect(),
            held_out: None,
            held_out_limit: 0,
            split_seed: recipe.seed,
            reading: Reading {
                data: evaluate.data.clone(),
                seed: recipe.seed,
                limit: sources.limit,
                ..Reading::default()
            },
            problems,
            reported,
            found: Arc::default(),
        }
    }

    /// What the tasks of files are called.
    pub fn names(&self) -> Vec<String> {
        self.jobs
            .iter()
            .map(|(job, _)| job.spec.id.clone())
            .collect()
    }

    /// The stage that questions come from, if some come from one.
    pub fn input(&self) -> Option<&str> {
        self.held_out.as_ref().map(|(pairs, _)| pairs.name())
    }

    /// How benchmarks are read.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }

    /// What is wrong with the tasks: names, files, pictures, questions; all of it.
    pub fn problems(&self) -> Vec<String> {
        let mut all = self.problems.clone();
        all.extend(self.files().1.iter().cloned());
        all
    }

    /// How many questions are asked, if `held_out` pairs are kept for evaluation and no task asks more than `limit`, and
    /// the tokens that all their answers may have.
    pub fn count(&self, held_out: usize, limit: Option<usize>) -> (usize, usize) {
        let mut counts = (0, 0);
        let mut add = |items: usize, spec: &Spec| {
            let asked = items.min(limit.unwrap_or(usize::MAX));
            counts.0 += asked;
            counts.1 += asked * spec.decoding.max_new_tokens;
        };
        for questions in &self.files().0 {
            add(questions.benchmark.items.len(), &questions.job.spec);
        }
        if self.held_out.is_some() {
            add(held_out.min(self.held_out_limit), &self.description().spec);
        }
        counts
    }

    /// What a model is asked, as it enters the key of its answers: turns, decoding and pictures, and no label.
    pub fn reads_requests(&self, reader: &mut Reader<'_>) -> Result<()> {
        self.reads_held_out(reader);
        for questions in &self.files().0 {
            let task = format!("task `{}`", questions.id());
            let requests = questions.requests()?;
            let beside = json!([questions.job.by_likelihood, packed(questions)]);
            reader.rows(&task, &requests, &beside)?;
        }
        Ok(())
    }

    /// What enters the key of scores: how answers are scored, and the items with their labels.
    pub fn reads_items(&self, reader: &mut Reader<'_>) -> Result<()> {
        self.reads_held_out(reader);
        for questions in &self.files().0 {
            let task = format!("task `{}`", questions.id());
            let job = &questions.job;
            let own = job
                .own
                .as_ref()
                .map(|own| (&own.cluster, own.extraction.parts()));
            let beside = json!([job.spec, own, packed(questions)]);
            reader.rows(&task, &questions.benchmark.items, &beside)?;
        }
        Ok(())
    }

    fn reads_held_out(&self, reader: &mut Reader<'_>) {
        reader.setting("--limit", self.reading.limit);
        if let Some((_, request)) = &self.held_out {
            reader.keys(&["evaluate.held_out_limit", "evaluate.max_new_tokens"]);
            reader.setting("caption request", request.as_str());
        }
    }

    /// The questions with their pictures in the run folder, in the order of the table. They are those that the keys were made
    /// of, whatever has become of the files since.
    pub fn read(&self, site: &Site<'_>) -> Result<Vec<Questions>> {
        let problems = self.problems();
        if !problems.is_empty() {
            return Err(Error::Tasks { problems });
        }
        let folder = site.pictures.folder();
        let mut all = self.files().0.clone();
        for questions in &mut all {
            if questions.benchmark.packing == Packing::Packaged {
                self.unpack(questions, folder)
                    .map_err(|source| Error::Task {
                        task: questions.id().to_owned(),
                        source: Box::new(source.into()),
                    })?;
            }
            let items = &mut questions.benchmark.items;
            site.pictures
                .take_in(items, &mut site.digests.borrow_mut())?;
        }
        all.extend(self.of_held_out(site)?);
        all.sort_by_key(|questions| questions.role);
        Ok(all)
    }

    /// Writes the pictures that lie in tables into a folder, those that are not there yet, and names them there.
    fn unpack(&self, questions: &mut Questions, folder: &Path) -> Result<(), JobError> {
        let mut images = questions
            .benchmark
            .items
            .iter()
            .flat_map(|item| &item.images);
        if !images.all(|image| image.is_file() || folder.join(image).is_file()) {
            self.load(&questions.job, questions.role, &mut Keep::Folder(folder))?;
        }
        let items = &mut questions.benchmark.items;
        for image in items.iter_mut().flat_map(|item| &mut item.images) {
            let unpacked = folder.join(&*image);
            if unpacked.is_file() {
                *image = unpacked;
            }
        }
        Ok(())
    }

    /// The tasks of files, read once, and what is wrong with them.
    fn files(&self) -> &(Vec<Questions>, Vec<String>) {
        self.found.get_or_init(|| {
            let (mut all, mut problems) = (Vec::new(), Vec::new());
            for (job, role) in &self.jobs {
                match self.load(job, *role, &mut Keep::Nothing) {
                    Ok(questions) => {
                        problems.extend(unasked(&questions));
                        problems.extend(self.unscored(&questions));
                        all.push(questions);
                    }
                    Err(error) => problems.push(format!("task `{}`: {error}", job.spec.id)),
                }
            }
            problems.extend(self.reported_too(&all));
            (all, problems)
        })
    }

    /// Sentences about tasks with items that are reported.
    fn reported_too(&self, all: &[Questions]) -> Vec<String> {
        let others = self.reported.iter().filter_map(|job| {
            let found = self.load(job, Role::Domain, &mut Keep::Nothing);
            found.ok()
        });
        let others: Vec<Questions> = others.collect();
        let mut out = Vec::new();
        for questions in all {
            for other in &others {
                out.extend(common_item(questions, other).map(|(own, reported)| {
                    format!(
                        "item `{own}` of task `{}` in `eval_tasks` is item `{reported}` of task `{}`, which this run \
                         reports; a training is watched on other questions",
                        questions.id(),
                        other.id()
                    )
                }));
            }
        }
        out
    }

    /// A sentence if the task's way of scoring does not fit its labels, each given as the answer to its question.
    fn unscored(&self, questions: &Questions) -> Option<String> {
        let (job, benchmark) = (&questions.job, &questions.benchmark);
        let few = benchmark.items.iter().take(LOOKED_AT);
        let answers = few.map(|item| match &item.label {
            Label::Text(text) => item.answered(Some(text.clone())),
            Label::List(texts) => item.answered(Some(texts.join(", "))),
        });
        let answers: Vec<Prediction> = answers.collect();
        if answers.is_empty() {
            return None;
        }
        let options = jobs::options(job, &self.reading, Scorer::Strict, Some(benchmark));
        let options = match options {
            Ok(options) => scoring::Options {
                expected: None,
                ..options
            },
            Err(error) => return Some(format!("task `{}`: {error}", questions.id())),
        };
        let found = scoring::score(&job.spec, answers, Vec::new(), &options);
        found.err().map(|error| {
            format!(
                "task `{}` cannot be scored, not even with its labels for answers: {error}",
                questions.id()
            )
        })
    }

    fn load(&self, job: &Job, role: Role, keep: &mut Keep<'_>) -> Result<Questions, JobError> {
        let Some(benchmark) = jobs::benchmark(job, &self.reading, keep)? else {
            return Err(JobError::NoDataOfRun {
                task: job.spec.id.clone(),
            });
        };
        Ok(Questions {
            job: Job {
                spec: jobs::with_names(job, &benchmark, &self.reading)?,
                ..job.clone()
            },
            role,
            benchmark,
        })
    }

    /// The task of held-out captions.
    fn description(&self) -> Job {
        let spec = FileMetric::RougeL.task(DESCRIPTION);
        let mut job = Job::of(spec);
        if let Some((named, _)) = self.jobs.first()
            && named.spec.decoding.max_new_tokens < job.spec.decoding.max_new_tokens
        {
            job.spec.decoding.max_new_tokens = named.spec.decoding.max_new_tokens;
        }
        job
    }

    fn of_held_out(&self, site: &Site<'_>) -> Result<Option<Questions>> {
        let Some((pairs, request)) = &self.held_out else {
            return Ok(None);
        };
        let held_out: Vec<Pair> = records::read(&site.of(pairs, HELD_OUT))?;
        let count = held_out.len();
        if count == 0 {
            return Ok(None);
        }
        let item = |pair: Pair| Item {
            question: Some(pair.request.unwrap_or_else(|| request.clone())),
            cluster: Some(pair.group.unwrap_or_else(|| pair.id.clone())),
            id: pair.id,
            images: pair.images,
            label: Label::Text(pair.caption),
            answer_type: None,
            choices: None,
            index: None,
            meta: Map::new(),
        };
        let benchmark = Benchmark::of_items(held_out.into_iter().map(item).collect());
        let role = if self.jobs.is_empty() {
            Role::Domain
        } else {
            Role::HeldOut
        };
        let job = self.description();
        let whole = Questions {
            job,
            role,
            benchmark,
        };
        let mut drawn = whole.drawn(self.held_out_limit, self.split_seed);
        if drawn.benchmark.items.len() < count {
            drawn.benchmark.warnings.push(format!(
                "{} of {count} held-out captions were drawn to be asked (`evaluate.held_out_limit`)",
                drawn.benchmark.items.len()
            ));
        }
        Ok(Some(drawn))
    }
}

/// What a recipe's task is averaged apart from the domain's as; none for those of the domain.
pub(crate) fn apart(recipe: &Recipe, task: &str) -> Option<&'static str> {
    let evaluate = &recipe.evaluate;
    let is_general = evaluate.general.iter().any(|name| name == task);
    let has_tasks = evaluate.data.is_some() || !evaluate.tasks.is_empty();
    match role_of(task) {
        Role::Unseen => Some("unseen"),
        Role::General => Some("general"),
        _ if is_general => Some("general"),
        _ if task == DESCRIPTION && has_tasks && recipe.held_out > 0.0 => Some("held out"),
        _ => None,
    }
}

fn role_of(task: &str) -> Role {
    if task.starts_with(UNSEEN) {
        Role::Unseen
    } else if task.starts_with(GENERAL) {
        Role::General
    } else {
        Role::Domain
    }
}

/// Sentences about tasks that are both of the domain and general.
fn twice(domain: &[Job], general: &[Job]) -> Vec<String> {
    let is_general = |job: &&Job| general.iter().any(|other| other.spec.id == job.spec.id);
    let both = domain.iter().filter(is_general);
    both.map(|job| {
        format!(
            "task `{}` is both in `evaluate.tasks` and in `evaluate.general`; what adapting improves and what it may \
             forget are averaged apart, so name it in one of them",
            job.spec.id
        )
    })
    .collect()
}

/// Has a task's options ranked; a sentence if it has none.
fn rank(job: &mut Job) -> Option<String> {
    if job.spec.scoring != Scoring::Choice {
        return Some(format!(
            "`evaluate.by_likelihood` names `{}`, which is no multiple choice: only options can be ranked",
            job.spec.id
        ));
    }
    job.by_likelihood = true;
    None
}
