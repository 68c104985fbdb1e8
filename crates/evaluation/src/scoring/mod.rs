//! Predictions in, scores out: every metric of a task with its interval, rates, breakdowns and all that was wrong.

mod baseline;
mod compare;
mod labels;
mod options;
mod result;
mod row;

use std::collections::{BTreeMap, HashMap, HashSet};

use corpus::{Completion, Prediction};

use crate::metrics::{Bleu, Confusion, cider};
use crate::predictions::{Problem, Reason, sentences};
use crate::statistics::{
    Bootstrap, Clusters, FEW, INTERVAL_METHOD, breakdown, few_clusters, interval,
};
use crate::tasks::{Item, Metric, Scoring, Spec};

pub use compare::{CompareError, Comparisons, TaskComparison, compare};
pub use options::{Options, ScoreError, Scorer};
pub use result::{ClassRow, DomainAverage, Rates, Scored, ScoredRow, TaskResult};
use row::{Rules, Unscored};

/// Scores the predictions of a task.
///
/// Rows that cannot be scored are listed and left out of every number; a null answer is listed and wrong.
///
/// ```
/// use evaluation::scoring::{Options, score};
/// let line = r#"{"id":"1","prediction":"Yes.","label":"yes","answer_type":"CLOSED"}"#;
/// let row: corpus::Prediction = serde_json::from_str(line).expect("a prediction");
/// let task = evaluation::tasks::find("slake").expect("built in");
/// let scored = score(&task, vec![row], Vec::new(), &Options::default()).expect("can be scored");
/// assert_eq!(scored.result.metrics["closed_accuracy"], 100.0);
/// ```
pub fn score(
    task: &Spec,
    rows: Vec<Prediction>,
    mut problems: Vec<Problem>,
    options: &Options,
) -> Result<Scored, ScoreError> {
    if options.scorer == Scorer::Reference && !task.reference {
        return Err(ScoreError::NoReference {
            task: task.id.clone(),
        });
    }
    let mut names = options.names.clone().unwrap_or_else(|| task.names.clone());
    names.retain(|name| !task.ignored.contains(name));
    if names.is_empty() && matches!(task.scoring, Scoring::Class | Scoring::List) {
        return Err(ScoreError::NoNames {
            task: task.id.clone(),
        });
    }
    let found = rows.len();
    // The reference draws by the position in the published order, which is the file's order if nothing else is said.
    let in_order = rows.into_iter().enumerate().map(|(at, row)| Prediction {
        index: row.index.or(Some(at)),
        ..row
    });
    let rows = known(
        in_order.collect(),
        options.expected.as_deref(),
        &mut problems,
    );
    let rules = Rules::new(task, names, options);
    let mut scored = Vec::with_capacity(rows.len());
    for prediction in rows {
        match rules.score(&prediction, &mut problems) {
            Ok(row) => scored.push((prediction, row)),
            Err(Unscored { reason, detail }) => {
                problems.push(Problem::new(&prediction.id, reason, &detail));
            }
        }
    }
    if scored.is_empty() {
        // What keeps rows from being scored; what else is odd about them does not.
        let fatal = problems.iter().filter(|p| !p.reason.is_scored()).cloned();
        let fatal: Vec<Problem> = fatal.collect();
        let why = match sentences(if fatal.is_empty() { &problems } else { &fatal }) {
            none if none.is_empty() => "the file is empty".to_owned(),
            some => some.join("\n  "),
        };
        return Err(ScoreError::Nothing {
            task: task.id.clone(),
            found,
            why,
        });
    }
    summarise(task, &rules, scored, problems, options)
}

