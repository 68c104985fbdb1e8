//! The families: one file and one arm of the registry each. What they share is the conversation.

mod conversation;
mod llama;
mod llava;
mod llava_next;
mod mllama;
mod qwen2_vl;

use std::path::{Path, PathBuf};

use serde_json::Value;

use self::conversation::Conversation;
use crate::{Error, Options, Processor};

/// Names of `model_type` that have a processor.
pub const KNOWN: &[&str] = &[
    "llama",
    "mistral",
    "llava",
    "llava_next",
    "qwen2_vl",
    "mllama",
];

/// Opens the processor of a Hugging Face folder, of the family that `model_type` of its `config.json` names.
pub fn load(folder: &Path, options: &Options) -> Result<Box<dyn Processor>, Error> {
    let path = folder.join("config.json");
    let config = read_json(&path, false)?;
    let source = Source {
        folder,
        config: &config,
        options,
    };
    let family = match config["model_type"].as_str() {
        Some("llama" | "mistral") => llama::family(&source),
        Some("llava") => llava::family(&source)?,
        Some("llava_next") => llava_next::family(&source)?,
        Some("qwen2_vl") => qwen2_vl::family(&source)?,
        Some("mllama") => mllama::family(&source)?,
        other => {
            return Err(Error::UnknownFamily {
                path,
                found: other.unwrap_or("missing").to_owned(),
                known: KNOWN.join(", "),
            });
        }
    };
    Ok(Box::new(Conversation::load(folder, family, options)?))
}

/// What a family is made from.
struct Source<'a> {
    folder: &'a Path,
    config: &'a Value,
    options: &'a Options,
}

impl Source<'_> {
    /// Applies `parse` to the image processor's settings; what is wrong is said of the file that has them.
    fn images<T>(&self, parse: impl FnOnce(&Value) -> Result<T, String>) -> Result<T, Error> {
        let (path, settings) = image_settings(self.folder)?;
        parse(&settings).map_err(|problem| Error::File { path, problem })
    }

    /// `image_token_index`, or `image_token_id` as later versions write it.
    fn image_token(&self) -> Option<i64> {
        let token = |key: &str| self.config[key].as_i64();
        token("image_token_index").or_else(|| token("image_token_id"))
    }
}

/// The image processor's settings and the file that has them.
fn image_settings(folder: &Path) -> Result<(PathBuf, Value), Error> {
    let path = folder.join("preprocessor_config.json");
    let settings = read_json(&path, true)?;
    if !settings.is_null() {
        return Ok((path, settings));
    }
    let path = folder.join("processor_config.json");
    match &read_json(&path, true)?["image_processor"] {
        Value::Null => Err(Error::File {
            path: folder.join("preprocessor_config.json"),
            problem:
                "is missing, and `processor_config.json` has no `image_processor`; add one of them"
                    .to_owned(),
        }),
        settings => Ok((path, settings.clone())),
    }
}

/// A JSON file; null when it may be absent and is.
pub(crate) fn read_json(path: &Path, optional: bool) -> Result<Value, Error> {
    if optional && !path.exists() {
        return Ok(Value::Null);
    }
    let text = std::fs::read_to_string(path).map_err(|source| Error::Io {
        path: path.to_owned(),
        source,
    })?;
    serde_json::from_str(&text).map_err(|e| Error::File {
        path: path.to_owned(),
        problem: format!("is not valid JSON: {e}"),
    })
}
