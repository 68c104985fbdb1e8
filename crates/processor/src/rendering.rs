//! One rendering of a conversation: turns become a template's messages with marked texts, and the marks are read back.
//!
//! Each turn's trimmed text goes into the template between private-use characters that carry its number. They tell
//! afterwards which bytes are whose text, whatever the template moved, so nothing is counted or searched for.

use corpus::{IMAGE_MARK, Turn};
use serde_json::{Value, json};

use crate::tokens::{RESERVED, Tokens};

const TEXT_START: char = '\u{10fff0}';
const NUMBER_END: char = '\u{10fff1}';
const TEXT_END: char = '\u{10fff2}';
const PICTURE: char = '\u{10fff3}';

/// What a template takes as the content of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// A list of `{"type": "image"}` and `{"type": "text", "text": …}`.
    Items,
    /// A text; a picture is the image token and a newline.
    Text,
}

/// What was rendered, with the control tokens of the template under their private names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rendering {
    pub text: String,
    /// Byte range of each turn's own text.
    pub bodies: Vec<(usize, usize)>,
}

/// How many pictures a turn asks for.
pub(crate) fn count_marks(turn: &Turn) -> usize {
    if turn.marks {
        turn.text.matches(IMAGE_MARK).count()
    } else {
        0
    }
}

/// The first reserved character of a text.
pub(crate) fn reserved_in(text: &str) -> Option<char> {
    text.chars().find(|c| RESERVED.contains(c))
}

/// The messages of turns, each text numbered from 0.
pub(crate) fn messages(turns: &[&Turn], content: Content) -> Value {
    let mut next = 0;
    let contents = turns.iter().map(|turn| match content {
        Content::Items => items(turn, &mut next),
        Content::Text => {
            next += 1;
            json!(marked(&as_text(turn), next - 1))
        }
    });
    turns
        .iter()
        .zip(contents)
        .map(|(turn, content)| json!({"role": turn.role.as_str(), "content": content}))
        .collect()
}

/// A text with its trimmed part between marks. Blanks stay outside, so that a template that trims still can.
fn marked(text: &str, number: usize) -> String {
    let start = text.len() - text.trim_start().len();
    let end = start + text[start..].trim_end().len();
    format!(
        "{}{TEXT_START}{number}{NUMBER_END}{}{TEXT_END}{}",
        &text[..start],
        &text[start..end],
        &text[end..]
    )
}

/// Texts between the image marks. One newline right after a mark is dropped: a template that wants one adds it.
fn parts(turn: &Turn) -> impl Iterator<Item = &str> {
    let mut parts = turn.text.split(IMAGE_MARK);
    let first = parts.next();
    first
        .into_iter()
        .chain(parts.map(|part| part.strip_prefix('\n').unwrap_or(part)))
}

fn items(turn: &Turn, next: &mut usize) -> Value {
    let mut text = |text: &str| {
        *next += 1;
        json!({"type": "text", "text": marked(text, *next - 1)})
    };
    if count_marks(turn) == 0 {
        return json!([text(&turn.text)]);
    }
    let mut items = Vec::new();
    for (i, part) in parts(turn).enumerate() {
        if i > 0 {
            items.push(json!({"type": "image"}));
        }
        if !part.trim().is_empty() {
            items.push(text(part));
        }
    }
    Value::Array(items)
}

fn as_text(turn: &Turn) -> String {
    if count_marks(turn) == 0 {
        return turn.text.clone();
    }
    let between = format!("{PICTURE}\n");
    parts(turn).collect::<Vec<&str>>().join(&between)
}

/// Number of texts of a turn's message.
fn count_texts(turn: &Turn, content: Content) -> usize {
    match content {
        Content::Items if count_marks(turn) > 0 => {
            parts(turn).filter(|part| !part.trim().is_empty()).count()
        }
        _ => 1,
    }
}

/// Reads the marks of a rendering back and gives the template's control tokens their private names; those that stand
/// in a turn's text stay text unless `parse_texts`. What is wrong is said in words.
pub(crate) fn read(
    rendered: &str,
    turns: &[&Turn],
    content: Content,
    (tokens, image_token): (&Tokens, i64),
    parse_texts: bool,
) -> Result<Rendering, String> {
    let num_texts = turns.iter().map(|turn| count_texts(turn, content)).sum();
    let mut texts: Vec<Option<(usize, usize)>> = vec![None; num_texts];
    let mut images = Vec::new();
    let mut text = String::with_capacity(rendered.len());
    let mut inside: Option<usize> = None;
    let mut rest = rendered;
    while let Some(next) = rest.chars().next() {
        let mut width = next.len_utf8();
        match next {
            TEXT_START => {
                let number = rest[width..].split(NUMBER_END).next().unwrap_or_default();
                let known = number
                    .parse()
                    .ok()
                    .filter(|n| texts.get(*n) == Some(&None) && inside.is_none());
                let Some(known) = known else {
                    return Err("it shows a text twice or in part".to_owned());
                };
                texts[known] = Some((text.len(), text.len()));
                inside = Some(known);
                width += number.len() + NUMBER_END.len_utf8();
            }
            TEXT_END => {
                if let Some(range) = inside.take().and_then(|number| texts[number].as_mut()) {
                    range.1 = text.len();
                }
            }
            PICTURE => {
                text.push_str(
                    tokens
                        .control(image_token)
                        .map_or("", |control| &control.name),
                );
                images.push(text.len());
            }
            _ => match tokens
                .control_at(rest)
                .filter(|_| inside.is_none() || parse_texts)
            {
                Some(control) => {
                    text.push_str(&control.name);
                    width = control.text.len();
                    if control.id == image_token {
                        images.push(text.len());
                    }
                }
                None => text.push(next),
            },
        }
        rest = &rest[width.min(rest.len())..];
    }
    if inside.is_some() {
        return Err("it shows a text in part".to_owned());
    }
    let marks: usize = turns.iter().map(|turn| count_marks(turn)).sum();
    if images.len() != marks {
        return Err(format!(
            "it writes {} image tokens for {marks} pictures",
            images.len()
        ));
    }
    let mut texts = texts.into_iter();
    let mut images = images.into_iter();
    let mut bodies = Vec::with_capacity(turns.len());
    for (index, turn) in turns.iter().enumerate() {
        let own: Option<Vec<(usize, usize)>> =
            texts.by_ref().take(count_texts(turn, content)).collect();
        let own = own.ok_or_else(|| format!("it leaves out the text of turn {}", index + 1))?;
        let last_image = images.by_ref().take(count_marks(turn)).last();
        let start = own
            .iter()
            .map(|range| range.0)
            .min()
            .or(last_image)
            .unwrap_or(text.len());
        let end = own.iter().map(|range| range.1).max().unwrap_or(start);
        bodies.push((start, end));
    }
    Ok(Rendering { text, bodies })
}