/// Scores what a generator wrote for items, strictly. An item without a completion counts as not answered, and so as wrong.
///
/// ```
/// use evaluation::tasks::{FileMetric, Item};
/// let items = ["soup", "stew"].map(|name| Item::new(name, vec![], "What is it?", name));
/// let line = r#"{"id":"soup","text":" Soup.","finish_reason":"stop","prompt_tokens":9,"completion_tokens":3}"#;
/// let written = [serde_json::from_str(line)?];
/// let found = evaluation::scoring::score_completions(&FileMetric::ExactMatch.task("name"), &items, &written)?;
/// assert_eq!((found.result.metrics["accuracy"], found.result.rates.empty), (50.0, 50.0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn score_completions(
    task: &Spec,
    items: &[Item],
    completions: &[Completion],
) -> Result<Scored, ScoreError> {
    let written: HashMap<&str, &Completion> =
        completions.iter().map(|c| (c.id.as_str(), c)).collect();
    let rows = items
        .iter()
        .map(|item| match written.get(item.id.as_str()) {
            Some(completion) => item.completed(completion),
            None => item.answered(None),
        });
    score(task, rows.collect(), Vec::new(), &Options::default())
}

/// Leaves out rows that the benchmark does not know and lists the items that have no row.
fn known(
    rows: Vec<Prediction>,
    expected: Option<&[String]>,
    problems: &mut Vec<Problem>,
) -> Vec<Prediction> {
    let mut seen = HashSet::new();
    let expected_ids: Option<HashSet<&String>> = expected.map(|ids| ids.iter().collect());
    let kept: Vec<Prediction> = rows
        .into_iter()
        .filter(|row| {
            let problem = if expected_ids
                .as_ref()
                .is_some_and(|ids| !ids.contains(&row.id))
            {
                Problem::new(
                    &row.id,
                    Reason::UnknownId,
                    "the benchmark has no item with this id",
                )
            } else if !seen.insert(row.id.clone()) {
                Problem::new(
                    &row.id,
                    Reason::DuplicateId,
                    "an earlier row has this id; the first one counts",
                )
            } else {
                return true;
            };
            problems.push(problem);
            false
        })
        .collect();
    for id in expected
        .unwrap_or_default()
        .iter()
        .filter(|id| !seen.contains(*id))
    {
        problems.push(Problem::new(
            id,
            Reason::MissingId,
            "the file has no prediction for this item; it is left out",
        ));
    }
    kept
}

fn summarise(
    task: &Spec,
    rules: &Rules,
    scored: Vec<(Prediction, row::RowScore)>,
    problems: Vec<Problem>,
    options: &Options,
) -> Result<Scored, ScoreError> {
    let keys: Vec<String> = scored
        .iter()
        .map(|(prediction, _)| cluster_of(prediction))
        .collect();
    let bootstrap = Bootstrap::new(options.seed);
    let mut by_metric: BTreeMap<&str, (Vec<f64>, Vec<&str>)> = BTreeMap::new();
    for ((_, row), key) in scored.iter().zip(&keys) {
        for &(metric, value) in &row.values {
            let column = by_metric.entry(metric).or_default();
            column.0.push(value);
            column.1.push(key);
        }
    }
    let (mut metrics, mut intervals, mut counts) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (metric, (values, keys)) in by_metric {
        let found = interval(&values, &Clusters::new(&keys), &bootstrap)?;
        metrics.insert(metric.to_owned(), found.mean);
        intervals.insert(metric.to_owned(), [found.low, found.high]);
        counts.insert(metric.to_owned(), values.len());
    }
    if task.scoring == Scoring::Text && options.scorer == Scorer::Strict {
        metrics.extend(corpus_metrics(&scored));
    }
    let points: Vec<f64> = scored.iter().map(|(_, row)| row.score.value).collect();
    let mut breakdowns = BTreeMap::new();
    for key in std::iter::once("answer_type").chain(options.breakdowns.iter().map(String::as_str)) {
        let values: Vec<Option<String>> = scored
            .iter()
            .map(|(prediction, row)| value_of(prediction, row, key))
            .collect();
        let groups = breakdown(&points, &values, &keys, options.seed)?;
        if !groups.is_empty() {
            breakdowns.insert(key.to_owned(), groups);
        }
    }
    let majority = baseline::majority_scores(rules, &scored);
    let clusters = Clusters::new(&keys).count();
    let closed = counts.get(Metric::ClosedAccuracy.name()).copied();
    let closed = closed.unwrap_or_default();
    let few_or_many = task.count_warning(scored.len());
    let other = few_or_many.or_else(|| task.split_warning(scored.len() - closed, closed));
    let mut warnings: Vec<String> = other.into_iter().collect();
    if keys
        .iter()
        .zip(&scored)
        .all(|(key, (prediction, _))| *key == prediction.id)
        && scored.len() > 1
    {
        warnings.push("no row says which picture it is about; intervals take every row for a picture of its own".to_owned());
    }
    warnings.extend(few_clusters(clusters));
    let result = TaskResult {
        task: task.id.clone(),
        scorer: options.scorer,
        version: task.version,
        n: scored.len(),
        clusters,
        too_few: clusters < FEW,
        metrics,
        intervals,
        counts,
        majority: baseline::means(&majority, &scored),
        rates: Rates::of(&scored),
        breakdowns,
        classes: classes(rules, &scored),
        problems,
        warnings,
        method: format!(
            "95 % intervals: {INTERVAL_METHOD}, {} resamples",
            bootstrap.resamples
        ),
    };
    let rows = scored.into_iter().zip(keys).zip(majority).map(
        |(((prediction, row), cluster), majority)| {
            ScoredRow::new(prediction, &row, cluster, majority)
        },
    );
    Ok(Scored {
        result,
        rows: rows.collect(),
    })
}

