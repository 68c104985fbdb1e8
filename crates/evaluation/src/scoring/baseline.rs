//! What always giving the most frequent answer would score.

use std::collections::BTreeMap;

use corpus::{Label, Prediction};

use super::labels;
use super::row::{RowScore, Rules};
use crate::task_score::majority;
use crate::tasks::Metric;

/// Each metric of an answer sheet that has the most frequent label everywhere, open and closed questions apart.
///
/// The label is the test set's own, so that this is the best constant answer and not a guess. Free texts have none.
pub(super) fn majority_scores(
    rules: &Rules,
    scored: &[(Prediction, RowScore)],
) -> BTreeMap<String, f64> {
    let mut metrics: Vec<Metric> = scored.iter().map(|(_, row)| row.metric).collect();
    metrics.sort_unstable();
    metrics.dedup();
    let mut found = BTreeMap::new();
    for metric in metrics
        .into_iter()
        .filter(|&metric| metric != Metric::RougeL)
    {
        let rows: Vec<&Prediction> = scored
            .iter()
            .filter(|(_, row)| row.metric == metric)
            .map(|(prediction, _)| prediction)
            .collect();
        let answers: Vec<String> = rows.iter().map(|row| answer_of(row)).collect();
        let Some((answer, _)) = majority(&answers) else {
            continue;
        };
        let score = |row: &&Prediction| {
            rules
                .score_answer(row, Some(answer), &mut Vec::new())
                .map_or(0.0, |row| row.score.value)
        };
        found.insert(
            metric.name().to_owned(),
            rows.iter().map(score).sum::<f64>() / rows.len() as f64,
        );
    }
    found
}

/// A label as an answer.
fn answer_of(row: &Prediction) -> String {
    match &row.label {
        Label::Text(text) => text.clone(),
        Label::List(_) => labels::texts(&row.label).join(", "),
    }
}
