//! The model families: one folder and one arm of the registry each.

use std::path::Path;

use serde_json::Value;
use torch::{Device, Kind, Tensor};

use crate::checkpoint::Checkpoint;
use crate::error::Error;
use crate::init::Init;
use crate::mllm::{Batch, Mllm};
use crate::nn::decoder::{Decoder, DecoderConfig};
use crate::weights::{Source, Weights};

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

/// The head's name inside of `transformers`.
const HEAD: &str = "lm_head.weight";

/// The head `[v, d]`: the embedding itself where they are tied.
fn head(
    weights: &mut Weights,
    config: &DecoderConfig,
    tied: bool,
    decoder: &Decoder,
) -> Result<Tensor, Error> {
    if tied {
        return Ok(decoder.embedding.shallow_clone());
    }
    let shape = [config.vocab_size, config.hidden_size];
    weights.tensor(HEAD, &shape, Init::Normal(config.initializer_range))
}

/// The pairs for `Weights::finish`.
fn tied_names(tied: bool, text: &str) -> Vec<(String, String)> {
    let pair = (HEAD.to_owned(), format!("{text}.embed_tokens.weight"));
    tied.then_some(pair).into_iter().collect()
}

/// Embeddings `[t, d]` of a batch with image features in the rows of the image token.
fn with_features(
    model: &dyn Mllm,
    decoder: &Decoder,
    batch: &Batch,
    image_token: i64,
) -> Result<Tensor, Error> {
    let embedded = decoder.embed(&batch.ids)?;
    let rows: Vec<i64> = (0..batch.ids.len())
        .filter(|&i| batch.ids[i] == image_token)
        .map(|i| i as i64)
        .collect();
    let mismatch = |features| Error::ImageTokens {
        tokens: rows.len(),
        features,
        images: batch.images.len(),
    };
    if batch.images.is_empty() {
        return if rows.is_empty() {
            Ok(embedded)
        } else {
            Err(mismatch(0))
        };
    }
    let features = model.image_features(&batch.images)?;
    let found = features.size()[0] as usize;
    if found != rows.len() {
        return Err(mismatch(found));
    }
    let rows = Tensor::f_from_slice(&rows)?.f_to_device(model.device())?;
    Ok(embedded.f_index_copy(0, &rows, &features)?)
}

/// The parts of [`Mllm`] that only hand out what a model was made with.
macro_rules! accessors {
    () => {
        fn head(&self) -> &Tensor {
            &self.head
        }

        fn parameters(&self) -> &[Parameter] {
            &self.parameters
        }

        fn new_cache(&self, rows: usize, capacity: usize) -> Cache {
            self.decoder.new_cache(rows, capacity)
        }

        fn max_positions(&self) -> usize {
            self.decoder.config().max_positions
        }

        fn device(&self) -> Device {
            self.device
        }

        fn kind(&self) -> Kind {
            self.kind
        }

        fn config_text(&self) -> &str {
            &self.config_text
        }
    };
}
use accessors;
