//! Looks at a training on its way: the loss of what is held back, answers to tasks, which step was the best, and when there
//! is no more to be had.
//!
//! A look is a function of the weights, and what is decided is a function of the looks, so that a training which was
//! killed and goes on decides the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use corpus::Prediction;
use corpus::jsonl::{Appender, read_prefix};
use evaluation::jobs;
use evaluation::scoring::{self, Scorer};
use evaluation::tasks::Item;
use model::Mllm;
use processor::Processor;
use run::looks::{self, Look, VALIDATION};
use run::recipe::{BestBy, Watching};
use train::{Metrics, Trainer};

use super::best;
use super::checkpoints::found;
use super::data::STEPS;
use super::tensorboard::Board;
use super::watched::{ANSWERS, Watched};
use crate::answering::{Answerer, Local};
use crate::asked;
use crate::error::{Error, Result};
use crate::questions::Questions;
use crate::runner::Progress;
use crate::sample_set::{Prepared, SampleSet};
use crate::stage::Site;

/// Looks at a training.
pub struct Watcher<'a> {
    watched: &'a Watched,
    samples: &'a SampleSet,
    model: &'a dyn Mllm,
    processor: &'a dyn Processor,
    looks: Vec<Look>,
    file: Option<Appender>,
    board: Option<Board>,
}

/// Why a checkpoint of so many steps cannot be gone on from: what was decided until then is not known any more.
pub fn problem(folder: &Path, settings: &Watching, step: usize) -> Option<String> {
    if settings.best_by == BestBy::None {
        return None;
    }
    let known = known(folder, step).ok()?;
    let looks: Vec<Look> = known.into_iter().map(|(look, _)| look).collect();
    let seen: BTreeSet<usize> = looks.iter().map(|look| look.step).collect();
    let due = (0..step).step_by(settings.eval_steps.max(1));
    let due: Vec<usize> = due.filter(|due| !seen.contains(due)).collect();
    if let Some(first) = due.first() {
        return Some(format!(
            "`{}` has no line of step {first}, so the best step is not known",
            folder.join(VALIDATION).display()
        ));
    }
    let last = looks::best(&looks, &settings.best_by)?;
    best::sound(folder, last.step).err()
}

/// The looks until a step, each with where its line ends.
fn known(folder: &Path, step: usize) -> Result<Vec<(Look, u64)>> {
    let mut known: Vec<(Look, u64)> = read_prefix(&folder.join(VALIDATION))?;
    let until = known.iter().position(|(look, _)| look.step > step);
    known.truncate(until.unwrap_or(known.len()));
    Ok(known)
}

impl<'a> Watcher<'a> {
    /// Of a training of which so many steps are done.
    pub fn new(
        site: &Site<'_>,
        watched: &'a Watched,
        samples: &'a SampleSet,
        (model, processor): (&'a dyn Mllm, &'a dyn Processor),
        done: usize,
    ) -> Result<Self> {
        let mut made = Self {
            watched,
            samples,
            model,
            processor,
            looks: Vec::new(),
            file: None,
            board: None,
        };
        if watched.settings.looks() {
            let known = known(site.folder, done)?;
            let keep = known.last().map_or(0, |(_, end)| *end);
            made.looks = known.into_iter().map(|(look, _)| look).collect();
            made.file = Some(Appender::open(&site.folder.join(VALIDATION), keep)?);
            made.prune(site.folder)?;
        }
        Ok(made)
    }

    /// Whether steps come to where a look may be due. It is the same in all processes of a training.
    pub fn is_due(&self, trainer: &Trainer<'_>) -> bool {
        let (step, total) = (trainer.steps_done(), trainer.total_steps());
        let every = self.watched.settings.eval_steps;
        let is_at = step == 0 || step == total || every > 0 && step.is_multiple_of(every);
        self.watched.settings.looks() && is_at
    }

    /// Whether this step was looked at.
    pub fn is_made(&self, trainer: &Trainer<'_>) -> bool {
        let last = self.looks.last();
        last.is_some_and(|look| look.step >= trainer.steps_done())
    }

    /// Takes part in a look of the process of rank 0: the loss of what is held back is computed by all of them.
    pub fn look_along(&self, site: &Site<'_>, trainer: &Trainer<'_>) -> Result<()> {
        if !self.samples.is_empty() {
            let source = Prepared::new(self.samples, self.processor);
            trainer.validate(&source, site.stop.flag())?;
        }
        Ok(())
    }

