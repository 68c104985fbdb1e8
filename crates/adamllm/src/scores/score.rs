//! `adamllm score`: predictions in, numbers out.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use evaluation::benchmarks::{Benchmark, Keep};
use evaluation::scoring::{ScoreError, Scored, Scorer, score};
use serde_json::{Value, json};

use super::arguments::{Reading, Score};
use super::leaks::{Sought, Trained};
use super::page::{self, Pictures, System};
use super::results::{self, Done};
use super::tables;
use super::tasks::{self, Job};
use crate::cli::Shared;
use crate::commands::print;

/// Scores every task, each written as soon as it is done; a task that cannot be scored does not stop the others.
pub fn run(shared: &Shared, arguments: &Score) -> Result<()> {
    let jobs = tasks::jobs(&arguments.tasks, &arguments.predictions)?;
    let vocabulary = arguments.reading.vocabulary.as_deref();
    tasks::check_vocabulary(vocabulary, jobs.len(), "--task")?;
    let mut session = Session::new(shared, arguments, jobs.len())?;
    for job in &jobs {
        session.score(job)?;
    }
    session.finish()
}

/// The tasks of one call, scored one by one.
pub(super) struct Session<'a> {
    shared: &'a Shared,
    arguments: &'a Score,
    num_jobs: usize,
    trained: Trained,
    pictures: Pictures,
    done: Vec<Done>,
    failed: Vec<String>,
}

impl<'a> Session<'a> {
    /// Reads what was trained on, and makes the output's folder.
    pub fn new(shared: &'a Shared, arguments: &'a Score, num_jobs: usize) -> Result<Self> {
        if let Some(folder) = &arguments.output {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        }
        let pages = arguments.output.clone().unwrap_or_default();
        Ok(Self {
            shared,
            arguments,
            num_jobs,
            trained: Trained::read(&arguments.trained)?,
            pictures: Pictures::new(roots(arguments), &pages),
            done: Vec::new(),
            failed: Vec::new(),
        })
    }

    /// Scores a task and writes its results. An error of the only task is given back, another one is told.
    pub fn score(&mut self, job: &Job) -> Result<()> {
        let arguments = self.arguments;
        let (mut sought, look) = (Sought::default(), !arguments.trained.is_empty());
        let pictures = &mut self.pictures;
        let mut show = |item: &str, name: &Path, content: &[u8]| {
            if arguments.output.is_some() {
                pictures.embed(name, content);
            }
            if look {
                sought.add_embedded(item, content);
            }
        };
        let benchmark = tasks::benchmark(job, &arguments.reading, &mut Keep::Show(&mut show));
        let task = benchmark.and_then(|benchmark| {
            let mut task = one(job, arguments, benchmark.as_ref())?;
            task.blind = blind(job, arguments, benchmark.as_ref())?;
            let items = benchmark.as_ref().map_or(&[][..], |found| &found.items);
            if look {
                sought.add_files(items);
                let seed = arguments.reading.seed;
                let found = self.trained.leaks(items, &sought, &task.strict, seed)?;
                let warnings = &mut task.strict.result.warnings;
                warnings.extend(found.lines());
                warnings.extend(self.trained.warning());
                warnings.extend(sought.warning());
                task.leaks = Some(found);
            }
            Ok(task)
        });
        let task = match task {
            Ok(task) => task,
            Err(error) => return self.failed(job, error),
        };
        tell(self.shared, &task, arguments.scorer.into());
        if let Some(folder) = &arguments.output {
            write(folder, &task)?;
        }
        self.done.push(task);
        Ok(())
    }

    /// Takes note of a task that has no scores.
    pub fn failed(&mut self, job: &Job, error: anyhow::Error) -> Result<()> {
        if self.num_jobs == 1 {
            return Err(error);
        }
        eprintln!("error: {}: {error:#}", job.spec.id);
        self.failed.push(job.spec.id.clone());
        Ok(())
    }

    /// Writes tables and pages of all tasks and prints the scores.
    pub fn finish(mut self) -> Result<()> {
        let arguments = self.arguments;
        if let Some(folder) = arguments.output.as_ref().filter(|_| !self.done.is_empty()) {
            write_tables(folder, &self.done)?;
            let systems = [System {
                name: "strict".to_owned(),
                done: &self.done,
            }];
            page::write(folder, &systems, &[], &mut self.pictures)?;
        }
        let scorer = arguments.scorer.into();
        let found = document(&self.done, scorer, arguments.items)?;
        print(self.shared, &found, || {
            print!("{}", tables::text(&self.done, scorer));
            if let Some(folder) = &arguments.output {
                println!("written to `{}`", folder.display());
            }
        })?;
        if self.failed.is_empty() {
            Ok(())
        } else {
            Err(anyhow!(
                "{} of {} tasks cannot be scored: `{}`",
                self.failed.len(),
                self.num_jobs,
                self.failed.join("`, `")
            ))
        }
    }
}

/// Where pictures that predictions name by relative paths may lie.
fn roots(arguments: &Score) -> Vec<PathBuf> {
    let predictions = &arguments.predictions;
    let folder = if predictions.is_dir() {
        Some(predictions.as_path())
    } else {
        predictions.parent()
    };
    let mut roots: Vec<PathBuf> = folder.map(Path::to_owned).into_iter().collect();
    roots.extend(arguments.reading.data.clone());
    roots
}

