//! `adamllm score`: predictions in, numbers out.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result};
use corpus::rejects::SHOWN;
use evaluation::jobs::{self, Job};
use evaluation::results;
use evaluation::session::{Session, Settings};
use report::scores::pages;
use report::tables;
use report::{Pictures, System};

use super::arguments::Score;
use super::written::{roots, texts};
use crate::flags::Shared;
use crate::output::print;

/// Scores every task, each written as soon as it is done; a task that cannot be scored does not stop the others.
pub fn run(shared: &Shared, arguments: &Score) -> Result<()> {
    let jobs = jobs::of_predictions(&arguments.tasks, &arguments.predictions)?;
    let vocabulary = arguments.reading.vocabulary.as_deref();
    jobs::check_vocabulary(vocabulary, jobs.len(), "--task")?;
    let settings = arguments.settings();
    let mut scoring = Scoring::new(shared, settings, &arguments.predictions, jobs.len())?;
    for job in &jobs {
        scoring.score(job)?;
    }
    scoring.finish(arguments.items)
}

/// A session whose scores are told, drawn and printed.
pub struct Scoring<'a> {
    shared: &'a Shared,
    session: Session,
    pictures: Pictures,
}

impl<'a> Scoring<'a> {
    /// Begins a session on these predictions, a file or a folder.
    pub fn new(
        shared: &'a Shared,
        settings: Settings,
        predictions: &Path,
        num_jobs: usize,
    ) -> Result<Self> {
        let pages = settings.output.clone().unwrap_or_default();
        let roots: Vec<PathBuf> = roots(&[predictions], settings.reading.data.as_deref());
        Ok(Self {
            shared,
            session: Session::new(settings, num_jobs)?,
            pictures: Pictures::new(roots, &pages),
        })
    }

    /// Scores a task and writes its results. An error of the only task is given back, another one is told.
    pub fn score(&mut self, job: &Job) -> Result<()> {
        let settings = self.session.settings();
        let (scorer, written) = (settings.scorer, settings.output.is_some());
        let pictures = &mut self.pictures;
        let found = self.session.score(job, &mut |name, content| {
            if written {
                pictures.embed(name, content);
            }
        });
        let task = match found {
            Ok(task) => task,
            Err(error) => return self.failed(job, error.into()),
        };
        if !self.shared.quiet {
            for line in task.notes(scorer) {
                eprintln!("{}: {line}", task.spec.id);
            }
            let num_problems = task.by(scorer).map_or(0, |s| s.result.problems.len());
            if num_problems > SHOWN {
                let place = settings.output.as_ref().map_or_else(
                    || "the document of `--json`".to_owned(),
                    |folder| {
                        format!(
                            "`{}`",
                            folder.join(&task.spec.id).join("strict.json").display()
                        )
                    },
                );
                eprintln!("{}: {place} lists all {num_problems}", task.spec.id);
            }
        }
        Ok(self.session.keep(task)?)
    }

    /// Takes note of a task that has no scores.
    pub fn failed(&mut self, job: &Job, error: Error) -> Result<()> {
        match self.session.failed(job, error.as_ref()) {
            Some(line) => eprintln!("error: {line}"),
            None => return Err(error),
        }
        Ok(())
    }

    /// Writes tables and pages of all tasks and prints the scores, with `items` every item's.
    pub fn finish(mut self, items: bool) -> Result<()> {
        let (settings, scored) = (self.session.settings(), self.session.scored());
        if let Some(folder) = settings.output.as_ref().filter(|_| !scored.is_empty()) {
            let mut put = texts(folder);
            put("scores.md", tables::markdown(scored))?;
            put("scores.csv", tables::csv::scores(scored))?;
            results::write_summary(folder, scored)?;
            let systems = [System {
                name: "strict".to_owned(),
                tasks: scored,
            }];
            pages(&systems, None, &mut self.pictures, &mut put)?;
        }
        let found = results::document(scored, settings.scorer, items)?;
        print(self.shared, &found, || {
            print!("{}", tables::text(scored, settings.scorer));
            if let Some(folder) = &settings.output {
                println!("written to `{}`", folder.display());
            }
        })?;
        Ok(self.session.outcome()?)
    }
}
