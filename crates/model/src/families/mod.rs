//! The model families: one folder and one arm of the registry each.

use std::path::Path;

use serde_json::Value;
use torch::{Device, Kind};

use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::mllm::Mllm;
use crate::weights::Source;

pub mod llava_next;

/// Names of `model_type` that have a family.
pub const KNOWN: &[&str] = &["llava_next"];

/// Opens a Hugging Face folder: `config.json` and safetensors.
pub fn load(folder: &Path, device: Device, kind: Kind) -> Result<Box<dyn Mllm>, Error> {
    let path = folder.join("config.json");
    let text = std::fs::read_to_string(&path).map_err(|source| Error::Io {
        action: "read",
        path: path.clone(),
        source,
    })?;
    let config = serde_json::from_str(&text).map_err(|source| Error::Json { path, source })?;
    build(
        text,
        &config,
        |_| Ok(Source::Folder(Checkpoint::open(folder)?)),
        device,
        kind,
    )
}

/// A model with random weights from the text of a `config.json`. The same seed gives the same weights everywhere.
///
/// ```no_run
/// let text = std::fs::read_to_string("config.json")?;
/// let model = model::fresh(&text, 1, torch::Device::Cpu, torch::Kind::Float)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fresh(config: &str, seed: u64, device: Device, kind: Kind) -> Result<Box<dyn Mllm>, Error> {
    let parsed = serde_json::from_str(config).map_err(|source| Error::Json {
        path: "config.json".into(),
        source,
    })?;
    build(
        config.to_owned(),
        &parsed,
        |_| Ok(Source::Fresh { seed }),
        device,
        kind,
    )
}

/// The registry.
fn build(
    text: String,
    config: &Value,
    source: impl FnOnce(&Value) -> Result<Source, Error>,
    device: Device,
    kind: Kind,
) -> Result<Box<dyn Mllm>, Error> {
    match config["model_type"].as_str() {
        Some("llava_next") => {
            let parsed = llava_next::Config::parse(config)?;
            Ok(Box::new(llava_next::LlavaNext::new(
                text,
                parsed,
                source(config)?,
                device,
                kind,
            )?))
        }
        other => Err(Error::UnknownFamily {
            found: other.unwrap_or("missing").to_owned(),
            known: KNOWN.join(", "),
        }),
    }
}
