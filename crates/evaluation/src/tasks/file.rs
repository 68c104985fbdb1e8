//! A task that is a file of questions and nothing more: `<task>.jsonl`, whose lines say how they are scored.

use std::path::Path;

use corpus::{Decoding, jsonl};
use serde::{Deserialize, Serialize};

use super::item::Item;
use super::spec::{Scoring, Spec};
use super::user::{Extraction, UserError, UserTask};

/// New tokens that an answer may have; the published evaluation's.
pub const ANSWER_TOKENS: usize = 1024;

/// How the questions of a file are scored: the key `metric` of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileMetric {
    /// The whole answer after normalisation.
    ExactMatch,
    /// Yes or no as a word.
    YesNo,
    /// One of the item's choices.
    Choice,
    /// ROUGE-L F1.
    RougeL,
}

impl FileMetric {
    /// Every metric.
    pub const ALL: [Self; 4] = [Self::ExactMatch, Self::YesNo, Self::Choice, Self::RougeL];

    /// The word of the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExactMatch => "exact_match",
            Self::YesNo => "yes_no",
            Self::Choice => "choice",
            Self::RougeL => "rouge_l",
        }
    }

    /// The way of scoring that it stands for.
    pub fn scoring(self) -> Scoring {
        match self {
            Self::ExactMatch => Scoring::Exact,
            Self::YesNo => Scoring::Short,
            Self::Choice => Scoring::Choice,
            Self::RougeL => Scoring::Text,
        }
    }

    /// A task of this name whose questions are asked as they stand.
    pub fn task(self, id: &str) -> Spec {
        let scoring = self.scoring();
        Spec {
            id: id.to_owned(),
            title: id.to_owned(),
            domain: "own".to_owned(),
            scoring,
            metrics: scoring.metrics().to_vec(),
            prompt: "{question}".to_owned(),
            decoding: Decoding {
                max_new_tokens: ANSWER_TOKENS,
                ..Decoding::default()
            },
            names: Vec::new(),
            ignored: Vec::new(),
            splits: Vec::new(),
            reference: false,
            version: 1,
            source: String::new(),
        }
    }
}

impl UserTask {
    /// The task of a file `<task>.jsonl` of items with `metric`: `exact_match`, `yes_no`, `choice` or `rouge_l`, the same
    /// in every line.
    pub fn of_items(path: &Path) -> Result<Self, UserError> {
        let wrong = |problem: String| UserError::Value {
            path: path.to_owned(),
            problem,
        };
        let (items, _) = jsonl::read_lenient::<Item>(path).map_err(|e| wrong(e.to_string()))?;
        let mut found: Option<FileMetric> = None;
        for item in &items {
            let metric = metric_of(item).map_err(wrong)?;
            match found {
                Some(before) if before != metric => {
                    return Err(wrong(format!(
                        "item `{}` is scored by `{}` and those before it by `{}`; a file is one task with one metric, so \
                         make a file of each",
                        item.id,
                        metric.name(),
                        before.name()
                    )));
                }
                _ => found = Some(metric),
            }
        }
        let Some(metric) = found else {
            return Err(wrong("it has no item that can be read".to_owned()));
        };
        let id = path.file_stem().unwrap_or_default().to_string_lossy();
        Ok(Self {
            spec: metric.task(&id),
            data: path.to_owned(),
            extraction: Extraction::default(),
            cluster: None,
            by_likelihood: false,
        })
    }
}

fn metric_of(item: &Item) -> Result<FileMetric, String> {
    let known = || {
        FileMetric::ALL
            .map(|metric| format!("`{}`", metric.name()))
            .join(", ")
    };
    let Some(value) = item.meta.get("metric") else {
        return Err(format!(
            "item `{}` has no `metric`; expected one of {}",
            item.id,
            known()
        ));
    };
    FileMetric::deserialize(value).map_err(|_| {
        format!(
            "item `{}` has the metric {value}; expected one of {}",
            item.id,
            known()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Result<UserTask, String> {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("kind.jsonl");
        std::fs::write(&path, lines).expect("write");
        UserTask::of_items(&path).map_err(|e| e.to_string())
    }

    #[test]
    fn the_lines_say_how_they_are_scored() {
        let line = |metric: &str| {
            format!(
                "{{\"id\":\"{metric}\",\"images\":[],\"question\":\"q\",\"label\":\"x\",\"metric\":\"{metric}\"}}\n"
            )
        };
        let task = read(&line("rouge_l")).expect("a task");
        assert_eq!(
            (
                task.spec.id.as_str(),
                task.spec.scoring,
                task.spec.metrics.len()
            ),
            ("kind", Scoring::Text, 1)
        );
        for (lines, expected) in [
            (line("choice") + &line("yes_no"), "make a file of each"),
            (
                line("bleu"),
                "has the metric \"bleu\"; expected one of `exact_match`",
            ),
            (
                "{\"id\":\"1\",\"label\":\"x\"}\n".to_owned(),
                "has no `metric`",
            ),
            (String::new(), "no item that can be read"),
        ] {
            let message = read(&lines).expect_err("wrong");
            assert!(message.contains(expected), "{message}");
        }
    }
}
