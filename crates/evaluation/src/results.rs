//! Results of tasks on disk: `<folder>/<task>/{strict,reference}.json` with the numbers and `.jsonl` with every row,
//! `scores.json` with the numbers of all tasks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::sealed::write_json;
use corpus::{Label, jsonl};
use serde_json::{Value, json};

use crate::questions;
use crate::scored_task::{ScoredTask, averages};
use crate::scoring::{Rates, Scored, ScoredRow, Scorer, TaskResult};
use crate::statistics::{Bootstrap, Clusters, FEW, INTERVAL_METHOD, interval};
use crate::tasks::{self, Metric, Scoring, Spec};

const STRICT: &str = "strict";
const REFERENCE: &str = "reference";
/// The file of strict scores of answers to blank pictures.
const BLIND: &str = "blind";

/// Writes a task's results; each file is whole or absent.
pub fn write(folder: &Path, task: &ScoredTask) -> Result<()> {
    let folder = folder.join(&task.spec.id);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let all = [
        Some(&task.strict),
        task.reference.as_ref(),
        task.blind.as_ref(),
    ];
    for (name, scored) in [STRICT, REFERENCE, BLIND].into_iter().zip(all) {
        if let Some(scored) = scored {
            jsonl::write(&folder.join(format!("{name}.jsonl")), &scored.rows)?;
            write_json(&folder.join(format!("{name}.json")), &scored.result)?;
        }
    }
    match &task.leaks {
        Some(leaks) => Ok(write_json(&folder.join("leaks.json"), leaks)?),
        None => Ok(()),
    }
}

/// Writes `scores.json`: every task's numbers and the domains' averages.
pub fn write_summary(folder: &Path, tasks: &[ScoredTask]) -> Result<()> {
    let all: Vec<_> = tasks
        .iter()
        .flat_map(ScoredTask::all)
        .map(|scored| &scored.result)
        .collect();
    let blind: Vec<_> = tasks
        .iter()
        .filter_map(|task| task.blind.as_ref())
        .map(|scored| &scored.result)
        .collect();
    let averages: Vec<_> = [Scorer::Strict, Scorer::Reference]
        .map(|scorer| json!({"scorer": scorer, "domains": averages(tasks, scorer)}))
        .into();
    Ok(write_json(
        &folder.join("scores.json"),
        &json!({"tasks": all, "averages": averages, "blind": blind}),
    )?)
}

/// One task's result by a scorer, or all of them with the domains' averages; with `items` every item's score too. The
/// keys are a contract.
pub fn document(done: &[ScoredTask], scorer: Scorer, items: bool) -> Result<Value> {
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
    let averages = serde_json::to_value(averages(done, scorer))?;
    Ok(json!({"tasks": tasks, "averages": averages}))
}

/// Whether a folder holds results as `adamllm score --output` writes them.
pub fn are_in(folder: &Path) -> bool {
    folders(folder).is_ok_and(|found| !found.is_empty())
}

