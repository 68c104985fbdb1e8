//! Records of each layout as items.

use std::path::{Path, PathBuf};

use corpus::{Role, Sample, Seed, Triplet};
use serde_json::Value;
use synthesis::text::without_marks;
use synthesis::{Answers, SyntheticTask, alone, join};

use super::source::Joining;
use crate::item::Item;

/// Why a record is left out, beside the reasons of `corpus`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The line is not JSON.
    Unreadable,
    /// JSON, but keys are missing or have the wrong type.
    NotARecord,
    /// An earlier record has the same id.
    DuplicateId,
    /// There is no request that was answered.
    NoExchange,
    /// A request or an answer has no text.
    EmptyText,
}

corpus::words!(Reason {
    Unreadable = "unreadable",
    NotARecord = "not-a-record",
    DuplicateId = "duplicate-id",
    NoExchange = "no-exchange",
    EmptyText = "empty-text",
});

pub(super) type Found = Result<Item, (Reason, String)>;

/// The model that wrote it, and the kind of task, as records say it.
fn origin(item: &mut Item, origin: &Value) {
    let text = |key: &str| origin[key].as_str().map(str::to_owned);
    item.author = text("synthesizer").or_else(|| text("model"));
    item.task = text("task").or_else(|| text("rule"));
}

fn full(what: &str, text: &str) -> Result<(), (Reason, String)> {
    if text.trim().is_empty() {
        return Err((Reason::EmptyText, format!("`{what}` has no text")));
    }
    Ok(())
}

pub(super) fn triplet(triplet: Triplet, joining: &Joining) -> Found {
    full("instruction", &triplet.instruction)?;
    full("informative", &triplet.informative)?;
    full("precise", &triplet.precise)?;
    let Joining {
        answers,
        joiner,
        seed,
        prompts,
    } = joining;
    let single = |answer: &str| {
        let name = answers.as_str();
        alone(&triplet, answer, name, *joiner, *seed, prompts)
    };
    let joined = match answers {
        Answers::Joined => join(&triplet, *joiner, *seed, prompts),
        Answers::Precise => single(&triplet.precise),
        Answers::Informative => single(&triplet.informative),
    };
    let mut item = Item {
        exchanges: vec![[without_marks(&joined.user), joined.assistant]],
        ..Item::default()
    };
    origin(&mut item, &triplet.origin);
    let question = without_marks(triplet.instruction.trim());
    let is_worded = question.trim() != item.exchanges[0][0].trim();
    Ok(Item {
        id: triplet.id,
        pair: triplet.pair,
        question: is_worded.then_some(question),
        informative: Some(triplet.informative),
        precise: Some(triplet.precise),
        ..item
    })
}

pub(super) fn task(task: SyntheticTask) -> Found {
    if task.exchanges.is_empty() {
        return Err((
            Reason::NoExchange,
            "`exchanges` is an empty list".to_owned(),
        ));
    }
    let mut exchanges = Vec::with_capacity(task.exchanges.len());
    for [request, response] in task.exchanges {
        let request = without_marks(&request);
        full("request", &request)?;
        full("response", &response)?;
        exchanges.push([request, response]);
    }
    let mut item = Item {
        id: task.id,
        pair: task.pair,
        exchanges,
        ..Item::default()
    };
    origin(&mut item, &task.origin);
    Ok(item)
}

/// The tasks of a seed, each an item, with the answers joined as the paper does.
pub(super) fn seed(seed: Seed, joining: &Joining) -> Vec<(String, Found)> {
    let Seed {
        id,
        images,
        caption,
        task,
        tasks,
    } = seed;
    let item = |(at, one): (usize, corpus::SeedTask)| {
        let of_task = format!("{id}/{}", at + 1);
        let found = triplet(
            Triplet {
                id: of_task.clone(),
                pair: id.clone(),
                instruction: one.instruction,
                informative: one.informative,
                precise: one.precise,
                origin: Value::Null,
            },
            joining,
        );
        let found = found.map(|item| Item {
            images: images.clone(),
            caption: Some(caption.clone()),
            task: task.clone(),
            ..item
        });
        (of_task, found)
    };
    tasks.into_iter().enumerate().map(item).collect()
}

/// A conversation: its learned turns and what they answer. What a run mixed in as the task of writing the caption is no
/// exchange of it, unless it is all that there is, but its caption. `root` is where the file's names of pictures start.
pub(super) fn sample(sample: Sample, root: &Path) -> Found {
    let mut exchanges: Vec<[String; 2]> = Vec::new();
    let mut request = String::new();
    for turn in sample.turns {
        match turn.role {
            Role::System => {}
            Role::User => {
                if !request.is_empty() {
                    request.push('\n');
                }
                let text = if turn.marks {
                    without_marks(&turn.text)
                } else {
                    turn.text.trim().to_owned()
                };
                request.push_str(&text);
            }
            Role::Assistant => {
                let request = std::mem::take(&mut request);
                if turn.learn {
                    full("response", &turn.text)?;
                    exchanges.push([request, turn.text]);
                }
            }
        }
    }
    let mut item = Item::default();
    origin(&mut item, &sample.origin);
    if exchanges.len() > 1 {
        let captioning = match sample.origin["caption"].as_str() {
            Some("first") => Some(0),
            Some("last") => Some(exchanges.len() - 1),
            _ => None,
        };
        item.caption = captioning.map(|at| {
            let [_, caption] = exchanges.remove(at);
            caption
        });
    }
    if exchanges.is_empty() {
        let problem = "no turn of the assistant is learned".to_owned();
        return Err((Reason::NoExchange, problem));
    }
    if exchanges.iter().any(|[request, _]| request.is_empty()) {
        return Err((Reason::EmptyText, "an answer has no request".to_owned()));
    }
    let pair = match (sample.origin["pair"].as_str(), sample.images.first()) {
        (Some(pair), _) => pair.to_owned(),
        (None, Some(image)) => name_of(image, root),
        (None, None) => sample.id.clone(),
    };
    Ok(Item {
        id: sample.id,
        pair,
        images: sample.images,
        exchanges,
        ..item
    })
}

/// A picture's name as it stands in the file, so that it is the same wherever the file lies.
fn name_of(image: &Path, root: &Path) -> String {
    let name: PathBuf = image.strip_prefix(root).unwrap_or(image).to_owned();
    name.to_string_lossy().into_owned()
}
