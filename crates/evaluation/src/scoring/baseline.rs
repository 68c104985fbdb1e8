//! What always giving the most frequent answer would score.

use std::collections::BTreeMap;

use corpus::{Label, Prediction};

use super::labels;
use super::row::{RowScore, Rules};
use crate::task_score::majority;
use crate::tasks::Metric;

/// Each row's score on an answer sheet that has the most frequent label everywhere, open and closed questions apart. Of
/// options the most frequent letter counts, or one option of all drawn by lot, whichever is better.
///
/// The label is the test set's own, so that this is the best constant answer and not a guess. Free texts have none.
pub(super) fn majority_scores(
    rules: &Rules,
    scored: &[(Prediction, RowScore)],
) -> Vec<Option<f64>> {
    let mut out = vec![None; scored.len()];
    let mut by_metric: BTreeMap<Metric, Vec<usize>> = BTreeMap::new();
    for (at, (_, row)) in scored.iter().enumerate() {
        if row.metric != Metric::RougeL {
            by_metric.entry(row.metric).or_default().push(at);
        }
    }
    for places in by_metric.into_values() {
        let of_options = places
            .iter()
            .map(|&at| rules.labelled_letter(&scored[at].0))
            .collect::<Option<Vec<_>>>();
        let answers: Vec<String> = match &of_options {
            Some(letters) => letters.iter().map(|(letter, _)| letter.clone()).collect(),
            None => places.iter().map(|&at| answer_of(&scored[at].0)).collect(),
        };
        let Some((answer, _)) = majority(&answers) else {
            continue;
        };
        let score = |at: usize| {
            rules
                .score_answer(&scored[at].0, Some(answer), &mut Vec::new())
                .map_or(0.0, |row| row.score.value)
        };
        let mut constant: Vec<f64> = places.iter().map(|&at| score(at)).collect();
        if let Some(letters) = of_options {
            let guesses: Vec<f64> = letters.iter().map(|(_, n)| 100.0 / *n as f64).collect();
            if guesses.iter().sum::<f64>() > constant.iter().sum::<f64>() {
                constant = guesses;
            }
        }
        for (at, score) in places.into_iter().zip(constant) {
            out[at] = Some(score);
        }
    }
    out
}

/// The mean for each metric.
pub(super) fn means(
    majority: &[Option<f64>],
    scored: &[(Prediction, RowScore)],
) -> BTreeMap<String, f64> {
    let mut sums: BTreeMap<&str, (f64, usize)> = BTreeMap::new();
    for ((_, row), score) in scored.iter().zip(majority) {
        if let Some(score) = score {
            let sum = sums.entry(row.metric.name()).or_default();
            *sum = (sum.0 + score, sum.1 + 1);
        }
    }
    let mean = |(metric, (sum, n)): (&str, (f64, usize))| (metric.to_owned(), sum / n as f64);
    sums.into_iter().map(mean).collect()
}

/// A label as an answer.
fn answer_of(row: &Prediction) -> String {
    match &row.label {
        Label::Text(text) => text.clone(),
        Label::List(_) => labels::texts(&row.label).join(", "),
    }
}
