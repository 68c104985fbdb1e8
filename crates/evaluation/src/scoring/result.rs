//! What scoring gives.

use std::collections::BTreeMap;

use corpus::{Label, Prediction};
use serde::{Deserialize, Serialize};

use super::options::Scorer;
use super::row::RowScore;
use crate::metrics::ClassScore;
use crate::predictions::Problem;
use crate::statistics::Group;
use crate::tasks::columns;

/// A task's scores with all that is needed to judge them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// The task.
    pub task: String,
    /// The scorer.
    pub scorer: Scorer,
    /// Version of prompt and scoring; scores of different versions are not to be compared.
    pub version: u32,
    /// How many predictions have a score.
    pub n: usize,
    /// How many clusters they lie in.
    pub clusters: usize,
    /// Whether those are too few for the intervals to mean much.
    pub too_few: bool,
    /// Each metric, 0 to 100.
    pub metrics: BTreeMap<String, f64>,
    /// 95 % interval of each metric that is a mean over predictions.
    pub intervals: BTreeMap<String, [f64; 2]>,
    /// How many predictions each of them is a mean of.
    pub counts: BTreeMap<String, usize>,
    /// What always giving the most frequent label scores, or, of options, guessing if that is better; empty where there
    /// is no such thing.
    pub majority: BTreeMap<String, f64>,
    /// Answers that are no good whatever they say.
    pub rates: Rates,
    /// Mean scores by answer type and by the keys that were asked for.
    pub breakdowns: BTreeMap<String, Vec<Group>>,
    /// Each class of a classification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassRow>,
    /// Rows that were left out or need a look.
    pub problems: Vec<Problem>,
    /// What a reader must know before using the numbers.
    pub warnings: Vec<String>,
    /// How the intervals are made.
    pub method: String,
}

/// Shares of all scored predictions, 0 to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// No answer could be read (of the reference's choices: it was drawn by lot).
    pub unreadable: f64,
    /// Nothing but white space, or null.
    pub empty: f64,
    /// Ended by the limit of tokens, where the row's `finish_reason` says.
    pub cut_off: f64,
}

impl Rates {
    pub(super) fn of(scored: &[(Prediction, RowScore)]) -> Self {
        let share = |is: &dyn Fn(&Prediction, &RowScore) -> bool| {
            let count = scored
                .iter()
                .filter(|(prediction, row)| is(prediction, row))
                .count();
            100.0 * count as f64 / scored.len().max(1) as f64
        };
        let ended = |prediction: &Prediction, how: &str| {
            prediction
                .meta
                .get("finish_reason")
                .and_then(|reason| reason.as_str())
                == Some(how)
        };
        Self {
            unreadable: share(&|_, row| row.score.unreadable),
            empty: share(&|prediction, _| {
                prediction
                    .prediction
                    .as_deref()
                    .is_none_or(|text| text.trim().is_empty())
            }),
            cut_off: share(&|prediction, _| ended(prediction, "length")),
        }
    }
}

/// A class with what it was taken for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassRow {
    /// The class.
    pub name: String,
    /// Items, precision, recall and F1.
    #[serde(flatten)]
    pub score: ClassScore,
    /// Items whose answer could not be read.
    pub unreadable: usize,
    /// How often an item of the class was given another one.
    pub taken_for: BTreeMap<String, usize>,
}

/// A prediction with its score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoredRow {
    /// The item.
    pub id: String,
    /// What it is resampled with.
    pub cluster: String,
    /// The metric that the score counts for.
    pub metric: String,
    /// 0 to 100.
    pub score: f64,
    /// Whether no answer could be read.
    pub unreadable: bool,
    /// What the best constant answer scores here (`TaskResult::majority` is the mean of it).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub majority: Option<f64>,
    /// What the model wrote.
    pub prediction: Option<String>,
    /// The truth.
    pub label: Label,
    /// What was asked, where the row says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub question: Option<String>,
    /// The picture, where the row says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

impl ScoredRow {
    pub(super) fn new(
        prediction: Prediction,
        row: &RowScore,
        cluster: String,
        majority: Option<f64>,
    ) -> Self {
        let text = |keys: &[&str]| {
            keys.iter()
                .find_map(|key| prediction.meta.get(*key)?.as_str())
                .map(str::to_owned)
        };
        Self {
            question: text(&["question", "input", "prompt"]),
            image: text(&["image", "image_path", "img_name"]),
            id: prediction.id,
            cluster,
            metric: row.metric.name().to_owned(),
            score: row.score.value,
            unreadable: row.score.unreadable,
            majority,
            prediction: prediction.prediction,
            label: prediction.label,
        }
    }
}

/// The numbers of a task and the rows that they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// The numbers.
    pub result: TaskResult,
    /// Each row that has a score, in the order of the file.
    pub rows: Vec<ScoredRow>,
}

/// The mean over a domain's columns, as the paper's tables have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DomainAverage {
    /// The domain.
    pub domain: String,
    /// The columns: task, metric and score; null where a task was not scored.
    pub columns: Vec<(String, String, Option<f64>)>,
    /// The mean over all columns; null while one is missing.
    pub mean: Option<f64>,
}

impl DomainAverage {
    /// The average of a built-in domain over results of one scorer.
    ///
    /// ```
    /// let average = evaluation::scoring::DomainAverage::new(evaluation::tasks::FOOD, &[]);
    /// assert_eq!((average.columns.len(), average.mean), (4, None));
    /// ```
    pub fn new(domain: &str, results: &[TaskResult]) -> Self {
        let score = |task: &str, metric: &str| {
            results
                .iter()
                .find(|result| result.task == task)
                .and_then(|result| result.metrics.get(metric))
                .copied()
        };
        let columns: Vec<(String, String, Option<f64>)> = columns(domain)
            .into_iter()
            .map(|(task, metric)| {
                let value = score(&task, metric.name());
                (task, metric.name().to_owned(), value)
            })
            .collect();
        let values: Option<Vec<f64>> = columns.iter().map(|(.., value)| *value).collect();
        let mean = values
            .filter(|v| !v.is_empty())
            .map(|v| v.iter().sum::<f64>() / v.len() as f64);
        Self {
            domain: domain.to_owned(),
            columns,
            mean,
        }
    }
}
