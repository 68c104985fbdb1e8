//! ShareGPT as LLaMA-Factory and LLaVA write it: `messages` (`role`, `content`) or `conversations` (`from`, `value`).

use std::path::PathBuf;

use serde_json::{Map, Value};

use super::{Reason, text_of};
use crate::{Pair, Role, Sample, Turn};

const MARK: &str = "<image>";

/// The first answer is the caption, and the request before it, without its image mark, is what the caption answers.
pub(super) fn pair(mut record: Map<String, Value>) -> Result<Pair, Reason> {
    let turns = turns(&mut record)?;
    let images = images(&mut record)?;
    let at = turns.iter().position(|t| t.role == Role::Assistant);
    let at = at.ok_or(("missing-key", "no turn of the assistant holds a caption".to_owned()))?;
    let request = turns[..at].iter().rev().find(|t| t.role == Role::User).map(|t| unmarked(&t.text));
    let take = |record: &mut Map<String, Value>, key: &str| record.remove(key).map(|v| text_of(&v));
    Ok(Pair {
        id: take(&mut record, "id").unwrap_or_default(),
        images,
        caption: turns[at].text.clone(),
        request: request.filter(|r| !r.is_empty()),
        group: take(&mut record, "group"),
        source: take(&mut record, "source"),
        meta: record,
    })
}

/// All assistant turns are learned.
pub(super) fn sample(mut record: Map<String, Value>) -> Result<Sample, Reason> {
    let turns = turns(&mut record)?;
    let images = images(&mut record)?;
    Ok(Sample {
        id: record.remove("id").map(|v| text_of(&v)).unwrap_or_default(),
        images,
        turns,
        end: false,
        origin: Value::Object(record),
    })
}

fn turns(record: &mut Map<String, Value>) -> Result<Vec<Turn>, Reason> {
    let list = record.remove("messages").or_else(|| record.remove("conversations"));
    let Some(Value::Array(list)) = list else {
        return Err(("missing-key", "`messages` or `conversations` is not a list".to_owned()));
    };
    let mut turns = Vec::with_capacity(list.len());
    if let Some(Value::String(system)) = record.remove("system") {
        turns.push(Turn::new(Role::System, system));
    }
    for message in list {
        let role = message.get("role").or_else(|| message.get("from")).and_then(Value::as_str).unwrap_or_default();
        let text = message.get("content").or_else(|| message.get("value")).and_then(Value::as_str);
        let text = text.ok_or_else(|| ("missing-key", format!("a turn of `{role}` has no text")))?;
        turns.push(match role {
            "user" | "human" => Turn::new(Role::User, text).with_marks(),
            "assistant" | "gpt" => Turn::new(Role::Assistant, text).learned(),
            "system" => Turn::new(Role::System, text),
            other => return Err(("missing-key", format!("unknown role `{other}`"))),
        });
    }
    Ok(turns)
}

fn images(record: &mut Map<String, Value>) -> Result<Vec<PathBuf>, Reason> {
    match record.remove("images").or_else(|| record.remove("image")) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.into()]),
        Some(Value::Array(list)) => list
            .iter()
            .map(|v| v.as_str().map(PathBuf::from).ok_or(("missing-key", "`images` holds more than paths".to_owned())))
            .collect(),
        Some(_) => Err(("missing-key", "`images` is not a list of paths".to_owned())),
    }
}

fn unmarked(text: &str) -> String {
    text.replace(&format!("{MARK}\n"), "").replace(MARK, "").trim().to_owned()
}
