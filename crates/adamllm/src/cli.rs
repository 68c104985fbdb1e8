//! The command line: verbs are stages, flags are about this invocation only.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use corpus::pictograms::{DOMAINS, Domain};

use crate::convert::Convert;
use crate::inspect_data::InspectData;
use crate::scores;

/// Adapts a multimodal LLM to a domain from image-caption pairs, with the evidence that it is better.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Flags of every command.
    #[command(flatten)]
    pub shared: Shared,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
pub struct Shared {
    /// Print one JSON document on stdout and nothing else there.
    #[arg(long, global = true)]
    pub json: bool,
    /// Print errors only.
    #[arg(long, global = true)]
    pub quiet: bool,
    /// Where models run: cpu, cuda or cuda:N.
    #[arg(long, global = true, default_value = "cpu")]
    pub device: String,
    /// Dtype of the weights (f32 or bf16); for stages the recipe says.
    #[arg(long, global = true, value_parser = ["f32", "bf16"])]
    pub dtype: Option<String>,
    /// Threads of the tensor library; default: all cores.
    #[arg(long, global = true)]
    pub threads: Option<usize>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole road on the embedded pictograms, on CPU, in minutes.
    ///
    /// Example: adamllm demo --seed 1
    Demo(Demo),
    /// The whole road for a recipe; finished stages are skipped.
    ///
    /// Example: adamllm run my.toml --run-dir runs/my
    Run(Run),
    /// Stage 1: tune the synthesizer on seed data.
    TuneSynthesizer(Stage),
    /// Stage 2: write a task for each pair.
    Synthesize(Stage),
    /// Stage 3: leave out inconsistent tasks.
    Filter(Stage),
    /// Stage 4: make training samples of captions and tasks.
    Mix(Stage),
    /// Stage 5: train the adapted model.
    Train(Stage),
    /// Stage 6: answer the tasks before and after; --list shows the benchmarks.
    Evaluate(Evaluate),
    /// Stage 7: numbers and the HTML page.
    Report(Stage),
    /// Score predictions made anywhere, with intervals.
    ///
    /// Reads our records, the published code's output, lmms-eval's sample logs and tables such as VLMEvalKit's.
    /// Example: adamllm score --task slake --predictions slake.jsonl --output scores
    Score(scores::Score),
    /// Paired differences of two systems, with intervals and tests.
    ///
    /// Example: adamllm compare scores/base scores/adapted
    Compare(scores::Compare),
    /// Complete requests with a model.
    ///
    /// Example: adamllm generate --model DIR --prompt "Describe the image." --image a.png
    Generate(Generate),
    /// Loss of samples under a model.
    ///
    /// Example: adamllm perplexity --model DIR --data samples.jsonl
    Perplexity(Perplexity),
    /// Data from one layout into another, record by record.
    ///
    /// Layouts are found by content. Records that cannot be read or written are listed beside the output.
    Convert(Convert),
    /// Look at data, samples and models.
    #[command(subcommand)]
    Inspect(Inspect),
    /// Explain a recipe.
    #[command(subcommand)]
    Recipe(RecipeCommand),
    /// Train the demo's own base model from nothing (hours; the result is shipped).
    #[command(hide = true)]
    DemoBase(DemoBase),
}

/// `adamllm demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Where everything goes.
    #[arg(long, default_value = "runs/demo")]
    pub run_dir: PathBuf,
    /// What the model is adapted to: `food` or `medical` pictograms.
    #[arg(long, default_value = "food", value_parser = domain)]
    pub domain: Domain,
    /// Seed of the run.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Also train the controls and compare with them (five more trainings).
    #[arg(long)]
    pub controls: bool,
    /// A few steps only: shows the road, not the result.
    #[arg(long)]
    pub quick: bool,
    /// Override of a recipe key; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// A recipe and where its run goes.
#[derive(Debug, Args)]
pub struct Stage {
    /// The recipe, a TOML file.
    pub recipe: PathBuf,
    /// Where everything goes.
    #[arg(long)]
    pub run_dir: PathBuf,
    /// At most so many records.
    #[arg(long)]
    pub limit: Option<usize>,
    /// Override of a recipe key; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Go on where an earlier attempt stopped (always done).
    #[arg(long, hide = true)]
    pub resume: bool,
}

