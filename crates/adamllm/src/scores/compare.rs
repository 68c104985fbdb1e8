//! `adamllm compare A B`: paired differences of two systems.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use evaluation::benchmarks::Keep;
use evaluation::scoring::{Comparisons, Scored, Scorer, compare, score};

use super::arguments::{Compare, Reading};
use super::page::{self, Pictures, System};
use super::results::Done;
use super::{results, tables, tasks};
use crate::cli::Shared;
use crate::commands::print;
use crate::run_folder::write_json;

/// Compares two systems.
pub fn run(shared: &Shared, arguments: &Compare) -> Result<()> {
    let scorer: Scorer = arguments.scorer.into();
    let base = system(&arguments.base, arguments, scorer)?;
    let adapted = system(&arguments.adapted, arguments, scorer)?;
    let found = compare(&base, &adapted, arguments.reading.seed)?;
    if !shared.quiet {
        let tasks = |all: &[Scored]| -> Vec<String> {
            all.iter()
                .map(|scored| scored.result.task.clone())
                .collect()
        };
        let (before, after) = (tasks(&base), tasks(&adapted));
        for task in before.iter().chain(&after) {
            if !before.contains(task) || !after.contains(task) {
                eprintln!("{task}: only one of both systems answered it; it is left out");
            }
        }
    }
    if let Some(folder) = &arguments.output {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write `{}`", path.display()))
        };
        write("comparison.md", tables::comparison_markdown(&found))?;
        write("comparison.csv", tables::comparison_csv(&found))?;
        write_json(&folder.join("comparison.json"), &found)?;
        pages(folder, arguments, &base, &adapted, &found)?;
    }
    print(shared, &serde_json::to_value(&found)?, || {
        print!("{}", tables::comparison_markdown(&found));
    })
}

/// The pages of both systems, with what changed.
fn pages(
    folder: &Path,
    arguments: &Compare,
    base: &[Scored],
    adapted: &[Scored],
    found: &Comparisons,
) -> Result<()> {
    let done = |all: &[Scored]| -> Vec<Done> {
        let shown = all
            .iter()
            .filter(|scored| found.tasks.iter().any(|row| row.task == scored.result.task));
        shown.cloned().map(results::shown).collect()
    };
    let (before, after) = (done(base), done(adapted));
    let name = |path: &Path| {
        let stem = path.file_stem().unwrap_or(path.as_os_str());
        stem.to_string_lossy().into_owned()
    };
    let (mut first, mut second) = (name(&arguments.base), name(&arguments.adapted));
    if first == second {
        (first, second) = ("before".to_owned(), "after".to_owned());
    }
    let systems = [
        System {
            name: first,
            done: &before,
        },
        System {
            name: second,
            done: &after,
        },
    ];
    let roots = [&arguments.base, &arguments.adapted]
        .into_iter()
        .filter_map(|path| {
            if path.is_dir() {
                Some(path.as_path())
            } else {
                path.parent()
            }
        })
        .map(Path::to_owned)
        .chain(arguments.reading.data.clone());
    let mut pictures = Pictures::new(roots.collect(), folder);
    page::write(folder, &systems, Some(found), &mut pictures)
}

/// One system's scores: read from a folder of results, or made from predictions.
fn system(path: &Path, arguments: &Compare, scorer: Scorer) -> Result<Vec<Scored>> {
    if path.is_dir() && results::are_in(path) {
        let all = results::read(path)?;
        let wanted = all
            .into_iter()
            .filter(|task| arguments.tasks.is_empty() || arguments.tasks.contains(&task.spec.id));
        let found: Vec<Scored> = wanted
            .filter_map(|task| match scorer {
                Scorer::Strict => Some(task.strict),
                Scorer::Reference => task.reference,
            })
            .collect();
        if found.is_empty() {
            bail!(
                "`{}` has no {} scores of the tasks that are asked for",
                path.display(),
                results::name(scorer)
            );
        }
        return Ok(found);
    }
    let jobs = tasks::jobs(&arguments.tasks, path)?;
    jobs.iter()
        .map(|job| scores_of(job, &arguments.reading, scorer))
        .collect()
}

fn scores_of(job: &tasks::Job, reading: &Reading, scorer: Scorer) -> Result<Scored> {
    let benchmark = tasks::benchmark(job, reading, &mut Keep::Nothing)?;
    let found = tasks::predictions(job, reading, benchmark.as_ref())?;
    let options = tasks::options(job, reading, scorer, benchmark.as_ref())?;
    let done = score(&job.spec, found.rows, found.problems, &options)?;
    for line in results::sentences(&done.result.problems) {
        eprintln!("{}: {line}", job.file.display());
    }
    Ok(done)
}