/// Every task's results of a folder, in the order of the paper's tables, own tasks last.
pub fn read(folder: &Path) -> Result<Vec<ScoredTask>> {
    let mut all = Vec::new();
    for folder in folders(folder)? {
        let strict = one(&folder, STRICT)?
            .with_context(|| format!("`{}` has no `strict.json`", folder.display()))?;
        let id = strict.result.task.clone();
        all.push(ScoredTask {
            spec: tasks::find(&id).unwrap_or_else(|_| own(&strict.result)),
            reference: one(&folder, REFERENCE)?,
            blind: one(&folder, BLIND)?,
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
    all.sort_by_key(|task| place(&task.spec.id));
    if all.is_empty() {
        bail!(
            "`{}` has no results; write them with `adamllm score --output`",
            folder.display()
        );
    }
    Ok(all)
}

/// A row of a run's scored answers.
#[derive(serde::Deserialize)]
struct RunRow {
    id: String,
    prediction: Option<String>,
    label: Label,
    cluster: String,
    score: f64,
    unreadable: bool,
}

/// The results of a run's own tasks: those of one system (`RUN/evaluate/base`), or of the adapted model where the run folder
/// itself is named. `None` if the folder is neither.
pub fn of_run(folder: &Path) -> Result<Option<Vec<ScoredTask>>> {
    let adapted = folder.join("evaluate/adapted");
    let folder = if adapted.is_dir() {
        adapted
    } else {
        folder.to_owned()
    };
    let Some(summary) = folder.parent().map(|parent| parent.join("scores.json")) else {
        return Ok(None);
    };
    let Ok(text) = std::fs::read_to_string(&summary) else {
        return Ok(None);
    };
    // A folder of predictions beside other people's scores is no run.
    let Ok(value) = serde_json::from_str::<Value>(&text) else {
        return Ok(None);
    };
    let mut found = Vec::new();
    for row in value["tasks"].as_array().into_iter().flatten() {
        let (Some(task), Some(metric)) = (row["task"].as_str(), row["metric"].as_str()) else {
            return Ok(None);
        };
        let file = folder.join(format!("{task}.jsonl"));
        if !file.is_file() {
            return Ok(None);
        }
        let metric = if metric == questions::MetricName::RougeL.as_str() {
            Metric::RougeL
        } else {
            Metric::Accuracy
        };
        found.push(of_rows(
            task,
            metric,
            jsonl::read(&file)?,
            row["majority"].as_f64(),
        )?);
    }
    Ok((!found.is_empty()).then_some(found))
}

/// A task of a run. The run's files hold no other numbers than the rows' own.
fn of_rows(
    task: &str,
    metric: Metric,
    rows: Vec<RunRow>,
    majority: Option<f64>,
) -> Result<ScoredTask> {
    let name = metric.name();
    let keys: Vec<&str> = rows.iter().map(|row| row.cluster.as_str()).collect();
    let scores: Vec<f64> = rows.iter().map(|row| row.score).collect();
    let clusters = Clusters::new(&keys);
    let found = interval(&scores, &clusters, &Bootstrap::new(1))?;
    let share = |is: &dyn Fn(&RunRow) -> bool| {
        100.0 * rows.iter().filter(|row| is(row)).count() as f64 / rows.len() as f64
    };
    let is_empty = |row: &RunRow| {
        row.prediction
            .as_deref()
            .is_none_or(|text| text.trim().is_empty())
    };
    let one = |value: f64| BTreeMap::from([(name.to_owned(), value)]);
    let result = TaskResult {
        task: task.to_owned(),
        scorer: Scorer::Strict,
        version: 1,
        n: rows.len(),
        clusters: clusters.count(),
        too_few: clusters.count() < FEW,
        metrics: one(found.mean),
        intervals: BTreeMap::from([(name.to_owned(), [found.low, found.high])]),
        counts: BTreeMap::from([(name.to_owned(), rows.len())]),
        majority: majority.map(one).unwrap_or_default(),
        rates: Rates {
            unreadable: share(&|row| row.unreadable),
            empty: share(&is_empty),
            cut_off: 0.0,
        },
        breakdowns: BTreeMap::new(),
        classes: Vec::new(),
        problems: Vec::new(),
        warnings: Vec::new(),
        method: format!("95 % intervals: {INTERVAL_METHOD}"),
    };
    let rows = rows.into_iter().map(|row| ScoredRow {
        id: row.id,
        cluster: row.cluster,
        metric: name.to_owned(),
        score: row.score,
        unreadable: row.unreadable,
        prediction: row.prediction,
        label: row.label,
        question: None,
        image: None,
    });
    let strict = Scored {
        rows: rows.collect(),
        result,
    };
    Ok(ScoredTask {
        spec: own(&strict.result),
        strict,
        reference: None,
        blind: None,
        leaks: None,
    })
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

fn one(folder: &Path, name: &str) -> Result<Option<Scored>> {
    let path = folder.join(format!("{name}.json"));
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

/// A task that is known by its result only.
fn own(result: &TaskResult) -> Spec {
    let names: Vec<String> = result
        .classes
        .iter()
        .map(|class| class.name.clone())
        .collect();
    let metrics = [
        Metric::Recall,
        Metric::ClosedAccuracy,
        Metric::Accuracy,
        Metric::RougeL,
        Metric::F1,
    ];
    Spec {
        id: result.task.clone(),
        title: result.task.clone(),
        domain: "own".to_owned(),
        scoring: Scoring::Exact,
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
