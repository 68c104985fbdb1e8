//! The model families: one folder and one arm of the registry each.

use std::path::Path;

use serde_json::Value;
use torch::{Device, Kind};

use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::mllm::Mllm;
use crate::weights::Source;

mod accessors;
mod features;
mod head;
pub mod llama;
pub mod llava;
pub mod llava_next;
pub mod mllama;
mod names;
pub mod qwen2_vl;

/// Names of `model_type` that have a family.
pub const KNOWN: &[&str] = &[
    "llama",
    "mistral",
    "llava",
    "llava_next",
    "qwen2_vl",
    "mllama",
];

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
        || Ok(Source::Folder(Checkpoint::open(folder)?)),
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
    let parsed = parse(config)?;
    build(
        config.to_owned(),
        &parsed,
        || Ok(Source::Fresh { seed }),
        device,
        kind,
    )
}

/// A model of shapes alone, for counting and looking: its tensors take no memory and must not be run. With a folder,
/// names and shapes are checked against its weights.
///
/// ```no_run
/// let model = model::outline(&std::fs::read_to_string("config.json")?, None)?;
/// println!("{}", model.parameters().iter().map(|p| p.tensor.numel()).sum::<usize>());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn outline(config: &str, folder: Option<&Path>) -> Result<Box<dyn Mllm>, Error> {
    let checkpoint = folder.map(Checkpoint::open).transpose()?;
    build(
        config.to_owned(),
        &parse(config)?,
        || Ok(Source::Outline(checkpoint)),
        Device::Cpu,
        Kind::BFloat16,
    )
}

/// A model with the weights of `checkpoint` under names and shapes that `config` asks for.
pub fn with_checkpoint(
    config: &str,
    checkpoint: Checkpoint,
    device: Device,
    kind: Kind,
) -> Result<Box<dyn Mllm>, Error> {
    let parsed = parse(config)?;
    build(
        config.to_owned(),
        &parsed,
        || Ok(Source::Folder(checkpoint)),
        device,
        kind,
    )
}

/// A model of any source.
pub(crate) fn of_source(
    config: &str,
    source: Source,
    device: Device,
    kind: Kind,
) -> Result<Box<dyn Mllm>, Error> {
    let parsed = parse(config)?;
    build(config.to_owned(), &parsed, || Ok(source), device, kind)
}

fn parse(config: &str) -> Result<Value, Error> {
    serde_json::from_str(config).map_err(|source| Error::Json {
        path: "config.json".into(),
        source,
    })
}

/// The registry.
fn build(
    text: String,
    config: &Value,
    source: impl FnOnce() -> Result<Source, Error>,
    device: Device,
    kind: Kind,
) -> Result<Box<dyn Mllm>, Error> {
    Ok(match config["model_type"].as_str() {
        Some("llama" | "mistral") => {
            let parsed = llama::Config::parse(config)?;
            Box::new(llama::Llama::new(text, &parsed, source()?, device, kind)?)
        }
        Some("llava") => {
            let parsed = llava::Config::parse(config)?;
            Box::new(llava::Llava::new(text, parsed, source()?, device, kind)?)
        }
        Some("llava_next") => {
            let parsed = llava_next::Config::parse(config)?;
            Box::new(llava_next::LlavaNext::new(
                text,
                parsed,
                source()?,
                device,
                kind,
            )?)
        }
        Some("qwen2_vl") => {
            let parsed = qwen2_vl::Config::parse(config)?;
            Box::new(qwen2_vl::Qwen2Vl::new(
                text,
                parsed,
                source()?,
                device,
                kind,
            )?)
        }
        Some("mllama") => {
            let parsed = mllama::Config::parse(config)?;
            Box::new(mllama::Mllama::new(text, parsed, source()?, device, kind)?)
        }
        other => {
            return Err(Error::UnknownFamily {
                found: other.unwrap_or("missing").to_owned(),
                known: KNOWN.join(", "),
            });
        }
    })
}