/// The picture, the `cluster` key, or the row itself.
fn cluster_of(prediction: &Prediction) -> String {
    let image = || {
        prediction
            .meta
            .get("image")
            .and_then(|value| value.as_str())
            .map(str::to_owned)
    };
    prediction
        .cluster
        .clone()
        .or_else(image)
        .unwrap_or_else(|| prediction.id.clone())
}

fn value_of(prediction: &Prediction, row: &row::RowScore, key: &str) -> Option<String> {
    if key == "answer_type" {
        return row.answer_type.map(str::to_owned);
    }
    let value = prediction.meta.get(key)?;
    Some(
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned),
    )
}

/// BLEU-4 over all rows, and ten times CIDEr, so that both are 0 to 100.
fn corpus_metrics(scored: &[(Prediction, row::RowScore)]) -> [(String, f64); 2] {
    let items: Vec<(&str, Vec<&str>)> = scored
        .iter()
        .map(|(prediction, _)| {
            (
                prediction.prediction.as_deref().unwrap_or_default(),
                labels::texts(&prediction.label),
            )
        })
        .collect();
    let mut bleu = Bleu::default();
    for (prediction, labels) in &items {
        bleu.add(&Bleu::new(prediction, labels));
    }
    let cider = cider(&items);
    let mean = cider.iter().sum::<f64>() / cider.len() as f64;
    [
        ("bleu_4".to_owned(), bleu.corpus()),
        ("cider".to_owned(), 10.0 * mean),
    ]
}

fn classes(rules: &Rules, scored: &[(Prediction, row::RowScore)]) -> Vec<ClassRow> {
    let Some(names) = rules.classes() else {
        return Vec::new();
    };
    let mut confusion = Confusion::new(names.len());
    for (truth, given) in scored
        .iter()
        .filter_map(|(_, row)| Some((row.truth?, row.given)))
    {
        confusion.add(truth, given);
    }
    let taken_for = |class: usize| {
        let row = &confusion.counts()[class];
        let others = row
            .iter()
            .take(names.len())
            .enumerate()
            .filter(|&(other, n)| other != class && *n > 0);
        others
            .map(|(other, n)| (names[other].clone(), *n))
            .collect::<BTreeMap<String, usize>>()
    };
    let unreadable = |class: usize| confusion.counts()[class][names.len()];
    let all = confusion.classes().into_iter().enumerate();
    all.map(|(class, score)| ClassRow {
        name: names[class].clone(),
        score,
        unreadable: unreadable(class),
        taken_for: taken_for(class),
    })
    .collect()
}
