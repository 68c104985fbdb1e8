//! What a file is, by its first object.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::format::Format;
use super::objects::Objects;
use crate::error::Error;

/// What the keys of an object are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Record,
    Conversation,
    Alpaca,
}

/// The first object that can be read, and all objects with it still among them.
pub(super) fn first_object(
    mut objects: Objects,
) -> Result<(Option<Map<String, Value>>, Objects), Error> {
    let (mut seen, mut first) = (Vec::new(), None);
    while first.is_none()
        && let Some(found) = objects.next().transpose()?
    {
        first = found.content.as_ref().ok().cloned();
        seen.push(Ok(found));
    }
    Ok((first, Box::new(seen.into_iter().chain(objects))))
}

/// The format and what the keys are, by the first object; `why` gets the reason.
pub(super) fn recognise(
    container: Format,
    first: Option<&Map<String, Value>>,
    columns: &BTreeMap<String, String>,
    why: &mut String,
) -> (Format, Shape) {
    let is_json = matches!(container, Format::Jsonl | Format::JsonArray);
    let or = |format: Format| if is_json { format } else { container };
    let name = |ours: &str| columns.get(ours).map_or(ours, String::as_str).to_owned();
    let Some(map) = first else {
        *why += "; no object can be read";
        return (container, Shape::Record);
    };
    for ours in ["messages", "conversations"] {
        let Some(turns) = map.get(&name(ours)) else {
            continue;
        };
        let turns = turns.as_array().map_or(&[][..], Vec::as_slice);
        let has_parts = turns.iter().any(|turn| turn["content"].is_array());
        let is_llava = turns.iter().any(|turn| turn["from"].is_string())
            && map.get("image").is_some_and(Value::is_string);
        why.push_str("; the first has `");
        why.push_str(&name(ours));
        why.push('`');
        let format = if has_parts {
            *why += " with lists of parts";
            Format::OpenAi
        } else if is_llava {
            *why += " of `from` and `value`, and `image`";
            Format::Llava
        } else {
            Format::ShareGpt
        };
        return (or(format), Shape::Conversation);
    }
    if ["instruction", "output"]
        .iter()
        .all(|ours| map.contains_key(&name(ours)))
        && !map.contains_key(&name("caption"))
    {
        let keys = [name("instruction"), name("output")].join("` and `");
        why.push_str("; the first has `");
        why.push_str(&keys);
        why.push('`');
        return (or(Format::Alpaca), Shape::Alpaca);
    }
    if is_json {
        let keys: Vec<_> = map.keys().map(|key| format!("`{key}`")).collect();
        why.push_str("; the first has ");
        why.push_str(&keys.join(", "));
        why.push_str(", no conversation");
    }
    (container, Shape::Record)
}
