//! The packaged layout: tables with `input`, `label`, `image`, for questions `answer_type`, for choices `A` to `D`.

use std::path::{Path, PathBuf};

use corpus::Label;
use corpus::tables::Rows;
use serde_json::{Map, Value};

use super::benchmark::{Benchmark, Packing};
use super::error::LoadError;
use super::pictures::Keep;
use crate::predictions::Reason;
use crate::tasks::{Item, Spec};

/// Loads tables in the order of their names; a row without an id has its position for one, as other harnesses do.
pub(super) fn load(
    task: &Spec,
    tables: &[PathBuf],
    keep: &mut Keep<'_>,
) -> Result<Benchmark, LoadError> {
    let mut found = Benchmark::new(Packing::Packaged);
    let mut at = 0;
    for path in tables {
        for row in Rows::open(path)? {
            let row = row?;
            let mut values = row.values;
            let id = ["id", "syn_id", "qid"]
                .iter()
                .find_map(|key| plain(values.get(*key)?))
                .unwrap_or_else(|| at.to_string());
            let Some(label) = label(
                &mut values,
                &["label", "answer", "labels", "caption", "captions"],
            ) else {
                let keys: Vec<&str> = values.keys().map(String::as_str).collect();
                let detail = format!("the row has no label, only `{}`", keys.join("`, `"));
                found.reject(&id, at + 1, Reason::Label, &detail);
                at += 1;
                continue;
            };
            let mut images = Vec::new();
            for picture in &row.pictures {
                match (&picture.bytes, &picture.path) {
                    (Some(bytes), _) => images.push(keep.keep(&id, bytes)?),
                    (None, Some(name)) => {
                        let file = path.parent().unwrap_or(Path::new("")).join(name);
                        if !file.is_file() {
                            let detail = format!("the picture `{name}` is not in the table");
                            found.reject(&id, at + 1, Reason::NoPicture, &detail);
                        }
                        images.push(file);
                    }
                    (None, None) => {}
                }
            }
            if images.is_empty() {
                found.reject(&id, at + 1, Reason::NoPicture, "the row has no picture");
            }
            let answer_type = values
                .remove("answer_type")
                .and_then(|value| plain(&value))
                .map(|text| text.trim().to_uppercase());
            let question = ["input", "question"]
                .iter()
                .find_map(|key| values.remove(*key))
                .and_then(|value| plain(&value));
            found.items.push(Item {
                id,
                images,
                question,
                label,
                answer_type,
                choices: None,
                cluster: values.get("cluster").and_then(plain),
                index: Some(at),
                meta: values,
            });
            at += 1;
        }
    }
    if found.items.is_empty() {
        return Err(LoadError::Layout {
            task: task.id.clone(),
            path: tables.first().cloned().unwrap_or_default(),
            problem: found
                .problems
                .first()
                .map_or("it has no rows".to_owned(), |problem| {
                    problem.detail.clone()
                }),
        });
    }
    Ok(found)
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The first of the keys that is a text, a number or a list of these.
fn label(values: &mut Map<String, Value>, keys: &[&str]) -> Option<Label> {
    let value = keys
        .iter()
        .find_map(|key| values.remove(*key).filter(|value| !value.is_null()))?;
    match value {
        Value::Array(values) => values
            .iter()
            .map(plain)
            .collect::<Option<Vec<_>>>()
            .map(Label::List),
        value => plain(&value).map(Label::Text),
    }
}
