//! A conversation through the chat template: ids with what is learned, from one rendering.
//!
//! Each turn's trimmed text goes into the template between two private-use characters. They tell afterwards which
//! bytes are a turn's text, so nothing is counted or searched for, and a text that looks like a control token stays text.

use corpus::{Open, Role, Turn};
use serde_json::{Value, json};

use crate::{Error, Template, Tokens, TurnMarkers};

/// Llama 3's chat format for models with pictures: content is a text or a list of `image` and `text` items.
pub const LLAMA3_TEMPLATE: &str = include_str!("templates/llama3.jinja");

const START: char = '\u{f8f0}';
const END: char = '\u{f8f1}';
const IMAGE: char = '\u{f8f2}';
const MARK: &str = "<image>";

/// Ids before pictures are expanded: `None` stands for a picture.
pub(crate) type Piece = (Option<i64>, bool);

/// Renders turns into pieces of one model's conversation.
#[derive(Debug)]
pub(crate) struct Chat<'a> {
    pub template: &'a Template,
    pub tokens: &'a Tokens,
}

/// One part of a rendering.
struct Rendering {
    /// Text without sentinels; a picture is an `IMAGE` character.
    text: String,
    /// Byte ranges of the turns' own texts.
    bodies: Vec<(usize, usize)>,
}

impl Chat<'_> {
    /// Pieces of the turns, and whether each is learned. `open` says what follows the last turn.
    pub fn pieces(&self, turns: &[Turn], open: Option<Open>) -> Result<Vec<Piece>, Error> {
        let opens_user = open == Some(Open::User);
        let probe = Turn::new(Role::User, "x");
        let shown: Vec<&Turn> = turns.iter().chain(opens_user.then_some(&probe)).collect();
        let rendering = self.render(&shown, open == Some(Open::Assistant))?;
        let mut text = rendering.text;
        let mut bodies = rendering.bodies;
        if opens_user {
            // Everything before the text of the turn that the model is to write.
            if let Some((start, _)) = bodies.pop() {
                text.truncate(start);
            }
        }
        let ends: Vec<usize> = bodies.iter().map(|&(_, end)| end + self.end_of_turn(&text[end..])).collect();
        if open == Some(Open::None) {
            text.truncate(ends.last().copied().unwrap_or(0));
        }
        let mut learned: Vec<(usize, usize)> = Vec::new();
        for (i, _) in turns.iter().enumerate().filter(|(_, turn)| turn.learn) {
            let header = i > 0 && turns[i - 1].learn;
            learned.push((if header { ends[i - 1] } else { bodies[i].0 }, ends[i]));
        }
        self.split(&text, &bodies, &learned)
    }

    /// The control tokens around turns.
    pub fn markers(&self, end_of_text: String) -> Result<TurnMarkers, Error> {
        let turns = [Turn::new(Role::User, "a"), Turn::new(Role::Assistant, "b"), Turn::new(Role::User, "c")];
        let shown: Vec<&Turn> = turns.iter().collect();
        let Rendering { text, bodies } = self.render(&shown, false)?;
        let [(_, first), (second, second_end), (third, _)] = bodies[..] else {
            return Err(Error::Template("it leaves out turns".to_owned()));
        };
        let (end, next_end) = (first + self.end_of_turn(&text[first..]), second_end + self.end_of_turn(&text[second_end..]));
        Ok(TurnMarkers {
            end_of_turn: text[first..end].to_owned(),
            user_header: text[next_end..third].to_owned(),
            assistant_header: text[end..second].to_owned(),
            end_of_text,
        })
    }

    fn render(&self, turns: &[&Turn], add_generation_prompt: bool) -> Result<Rendering, Error> {
        let marks: usize = turns.iter().map(|t| count_marks(t)).sum();
        // Templates of models with pictures take content as a list; older ones take text only.
        let mut rendered = self.template.render(&messages(turns, true), add_generation_prompt);
        let as_list = rendered.as_ref().is_ok_and(|text| outside_marks(text) == marks && text.matches(START).count() >= turns.len());
        if !as_list {
            rendered = self.template.render(&messages(turns, false), add_generation_prompt);
        }
        let rendered = rendered?;
        let (mut text, mut bodies) = (String::with_capacity(rendered.len()), Vec::new());
        let mut start = None;
        let mut rest = rendered.as_str();
        while let Some(next) = rest.chars().next() {
            let mut width = next.len_utf8();
            match next {
                START => start = Some(start.unwrap_or(text.len())),
                // A turn with pictures inside has several texts; its body runs from the first to the last.
                END => match bodies.last_mut() {
                    Some((_, end, open)) if *open => *end = text.len(),
                    _ => bodies.push((start.unwrap_or(text.len()), text.len(), true)),
                },
                _ if start.is_none() && rest.starts_with(MARK) => {
                    text.push(IMAGE);
                    width = MARK.len();
                }
                other => text.push(other),
            }
            if next == END {
                start = None;
                if !continues(&rest[width..], self.tokens)
                    && let Some(last) = bodies.last_mut()
                {
                    last.2 = false;
                }
            }
            rest = &rest[width..];
        }
        if bodies.len() != turns.len() {
            return Err(Error::Template(format!("it renders {} of {} turns", bodies.len(), turns.len())));
        }
        Ok(Rendering { text, bodies: bodies.into_iter().map(|(start, end, _)| (start, end)).collect() })
    }

    /// Length of the first control token at the start of `rest`, which ends a turn; 0 when there is none.
    fn end_of_turn(&self, rest: &str) -> usize {
        let blank = rest.len() - rest.trim_start().len();
        self.tokens.special_at(&rest[blank..]).map_or(0, |(token, _)| blank + token.len())
    }

    /// Cuts the text at the template's own control tokens and pictures and tokenises what is between.
    fn split(&self, text: &str, bodies: &[(usize, usize)], learned: &[(usize, usize)]) -> Result<Vec<Piece>, Error> {
        let is_learned = |at: usize| learned.iter().any(|&(start, end)| (start..end).contains(&at));
        let mut pieces = Vec::new();
        let (mut from, mut at) = (0, 0);
        while at < text.len() {
            let rest = &text[at..];
            let inside = bodies.iter().find(|&&(start, end)| (start..end).contains(&at));
            let cut = if rest.starts_with(IMAGE) {
                Some((None, IMAGE.len_utf8()))
            } else if inside.is_none() {
                self.tokens.special_at(rest).map(|(token, id)| (Some(id), token.len()))
            } else {
                None
            };
            if let Some((piece, width)) = cut {
                self.plain(text, from, at, &is_learned, &mut pieces)?;
                pieces.push((piece, piece.is_some() && is_learned(at)));
                at += width;
                from = at;
            } else {
                at += rest.chars().next().map_or(1, char::len_utf8);
            }
        }
        self.plain(text, from, text.len(), &is_learned, &mut pieces)?;
        Ok(pieces)
    }

    fn plain(
        &self,
        text: &str,
        from: usize,
        to: usize,
        is_learned: &impl Fn(usize) -> bool,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Error> {
        for (id, offset) in self.tokens.encode(&text[from..to])? {
            pieces.push((Some(id), is_learned(from + offset)));
        }
        Ok(())
    }
}

