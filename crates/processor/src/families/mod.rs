//! The families: one file and one arm of the registry each. What they share is the conversation.

mod conversation;
mod llama;
mod llava;
mod llava_next;
mod mllama;
mod qwen2_vl;
mod source;

use std::path::Path;

use self::conversation::Conversation;
use self::source::Source;
use crate::error::Error;
use crate::folder::read_json;
use crate::options::Options;
use crate::processor::Processor;

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