/// `adamllm evaluate`.
#[derive(Debug, Args)]
#[command(
    mut_arg("recipe", |arg| arg.required(false).required_unless_present("list")),
    mut_arg("run_dir", |arg| arg.required(false).required_unless_present("list"))
)]
pub struct Evaluate {
    /// List the benchmarks with their sizes, metrics and prompts.
    #[arg(long)]
    pub list: bool,
    /// The recipe and its run folder.
    #[command(flatten)]
    pub stage: Option<Stage>,
}

/// `adamllm run`.
#[derive(Debug, Args)]
#[expect(
    clippy::struct_field_names,
    reason = "`--dry-run` is what everybody calls it"
)]
pub struct Run {
    /// The recipe and its run folder.
    #[command(flatten)]
    pub stage: Stage,
    /// Do this stage anew and all after it.
    #[arg(long)]
    pub from: Option<String>,
    /// Stop after this stage.
    #[arg(long)]
    pub until: Option<String>,
    /// Say what would be done, with counts, memory, time and disk.
    ///
    /// Writes `plan.json` and notes of what was read, and begins no stage.
    #[arg(long)]
    pub dry_run: bool,
}

/// `adamllm generate`.
#[derive(Debug, Args)]
pub struct Generate {
    /// A model folder.
    #[arg(long)]
    pub model: PathBuf,
    /// Requests, one JSON object a line.
    #[arg(long, requires = "output", conflicts_with = "prompt")]
    pub requests: Option<PathBuf>,
    /// Where completions go; goes on after the last whole group.
    #[arg(long)]
    pub output: Option<PathBuf>,
    /// One user turn instead of a file.
    #[arg(long, required_unless_present = "requests")]
    pub prompt: Option<String>,
    /// Pictures of the prompt.
    #[arg(long)]
    pub image: Vec<PathBuf>,
    /// Most tokens to write for `--prompt`.
    #[arg(long, default_value_t = 256)]
    pub max_new_tokens: usize,
    /// 0 is greedy; for `--prompt`.
    #[arg(long, default_value_t = 0.0)]
    pub temperature: f64,
    /// Seed of sampling.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

/// `adamllm perplexity`.
#[derive(Debug, Args)]
pub struct Perplexity {
    /// A model folder.
    #[arg(long)]
    pub model: PathBuf,
    /// Samples: our JSONL or ShareGPT conversations.
    #[arg(long)]
    pub data: PathBuf,
}

/// `adamllm inspect`.
#[derive(Debug, Subcommand)]
pub enum Inspect {
    /// What a data file or folder holds: layout, counts, every bad row, sizes, lengths, duplicates, a sample.
    Data(InspectData),
    /// One training sample with its learned text marked.
    Sample {
        /// A model folder.
        #[arg(long)]
        model: PathBuf,
        /// Samples.
        #[arg(long)]
        data: PathBuf,
        /// Which one, from 0.
        #[arg(long, default_value_t = 0)]
        index: usize,
    },
    /// Parameters of a model by group.
    Model {
        /// A model folder.
        folder: PathBuf,
    },
}

/// `adamllm recipe`.
#[derive(Debug, Subcommand)]
pub enum RecipeCommand {
    /// Every key, its value and where the value comes from.
    Explain {
        /// The recipe.
        recipe: PathBuf,
        /// Override of a recipe key; repeatable.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
}

/// `adamllm demo-base`.
#[derive(Debug, Args)]
pub struct DemoBase {
    /// Work folder; the result lies in its `base-model`.
    #[arg(long, default_value = "runs/demo-base")]
    pub work: PathBuf,
    /// Phases: tower, read, joint, polish, score; all when absent.
    pub phases: Vec<String>,
    /// Fail if the model made anew scores worse than the shipped one.
    #[arg(long)]
    pub check: bool,
}

fn domain(name: &str) -> Result<Domain, String> {
    let known = DOMAINS.iter().find(|domain| domain.name == name);
    known.copied().ok_or_else(|| {
        let names = DOMAINS.map(|domain| domain.name);
        format!("domains are {}", names.join(", "))
    })
}
