//! Results of tasks on disk: `<folder>/<task>/{strict,reference}.json` with the numbers and `.jsonl` with every row.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::jsonl;
use evaluation::predictions::Problem;
use evaluation::scoring::{Scored, ScoredRow, Scorer, TaskResult};
use evaluation::tasks::{self, Spec};

use super::leaks::Leaks;
use crate::run_folder::write_json;

/// A task with what both scorers give.
#[derive(Clone, Debug)]
pub struct Done {
    /// The task.
    pub spec: Spec,
    /// The strict scores.
    pub strict: Scored,
    /// The published scores, where there are any.
    pub reference: Option<Scored>,
    /// Test items in the training data, where that was looked for.
    pub leaks: Option<Leaks>,
}

impl Done {
    /// The scores of one scorer.
    pub fn by(&self, scorer: Scorer) -> Option<&Scored> {
        match scorer {
            Scorer::Strict => Some(&self.strict),
            Scorer::Reference => self.reference.as_ref(),
        }
    }
}

/// The scorer as it stands in file names and tables.
pub fn name(scorer: Scorer) -> &'static str {
    match scorer {
        Scorer::Strict => "strict",
        Scorer::Reference => "reference",
    }
}

/// Writes a task's results; each file is whole or absent.
pub fn write(folder: &Path, done: &Done) -> Result<()> {
    let folder = folder.join(&done.spec.id);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    for scored in std::iter::once(&done.strict).chain(&done.reference) {
        let name = name(scored.result.scorer);
        jsonl::write(&folder.join(format!("{name}.jsonl")), &scored.rows)?;
        write_json(&folder.join(format!("{name}.json")), &scored.result)?;
    }
    Ok(())
}

/// Whether a folder holds results as `adamllm score --output` writes them.
pub fn are_in(folder: &Path) -> bool {
    folders(folder).is_ok_and(|found| !found.is_empty())
}

/// Every task's results of a folder, in the order of the paper's tables, own tasks last.
pub fn read(folder: &Path) -> Result<Vec<Done>> {
    let mut all = Vec::new();
    for folder in folders(folder)? {
        let strict = one(&folder, Scorer::Strict)?
            .with_context(|| format!("`{}` has no `strict.json`", folder.display()))?;
        let id = strict.result.task.clone();
        all.push(Done {
            spec: tasks::find(&id).unwrap_or_else(|_| own(&strict.result)),
            reference: one(&folder, Scorer::Reference)?,
            strict,
            leaks: None,
        });
    }
    let place = |id: &str| {
        tasks::all()
            .iter()
            .position(|task| task.id == id)
            .unwrap_or(usize::MAX)
    };
    all.sort_by_key(|done| place(&done.spec.id));
    if all.is_empty() {
        bail!(
            "`{}` has no results; write them with `adamllm score --output`",
            folder.display()
        );
    }
    Ok(all)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.join("strict.json").is_file())
        .collect();
    found.sort();
    Ok(found)
}

fn one(folder: &Path, scorer: Scorer) -> Result<Option<Scored>> {
    let path = folder.join(format!("{}.json", name(scorer)));
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    let result: TaskResult = serde_json::from_str(&text)
        .with_context(|| format!("`{}` is not a result of `adamllm score`", path.display()))?;
    let rows: Vec<ScoredRow> = jsonl::read(&path.with_extension("jsonl"))?;
    Ok(Some(Scored { result, rows }))
}

/// Scores of one scorer as a task for the pages, which take them for the strict ones.
pub fn shown(scored: Scored) -> Done {
    let id = &scored.result.task;
    Done {
        spec: tasks::find(id).unwrap_or_else(|_| own(&scored.result)),
        strict: scored,
        reference: None,
        leaks: None,
    }
}

/// A task that is known by its result only.
fn own(result: &TaskResult) -> Spec {
    let names: Vec<String> = result
        .classes
        .iter()
        .map(|class| class.name.clone())
        .collect();
    let metrics = [
        evaluation::tasks::Metric::Recall,
        evaluation::tasks::Metric::ClosedAccuracy,
        evaluation::tasks::Metric::Accuracy,
        evaluation::tasks::Metric::RougeL,
        evaluation::tasks::Metric::F1,
    ];
    Spec {
        id: result.task.clone(),
        title: result.task.clone(),
        domain: "own".to_owned(),
        scoring: evaluation::tasks::Scoring::Exact,
        metrics: metrics
            .into_iter()
            .filter(|metric| result.intervals.contains_key(metric.name()))
            .collect(),
        prompt: String::new(),
        decoding: corpus::Decoding::default(),
        names,
        ignored: Vec::new(),
        splits: Vec::new(),
        reference: false,
        version: result.version,
        source: String::new(),
    }
}

/// Problems as sentences, one a reason, with the first few ids.
pub fn sentences(problems: &[Problem]) -> Vec<String> {
    const SHOWN: usize = 5;
    let mut reasons: Vec<_> = problems.iter().map(|problem| problem.reason).collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons
        .into_iter()
        .map(|reason| {
            let those: Vec<&Problem> = problems.iter().filter(|p| p.reason == reason).collect();
            let place = |p: &&Problem| match (p.id.is_empty(), p.line) {
                (false, 0) => format!("`{}`", p.id),
                (false, line) => format!("`{}` in line {line}", p.id),
                (true, line) => format!("line {line}"),
            };
            let mut places: Vec<String> = those.iter().take(SHOWN).map(place).collect();
            if those.len() > SHOWN {
                places.push(format!("and {} more", those.len() - SHOWN));
            }
            let fate = if reason.is_scored() {
                "scored"
            } else {
                "not scored"
            };
            format!(
                "{} × {} ({fate}): {}: {}",
                those.len(),
                reason.as_str(),
                those[0].detail,
                places.join(", ")
            )
        })
        .collect()
}
