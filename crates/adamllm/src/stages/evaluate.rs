//! Base and adapted model on the same questions, and the adapted one on blank pictures.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::{Completion, Decoding, Label, Open, Pair, Prediction, Request, Role, Turn, jsonl};
use evaluation::metrics;
use generate::LocalGenerator;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{Counts, controls};
use crate::context::Context;
use crate::runner;

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

/// Task files that the recipe names, sorted.
pub(super) fn task_files(context: &Context) -> Result<Vec<PathBuf>> {
    let Some(folder) = &context.recipe.tasks_folder else {
        return Ok(Vec::new());
    };
    if !context.recipe.tasks.is_empty() {
        return context
            .recipe
            .tasks
            .iter()
            .map(|task| {
                let path = folder.join(format!("{task}.jsonl"));
                if path.is_file() {
                    Ok(path)
                } else {
                    bail!(
                        "`evaluate.tasks` names `{task}`, but there is no `{}`",
                        path.display()
                    )
                }
            })
            .collect();
    }
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    Ok(files)
}

/// The tasks by name: the recipe's files, or the captions of the held-out pairs.
pub(super) fn tasks(context: &Context) -> Result<BTreeMap<String, Vec<Item>>> {
    let mut tasks = BTreeMap::new();
    for path in task_files(context)? {
        let name = path
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut items: Vec<Item> = jsonl::read(&path)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        for item in &mut items {
            for image in &mut item.images {
                *image = folder.join(&*image);
            }
        }
        items.truncate(context.limit.unwrap_or(usize::MAX));
        tasks.insert(name, items);
    }
    if context.recipe.tasks_folder.is_none() {
        let held_out: Vec<Pair> =
            jsonl::read(&context.run.stage("synthesize").join("held_out.jsonl"))?;
        let request = &context.prompts.synthesizer.caption_request;
        let items = held_out.into_iter().map(|pair| Item {
            question: pair.request.unwrap_or_else(|| request.clone()),
            cluster: pair.group.unwrap_or_else(|| pair.id.clone()),
            id: pair.id,
            images: pair.images,
            label: pair.caption,
            metric: MetricName::RougeL,
            choices: Vec::new(),
        });
        let items: Vec<Item> = items.collect();
        if !items.is_empty() {
            tasks.insert("description".to_owned(), items);
        }
    }
    Ok(tasks)
}

/// Answers all tasks with base, adapted and (on blank pictures) adapted model, and with the controls.
pub(super) fn run(context: &Context, folder: &Path) -> Result<Counts> {
    let tasks = tasks(context)?;
    if tasks.is_empty() {
        context.say("  nothing to evaluate: no task is given and no pair is held out");
        return Ok(Counts::new());
    }
    let blank = context.blank()?;
    let adapted = context.run.stage("train").join("model");
    let mut systems = vec![
        ("base", context.base_folder()),
        ("adapted", adapted.clone()),
        ("blind", adapted),
    ];
    for &control in &context.recipe.controls {
        let name = control.as_str();
        systems.push((name, controls::model(context, control, &folder.join(name))?));
    }
    let mut counts = Counts::new();
    for (name, model_folder) in systems {
        let sheet_folder = folder.join(name);
        std::fs::create_dir_all(&sheet_folder)?;
        let (model, processor) = context.open(&model_folder, context.recipe.dtype)?;
        let options = runner::options(context.recipe.seed);
        let mut generator = LocalGenerator::new(model.as_ref(), processor.as_ref(), options);
        for (task, items) in &tasks {
            let requests: Vec<Request> = items
                .iter()
                .map(|item| request(item, (name == "blind").then_some(&blank)))
                .collect();
            let path = sheet_folder.join(format!("{task}.completions.jsonl"));
            let bar = context.bar(requests.len(), &format!("{name} {task}"));
            let completions = runner::run(&mut generator, &requests, &path, &bar)?;
            let sheet = score(items, &completions);
            jsonl::write(
                &sheet_folder.join(format!("{task}.jsonl")),
                &sheet.predictions,
            )?;
            *counts.entry(format!("answers of {name}")).or_default() += items.len() as u64;
        }
    }
    Ok(counts)
}

/// What a model is asked, on the item's pictures or on blank ones.
pub fn request(item: &Item, blank: Option<&PathBuf>) -> Request {
    let marks = "<image>\n".repeat(item.images.len());
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
