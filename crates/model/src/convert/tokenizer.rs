//! An image token for a tokenizer that has none.

use std::path::Path;

use serde_json::{Value, json};

use super::error::ConvertError;
use super::files::read_json;

/// The text of the image token of LLaVA models.
pub(super) const IMAGE: &str = "<image>";

/// `tokenizer.json` and `tokenizer_config.json` with an image token, its id, and one more than the largest id.
pub(super) struct WithImage {
    pub(super) tokenizer: Value,
    pub(super) config: Value,
    pub(super) id: i64,
    pub(super) size: i64,
}

/// Adds the image token behind all ids, or finds the one that is there.
pub(super) fn with_image(folder: &Path) -> Result<WithImage, ConvertError> {
    let mut tokenizer = read_json(folder, "tokenizer.json")?;
    let mut config = read_json(folder, "tokenizer_config.json")?;
    let added = tokenizer["added_tokens"].as_array();
    let added = added.ok_or_else(|| ConvertError::NoTokenizer {
        folder: folder.to_owned(),
    })?;
    let id_of = |token: &Value| token["id"].as_i64().unwrap_or(0);
    let found = added.iter().find(|token| token["content"] == IMAGE);
    let largest_added = added.iter().map(id_of).max().unwrap_or(-1);
    let largest = match &tokenizer["model"]["vocab"] {
        Value::Object(words) => words.values().filter_map(Value::as_i64).max().unwrap_or(-1),
        Value::Array(pieces) => pieces.len() as i64 - 1,
        _ => -1,
    };
    let mut size = largest.max(largest_added) + 1;
    let id = if let Some(token) = found {
        id_of(token)
    } else {
        let token = json!({"id": size, "content": IMAGE, "single_word": false, "lstrip": false, "rstrip": false,
                               "normalized": false, "special": true});
        if let Some(list) = tokenizer["added_tokens"].as_array_mut() {
            list.push(token);
        }
        size += 1;
        size - 1
    };
    if config["added_tokens_decoder"].is_object() {
        config["added_tokens_decoder"][id.to_string()] = json!({"content": IMAGE, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false, "special": true});
    }
    config["extra_special_tokens"] = json!({"image_token": IMAGE});
    config["image_token"] = json!(IMAGE);
    Ok(WithImage {
        tokenizer,
        config,
        id,
        size,
    })
}

/// Rows of an embedding that has room for so many ids: a multiple of 64, as `transformers` pads them.
pub(super) fn rows(size: i64, present: i64) -> i64 {
    if size <= present {
        present
    } else {
        (size + 63) / 64 * 64
    }
}
