//! `adamllm compare A B`: paired differences of two systems, by both scorers.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use evaluation::benchmarks::Keep;
use evaluation::scoring::{CompareError, Comparisons, Scored, Scorer, compare};

use super::arguments::Compare;
use super::page::{self, Pictures, System};
use super::results::Done;
use super::{results, score, tables, tasks};
use crate::cli::Shared;
use crate::commands::print;
use corpus::sealed::write_json;

/// Compares two systems.
pub fn run(shared: &Shared, arguments: &Compare) -> Result<()> {
    let scorer: Scorer = arguments.scorer.into();
    let base = system(&arguments.base, arguments, scorer)?;
    let adapted = system(&arguments.adapted, arguments, scorer)?;
    let found = both(&base, &adapted, scorer, arguments.reading.seed)?;
    if !shared.quiet {
        tell(&base, &adapted);
    }
    if let Some(folder) = &arguments.output {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
        let write = |name: &str, text: String| {
            let path = folder.join(name);
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write `{}`", path.display()))
        };
        write("comparison.md", tables::comparisons_markdown(&found))?;
        write("comparison.csv", tables::comparison_csv(&found))?;
        write_json(&folder.join("comparison.json"), &document(&found)?)?;
        pages(folder, arguments, &base, &adapted, &found)?;
    }
    print(shared, &document(&found)?, || {
        print!("{}", tables::comparisons_markdown(&found));
        if let Some(folder) = &arguments.output {
            println!("written to `{}`", folder.display());
        }
    })
}

/// The comparison by the scorer that was asked for, then by the other one where both systems have its scores.
fn both(
    base: &[Done],
    adapted: &[Done],
    asked: Scorer,
    seed: u64,
) -> Result<Vec<(Scorer, Comparisons)>> {
    let other = match asked {
        Scorer::Strict => Scorer::Reference,
        Scorer::Reference => Scorer::Strict,
    };
    let of = |all: &[Done], scorer: Scorer| -> Vec<Scored> {
        let scored = all.iter().filter_map(|task| task.by(scorer));
        scored.cloned().collect()
    };
    let by = |scorer: Scorer| compare(&of(base, scorer), &of(adapted, scorer), seed);
    let mut found = vec![(asked, by(asked)?)];
    match by(other) {
        Ok(comparisons) => found.push((other, comparisons)),
        // Own tasks, captions and lists of words have no published rules.
        Err(CompareError::NothingInCommon) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(found)
}

/// Tasks that are not in the tables, on stderr.
fn tell(base: &[Done], adapted: &[Done]) {
    let has = |all: &[Done], task: &str| all.iter().any(|done| done.spec.id == task);
    for done in base.iter().chain(adapted) {
        let task = &done.spec.id;
        if !has(base, task) || !has(adapted, task) {
            eprintln!("{task}: only one of both systems answered it; it is left out");
        }
    }
}

/// The contract of `--json`: the comparison by the scorer that was asked for, and under `other` the one by the other.
fn document(found: &[(Scorer, Comparisons)]) -> Result<serde_json::Value> {
    let mut all = found.iter();
    let mut value = match all.next() {
        Some((_, comparisons)) => serde_json::to_value(comparisons)?,
        None => serde_json::Value::Null,
    };
    value["other"] = match all.next() {
        Some((_, comparisons)) => serde_json::to_value(comparisons)?,
        None => serde_json::Value::Null,
    };
    Ok(value)
}

/// The pages of both systems, with what changed.
fn pages(
    folder: &Path,
    arguments: &Compare,
    base: &[Done],
    adapted: &[Done],
    found: &[(Scorer, Comparisons)],
) -> Result<()> {
    let shown = |all: &[Done]| -> Vec<Done> {
        let compared = |task: &&Done| {
            let mut rows = found.iter().flat_map(|(_, by)| &by.tasks);
            rows.any(|row| row.task == task.spec.id)
        };
        all.iter().filter(compared).cloned().collect()
    };
    let (before, after) = (shown(base), shown(adapted));
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
    page::write(folder, &systems, found, &mut pictures)
}

/// One system's scores: read from a folder of results, or made from predictions.
fn system(path: &Path, arguments: &Compare, scorer: Scorer) -> Result<Vec<Done>> {
    if path.is_dir() && results::are_in(path) {
        let mut found = results::read(path)?;
        found.retain(|task| arguments.tasks.is_empty() || arguments.tasks.contains(&task.spec.id));
        if found.iter().all(|task| task.by(scorer).is_none()) {
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
        .map(|job| {
            let benchmark = tasks::benchmark(job, &arguments.reading, &mut Keep::Nothing)?;
            let done = score::by_both(job, &arguments.reading, scorer, true, benchmark.as_ref())?;
            if let Some(scored) = done.by(scorer) {
                for line in results::sentences(&scored.result.problems) {
                    eprintln!("{}: {line}", job.file.display());
                }
            }
            Ok(done)
        })
        .collect()
}