fn write(folder: &Path, task: &Done) -> Result<()> {
    results::write(folder, task)?;
    match &task.leaks {
        Some(leaks) => Ok(corpus::sealed::write_json(
            &folder.join(&task.spec.id).join("leaks.json"),
            leaks,
        )?),
        None => Ok(()),
    }
}

/// One task by the scorers that are printed or written.
fn one(job: &Job, arguments: &Score, benchmark: Option<&Benchmark>) -> Result<Done> {
    let wanted = arguments.scorer.into();
    let written = arguments.output.is_some();
    by_both(job, &arguments.reading, wanted, written, benchmark)
}

/// A task by the strict scorer, and by the published one if it is `wanted`, or if there is one and `also` is set.
pub(super) fn by_both(
    job: &Job,
    reading: &Reading,
    wanted: Scorer,
    also: bool,
    benchmark: Option<&Benchmark>,
) -> Result<Done> {
    let found = tasks::predictions(job, reading, benchmark)
        .with_context(|| format!("task `{}`", job.spec.id))?;
    let by = |scorer: Scorer| -> Result<Scored> {
        let options = tasks::options(job, reading, scorer, benchmark)?;
        Ok(score(
            &job.spec,
            found.rows.clone(),
            found.problems.clone(),
            &options,
        )?)
    };
    let published = wanted == Scorer::Reference || job.spec.reference && also;
    let (strict, reference) = rayon::join(
        || by(Scorer::Strict),
        || published.then(|| by(Scorer::Reference)).transpose(),
    );
    // What was asked for comes first, so that its error is the one that is told.
    let reference = match reference {
        Err(error) if wanted == Scorer::Reference => return Err(error),
        other => other,
    };
    let mut strict = strict?;
    if let Some(benchmark) = benchmark {
        for line in &benchmark.warnings {
            if !strict.result.warnings.contains(line) {
                strict.result.warnings.push(line.clone());
            }
        }
        let of_data = results::sentences(&benchmark.problems);
        let of_data = of_data.into_iter().map(|line| format!("benchmark: {line}"));
        strict.result.warnings.extend(of_data);
    }
    let reference = match reference {
        Ok(scored) => scored,
        // The published rules take fewer kinds of labels; where they score nothing the strict numbers stand alone.
        Err(error) if error.is::<ScoreError>() => {
            let why = format!("no reference scores: {error}");
            strict.result.warnings.push(why);
            None
        }
        Err(error) => return Err(error),
    };
    Ok(Done {
        spec: job.spec.clone(),
        strict,
        reference,
        blind: None,
        leaks: None,
    })
}

/// The strict scores of answers to blank pictures.
fn blind(job: &Job, arguments: &Score, benchmark: Option<&Benchmark>) -> Result<Option<Scored>> {
    let Some(predictions) = &arguments.blind else {
        return Ok(None);
    };
    let Some(job) = tasks::on(job, predictions)? else {
        return Ok(None);
    };
    let reading = &arguments.reading;
    let context = || format!("answers of task `{}` to blank pictures", job.spec.id);
    let found = tasks::predictions(&job, reading, benchmark).with_context(context)?;
    let options = tasks::options(&job, reading, Scorer::Strict, benchmark)?;
    let scored = score(&job.spec, found.rows, found.problems, &options).with_context(context)?;
    Ok(Some(scored))
}

/// What a reader must know, on stderr.
fn tell(shared: &Shared, task: &Done, scorer: Scorer) {
    let Some(found) = task.by(scorer).filter(|_| !shared.quiet) else {
        return;
    };
    let problems = results::sentences(&found.result.problems);
    for line in found.result.warnings.iter().chain(&problems) {
        eprintln!("{}: {line}", task.spec.id);
    }
}

/// The contract of `--json`: one task's result, or all of them with the domains' averages.
fn document(done: &[Done], scorer: Scorer, items: bool) -> Result<Value> {
    let mut tasks = Vec::new();
    for scored in done.iter().filter_map(|task| task.by(scorer)) {
        let mut value = serde_json::to_value(&scored.result)?;
        if items {
            value["items"] = scored
                .rows
                .iter()
                .map(|row| json!({"id": row.id, "score": row.score, "unreadable": row.unreadable}))
                .collect();
        }
        tasks.push(value);
    }
    if tasks.len() == 1 {
        return Ok(tasks.remove(0));
    }
    let averages = serde_json::to_value(tables::averages(done, scorer))?;
    Ok(json!({"tasks": tasks, "averages": averages}))
}

fn write_tables(folder: &Path, done: &[Done]) -> Result<()> {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    };
    write("scores.md", tables::markdown(done))?;
    write("scores.csv", tables::csv(done))?;
    let all: Vec<_> = done
        .iter()
        .flat_map(|task| std::iter::once(&task.strict).chain(&task.reference))
        .map(|scored| &scored.result)
        .collect();
    let blind: Vec<_> = done
        .iter()
        .filter_map(|task| task.blind.as_ref())
        .map(|scored| &scored.result)
        .collect();
    let averages: Vec<_> = [Scorer::Strict, Scorer::Reference]
        .map(|scorer| json!({"scorer": scorer, "domains": tables::averages(done, scorer)}))
        .into();
    Ok(corpus::sealed::write_json(
        &folder.join("scores.json"),
        &json!({"tasks": all, "averages": averages, "blind": blind}),
    )?)
}
