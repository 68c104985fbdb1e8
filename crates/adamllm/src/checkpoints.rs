//! `adamllm convert` for models: from the layouts of other projects into Hugging Face folders, and back.

mod gguf;
mod llava;
mod open_llava_next;
mod tokenizer;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use model::checkpoint::Checkpoint;
use serde_json::{Map, Value, json};
use torch::{Device, Kind, Tensor};

use crate::cli::Shared;
use crate::commands::print;
use crate::hub;
use crate::proof;

/// A model in another layout, tensor by tensor.
///
/// open-llava-next and hf: the original LLaVA-NeXT code's folders and `transformers`'. gguf to hf: a Llama of llama.cpp.
/// hf to llava: a vision tower (--vision) and a Llama with a fresh projector between them.
/// Example: adamllm convert --from open-llava-next --to hf open-llava-next-llama3-8b model
#[derive(Debug, Args)]
pub struct ConvertModel {
    /// Layout of the input.
    #[arg(long)]
    pub from: Layout,
    /// Layout of the output.
    #[arg(long)]
    pub to: Layout,
    /// A model folder, or a GGUF file.
    pub input: PathBuf,
    /// The folder that is written; it must be empty or absent.
    pub output: PathBuf,
    /// Folder of the vision tower, where the input has none: CLIP, or DINOv2 for `--to llava`.
    #[arg(long)]
    pub vision: Option<PathBuf>,
    /// Seed of a fresh projector.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// How a model's files are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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

/// Names of layouts that tell the conversion of a model from that of data.
const MODEL_LAYOUTS: &[&str] = &["open-llava-next", "hf", "gguf"];

/// The arguments of the program. `convert` is one word for people; where a layout of models is named, it is this
/// module's command.
pub fn routed(mut given: Vec<std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    let names_model = |given: &[std::ffi::OsString]| {
        given.windows(2).any(|pair| {
            (pair[0] == "--to" || pair[0] == "--from")
                && pair[1].to_str().is_some_and(|v| MODEL_LAYOUTS.contains(&v))
        })
    };
    let flat: Vec<std::ffi::OsString> = given
        .iter()
        .flat_map(|a| match a.to_str().and_then(|a| a.split_once('=')) {
            Some((key, value)) => vec![key.into(), value.into()],
            None => vec![a.clone()],
        })
        .collect();
    if let Some(at) = given.iter().position(|a| a == "convert")
        && names_model(&flat)
    {
        given[at] = "convert-model".into();
    }
    given
}

/// What is written.
struct Converted {
    checkpoint: Checkpoint,
    config: Value,
    /// Files beside the weights: name and content.
    files: Vec<(String, Value)>,
    /// Where further files of tokenizer and processor are copied from.
    companions: Option<PathBuf>,
    half: bool,
}

/// Converts.
pub fn convert(shared: &Shared, device: Device, asked: &ConvertModel) -> Result<()> {
    if asked.output.exists() && std::fs::read_dir(&asked.output)?.next().is_some() {
        bail!(
            "`{}` is not empty; name a new folder",
            asked.output.display()
        );
    }
    let vision = match &asked.vision {
        Some(folder) => Some(hub::resolve(folder)?),
        None => None,
    };
    let vision = vision.as_deref();
    let converted = match (asked.from, asked.to) {
        (Layout::OpenLlavaNext, Layout::Hf) => {
            open_llava_next::to_hf(&hub::resolve(&asked.input)?, vision)?
        }
        (Layout::Hf, Layout::OpenLlavaNext) => {
            return back(shared, device, asked);
        }
        (Layout::Gguf, Layout::Hf) => gguf::to_hf(&asked.input)?,
        (Layout::Hf, Layout::Llava) => {
            let vision = vision.context("name the folder of the vision tower with `--vision`")?;
            llava::assemble(&hub::resolve(&asked.input)?, vision, asked.seed)?
        }
        _ => bail!(
            "there is no way from that layout to this one; known: open-llava-next to hf and back, gguf to hf, hf to llava"
        ),
    };
    let kind = match shared.dtype.as_deref() {
        Some("bf16") => Kind::BFloat16,
        Some("f32") => Kind::Float,
        _ if converted.half => Kind::BFloat16,
        _ => Kind::Float,
    };
    let text = serde_json::to_string_pretty(&converted.config)? + "\n";
    let model = model::with_checkpoint(&text, converted.checkpoint, device, kind)
        .with_context(|| format!("`{}` cannot be converted", asked.input.display()))?;
    model::save(
        model.as_ref(),
        &asked.output,
        converted.companions.as_deref(),
        kind,
    )?;
    for (name, content) in &converted.files {
        write_file(&asked.output, name, content)?;
    }
    let counts = counts(model.parameters());
    let output = &asked.output;
    proof::converted(model, output, output, || {
        Ok(model::load(output, device, kind)?)
    })?;
    report(shared, asked, counts)
}

/// From a folder of `transformers` to the original code's.
fn back(shared: &Shared, device: Device, asked: &ConvertModel) -> Result<()> {
    let folder = hub::resolve(&asked.input)?;
    let half = Checkpoint::open(&folder)?.is_half();
    let kind = match shared.dtype.as_deref() {
        Some("f32") => Kind::Float,
        None if !half => Kind::Float,
        _ => Kind::BFloat16,
    };
    let model = model::load(&folder, device, kind)?;
    let config: Value = serde_json::from_str(model.config_text())?;
    let vision = config["vision_config"].clone();
    let (parameters, config) = open_llava_next::from_hf(model.parameters(), &config)?;
    let text = serde_json::to_string_pretty(&config)? + "\n";
    model::save_as(&parameters, &text, &asked.output, Some(&folder), kind)?;
    let counts = counts(&parameters);
    // The renamed parameters share their memory with the model's.
    drop(parameters);
    if asked.output.join("tokenizer.json").exists() {
        proof::converted(model, &folder, &asked.output, || {
            let again = open_llava_next::to_hf(&asked.output, None)?;
            // That layout keeps the tower's configuration in a folder of its own.
            let mut config = again.config;
            config["vision_config"] = vision.clone();
            let text = config.to_string();
            Ok(model::with_checkpoint(
                &text,
                again.checkpoint,
                device,
                kind,
            )?)
        })?;
    } else {
        eprintln!(
            "warning: `{}` was not compared by logits, since it has no `tokenizer.json` to be read with",
            asked.output.display()
        );
    }
    report(shared, asked, counts)
}

/// Numbers of tensors and of values.
fn counts(parameters: &[model::Parameter]) -> (usize, usize) {
    let values = parameters.iter().map(|p| p.tensor.numel());
    (parameters.len(), values.sum())
}

fn report(shared: &Shared, asked: &ConvertModel, (tensors, values): (usize, usize)) -> Result<()> {
    let document = json!({"output": asked.output, "tensors": tensors, "parameters": values});
    print(shared, &document, || {
        println!(
            "{tensors} tensors, {values} parameters in `{}`",
            asked.output.display()
        );
    })
}

/// A JSON file of a folder; an empty object where it is absent.
fn read_json(folder: &Path, name: &str) -> Result<Value> {
    let path = folder.join(name);
    if !path.exists() {
        return Ok(Value::Object(Map::new()));
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("`{}` is not valid JSON", path.display()))
}

fn write_file(folder: &Path, name: &str, content: &Value) -> Result<()> {
    let path = folder.join(name);
    let text = match content {
        Value::String(text) => text.clone(),
        json => serde_json::to_string_pretty(json)? + "\n",
    };
    std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

/// More rows for a table of the vocabulary: each the mean of those there are, as a token that was never seen.
fn extend(checkpoint: &mut Checkpoint, name: &str, rows: i64) -> Result<()> {
    let Some(shape) = checkpoint.shape(name) else {
        return Ok(());
    };
    let more = rows - shape[0];
    if more > 0 {
        let table = checkpoint.read(name, Device::Cpu, Kind::Float)?;
        let mean = table.f_mean_dim(&[0i64][..], true, None::<Kind>)?;
        let added = mean.f_expand([more, shape[1]], false)?;
        checkpoint.put(name, Tensor::f_cat(&[table, added], 0)?);
    }
    Ok(())
}
