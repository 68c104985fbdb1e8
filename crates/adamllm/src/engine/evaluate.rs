//! `adamllm evaluate --model` or `--endpoint`: benchmarks through a generator, each task's answers and scores written as soon as it is
//! done, then the pages that `adamllm score` writes.

use adamllm::flags::Shared;
use adamllm::scores::{Benchmarks, Scoring};
use adamllm::signals;
use adamllm::terminal::Terminal;
use anyhow::{Context as _, Result, bail};
use evaluation::jobs::{self, Reading};
use evaluation::leaks::{runs_of, trained_by};
use evaluation::session::Settings;
use evaluation::tasks;
use pipeline::benchmarks::{Answering, Who, answer};
use pipeline::blank;
use pipeline::stages::answer;
use run::events::Reporter;
use run::recipe::evaluation_pixels;

use crate::device;
use crate::places;

/// Answers every task, writes its predictions and scores, and at the end the tables and pages of all.
pub fn run(shared: &Shared, arguments: &Benchmarks) -> Result<()> {
    let asked = arguments.endpoint.asked()?;
    let mut engine = device::engine(shared)?;
    let Some(output) = &arguments.output else {
        bail!("`--model` needs `--output`, the folder for predictions, scores and pages");
    };
    if let Some(asked) = &asked {
        engine.endpoints = device::endpoints(asked)?;
    }
    let mut jobs = jobs::of_benchmarks(&arguments.tasks, arguments.data.as_deref())?;
    if arguments.by_likelihood {
        let other = jobs
            .iter()
            .find(|job| job.spec.scoring != tasks::Scoring::Choice);
        if let Some(job) = other {
            bail!(
                "`--by-likelihood` ranks options, and task `{}` has none; name tasks of multiple choice with `--tasks`",
                job.spec.id
            );
        }
    }
    if let Some(tokens) = arguments.max_new_tokens {
        for job in &mut jobs {
            job.spec.decoding.max_new_tokens = tokens;
        }
    }
    let who = match (&asked, &arguments.model) {
        (Some(asked), _) => {
            let unread = [
                ("--processor", arguments.processor.is_some()),
                ("--min-pixels", arguments.min_pixels.is_some()),
                ("--max-pixels", arguments.max_pixels.is_some()),
            ];
            if let Some((flag, _)) = unread.iter().find(|(_, is_set)| *is_set) {
                bail!(
                    "`{flag}` is of a model folder; a model at an endpoint prepares pictures itself"
                );
            }
            Who::Endpoint(&asked.place)
        }
        (None, Some(folder)) => {
            let processor = arguments.processor.as_ref().unwrap_or(folder);
            let [fewest, most] = evaluation_pixels(processor);
            engine.processing.min_pixels = arguments.min_pixels.or(fewest);
            engine.processing.max_pixels = arguments.max_pixels.or(most);
            Who::Model { folder, processor }
        }
        (None, None) => bail!("name a model: `--model` or `--endpoint-model`"),
    };
    jobs::check_vocabulary(arguments.vocabulary.as_deref(), jobs.len(), "--tasks")?;
    signals::take_over()?;
    let terminal = Terminal::new(shared);
    let run = places::run_folder(output, &terminal)?;
    let predictions = run.path.join("predictions");
    std::fs::create_dir_all(&predictions)
        .with_context(|| format!("cannot make the folder `{}`", predictions.display()))?;
    for job in &mut jobs {
        job.file = predictions.join(format!("{}.jsonl", job.spec.id));
    }
    let mut trained = arguments.trained.clone();
    if let (Who::Model { folder, .. }, true) =
        (who, trained.is_empty() && !arguments.no_contamination)
    {
        let (files, line) = trained_by(folder)?;
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
            Some(blank::write(&run.path)?.0)
        }
        None => None,
    };
    let reading = Reading {
        data: arguments.data.clone(),
        vocabulary: arguments.vocabulary.clone(),
        by: arguments.by.clone(),
        seed: arguments.seed,
        limit: arguments.limit,
        ..Reading::default()
    };
    // A run folder is named as what was trained on, too.
    let runs = runs_of(&trained);
    let settings = Settings {
        blind: blind.clone(),
        scorer: arguments.scorer.into(),
        output: Some(run.path.clone()),
        trained,
        reading: reading.clone(),
    };
    let mut scoring = Scoring::new(shared, settings, &predictions, jobs.len())?;
    let answering = Answering {
        who,
        engine: &engine,
        run: &run,
        reading: &reading,
        by_likelihood: arguments.by_likelihood,
        blind: blank.zip(blind),
        runs: &runs,
        report: Reporter::new(answer::GROUP, &terminal),
        stop: signals::stop(),
    };
    let ended = answer(answering, &jobs, |job, answered| match answered {
        Ok(()) => scoring.score(job),
        Err(error) => scoring.failed(job, error.into()),
    });
    // That the folder was lost is why it was stopped.
    run.check()?;
    ended?;
    scoring.finish(false)
}
