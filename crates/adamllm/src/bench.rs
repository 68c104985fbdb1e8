//! The command line of `adamllm bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use run::recipe::training::{Gradients, Masters, OptimizerDevice, OptimizerState, Recompute};

use crate::flags::positive;

/// `adamllm bench`.
#[derive(Debug, Subcommand)]
pub enum Bench {
    /// Steps of training: tokens a second, seconds a step, memory, losses.
    ///
    /// Without --data, photographs of noise with conversations about them are drawn.
    #[command(after_help = "\
Examples:
  adamllm bench train --family qwen2-vl --steps 3
  adamllm bench train --model DIR --data samples.jsonl --dtype bf16")]
    Train(BenchTrain),
    /// Greedy answers of given lengths: tokens a second.
    ///
    /// Nothing ends an answer before its length, so every model and program writes as much.
    #[command(after_help = "\
Examples:
  adamllm bench generate --family llama
  adamllm bench generate --model DIR --prompts requests.jsonl")]
    Generate(BenchGenerate),
    /// Reading records, making pictures of them what a model sees, and tokens of their texts; no model runs.
    #[command(after_help = "\
Examples:
  adamllm bench data
  adamllm bench data --model DIR --data samples.jsonl --threads 8")]
    Data(BenchData),
}

/// The model that is measured, and where numbers go.
#[derive(Debug, Args)]
pub struct Measured {
    /// A model folder.
    #[arg(long, conflicts_with_all = ["family", "size"])]
    pub model: Option<PathBuf>,
    /// Random weights of this family.
    #[arg(long)]
    pub family: Option<FamilyName>,
    /// How large the random model is.
    #[arg(long, default_value = "60m")]
    pub size: Size,
    /// Layers of the random model's decoder, where fewer than its size has are to fit.
    #[arg(long, value_parser = positive, conflicts_with = "model")]
    pub layers: Option<usize>,
    /// Seed of weights, pictures and texts.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Also write the numbers, one JSON object, to this file.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Families that random weights can be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum FamilyName {
    /// LLaVA-v1.6.
    LlavaNext,
    /// Qwen2-VL.
    Qwen2Vl,
    /// Llama 3.2 Vision.
    Mllama,
    /// Llama, text only.
    Llama,
}

impl FamilyName {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LlavaNext => "llava-next",
            Self::Qwen2Vl => "qwen2-vl",
            Self::Mllama => "mllama",
            Self::Llama => "llama",
        }
    }
}

/// Sizes of random models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Size {
    /// A few hundred thousand parameters: shows that it runs.
    Tiny,
    /// About 60 million parameters, a vocabulary of 32,000.
    #[value(name = "60m")]
    Medium,
    /// As published: LLaVA-v1.6-Llama-3-8B, Qwen2-VL-2B, Llama-3.2-11B-Vision. For GPUs.
    Published,
}

impl Size {
    /// As on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tiny => "tiny",
            Self::Medium => "60m",
            Self::Published => "published",
        }
    }
}

/// `adamllm bench train`.
#[derive(Debug, Args)]
pub struct BenchTrain {
    /// The model.
    #[command(flatten)]
    pub measured: Measured,
    /// Samples in any layout of conversations, in the order of the file.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Steps in all.
    #[arg(long, default_value_t = 5, value_parser = positive)]
    pub steps: usize,
    /// Steps at the beginning that are in no rate.
    #[arg(long, default_value_t = 1)]
    pub warm_up: usize,
    /// Samples of a step.
    #[arg(long, default_value_t = 16, value_parser = positive)]
    pub batch: usize,
    /// Tokens of a packed microbatch.
    #[arg(long, default_value_t = 4096, value_parser = positive)]
    pub micro_tokens: usize,
    /// Learning rate at the first step; it falls to 0 in a straight line.
    #[arg(long, default_value_t = 1e-4)]
    pub learning_rate: f64,
    /// What is computed again in the backward instead of being kept: `none`, `cheap` or `blocks`.
    #[arg(long, value_name = "WHAT", default_value = "none")]
    pub recompute: Recompute,
    /// In what gradients of a bf16 model are summed: `f32` or `bf16`.
    #[arg(long, value_name = "DTYPE", default_value = "f32")]
    pub gradients: Gradients,
    /// In what AdamW's moments are kept: `f32`, `bf16` or `8bit`.
    #[arg(long, value_name = "DTYPE", default_value = "f32")]
    pub optimizer_state: OptimizerState,
    /// What is updated in a bf16 model: a copy in `f32`, or with `none` the weights themselves.
    #[arg(long, value_name = "WHAT", default_value = "f32")]
    pub masters: Masters,
    /// Where masters and moments are: beside the `model`, or in the memory of the `cpu`.
    #[arg(long, value_name = "PLACE", default_value = "model")]
    pub optimizer_device: OptimizerDevice,
    /// Train an adapter of this rank beside all linear layers of the language model instead of the weights.
    #[arg(long, value_name = "RANK", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub lora: Option<u32>,
    /// Write model, pictures and samples there for other programs to be measured with, and end.
    #[arg(long, value_name = "FOLDER")]
    pub write_inputs: Option<PathBuf>,
}

/// `adamllm bench generate`.
#[derive(Debug, Args)]
pub struct BenchGenerate {
    /// The model.
    #[command(flatten)]
    pub measured: Measured,
    /// Requests, one JSON object a line; without it 64 are drawn, of 16 to 160 new tokens each.
    #[arg(long)]
    pub prompts: Option<PathBuf>,
    /// How many requests are drawn.
    #[arg(long, default_value_t = 64, value_parser = positive, conflicts_with = "prompts")]
    pub requests: usize,
    /// Requests that are looked at together, so that one that ends makes room for another; default: as `generate`.
    #[arg(long, value_parser = positive)]
    pub block: Option<usize>,
    /// Requests that are decoded at the same time; default: as `generate`.
    #[arg(long, value_parser = positive)]
    pub group: Option<usize>,
    /// Compute what requests have in common anew for each of them.
    #[arg(long)]
    pub no_share: bool,
    /// Write model, pictures and requests there for other programs to be measured with, and end.
    #[arg(long, value_name = "FOLDER")]
    pub write_inputs: Option<PathBuf>,
}

/// `adamllm bench data`.
#[derive(Debug, Args)]
pub struct BenchData {
    /// The model whose processor is used; without --model and --family, those of all families.
    #[command(flatten)]
    pub measured: Measured,
    /// Samples in any layout of conversations.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// How many samples are drawn.
    #[arg(long, default_value_t = 64, value_parser = positive, conflicts_with = "data")]
    pub samples: usize,
}
