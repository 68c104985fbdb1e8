//! Conversations: `messages` of `role` and `content` (LLaMA-Factory, OpenAI), `conversations` of `from` and `value`
//! (ShareGPT, LLaVA), with `images` or `image`.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::native::{self, without_marks};
use super::{Notes, Origin, kind_of};
use crate::error::{Fault, Reason};
use crate::{Pair, Role, Sample, Turn};

pub(super) fn pair(fields: &mut Fields, notes: &mut Notes) -> Result<Pair, Fault> {
    let turns = conversation(fields)?;
    let images = native::some_images(fields)?;
    let group = fields.take_name("group")?;
    let source = fields.take_name("source")?;
    let answer = turns.iter().position(|(role, _)| *role == Role::Assistant);
    let Some(answer) = answer else {
        return Err(Fault::new(
            Reason::EmptyCaption,
            "no turn of the assistant, which would be the caption",
        ));
    };
    let caption = turns[answer].1.clone();
    if caption.trim().is_empty() {
        return Err(Fault::new(
            Reason::EmptyCaption,
            "the assistant's first turn has no text",
        ));
    }
    let question = turns[..answer]
        .iter()
        .rfind(|(role, _)| *role == Role::User);
    let request = question
        .map(|(_, text)| without_marks(text))
        .filter(|text| !text.trim().is_empty());
    if turns.len() > answer + 1 {
        notes.num_longer += 1;
    }
    Ok(Pair {
        id: String::new(),
        images,
        caption,
        request,
        group,
        source,
        meta: std::mem::take(&mut fields.map),
    })
}

pub(super) fn sample(fields: &mut Fields, origin: &Origin) -> Result<Sample, Fault> {
    let system = fields
        .take_text("system")?
        .filter(|text| !text.trim().is_empty());
    let mut spoken = conversation(fields)?;
    let images: Vec<PathBuf> = fields.take_images()?;
    if let Some(text) = system {
        spoken.insert(0, (Role::System, text));
    }
    check_order(&spoken)?;
    let turns = spoken
        .into_iter()
        .map(|(role, text)| match role {
            Role::System => Turn::new(role, text),
            Role::User => Turn::new(role, text).with_marks(),
            Role::Assistant => Turn::new(role, text).learned(),
        })
        .collect();
    let mut from = Map::new();
    let file = origin.path.file_name().map(|name| name.to_string_lossy());
    from.insert("file".to_owned(), json!(file));
    from.insert("row".to_owned(), json!(origin.row));
    from.append(&mut fields.map);
    let sample = Sample {
        id: String::new(),
        images,
        turns,
        end: false,
        origin: Value::Object(from),
    };
    native::check(&sample)?;
    Ok(sample)
}

/// User and assistant take turns, the user first and the assistant last; a system turn may stand before them.
fn check_order(spoken: &[(Role, String)]) -> Result<(), Fault> {
    let skip = usize::from(
        spoken
            .first()
            .is_some_and(|(role, _)| *role == Role::System),
    );
    let turns = &spoken[skip..];
    let odd = turns.iter().enumerate().position(|(at, (role, _))| {
        *role
            != if at % 2 == 0 {
                Role::User
            } else {
                Role::Assistant
            }
    });
    let detail = match odd {
        Some(at) => format!(
            "turn {} (counted from 0) is the {}'s",
            at + skip,
            turns[at].0.as_str()
        ),
        None if turns.len() < 2 || turns.len() % 2 == 1 => {
            "there is no answer at the end".to_owned()
        }
        None => return Ok(()),
    };
    Err(Fault::new(
        Reason::TurnOrder,
        format!("{detail}; expected user, assistant, user, assistant …"),
    ))
}

fn conversation(fields: &mut Fields) -> Result<Vec<(Role, String)>, Fault> {
    let (name, value) = match fields.take("messages") {
        Some(value) => ("messages", Some(value)),
        None => ("conversations", fields.take("conversations")),
    };
    let key = fields.key(name);
    let Some(value) = value else {
        return Err(Fault::shape("has no key `messages` or `conversations`"));
    };
    let Value::Array(items) = value else {
        return Err(Fault::shape(format!(
            "key `{key}`: expected a list of turns, found {}",
            kind_of(&value)
        )));
    };
    let turn = |(at, item)| {
        turn(item).map_err(|what| Fault::shape(format!("turn {at} of `{key}` (from 0): {what}")))
    };
    items.into_iter().enumerate().map(turn).collect()
}

fn turn(item: Value) -> Result<(Role, String), String> {
    let Value::Object(mut item) = item else {
        return Err(format!("expected an object, found {}", kind_of(&item)));
    };
    let role = match item.get("role").or_else(|| item.get("from")) {
        Some(Value::String(name)) => match name.to_ascii_lowercase().as_str() {
            "user" | "human" => Role::User,
            "assistant" | "gpt" => Role::Assistant,
            "system" => Role::System,
            _ => {
                return Err(format!(
                    "`{name}` speaks; expected user (human), assistant (gpt) or system"
                ));
            }
        },
        _ => return Err("has no `role` or `from`".to_owned()),
    };
    match item
        .shift_remove("content")
        .or_else(|| item.shift_remove("value"))
    {
        Some(Value::String(text)) => Ok((role, text)),
        Some(other) => Err(format!("expected a text, found {}", kind_of(&other))),
        None => Err("has no `content` or `value`".to_owned()),
    }
}
