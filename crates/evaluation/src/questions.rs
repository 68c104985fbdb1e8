//! Questions of a run's own task files: what a model is asked and how its answer is scored.

use std::path::PathBuf;

use corpus::{Completion, Decoding, Label, Open, Prediction, Request, Role, Turn};
use serde::{Deserialize, Serialize};
use serde_json::Map;

use crate::metrics;
use crate::task_score::majority;

/// How an answer is scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricName {
    /// The whole answer after normalisation.
    ExactMatch,
    /// Yes or no as a word.
    YesNo,
    /// One of the item's choices.
    Choice,
    /// ROUGE-L F1.
    RougeL,
}

impl MetricName {
    /// The name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExactMatch => "exact match",
            Self::YesNo | Self::Choice => "accuracy",
            Self::RougeL => "ROUGE-L",
        }
    }
}

/// One question of a task file (`<task>.jsonl`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Unique within the task.
    pub id: String,
    /// The pictures, before the question.
    pub images: Vec<PathBuf>,
    /// The question.
    pub question: String,
    /// The right answer.
    pub label: String,
    /// How it is scored.
    pub metric: MetricName,
    /// What intervals resample.
    pub cluster: String,
    /// The options of a choice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
}

/// Scores of one answer sheet.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// One an item.
    pub predictions: Vec<Prediction>,
    /// 0 to 100, one an item.
    pub scores: Vec<f64>,
}

/// What a model is asked, on the item's pictures or on blank ones.
pub fn request(item: &Item, blank: Option<&PathBuf>) -> Request {
    let marks = corpus::image_marks(item.images.len());
    let images = match blank {
        Some(blank) => vec![blank.clone(); item.images.len()],
        None => item.images.clone(),
    };
    let max_new_tokens = if item.metric == MetricName::RougeL {
        256
    } else {
        32
    };
    Request {
        id: item.id.clone(),
        images,
        turns: vec![Turn::new(Role::User, format!("{marks}{}", item.question)).with_marks()],
        open: Open::Assistant,
        prompt: None,
        decoding: Decoding {
            max_new_tokens,
            ..Decoding::default()
        },
    }
}

/// Scores completions strictly: what cannot be read is wrong, and counted.
pub fn score(items: &[Item], completions: &[Completion]) -> Sheet {
    let mut sheet = Sheet {
        predictions: Vec::new(),
        scores: Vec::new(),
    };
    for (item, completion) in items.iter().zip(completions) {
        let text = completion.text.trim();
        let answer = final_answer(text);
        let found = match item.metric {
            MetricName::ExactMatch => Some(metrics::exact_match(answer, &item.label)),
            MetricName::YesNo => metrics::yes_no(answer, &item.label),
            MetricName::Choice => metrics::Choices::lettered(&item.choices)
                .ok()
                .and_then(|choices| metrics::choice(answer, &choices, &item.label)),
            MetricName::RougeL => Some(metrics::Score {
                value: metrics::rouge_l(text, &item.label).f1 * 100.0,
                unreadable: text.is_empty(),
            }),
        };
        // A label that its own metric cannot read scores 0 for everybody.
        let (value, unreadable) = found.map_or((0.0, true), |s| (s.value, s.unreadable));
        sheet.scores.push(value);
        sheet.predictions.push(Prediction {
            id: item.id.clone(),
            prediction: Some(text.to_owned()),
            label: Label::Text(item.label.clone()),
            answer_type: None,
            choices: None,
            cluster: Some(item.cluster.clone()),
            index: None,
            score: Some(value),
            unreadable: Some(unreadable),
            meta: Map::new(),
        });
    }
    sheet
}

/// The scores of always giving the most frequent answer, and of guessing where each item has options of its own; `None`
/// where answers are free text.
///
/// ```
/// use evaluation::questions::{Item, MetricName, majority_scores};
/// let item = |label: &str| Item {
///     id: label.to_owned(),
///     images: Vec::new(),
///     question: "Left or right?".to_owned(),
///     label: label.to_owned(),
///     metric: MetricName::ExactMatch,
///     cluster: label.to_owned(),
///     choices: Vec::new(),
/// };
/// let items = [item("right"), item("left"), item("right")];
/// assert_eq!(majority_scores(&items), Some(vec![100.0, 0.0, 100.0]));
/// ```
pub fn majority_scores(items: &[Item]) -> Option<Vec<f64>> {
    if items.iter().any(|i| !i.choices.is_empty()) {
        let guess = |item: &Item| 100.0 / item.choices.len().max(1) as f64;
        return Some(items.iter().map(guess).collect());
    }
    if items.iter().any(|i| i.metric == MetricName::RougeL) {
        return None;
    }
    let labels: Vec<&str> = items.iter().map(|i| i.label.as_str()).collect();
    let (answer, _) = majority(&labels)?;
    let score = |label: &&str| if *label == answer { 100.0 } else { 0.0 };
    Some(labels.iter().map(score).collect())
}

/// What stands after the last "the answer is", or the whole text: a reasoned response ends in its conclusion (paper,
/// figure 2). The same rule holds for every model.
fn final_answer(text: &str) -> &str {
    const SIGN: &str = "the answer is";
    text.rfind(SIGN).map_or(text, |at| {
        text[at + SIGN.len()..].trim_start_matches(':').trim()
    })
}

#[cfg(test)]
mod tests {
    use super::final_answer;

    #[test]
    fn reads_the_conclusion_of_a_reasoned_response() {
        for (text, expected) in [
            ("It is a stew. Therefore, the answer is soup", "soup"),
            ("the answer is a, no, the answer is: b.", "b."),
            ("soup", "soup"),
            ("", ""),
        ] {
            assert_eq!(final_answer(text), expected);
        }
    }
}