/// Whether what follows a text item belongs to the same turn: another picture or text before any control token.
fn continues(rest: &str, tokens: &Tokens) -> bool {
    let mut at = 0;
    while at < rest.len() {
        let here = &rest[at..];
        if here.starts_with(START) || here.starts_with(MARK) || here.starts_with(IMAGE) {
            return true;
        }
        if tokens.special_at(here).is_some() {
            return false;
        }
        at += here.chars().next().map_or(1, char::len_utf8);
    }
    false
}

/// Image marks that the template wrote itself, outside of the turns' texts.
fn outside_marks(rendered: &str) -> usize {
    let mut count = 0;
    let mut inside = false;
    let mut rest = rendered;
    while let Some(next) = rest.chars().next() {
        match next {
            START => inside = true,
            END => inside = false,
            _ if !inside && rest.starts_with(MARK) => count += 1,
            _ => {}
        }
        rest = &rest[next.len_utf8()..];
    }
    count
}

/// How many pictures a turn asks for.
pub(crate) fn count_marks(turn: &Turn) -> usize {
    if turn.marks { turn.text.matches(MARK).count() } else { 0 }
}

/// The messages with sentinels around each text. One newline right after a mark is dropped: a template that wants one
/// adds it.
fn messages(turns: &[&Turn], as_list: bool) -> Value {
    turns.iter().map(|turn| json!({"role": turn.role.as_str(), "content": content(turn, as_list)})).collect()
}

fn content(turn: &Turn, as_list: bool) -> Value {
    let clean = |text: &str| text.replace([START, END, IMAGE], "");
    let wrap = |text: &str| format!("{START}{}{END}", clean(text).trim());
    if count_marks(turn) == 0 {
        return if as_list { json!([{"type": "text", "text": wrap(&turn.text)}]) } else { json!(wrap(&turn.text)) };
    }
    let parts: Vec<&str> = turn.text.trim().split(MARK).collect();
    if !as_list {
        let mut text = String::from(START);
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                text.push(IMAGE);
                text.push('\n');
            }
            text.push_str(clean(if i > 0 { part.strip_prefix('\n').unwrap_or(part) } else { part }).trim());
        }
        text.push(END);
        return json!(text);
    }
    let mut items = Vec::new();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            items.push(json!({"type": "image"}));
        }
        let part = if i > 0 { part.strip_prefix('\n').unwrap_or(part) } else { part };
        // The last text is kept even if empty, so that every turn has a body.
        if !part.trim().is_empty() || i + 1 == parts.len() {
            items.push(json!({"type": "text", "text": wrap(part)}));
        }
    }
    Value::Array(items)
}
