//! The tokenizer, read twice: once as it is, and once with its control tokens under private names.
//!
//! In a conversation the template's own control tokens are written by their private names and everything else is
//! tokenised by the second reading, in one call. So what a person typed can never become a control token, and whatever
//! the tokenizer does around control tokens (stripping, prefix spaces) stays as it is.

use std::path::Path;

use serde_json::Value;
use tokenizers::Tokenizer;

use crate::Error;

/// Characters that texts may not hold: they mark places in a rendering.
pub(crate) const RESERVED: std::ops::RangeInclusive<char> = '\u{10fff0}'..='\u{10fffd}';
const NAME_START: char = '\u{10fff4}';
const NAME_END: char = '\u{10fff5}';

/// A tokenizer whose control tokens cannot be typed.
#[derive(Debug)]
pub(crate) struct Tokens {
    plain: Tokenizer,
    renamed: Tokenizer,
    /// The longest text first.
    controls: Vec<Control>,
}

/// A special token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Control {
    pub text: String,
    pub id: i64,
    /// What stands for it in a rendering.
    pub name: String,
}

impl Tokens {
    /// Reads `tokenizer.json`. `image_token` is a control token even if the file does not call it special.
    pub fn load(path: &Path, image_token: Option<i64>) -> Result<Self, Error> {
        let bad = |problem: String| Error::File {
            path: path.to_owned(),
            problem,
        };
        let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
            path: path.to_owned(),
            source,
        })?;
        let json: Value =
            serde_json::from_str(&text).map_err(|e| bad(format!("is not valid JSON: {e}")))?;
        Self::parse(json, image_token)
            .map_err(|problem| bad(format!("is not a tokenizer: {problem}")))
    }

    /// From the content of `tokenizer.json`.
    pub fn parse(mut json: Value, image_token: Option<i64>) -> Result<Self, String> {
        if !json.is_object() {
            return Err("it is not an object".to_owned());
        }
        json["truncation"] = Value::Null;
        json["padding"] = Value::Null;
        let plain: Tokenizer = serde_json::from_value(json.clone()).map_err(|e| e.to_string())?;
        let mut controls: Vec<Control> = plain
            .get_added_tokens_decoder()
            .into_iter()
            .map(|(id, token)| (i64::from(id), token))
            .filter(|(id, token)| token.special || Some(*id) == image_token)
            .map(|(id, token)| Control {
                text: token.content,
                id,
                name: format!("{NAME_START}{id}{NAME_END}"),
            })
            .collect();
        controls.sort_by(|a, b| (b.text.len(), &a.text).cmp(&(a.text.len(), &b.text)));
        rename(&mut json, &controls);
        let renamed: Tokenizer = serde_json::from_value(json).map_err(|e| e.to_string())?;
        if let Some(lost) = controls
            .iter()
            .find(|c| renamed.token_to_id(&c.name).map(i64::from) != Some(c.id))
        {
            return Err(format!(
                "its special token `{}` has not the id {} that the file gives",
                lost.text, lost.id
            ));
        }
        Ok(Self {
            plain,
            renamed,
            controls,
        })
    }

    /// One more than the largest id.
    pub fn size(&self) -> u64 {
        let added = self
            .plain
            .get_added_tokens_decoder()
            .into_keys()
            .max()
            .map_or(0, |id| u64::from(id) + 1);
        added.max(self.plain.get_vocab_size(false) as u64)
    }

    /// The id of a token's text.
    pub fn id(&self, token: &str) -> Option<i64> {
        self.plain.token_to_id(token).map(i64::from)
    }

    /// The control token of an id.
    pub fn control(&self, id: i64) -> Option<&Control> {
        self.controls.iter().find(|control| control.id == id)
    }

    /// The texts of all control tokens, the longest first.
    pub fn controls(&self) -> impl Iterator<Item = &str> {
        self.controls.iter().map(|control| control.text.as_str())
    }

    /// The control token that `text` starts with.
    pub fn control_at(&self, text: &str) -> Option<&Control> {
        self.controls
            .iter()
            .find(|control| text.starts_with(&control.text))
    }

    /// Length of the private name that `text` starts with.
    pub fn name_at(text: &str) -> Option<usize> {
        text.starts_with(NAME_START)
            .then(|| text.find(NAME_END).map(|at| at + NAME_END.len_utf8()))?
    }

    /// A rendering with the control tokens in their own words.
    pub fn spell(&self, rendered: &str) -> String {
        self.controls
            .iter()
            .fold(rendered.to_owned(), |text, control| {
                text.replace(&control.name, &control.text)
            })
    }

    /// Ids of a rendering, each with the byte at which it starts.
    pub fn encode(&self, rendered: &str) -> Result<Vec<(i64, usize)>, Error> {
        let encoding = self
            .renamed
            .encode(rendered, false)
            .map_err(|e| Error::Tokenizer(e.to_string()))?;
        let starts = encoding.get_offsets().iter().map(|offset| offset.0);
        Ok(encoding
            .get_ids()
            .iter()
            .map(|&id| i64::from(id))
            .zip(starts)
            .collect())
    }

    /// Ids of raw text as a plain call of the tokenizer gives them: control tokens count, and it adds its own.
    pub fn encode_raw(&self, text: &str) -> Result<Vec<i64>, Error> {
        let encoding = self
            .plain
            .encode(text, true)
            .map_err(|e| Error::Tokenizer(e.to_string()))?;
        Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
    }

    /// Text of ids; ids that no token has are left out.
    pub fn decode(&self, ids: &[i64], skip_special_tokens: bool) -> String {
        let ids: Vec<u32> = ids
            .iter()
            .filter_map(|&id| u32::try_from(id).ok())
            .collect();
        self.plain
            .decode(&ids, skip_special_tokens)
            .unwrap_or_default()
    }
}

