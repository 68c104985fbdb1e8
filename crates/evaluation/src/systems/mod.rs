//! Two systems or more, each read from a folder of results or scored from predictions: the table of all of them and the
//! paired differences from one of them.

mod columns;
mod differences;
mod error;
mod items;
mod names;
mod system;
mod table;

use std::path::Path;

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::benchmarks::Keep;
use crate::jobs::{self, JobError, Reading};
use crate::predictions::sentences;
use crate::results;
use crate::scored_task::{ScoredTask, by_both};
use crate::scoring::{CompareError, Scorer};
use columns::Aligned;
use differences::against_base;

pub use differences::AgainstBase;
pub use error::SystemsError;
pub use items::Items;
pub use names::{Named, base, named};
pub use system::{System, tasks};
pub use table::{Best, Column, DomainTable, Table};

/// One system's scores: read from a folder of results or of a run, or made from predictions. What is wrong with these is told
/// to `note`.
///
/// Gives [`SystemsError::NoScores`], [`SystemsError::NoResults`], [`SystemsError::Results`], [`SystemsError::Job`] and
/// [`SystemsError::Task`].
pub fn read(
    path: &Path,
    tasks: &[String],
    reading: &Reading,
    scorer: Scorer,
    note: &mut dyn FnMut(&str),
) -> Result<Vec<ScoredTask>, SystemsError> {
    let written = if !path.is_dir() {
        None
    } else if results::are_in(path) {
        Some(results::read(path)?)
    } else {
        results::of_run(path)
            .map(|adapted| results::read(&adapted))
            .transpose()?
    };
    if let Some(mut found) = written {
        found.retain(|task| tasks.is_empty() || tasks.contains(&task.spec.id));
        if found.iter().all(|task| task.by(scorer).is_none()) {
            return Err(SystemsError::NoScores {
                path: path.to_owned(),
                scorer,
            });
        }
        return Ok(found);
    }
    let jobs = match jobs::of_predictions(tasks, path) {
        Err(JobError::NoFile { folder }) => return Err(SystemsError::NoResults { folder }),
        found => found?,
    };
    jobs.iter()
        .map(|job| {
            let benchmark = jobs::benchmark(job, reading, &mut Keep::Nothing)?;
            let task = by_both(job, reading, scorer, true, benchmark.as_ref())?;
            if let Some(scored) = task.by(scorer) {
                for line in sentences(&scored.result.problems) {
                    note(&format!("{}: {line}", job.file.display()));
                }
            }
            Ok(task)
        })
        .collect()
}

/// Systems beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The systems, in the order that they were given in.
    pub names: Vec<String>,
    /// The place of the one that the others are compared with.
    pub base: usize,
    /// A table by the scorer that was asked for, then one by the other where systems have its scores.
    pub tables: Vec<Table>,
    /// Every other system against the base, scorer by scorer.
    pub differences: Vec<AgainstBase>,
    /// What is not in the tables, and why.
    pub notes: Vec<String>,
}

impl Compared {
    /// The name of the system that the others are compared with.
    pub fn base(&self) -> &str {
        &self.names[self.base]
    }

    /// The differences by one scorer.
    pub fn by(&self, scorer: Scorer) -> Vec<&AgainstBase> {
        let all = self.differences.iter();
        all.filter(|other| other.scorer == scorer).collect()
    }

    /// The tasks that stand in a table.
    pub fn tasks(&self) -> Vec<&str> {
        let mut tasks: Vec<&str> = Vec::new();
        let domains = self.tables.iter().flat_map(|table| &table.domains);
        for column in domains.flat_map(|domain| &domain.columns) {
            if !tasks.contains(&column.task.as_str()) {
                tasks.push(&column.task);
            }
        }
        tasks
    }
}

/// Compares systems by the scorer that was asked for, then by the other one.
///
/// Of more than two systems, items that not all have are refused or left out as `items` says; of two they are left out.
pub fn compare(
    systems: &[System<'_>],
    base: usize,
    asked: Scorer,
    items: Items,
    seed: u64,
) -> Result<Compared, SystemsError> {
    let names: Vec<&str> = systems.iter().map(|system| system.name.as_str()).collect();
    if names.len() < 2 {
        return Err(SystemsError::TooFew);
    }
    let items = if names.len() == 2 {
        Items::Common
    } else {
        items
    };
    let mut found = Compared {
        names: names.iter().map(|&name| name.to_owned()).collect(),
        base,
        tables: Vec::new(),
        differences: Vec::new(),
        notes: items::unanswered(systems),
    };
    for scorer in [asked, table::other_than(asked)] {
        let notes = &mut found.notes;
        let shared = items::shared(systems, base, scorer, items, notes)?;
        let aligned: Vec<Vec<Aligned>> = shared
            .par_iter()
            .map(|task| columns::aligned(task, base, seed))
            .collect::<Result<_, _>>()?;
        let columns: Vec<Aligned> = aligned.into_iter().flatten().collect();
        // Own tasks, captions and lists of words have no published rules.
        if columns.is_empty() {
            if scorer == asked {
                return Err(CompareError::NothingInCommon.into());
            }
            continue;
        }
        let differences = against_base(&names, base, scorer, &shared, &columns, seed, notes)?;
        found.differences.extend(differences);
        found
            .tables
            .push(table::table(&names, scorer, &columns, seed, notes)?);
    }
    Ok(found)
}

/// Everything as one document; the keys are a contract. Of two systems it also has what a comparison of two always had: the
/// rows by the scorer that was asked for at the top, those by the other under `other`.
pub fn document(found: &Compared) -> Result<Value, serde_json::Error> {
    let mut value = match (&found.names[..], found.differences.first()) {
        ([_, _], Some(first)) => serde_json::to_value(&first.found)?,
        _ => json!({}),
    };
    if let [_, _] = found.names[..] {
        let other = found.differences.get(1);
        value["other"] = serde_json::to_value(other.map(|other| &other.found))?;
    }
    value["systems"] = serde_json::to_value(&found.names)?;
    value["against"] = found.base().into();
    value["tables"] = serde_json::to_value(&found.tables)?;
    value["differences"] = serde_json::to_value(&found.differences)?;
    value["notes"] = serde_json::to_value(&found.notes)?;
    Ok(value)
}
