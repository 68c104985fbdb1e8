//! The families: one file and one arm of the registry each.

mod llava_next;

use std::path::Path;

use serde_json::Value;

use crate::{Error, Options, Processor};

/// Names of `model_type` that have a processor.
pub const KNOWN: &[&str] = &["llava_next"];

/// Opens the processor of a Hugging Face folder, of the family that `model_type` of its `config.json` names.
pub fn load(folder: &Path, options: &Options) -> Result<Box<dyn Processor>, Error> {
    let path = folder.join("config.json");
    let config = read_json(&path, false)?;
    match config["model_type"].as_str() {
        Some("llava_next") => Ok(Box::new(llava_next::LlavaNext::load(
            folder, &config, options,
        )?)),
        other => Err(Error::UnknownFamily {
            path,
            found: other.unwrap_or("missing").to_owned(),
            known: KNOWN.join(", "),
        }),
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
