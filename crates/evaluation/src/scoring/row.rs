//! One prediction, one score.

use corpus::{Label, Prediction};

use super::labels;
use super::options::{Options, Scorer};
use crate::metrics::{
    Choices, Names, Score, conclusion, exact_match, list_overlap, rouge_l_best, short_answer,
    token_overlap, yes_no,
};
use crate::predictions::{Problem, Reason};
use crate::reference::{self, ListMetric};
use crate::tasks::{Extraction, Metric, Scoring, Spec};

/// Options that the published multiple-choice data has.
const PUBLISHED_OPTIONS: usize = 4;

/// A row that has no score.
pub(super) struct Unscored {
    pub reason: Reason,
    pub detail: String,
}

impl Unscored {
    fn new(reason: Reason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }
}

/// What a row is worth.
#[derive(Clone, Debug)]
pub(super) struct RowScore {
    /// The score that counts for the row.
    pub score: Score,
    /// Its metric.
    pub metric: Metric,
    /// Every metric of the row.
    pub values: Vec<(&'static str, f64)>,
    /// `OPEN` or `CLOSED`, given or taken from the label.
    pub answer_type: Option<&'static str>,
    /// The true class.
    pub truth: Option<usize>,
    /// The class that was read.
    pub given: Option<usize>,
}

impl RowScore {
    fn new(metric: Metric, score: Score) -> Self {
        let values = vec![(metric.name(), score.value)];
        Self {
            score,
            metric,
            values,
            answer_type: None,
            truth: None,
            given: None,
        }
    }

