//! The command line of `adamllm convert` for models, and which of the two conversions a command means.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// A model in another layout, tensor by tensor.
///
/// open-llava-next and hf: the original LLaVA-NeXT code's folders and `transformers`'. gguf to hf: a Llama of llama.cpp.
/// hf to llava: a vision tower (--vision) and a Llama with a fresh projector between them. --merge-lora ADAPTER BASE NEW:
/// an adapter of `peft` into the weights of its base.
/// Example: adamllm convert --from open-llava-next --to hf open-llava-next-llama3-8b model
#[derive(Debug, Args)]
pub struct ConvertModel {
    /// Layout of the input.
    #[arg(long, required_unless_present = "merge_lora")]
    pub from: Option<Layout>,
    /// Layout of the output.
    #[arg(long, required_unless_present = "merge_lora")]
    pub to: Option<Layout>,
    /// Merge this adapter into the base that is the input; the output is a folder of `transformers`.
    #[arg(long, value_name = "ADAPTER", conflicts_with_all = ["from", "to", "vision"])]
    pub merge_lora: Option<PathBuf>,
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

/// The arguments of the program. `convert` is one word for people; where a layout of models is named, it is the
/// conversion of models.
pub fn routed(mut given: Vec<OsString>) -> Vec<OsString> {
    let names_model = |given: &[OsString]| {
        let merges = given.iter().any(|a| a == "--merge-lora");
        merges
            || given.windows(2).any(|pair| {
                (pair[0] == "--to" || pair[0] == "--from")
                    && pair[1].to_str().is_some_and(|v| MODEL_LAYOUTS.contains(&v))
            })
    };
    let flat: Vec<OsString> = given
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
