//! Conversations: `messages` of `role` and `content` (LLaMA-Factory, OpenAI), `conversations` of `from` and `value`
//! (ShareGPT, LLaVA), with `images` or `image`; pictures may also be parts of a turn (see [`super::openai`]).

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::native::{self, without_marks};
use super::notes::{Notes, Origin};
use super::objects::kind_of;
use super::openai;
use crate::error::{Fault, Reason};
use crate::{IMAGE_MARK, Pair, Role, Sample, Turn};

pub(super) fn pair(fields: &mut Fields, notes: &mut Notes) -> Result<Pair, Fault> {
    let (turns, parts) = conversation(fields)?;
    let mut images = if parts.is_empty() {
        native::some_images(fields)?
    } else {
        parts
    };
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
        // Pictures of later questions are no part of the pair, where the marks tell which they are.
        let (first, later) = (marks(&turns[..answer]), marks(&turns[answer..]));
        if first > 0 && first + later == images.len() {
            images.truncate(first);
        }
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
    let (mut spoken, parts) = conversation(fields)?;
    let images = if parts.is_empty() {
        fields.take_images()?
    } else {
        parts
    };
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
    let sample = Sample {
        id: String::new(),
        images,
        turns,
        end: false,
        origin: self::origin(fields, origin),
    };
    native::check(&sample)?;
    Ok(sample)
}

/// Places for pictures in what the user says.
fn marks(turns: &[(Role, String)]) -> usize {
    let asked = turns.iter().filter(|(role, _)| *role == Role::User);
    asked
        .map(|(_, text)| text.matches(IMAGE_MARK).count())
        .sum()
}

/// File and row of a sample, with the keys that nothing else took.
pub(super) fn origin(fields: &mut Fields, origin: &Origin) -> Value {
    let mut from = Map::new();
    let file = origin.path.file_name().map(|name| name.to_string_lossy());
    from.insert("file".to_owned(), json!(file));
    from.insert("row".to_owned(), json!(origin.row));
    from.append(&mut fields.map);
    Value::Object(from)
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

/// Who says what, and the pictures that are parts of turns.
type Spoken = (Vec<(Role, String)>, Vec<PathBuf>);

/// What a conversation may have that no sample here can say; left out in silence it would be learned wrongly.
pub(super) fn refuse_others(fields: &Fields) -> Result<(), Fault> {
    for key in ["videos", "audios", "video", "audio"] {
        let is_there = match fields.map.get(key) {
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::String(one)) => !one.is_empty(),
            _ => false,
        };
        if is_there {
            return Err(Fault::shape(format!(
                "has `{key}`; pictures alone are read"
            )));
        }
    }
    if let Some(key) = &fields.tags.good
        && fields.map.get(key) == Some(&Value::Bool(false))
    {
        return Err(Fault::shape(format!(
            "`{key}` is false: the answer is marked as a bad one"
        )));
    }
    Ok(())
}

fn conversation(fields: &mut Fields) -> Result<Spoken, Fault> {
    refuse_others(fields)?;
    let (name, value) = match fields.take("messages") {
        Some(value) => ("messages", Some(value)),
        None => ("conversations", fields.take("conversations")),
    };
    let key = fields.key(name).to_owned();
    let Some(value) = value else {
        return Err(Fault::shape("has no key `messages` or `conversations`"));
    };
    let Value::Array(items) = value else {
        return Err(Fault::shape(format!(
            "key `{key}`: expected a list of turns, found {}",
            kind_of(&value)
        )));
    };
    let (mut turns, mut images) = (Vec::with_capacity(items.len()), Vec::new());
    for (at, item) in items.into_iter().enumerate() {
        let turn = turn(item, fields, &mut images).map_err(|fault| {
            let what = fault.detail;
            Fault::new(
                fault.reason,
                format!("turn {at} of `{key}` (from 0): {what}"),
            )
        })?;
        turns.push(turn);
    }
    Ok((turns, images))
}

fn turn(
    item: Value,
    fields: &mut Fields,
    images: &mut Vec<PathBuf>,
) -> Result<(Role, String), Fault> {
    let Value::Object(mut item) = item else {
        let what = format!("expected an object, found {}", kind_of(&item));
        return Err(Fault::shape(what));
    };
    let tags = fields.tags;
    let role = match tags.role.iter().find_map(|key| item.get(key)) {
        Some(Value::String(name)) => tags.role_of(name).map_err(Fault::shape)?,
        _ => return Err(Fault::shape(format!("has no {}", tags.shown_role()))),
    };
    // A weight may say that a turn is learned against its role, or in part, which a sample cannot.
    if let Some(weight) = item.get("loss_weight").and_then(Value::as_f64)
        && (weight - f64::from(u8::from(role == Role::Assistant))).abs() > 1e-9
    {
        let who = role.as_str();
        return Err(Fault::shape(format!(
            "a turn of the {who} has the `loss_weight` {weight}"
        )));
    }
    let content = tags.content.iter().find_map(|key| item.shift_remove(key));
    match content {
        Some(Value::String(text)) => Ok((role, text)),
        Some(Value::Array(parts)) => {
            let text = openai::text(parts, fields, images)?;
            Ok((role, text))
        }
        // A turn that only calls a tool has no text.
        Some(other) => Err(Fault::shape(format!(
            "expected a text or a list of parts, found {}",
            kind_of(&other)
        ))),
        None => Err(Fault::shape(format!("has no {}", tags.shown_content()))),
    }
}