    fn with(mut self, values: &[(&'static str, f64)]) -> Self {
        self.values.extend_from_slice(values);
        self
    }

    /// Wrong by every metric.
    fn without_answer(self) -> Self {
        let values = self
            .values
            .into_iter()
            .map(|(metric, _)| (metric, 0.0))
            .collect();
        Self {
            score: Score::UNREADABLE,
            values,
            given: None,
            ..self
        }
    }
}

/// How rows of one task are scored.
pub(super) struct Rules {
    scoring: Scoring,
    scorer: Scorer,
    /// Whether the data has a published form.
    is_published: bool,
    list_metric: ListMetric,
    extraction: Extraction,
    names: Vec<String>,
    found_as: Names,
    /// Names with their numbers as keys, as the published parser has them.
    keyed: reference::Options,
}

impl Rules {
    pub fn new(task: &Spec, names: Vec<String>, options: &Options) -> Self {
        let list_metric = if task.metrics.contains(&Metric::F1) {
            ListMetric::F1
        } else {
            ListMetric::Recall
        };
        let keyed: Vec<(String, String)> = names
            .iter()
            .enumerate()
            .map(|(id, name)| (id.to_string(), name.replace('_', " ")))
            .collect();
        Self {
            scoring: task.scoring,
            scorer: options.scorer,
            is_published: task.reference,
            list_metric,
            extraction: options.extraction.clone(),
            found_as: Names::new(&names),
            names,
            keyed: reference::Options::new(&keyed),
        }
    }

    /// The classes of a classification.
    pub fn classes(&self) -> Option<&[String]> {
        (self.scoring == Scoring::Class).then_some(&self.names)
    }

    /// The score of a row. A null answer is listed and wrong, though the published code stops at most of them.
    pub fn score(
        &self,
        row: &Prediction,
        problems: &mut Vec<Problem>,
    ) -> Result<RowScore, Unscored> {
        let text = row.prediction.as_deref();
        let answer = match self.scorer {
            Scorer::Strict => text.and_then(|text| self.extraction.apply(text)),
            // The published code takes what the model wrote as it stands, with any blank at its ends.
            Scorer::Reference => text,
        };
        let scored = self.conclude(row, answer, problems)?;
        if text.is_none() {
            let detail = "the prediction is null; it counts as wrong";
            problems.push(Problem::new(&row.id, Reason::NoAnswer, detail));
        }
        Ok(scored)
    }

    /// The score of an answer on its conclusion, if that can be read, else on all of it. The published rules know no
    /// conclusions.
    fn conclude(
        &self,
        row: &Prediction,
        answer: Option<&str>,
        problems: &mut Vec<Problem>,
    ) -> Result<RowScore, Unscored> {
        if let (Scorer::Strict, Some(text)) = (self.scorer, answer) {
            let conclusion = conclusion(text);
            if conclusion.len() < text.len() {
                let mut found = Vec::new();
                let scored = self.score_answer(row, Some(conclusion), &mut found)?;
                if !scored.score.unreadable {
                    problems.extend(found);
                    return Ok(scored);
                }
            }
        }
        self.score_answer(row, answer, problems)
    }

    /// The option that a row's label names, as its letter, and how many options there are.
    pub fn labelled_letter(&self, row: &Prediction) -> Option<(String, usize)> {
        if self.scoring != Scoring::Choice {
            return None;
        }
        let choices = Choices::from_record(row.choices.as_ref()?).ok()?;
        let option = choices.find_label(labels::one(&row.label)?)?;
        Some((choices.letter(option).to_owned(), choices.count()))
    }

    /// The score of an answer to a row's question; no answer is wrong by every metric.
    pub fn score_answer(
        &self,
        row: &Prediction,
        answer: Option<&str>,
        problems: &mut Vec<Problem>,
    ) -> Result<RowScore, Unscored> {
        let text = answer.unwrap_or_default();
        let scored = match self.scoring {
            Scoring::Vqa => self.vqa(row, text, problems),
            Scoring::Choice => self.choice(row, text, problems),
            Scoring::Class => self.class(row, text),
            Scoring::List => self.list(row, text),
            Scoring::Text => self.text(row, text),
            Scoring::Short => self.short(row, text),
            Scoring::Exact => Self::exact(row, text),
        }?;
        Ok(if answer.is_none() {
            scored.without_answer()
        } else {
            scored
        })
    }

    fn vqa(
        &self,
        row: &Prediction,
        answer: &str,
        problems: &mut Vec<Problem>,
    ) -> Result<RowScore, Unscored> {
        let label = one_text(row)?;
        let closed_label = yes_no("", label).is_some();
        let closed = match row
            .answer_type
            .as_deref()
            .map(str::trim)
            .map(str::to_uppercase)
            .as_deref()
        {
            Some("CLOSED") => true,
            Some("OPEN") => false,
            Some(other) => {
                let detail = format!("`answer_type` is `{other}`, expected `OPEN` or `CLOSED`");
                return Err(Unscored::new(Reason::Label, detail));
            }
            None => {
                let kind = if closed_label { "CLOSED" } else { "OPEN" };
                let detail = format!("`answer_type` is missing; taken for {kind} by its label");
                problems.push(Problem::new(&row.id, Reason::NoAnswerType, &detail));
                closed_label
            }
        };
        if closed && !closed_label {
            let detail = format!(
                "the closed label `{label}` is neither yes nor no; the reference can hardly score it"
            );
            problems.push(Problem::new(&row.id, Reason::ClosedLabel, &detail));
        }
        let reference = self.scorer == Scorer::Reference;
        let scored = match (closed, reference) {
            (true, true) => RowScore::new(
                Metric::ClosedAccuracy,
                Score::hit(reference::closed(answer, label)),
            ),
            (true, false) => {
                let score = yes_no(answer, label).unwrap_or_else(|| exact_match(answer, label));
                RowScore::new(Metric::ClosedAccuracy, score)
            }
            (false, true) => RowScore::new(
                Metric::Recall,
                Score::fraction(reference::open_recall(answer, label)),
            ),
            (false, false) => {
                let overlap = token_overlap(answer, label);
                let exact = exact_match(answer, label);
                let score = Score {
                    unreadable: exact.unreadable,
                    ..Score::fraction(overlap.recall)
                };
                RowScore::new(Metric::Recall, score).with(&[
                    ("open_precision", 100.0 * overlap.precision),
                    ("open_f1", 100.0 * overlap.f1),
                    ("open_exact_match", exact.value),
                ])
            }
        };
        Ok(RowScore {
            answer_type: Some(if closed { "CLOSED" } else { "OPEN" }),
            ..scored
        })
    }

    fn choice(
        &self,
        row: &Prediction,
        answer: &str,
        problems: &mut Vec<Problem>,
    ) -> Result<RowScore, Unscored> {
        let label = one_text(row)?;
        let options = row
            .choices
            .as_ref()
            .ok_or_else(|| Unscored::new(Reason::Options, "the row has no options"))?;
        let choices = Choices::from_record(options)
            .map_err(|e| Unscored::new(Reason::Options, e.to_string()))?;
        let truth = choices.find_label(label).ok_or_else(|| {
            Unscored::new(
                Reason::Label,
                format!("the label `{label}` is neither a letter nor a text of the options"),
            )
        })?;
        if self.is_published && choices.count() < PUBLISHED_OPTIONS {
            let detail = format!(
                "{} options, the published data has {PUBLISHED_OPTIONS}",
                choices.count()
            );
            problems.push(Problem::new(&row.id, Reason::FewOptions, &detail));
        }
        let score = if self.scorer == Scorer::Reference {
            let options: Vec<(&str, &str)> = options
                .iter()
                .map(|(letter, text)| (letter.as_str(), text.as_str().unwrap_or_default()))
                .collect();
            let chosen = reference::choice(answer, &options, row.index.unwrap_or_default());
            Score {
                unreadable: chosen.drawn,
                ..Score::hit(chosen.option == truth)
            }
        } else {
            Score::read(choices.read(answer), &truth)
        };
        Ok(RowScore::new(Metric::Accuracy, score))
    }

    fn class(&self, row: &Prediction, answer: &str) -> Result<RowScore, Unscored> {
        let label = one_text(row)?;
        let truth = self
            .found_as
            .position(label)
            .ok_or_else(|| self.not_a_name(label))?;
        let (score, given) = if self.scorer == Scorer::Reference {
            let chosen = self.keyed.read(answer, row.index.unwrap_or_default());
            (
                Score {
                    unreadable: chosen.drawn,
                    ..Score::hit(chosen.option == truth)
                },
                Some(chosen.option),
            )
        } else {
            let given = self.found_as.read(answer);
            (Score::read(given, &truth), given)
        };
        Ok(RowScore {
            truth: Some(truth),
            given,
            ..RowScore::new(Metric::Accuracy, score)
        })
    }

    fn list(&self, row: &Prediction, answer: &str) -> Result<RowScore, Unscored> {
        let labels = labels::names(&row.label, |text| self.found_as.position(text).is_some());
        let metric = if self.list_metric == ListMetric::F1 {
            Metric::F1
        } else {
            Metric::Recall
        };
        let unknown = || {
            let first = labels
                .iter()
                .find(|label| self.found_as.position(label).is_none());
            self.not_a_name(first.map_or("", String::as_str))
        };
        if self.scorer == Scorer::Reference {
            let score = reference::list_score(self.list_metric, &labels, &self.names, answer)
                .ok_or_else(unknown)?;
            return Ok(RowScore::new(metric, Score::fraction(score)));
        }
        let overlap = list_overlap(answer, &self.found_as, &labels).ok_or_else(unknown)?;
        let nothing = self.found_as.find(answer).is_empty() && !labels.is_empty();
        let values = [
            ("precision", overlap.precision),
            ("recall", overlap.recall),
            ("f1", overlap.f1),
        ];
        let main = if metric == Metric::F1 {
            overlap.f1
        } else {
            overlap.recall
        };
        let score = Score {
            unreadable: nothing,
            ..Score::fraction(main)
        };
        let others: Vec<(&str, f64)> = values
            .into_iter()
            .filter(|(name, _)| *name != metric.name())
            .map(|(name, v)| (name, 100.0 * v))
            .collect();
        Ok(RowScore::new(metric, score).with(&others))
    }

    fn text(&self, row: &Prediction, answer: &str) -> Result<RowScore, Unscored> {
        if self.scorer == Scorer::Reference {
            let f = reference::rouge_l(answer, one_text(row)?).unwrap_or(0.0);
            return Ok(RowScore::new(Metric::RougeL, Score::fraction(f)));
        }
        let texts = labels::texts(&row.label);
        let rouge = rouge_l_best(answer, &texts)
            .ok_or_else(|| Unscored::new(Reason::Label, "the label is an empty list"))?;
        let score = Score {
            unreadable: answer.trim().is_empty(),
            ..Score::fraction(rouge.f1)
        };
        Ok(RowScore::new(Metric::RougeL, score).with(&[
            ("rouge_l_precision", 100.0 * rouge.precision),
            ("rouge_l_recall", 100.0 * rouge.recall),
        ]))
    }

    fn short(&self, row: &Prediction, answer: &str) -> Result<RowScore, Unscored> {
        let score = short_answer(answer, one_text(row)?, &self.found_as);
        Ok(RowScore::new(Metric::Accuracy, score))
    }

    /// Any of several labels will do.
    fn exact(row: &Prediction, answer: &str) -> Result<RowScore, Unscored> {
        let scores = labels::texts(&row.label)
            .into_iter()
            .map(|label| exact_match(answer, label));
        let best = scores.reduce(|best, other| {
            if other.value > best.value {
                other
            } else {
                best
            }
        });
        let score =
            best.ok_or_else(|| Unscored::new(Reason::Label, "the label is an empty list"))?;
        Ok(RowScore::new(Metric::Accuracy, score))
    }

    fn not_a_name(&self, label: &str) -> Unscored {
        Unscored::new(
            Reason::Label,
            format!(
                "the label `{label}` is none of the task's {} names",
                self.names.len()
            ),
        )
    }
}

fn one_text(row: &Prediction) -> Result<&str, Unscored> {
    labels::one(&row.label).ok_or_else(|| {
        let count = match &row.label {
            Label::Text(_) => 1,
            Label::List(texts) => texts.len(),
        };
        Unscored::new(
            Reason::Label,
            format!("the label is a list of {count} where one text is expected"),
        )
    })
}
