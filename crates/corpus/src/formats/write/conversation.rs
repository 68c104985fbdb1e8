//! Records as conversations.

use std::path::PathBuf;

use base64::Engine as _;
use serde_json::{Map, Value, json};

use super::naming::Naming;
use super::trouble::{Trouble, value};
use crate::error::{Fault, Reason};
use crate::formats::content::all_content;
use crate::formats::fields::Inside;
use crate::formats::format::Format;
use crate::formats::openai;
use crate::images::extension;
use crate::{IMAGE_MARK, Pair, Role, Sample, image_marks};

/// A conversation that is written.
pub(super) struct Spoken<'a> {
    pub(super) id: &'a str,
    pub(super) pictures: &'a [PathBuf],
    pub(super) inside: &'a [Inside],
    pub(super) turns: &'a [(Role, String)],
    /// Further keys.
    pub(super) rest: Map<String, Value>,
}

/// Its JSON object in one of the formats for conversations.
pub(super) fn object(
    format: Format,
    naming: &Naming,
    spoken: Spoken,
) -> Result<Map<String, Value>, Trouble> {
    let Spoken {
        id,
        pictures,
        inside,
        turns,
        rest,
    } = spoken;
    let mut record = Map::new();
    record.insert("id".to_owned(), id.into());
    let list = |role: &str, content: &str, name: fn(Role) -> &'static str| -> Value {
        let turn = |(who, text): &(Role, String)| json!({role: name(*who), content: text});
        turns.iter().map(turn).collect()
    };
    match format {
        Format::OpenAi => {
            let content = all_content(pictures, inside)?;
            let mut urls = content.iter().map(|(_, bytes)| data_url(bytes));
            let mut messages = Vec::new();
            for (role, text) in turns {
                let content = if *role == Role::User {
                    openai::parts(text, &mut urls).into()
                } else {
                    Value::String(text.clone())
                };
                messages.push(json!({"role": role, "content": content}));
            }
            record.insert("messages".to_owned(), messages.into());
        }
        Format::Llava => {
            if pictures.len() > 1 {
                let what = format!("has {} pictures; LLaVA's `image` is one", pictures.len());
                return Err(Fault::new(Reason::Inexpressible, what).into());
            }
            if let Some(one) = naming.named(pictures, inside)?.pop() {
                record.insert("image".to_owned(), value(&one, &naming.path)?);
            }
            let name = |role| match role {
                Role::System => "system",
                Role::User => "human",
                Role::Assistant => "gpt",
            };
            record.insert("conversations".to_owned(), list("from", "value", name));
        }
        Format::Alpaca => {
            let images = naming.named(pictures, inside)?;
            record.insert("images".to_owned(), value(&images, &naming.path)?);
            for (key, text) in [
                ("instruction", turns[0].1.as_str()),
                ("input", ""),
                ("output", turns[1].1.as_str()),
            ] {
                record.insert(key.to_owned(), text.into());
            }
        }
        _ => {
            let images = naming.named(pictures, inside)?;
            record.insert("images".to_owned(), value(&images, &naming.path)?);
            record.insert("messages".to_owned(), list("role", "content", Role::as_str));
        }
    }
    record.extend(rest);
    Ok(record)
}

/// A pair as one question and one answer.
pub(super) fn question(pair: &Pair) -> Result<[(Role, String); 2], Fault> {
    let request = pair.request.as_deref().unwrap_or_default();
    if request.contains(IMAGE_MARK) || pair.caption.contains(IMAGE_MARK) {
        return Err(literal_mark());
    }
    let marks = image_marks(pair.images.len());
    let question = if request.is_empty() {
        marks.trim_end().to_owned()
    } else {
        marks + request
    };
    Ok([
        (Role::User, question),
        (Role::Assistant, pair.caption.clone()),
    ])
}

/// The turns of a sample, if a conversation can express it.
pub(super) fn expressible(sample: &Sample) -> Result<Vec<(Role, String)>, Fault> {
    if sample.end {
        let what = "its end-of-text token is learned, which a conversation cannot say";
        return Err(Fault::new(Reason::Inexpressible, what));
    }
    for (at, turn) in sample.turns.iter().enumerate() {
        if turn.learn != (turn.role == Role::Assistant) {
            let what = format!(
                "turn {at} is learned or not against its role, which a conversation cannot say"
            );
            return Err(Fault::new(Reason::Inexpressible, what));
        }
        if turn.text.contains(IMAGE_MARK) && !(turn.marks && turn.role == Role::User) {
            return Err(literal_mark());
        }
    }
    let turns = sample.turns.iter();
    Ok(turns.map(|turn| (turn.role, turn.text.clone())).collect())
}

fn literal_mark() -> Fault {
    let what = format!(
        "its text has a literal `{IMAGE_MARK}`, which readers of conversations take for a picture"
    );
    Fault::new(Reason::Inexpressible, what)
}

fn data_url(bytes: &[u8]) -> String {
    let kind = match extension(bytes) {
        "jpg" => "jpeg",
        "tif" => "tiff",
        "svg" => "svg+xml",
        other => other,
    };
    let content = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("data:image/{kind};base64,{content}")
}
