//! The special tokens of a Hugging Face folder: which one begins a text, ends it, ends a turn.

use std::path::Path;

use serde_json::{Map, Value};

use crate::folder::read_json;
use crate::{Error, tokens::Tokens};

/// Names that published tokenizers give to the end of a text, and to the end of a turn.
const ENDS_OF_TEXT: &[&str] = &["<|end_of_text|>", "<|endoftext|>", "</s>"];
const ENDS_OF_TURN: &[&str] = &["<|eot_id|>", "<|im_end|>"];

/// Special tokens by what they do.
#[derive(Debug)]
pub(crate) struct Special {
    /// `bos_token` and so on, for the chat template.
    pub names: Map<String, Value>,
    pub begin: Option<i64>,
    pub end_of_text: i64,
    pub end_of_text_name: String,
    /// What ends a generation: `generation_config.json`, else the tokenizer's ends of text and turn.
    pub stop_ids: Vec<i64>,
}

impl Special {
    pub fn load(folder: &Path, tokens: &Tokens) -> Result<Self, Error> {
        let path = folder.join("tokenizer_config.json");
        let names = special_names(folder)?;
        let text_of = |key: &str| names.get(key).and_then(Value::as_str);
        let known = |text: &&str| tokens.id(text).is_some();
        let end_of_text_name = ENDS_OF_TEXT
            .iter()
            .copied()
            .chain(text_of("eos_token"))
            .find(known);
        let end_of_text_name = end_of_text_name.unwrap_or_default().to_owned();
        let end_of_text = tokens.id(&end_of_text_name).ok_or_else(|| Error::File {
            path,
            problem: "names no `eos_token` that the tokenizer knows; add it".to_owned(),
        })?;
        let generation = read_json(&folder.join("generation_config.json"), true)?;
        let mut stop_ids: Vec<i64> = match &generation["eos_token_id"] {
            Value::Array(list) => list.iter().filter_map(Value::as_i64).collect(),
            one => one.as_i64().into_iter().collect(),
        };
        if stop_ids.is_empty() {
            let ends = text_of("eos_token")
                .into_iter()
                .chain(ENDS_OF_TURN.iter().copied());
            stop_ids = ends
                .filter_map(|text| tokens.id(text))
                .chain([end_of_text])
                .collect();
            stop_ids.sort_unstable();
            stop_ids.dedup();
        }
        Ok(Self {
            begin: text_of("bos_token").and_then(|text| tokens.id(text)),
            names,
            end_of_text,
            end_of_text_name,
            stop_ids,
        })
    }
}

/// `bos_token` and so on, as `tokenizer_config.json` names them for the chat template.
pub(crate) fn special_names(folder: &Path) -> Result<Map<String, Value>, Error> {
    let mut names = Map::new();
    let settings = read_json(&folder.join("tokenizer_config.json"), true)?;
    for (key, value) in settings.as_object().into_iter().flatten() {
        if let Some(text) = value
            .as_str()
            .or_else(|| value["content"].as_str())
            .filter(|_| key.ends_with("_token"))
        {
            names.insert(key.clone(), Value::from(text));
        }
    }
    Ok(names)
}
