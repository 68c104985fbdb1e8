//! The conversions that there are, and the one way that each of them takes.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use processor::FolderSettings;
use serde_json::Value;
use torch::{Device, Kind};

use super::files::write_file;
use super::{gguf, llava, open_llava_next};
use crate::checkpoint::Checkpoint;
use crate::families;
use crate::mllm::Parameter;
use crate::proof;
use crate::save;

/// How a model's files are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The original code's LLaVA-NeXT.
    OpenLlavaNext,
    /// A folder of `transformers`.
    Hf,
    /// A file of llama.cpp.
    Gguf,
    /// A LLaVA of parts.
    Llava,
}

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
pub fn run(request: &Request) -> Result<Outcome> {
    let (input, output) = (&request.input, &request.output);
    if output.exists() && std::fs::read_dir(output)?.next().is_some() {
        bail!("`{}` is not empty; name a new folder", output.display());
    }
    let vision = request.vision.as_deref();
    let converted = match (request.from, request.to) {
        (Layout::OpenLlavaNext, Layout::Hf) => open_llava_next::to_hf(input, vision)?,
        (Layout::Hf, Layout::OpenLlavaNext) => return back(request),
        (Layout::Gguf, Layout::Hf) => gguf::to_hf(input)?,
        (Layout::Hf, Layout::Llava) => {
            let vision = vision.context("name the folder of the vision tower with `--vision`")?;
            llava::assemble(input, vision, request.seed)?
        }
        _ => bail!(
            "there is no way from that layout to this one; known: open-llava-next to hf and back, gguf to hf, hf to llava"
        ),
    };
    let kind = kind(request, converted.half);
    let text = serde_json::to_string_pretty(&converted.config)? + "\n";
    let model = families::with_checkpoint(&text, converted.checkpoint, request.device, kind)
        .with_context(|| format!("`{}` cannot be converted", input.display()))?;
    save::save(
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
        Ok(families::load(output, request.device, kind)?)
    })?;
    Ok(Outcome {
        tensors,
        values,
        warnings: warning.into_iter().collect(),
    })
}

/// From a folder of `transformers` to the original code's.
fn back(request: &Request) -> Result<Outcome> {
    let (folder, output): (&Path, &Path) = (&request.input, &request.output);
    let kind = kind(request, Checkpoint::open(folder)?.is_half());
    let model = families::load(folder, request.device, kind)?;
    let config: Value = serde_json::from_str(model.config_text())?;
    let vision = config["vision_config"].clone();
    let (parameters, config) = open_llava_next::from_hf(model.parameters(), &config)?;
    let text = serde_json::to_string_pretty(&config)? + "\n";
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
            Ok(families::with_checkpoint(
                &text,
                again.checkpoint,
                request.device,
                kind,
            )?)
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
fn counts(parameters: &[Parameter]) -> (usize, usize) {
    let values = parameters.iter().map(|p| p.tensor.numel());
    (parameters.len(), values.sum())
}
