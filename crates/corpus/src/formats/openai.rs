//! The parts of a turn, as the OpenAI API and the chat templates of Hugging Face have them: `{"type": "text", "text"}`,
//! `{"type": "image_url", "image_url": {"url"}}`, `{"type": "image", "image"}`.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::fields::Fields;
use super::objects::kind_of;
use crate::IMAGE_MARK;
use crate::error::Fault;

/// The text of the parts, with a mark where a picture stands; pictures that the parts name go to `images`.
pub(super) fn text(
    parts: Vec<Value>,
    fields: &mut Fields,
    images: &mut Vec<PathBuf>,
) -> Result<String, Fault> {
    let mut out = String::new();
    let mut after_picture = false;
    for part in parts {
        let mut part = match part {
            Value::Object(part) => part,
            Value::String(text) => Map::from_iter([
                ("type".to_owned(), json!("text")),
                ("text".to_owned(), text.into()),
            ]),
            other => {
                let what = format!("a part is {}; expected an object", kind_of(&other));
                return Err(Fault::shape(what));
            }
        };
        let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
        match kind {
            "text" | "input_text" | "output_text" => {
                // LLaMA-Factory's newer files say `value` for both kinds.
                let text = part
                    .shift_remove("text")
                    .or_else(|| part.shift_remove("value"));
                let Some(Value::String(text)) = text else {
                    return Err(Fault::shape("a part of the type `text` has no `text`"));
                };
                // A mark takes one line end with it, which is not to be one of the text.
                if after_picture && text.starts_with('\n') {
                    out.push('\n');
                }
                out += &text;
                after_picture = false;
            }
            "image" | "image_url" | "input_image" => {
                let named = ["image_url", "image", "url", "path", "value"]
                    .into_iter()
                    .find_map(|key| part.shift_remove(key));
                let named = match named {
                    Some(Value::Object(mut inner)) => inner.shift_remove("url"),
                    other => other,
                };
                // A part that names no picture stands for the next one of `images`.
                if let Some(named) = named.filter(|named| !named.is_null()) {
                    images.push(fields.picture("messages", named)?);
                }
                out += IMAGE_MARK;
                after_picture = true;
            }
            other => {
                return Err(Fault::shape(format!(
                    "a part has the type `{other}`; expected `text`, `image_url` or `image`"
                )));
            }
        }
    }
    Ok(out)
}

/// The parts of a text in which `<image>` stands for the next of `pictures`.
pub(super) fn parts(text: &str, pictures: &mut impl Iterator<Item = String>) -> Vec<Value> {
    let mut out = Vec::new();
    let mut rest = text;
    let say = |text: &str, out: &mut Vec<Value>| {
        if !text.is_empty() {
            out.push(json!({"type": "text", "text": text}));
        }
    };
    while let Some(at) = rest.find(IMAGE_MARK) {
        say(&rest[..at], &mut out);
        let url = pictures.next().unwrap_or_default();
        out.push(json!({"type": "image_url", "image_url": {"url": url}}));
        rest = &rest[at + IMAGE_MARK.len()..];
        rest = rest.strip_prefix('\n').unwrap_or(rest);
    }
    say(rest, &mut out);
    out
}