/// Gives the control tokens their private names, and takes away what would put them together from ordinary text.
fn rename(json: &mut Value, controls: &[Control]) {
    let name_of = |text: &str| {
        controls
            .iter()
            .find(|c| c.text == text)
            .map(|c| c.name.clone())
    };
    // It would move the offsets over blanks.
    json["post_processor"] = Value::Null;
    for token in json["added_tokens"].as_array_mut().into_iter().flatten() {
        if let Some(name) = token["content"].as_str().and_then(name_of) {
            token["content"] = Value::from(name);
        }
    }
    let Some(model) = json.get_mut("model").filter(|model| model.is_object()) else {
        return;
    };
    if let Some(name) = model["unk_token"].as_str().and_then(name_of) {
        model["unk_token"] = Value::from(name);
    }
    match model.get_mut("vocab") {
        Some(Value::Object(vocab)) => {
            for control in controls {
                if let Some(id) = vocab.remove(&control.text) {
                    vocab.insert(control.name.clone(), id);
                }
            }
        }
        // Unigram: pieces with scores.
        Some(Value::Array(pieces)) => {
            for piece in pieces {
                if let Some(name) = piece[0].as_str().and_then(name_of) {
                    piece[0] = Value::from(name);
                }
            }
        }
        _ => {}
    }
    if let Some(merges) = model.get_mut("merges").and_then(Value::as_array_mut) {
        let makes_control = |merge: &Value| match merge {
            Value::String(pair) => pair
                .split_once(' ')
                .is_some_and(|(a, b)| touches(controls, a, b)),
            other => touches(
                controls,
                other[0].as_str().unwrap_or_default(),
                other[1].as_str().unwrap_or_default(),
            ),
        };
        merges.retain(|merge| !makes_control(merge));
    }
}

/// Whether a merge of two pieces has a control token among its parts or makes one.
fn touches(controls: &[Control], left: &str, right: &str) -> bool {
    controls.iter().any(|c| {
        c.text == left
            || c.text == right
            || c.text.strip_prefix(left).is_some_and(|rest| rest == right)
    })
}
