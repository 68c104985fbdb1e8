//! The conversions that there are, and the one way that each of them takes.

use std::path::{Path, PathBuf};

use processor::FolderSettings;
use serde_json::Value;
use torch::{Device, Kind};

use super::error::ConvertError;
use super::files::{refuse_filled, write_file};
use super::layout::Layout;
use super::{gguf, llava, open_llava_next};
use crate::checkpoint::Checkpoint;
use crate::families;
use crate::mllm::Parameter;
use crate::proof;
use crate::save;

/// A model to convert.
#[derive(Clone, Debug)]
pub struct Request {
    /// Layout of the input.
    pub from: Layout,
    /// Layout of the output.
    pub to: Layout,
    /// A model folder, or a GGUF file.
    pub input: PathBuf,
    /// The folder that is written; it must be empty or absent.
    pub output: PathBuf,
    /// Folder of the vision tower, where the input has none: CLIP, or DINOv2 for a LLaVA of parts.
    pub vision: Option<PathBuf>,
    /// Seed of a fresh projector.
    pub seed: u64,
    /// Dtype of what is written; the input's if absent.
    pub dtype: Option<Kind>,
    /// Where the written model is run, to compare it with the one in memory.
    pub device: Device,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Tensors in the output.
    pub tensors: usize,
    /// Their values.
    pub values: usize,
    /// What could not be compared as it should be.
    pub warnings: Vec<String>,
}

/// Converts; an error unless the written folder computes what the model in memory does.
///
/// Gives every variant of [`ConvertError`]; which of them depends on the layouts.
pub fn run(request: &Request) -> Result<Outcome, ConvertError> {
    let (input, output) = (&request.input, &request.output);
    refuse_filled(output)?;
    let vision = request.vision.as_deref();
    let converted = match (request.from, request.to) {
        (Layout::OpenLlavaNext, Layout::Hf) => open_llava_next::to_hf(input, vision)?,
        (Layout::Hf, Layout::OpenLlavaNext) => return back(request),
        (Layout::Gguf, Layout::Hf) => gguf::to_hf(input)?,
        (Layout::Hf, Layout::Llava) => {
            let vision = vision.ok_or(ConvertError::NoVision)?;
            llava::assemble(input, vision, request.seed)?
        }
        (from, to) => return Err(ConvertError::NoWay { from, to }),
    };
    let kind = kind(request, converted.half);
    let text = format!("{:#}\n", converted.config);
    let model = families::with_checkpoint(&text, converted.checkpoint, request.device, kind)
        .map_err(|source| ConvertError::Model {
            input: input.clone(),
            source,
        })?;
    save::export(
        model.as_ref(),
        output,
        converted.companions.as_deref(),
        kind,
    )?;
    for (name, content) in &converted.files {
        write_file(output, name, content)?;
    }
    let (tensors, values) = counts(model.parameters());
    let warning = proof::converted(model, output, output, || {
        families::load(output, request.device, kind)
    })?;
    Ok(Outcome {
        tensors,
        values,
        warnings: warning.into_iter().collect(),
    })
}

/// From a folder of `transformers` to the original code's.
fn back(request: &Request) -> Result<Outcome, ConvertError> {
    let (folder, output): (&Path, &Path) = (&request.input, &request.output);
    let kind = kind(request, Checkpoint::open(folder)?.is_half());
    let model = families::load(folder, request.device, kind)?;
    let config: Value =
        serde_json::from_str(model.config_text()).map_err(|source| ConvertError::Json {
            path: folder.join("config.json"),
            source,
        })?;
    let vision = config["vision_config"].clone();
    let (parameters, config) = open_llava_next::from_hf(model.parameters(), &config)?;
    let text = format!("{config:#}\n");
    save::save_as(&parameters, &text, output, Some(folder), kind)?;
    // Said even where it is no, since the way back takes yes for granted.
    if let Ok(opened) = processor::load(folder, &processor::Options::default()) {
        let extra_bos = Some(opened.extra_bos());
        FolderSettings { extra_bos }.write(output)?;
    }
    let (tensors, values) = counts(&parameters);
    // The renamed parameters share their memory with the model's.
    drop(parameters);
    let warning = if output.join("tokenizer.json").exists() {
        proof::converted(model, folder, output, || {
            let again = open_llava_next::to_hf(output, None)?;
            // That layout keeps the tower's configuration in a folder of its own.
            let mut config = again.config;
            config["vision_config"] = vision.clone();
            let text = config.to_string();
            let model = families::with_checkpoint(&text, again.checkpoint, request.device, kind)?;
            Ok::<_, ConvertError>(model)
        })?
    } else {
        Some(format!(
            "`{}` was not compared by logits, since it has no `tokenizer.json` to be read with",
            output.display()
        ))
    };
    Ok(Outcome {
        tensors,
        values,
        warnings: warning.into_iter().collect(),
    })
}

/// The dtype that was asked for, else the input's.
fn kind(request: &Request, half: bool) -> Kind {
    request
        .dtype
        .unwrap_or(if half { Kind::BFloat16 } else { Kind::Float })
}

/// Numbers of tensors and of values.
pub(super) fn counts(parameters: &[Parameter]) -> (usize, usize) {
    let values = parameters.iter().map(|p| p.tensor.numel());
    (parameters.len(), values.sum())
}
