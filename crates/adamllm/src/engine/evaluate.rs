//! `adamllm evaluate --model`: benchmarks through a generator, each task's answers and scores written as soon as it is
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
use pipeline::benchmarks::{Answering, answer};
use pipeline::blank;
use pipeline::stages::answer;
use run::RunFolder;
use run::events::Reporter;
use run::recipe::evaluation_pixels;

use crate::device;

/// Answers every task, writes its predictions and scores, and at the end the tables and pages of all.
pub fn run(shared: &Shared, arguments: &Benchmarks) -> Result<()> {
    if arguments.endpoint.asked()?.is_some() {
        bail!("models at endpoints are not asked yet");
    }
    let mut engine = device::engine(shared)?;
    let (Some(model_folder), Some(output)) = (&arguments.model, &arguments.output) else {
        bail!("`--model` needs `--output`, the folder for predictions, scores and pages");
    };
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
    let processor = arguments.processor.as_ref().unwrap_or(model_folder);
    let [fewest, most] = evaluation_pixels(processor);
    engine.processing.min_pixels = arguments.min_pixels.or(fewest);
    engine.processing.max_pixels = arguments.max_pixels.or(most);
    jobs::check_vocabulary(arguments.vocabulary.as_deref(), jobs.len(), "--tasks")?;
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
    let terminal = Terminal::new(shared);
    let answering = Answering {
        model: model_folder,
        processor,
        engine: &engine,
        run: &run,
        reading: &reading,
        by_likelihood: arguments.by_likelihood,
        blind: blank.zip(blind),
        runs: &runs,
        report: Reporter::new(answer::GROUP, &terminal),
        stop: signals::stop(),
    };
    answer(answering, &jobs, |job, answered| match answered {
        Ok(()) => scoring.score(job),
        Err(error) => scoring.failed(job, error.into()),
    })?;
    scoring.finish(false)
}