    /// Looks if a look is due and was not made; gives whether the training is over before its last step.
    pub fn look(&mut self, site: &Site<'_>, trainer: &Trainer<'_>) -> Result<bool> {
        let (step, total) = (trainer.steps_done(), trainer.total_steps());
        let settings = &self.watched.settings;
        if self.file.is_some() && self.is_due(trainer) && !self.is_made(trainer) {
            let look = self.made(site, trainer)?;
            // What is compared is what a line gives back: the text of a number need not be the number.
            let look: Look = serde_json::from_str(&serde_json::to_string(&look)?)?;
            self.looks.push(look.clone());
            if self.best().is_some_and(|best| best.step == step) {
                best::save(trainer, site.folder, step)?;
            }
            if let Some(file) = &mut self.file {
                file.append(std::slice::from_ref(&look))?;
            }
            if let Some(board) = &mut self.board {
                board.look(&look)?;
            }
            self.prune(site.folder)?;
            let loss = look.loss.map(|loss| ("validation_loss".to_owned(), loss));
            let numbers = loss.into_iter().chain(look.scores);
            let numbers: BTreeMap<String, f64> = numbers.collect();
            site.report
                .measured(STEPS, step as u64, total as u64, numbers);
        }
        let is_over = looks::is_over(&self.looks, &settings.best_by, settings.patience);
        Ok(step < total && is_over)
    }

    /// Begins to write for TensorBoard, if that is wanted, with the steps that are done.
    pub fn draw<'m>(
        &mut self,
        folder: &Path,
        steps: impl Iterator<Item = &'m Metrics> + Clone,
    ) -> Result<()> {
        if self.watched.settings.tensorboard {
            self.board = Some(Board::new(folder, steps, &self.looks)?);
        }
        Ok(())
    }

    /// Takes in a step that is done.
    pub fn step(&mut self, metrics: &Metrics) -> Result<()> {
        match &mut self.board {
            Some(board) => board.step(metrics),
            None => Ok(()),
        }
    }

    /// The best look, if one is chosen.
    pub fn best(&self) -> Option<&Look> {
        looks::best(&self.looks, &self.watched.settings.best_by)
    }

    /// The weights that become the model, if they are not those of the last step.
    pub fn weights(&self, folder: &Path, done: usize) -> Result<Option<PathBuf>> {
        let best = self.best().map(|best| best.step);
        let Some(step) = best.filter(|step| *step != done) else {
            return Ok(None);
        };
        match best::sound(folder, step) {
            Ok(file) => Ok(Some(file)),
            Err(problem) => Err(Error::BestLost { problem }),
        }
    }

    /// Removes weights that neither the training nor one of its checkpoints needs.
    pub fn prune(&self, folder: &Path) -> Result<()> {
        let by = &self.watched.settings.best_by;
        let now = self.looks.len();
        let of_checkpoint = |(step, _): (usize, PathBuf)| {
            let until = self.looks.iter().position(|look| look.step > step);
            until.unwrap_or(now)
        };
        let counts = found(folder).into_iter().map(of_checkpoint);
        let kept = counts.chain([now]);
        let kept = kept.filter_map(|count| looks::best(&self.looks[..count], by));
        best::prune(folder, &kept.map(|look| look.step).collect())
    }

    fn made(&self, site: &Site<'_>, trainer: &Trainer<'_>) -> Result<Look> {
        let mut look = Look {
            step: trainer.steps_done(),
            ..Look::default()
        };
        if !self.samples.is_empty() {
            let source = Prepared::new(self.samples, self.processor);
            let found = trainer.validate(&source, site.stop.flag())?;
            (look.loss, look.tokens) = (Some(found.loss), Some(found.tokens));
        }
        let folder = site
            .folder
            .join(ANSWERS)
            .join(format!("step-{}", look.step));
        if folder.exists() {
            // What an attempt that was killed had written.
            fs::remove_dir_all(&folder).map_err(Error::io("remove", &folder))?;
        }
        for questions in &self.watched.questions {
            fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
            let score = self.score(site, questions, &folder);
            let score = score.map_err(|error| match error {
                Error::Stopped(_) => error,
                other => Error::Task {
                    task: questions.id().to_owned(),
                    source: Box::new(other),
                },
            })?;
            look.scores.insert(questions.id().to_owned(), score);
        }
        Ok(look)
    }

    /// The mean of a task's metrics, by the strict scorer.
    fn score(&self, site: &Site<'_>, questions: &Questions, folder: &Path) -> Result<f64> {
        let (job, benchmark) = (&questions.job, &questions.benchmark);
        let task = questions.id();
        let items: Vec<&Item> = benchmark.items.iter().collect();
        let mut answerer = Answerer::Local(Local {
            model: self.model,
            processor: self.processor,
            generation: site.engine.generation,
            seed: self.watched.seed,
        });
        let progress = Progress {
            label: &format!("{ANSWERS} {task}"),
            report: site.report,
            stop: site.stop,
        };
        let file = folder.join(asked::file(task));
        let completions =
            answerer.answer(task, &items, &questions.requests()?, false, &file, progress)?;
        let rows = items.iter().zip(&completions);
        let mut rows: Vec<Prediction> = rows.map(|(item, c)| item.completed(c)).collect();
        jobs::name_clusters(job, &mut rows);
        let reading = self.watched.tasks.reading();
        let options = jobs::options(job, reading, Scorer::Strict, Some(benchmark))?;
        let scored = scoring::score(&job.spec, rows, Vec::new(), &options)?;
        let metrics = job.spec.metrics.iter();
        let found = metrics.filter_map(|metric| scored.result.metrics.get(metric.name()));
        let found: Vec<f64> = found.copied().collect();
        Ok(found.iter().sum::<f64>() / found.len().max(1) as f64)
    }
}
