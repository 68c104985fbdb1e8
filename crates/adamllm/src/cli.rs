//! The command line: verbs are stages, flags are about this invocation only.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand};
use corpus::pictograms::{DOMAINS, Domain};

use crate::bench::Bench;
use crate::convert::Convert;
use crate::endpoint_flags::{ANSWERER, EndpointFlags};
use crate::flags::{Shared, positive};
use crate::inspect_data::InspectData;
use crate::lab::Lab;
use crate::plan::Plan;
use crate::quality::Quality;
use crate::{convert_model, scores};

/// Adapts a multimodal LLM to a domain from image-caption pairs, with the evidence that it is better.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    propagate_version = true,
    after_help = "\
Examples:
  adamllm doctor
  adamllm inspect data photos/
  adamllm demo

Nothing is sent anywhere and nothing is fetched."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Flags of every command.
    #[command(flatten)]
    pub shared: Shared,
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
    ///
    /// Example: adamllm tune-synthesizer my.toml --run-dir runs/my
    TuneSynthesizer(Stage),
    /// Stage 2: write a task for each pair.
    Synthesize(Synthesize),
    /// Stage 3: leave out inconsistent tasks.
    ///
    /// Example: adamllm filter my.toml --run-dir runs/my
    Filter(Stage),
    /// Stage 4: make training samples of captions and tasks.
    ///
    /// Example: adamllm mix my.toml --run-dir runs/my
    Mix(Stage),
    /// Stage 5: train the adapted model.
    ///
    /// Example: adamllm train my.toml --run-dir runs/my
    Train(Stage),
    /// Stage 6: answer the tasks before and after; or a model on benchmarks.
    ///
    /// With --model or --endpoint-model the benchmarks of --data are answered, scored and shown; --list shows all of them.
    /// Example: adamllm evaluate --model DIR --tasks slake,pmc-vqa --data benchmarks --output scores
    Evaluate(Evaluate),
    /// Stage 7: numbers and the HTML page.
    ///
    /// Example: adamllm report my.toml --run-dir runs/my
    Report(Stage),
    /// Score predictions made anywhere, with intervals.
    ///
    /// Reads our records, the published code's output, lmms-eval's sample logs and tables such as VLMEvalKit's.
    /// Example: adamllm score --task slake --predictions slake.jsonl --output scores
    Score(scores::Score),
    /// Two systems or more in one table, with paired differences, intervals and tests.
    ///
    /// Example: adamllm compare scores/base llava=scores/a scores/b --format latex
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
    /// A model from another layout into this one, or back; `convert` with a layout of models is the same.
    ///
    /// Example: adamllm convert-model --from open-llava-next --to hf open-llava-next-llama3-8b model
    ConvertModel(convert_model::ConvertModel),
    /// Look at data, samples and models.
    #[command(subcommand)]
    Inspect(Inspect),
    /// What each way to train a recipe's model takes on a device, and which one fits; needs no weights.
    Plan(Plan),
    /// Explain, compare and begin recipes.
    #[command(subcommand)]
    Recipe(RecipeCommand),
    /// A grid of recipes, such as the paper's comparisons: what cells have in common is done once, and a table says what is better.
    ///
    /// Example: adamllm lab recipes/paper/toy/ablations.toml --lab-dir labs/ablations
    Lab(Lab),
    /// How good sets of tasks are: measured, judged by a model and by people, held against what is true.
    ///
    /// Example: adamllm quality ours=runs/my seeds=seeds.jsonl --run-dir runs/quality
    Quality(Quality),
    /// Whether this machine can do the work: ends in "ready" or in a list of what to mend.
    ///
    /// Measures matrix products in both dtypes and learns one picture by heart, in about 20 seconds.
    #[command(after_help = "Example: adamllm doctor")]
    Doctor,
    /// How fast training, generation and data are here.
    #[command(subcommand)]
    Bench(Bench),
    /// Completions for a shell, on stdout.
    #[command(
        after_help = "Example: adamllm completions bash > ~/.local/share/bash-completion/completions/adamllm"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// The manual pages.
    #[command(after_help = "Example: adamllm man ~/.local/share/man/man1")]
    Man {
        /// Folder that they are written to.
        folder: PathBuf,
    },
    /// The reference pages of the documentation.
    #[command(hide = true)]
    Reference {
        /// Folder that they are written to.
        folder: PathBuf,
    },
}

/// `adamllm demo`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command")]
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
    /// Measure on a training style that is left out of the pairs, not on the test pictures: for choosing settings.
    #[arg(long)]
    pub validation: bool,
    /// Work in so many processes of this machine, which are started here.
    ///
    /// torchrun, srun, mpirun and others start theirs, and each finds its place without this flag.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub processes: Option<usize>,
    /// Say what would be done, with counts, memory, time and disk; writes the demo's data and begins no stage.
    #[arg(long)]
    pub dry_run: bool,
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
    #[arg(long, value_parser = positive)]
    pub limit: Option<usize>,
    /// Override of a recipe key; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Begin although endpoints are forecast to take more than a cap (`max_cost`, `max_tokens`) allows.
    #[arg(long)]
    pub yes: bool,
    /// Go on where an earlier attempt stopped (always done).
    #[arg(long, hide = true)]
    pub resume: bool,
    /// Work in so many processes of this machine, which are started here.
    ///
    /// torchrun, srun, mpirun and others start theirs, and each finds its place without this flag.
    #[arg(long, value_name = "N", value_parser = positive)]
    pub processes: Option<usize>,
}

/// `adamllm synthesize`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  adamllm synthesize my.toml --run-dir runs/my
  adamllm synthesize my.toml --run-dir runs/my --preview 5")]
pub struct Synthesize {
    /// The recipe and its run folder.
    #[command(flatten)]
    pub stage: Stage,
    /// Show what the synthesizer writes for so many pairs, and begin nothing.
    #[arg(long, value_name = "N")]
    pub preview: Option<usize>,
}

/// `adamllm evaluate`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new(ANSWERER).requires("output")))]
pub struct Evaluate {
    /// List the benchmarks with their sizes, metrics and prompts.
    #[arg(long, conflicts_with = ANSWERER)]
    pub list: bool,
    /// The recipe, a TOML file: answers its own tasks before and after.
    #[arg(
        required_unless_present_any = ["list", ANSWERER],
        requires = "run_dir",
        conflicts_with = ANSWERER
    )]
    pub recipe: Option<PathBuf>,
    /// The recipe's run folder.
    #[arg(long, requires = "recipe")]
    pub run_dir: Option<PathBuf>,
    /// Override of a recipe key; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "recipe")]
    pub set: Vec<String>,
    /// Begin although endpoints are forecast to take more than a cap (`max_cost`, `max_tokens`) allows.
    #[arg(long, requires = "recipe")]
    pub yes: bool,
    /// Go on where an earlier attempt stopped (always done).
    #[arg(long, hide = true)]
    pub resume: bool,
    /// Work in so many processes of this machine, which are started here.
    ///
    /// torchrun, srun, mpirun and others start theirs, and each finds its place without this flag.
    #[arg(long, value_name = "N", value_parser = positive, requires = "recipe")]
    pub processes: Option<usize>,
    /// A model on benchmarks.
    #[command(flatten)]
    pub benchmarks: scores::Benchmarks,
}

impl Evaluate {
    /// The recipe's stage, if a recipe is named.
    pub fn stage(&self) -> Option<Stage> {
        Some(Stage {
            recipe: self.recipe.clone()?,
            run_dir: self.run_dir.clone()?,
            limit: self.benchmarks.limit,
            set: self.set.clone(),
            yes: self.yes,
            resume: self.resume,
            processes: self.processes,
        })
    }
}

/// `adamllm run`.
#[derive(Debug, Args)]
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
#[command(group(ArgGroup::new(ANSWERER).required(true)))]
pub struct Generate {
    /// A model folder.
    #[arg(long, group = ANSWERER)]
    pub model: Option<PathBuf>,
    /// A model at an endpoint instead.
    #[command(flatten)]
    pub endpoint: EndpointFlags,
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
    /// Leaves out tokens with less than this share of the likeliest one's probability; for `--prompt`, 0 is off.
    #[arg(long, default_value_t = 0.0)]
    pub min_p: f64,
    /// Above 1 makes tokens of the prompt and of the answer so far less likely; for `--prompt`.
    #[arg(long, default_value_t = 1.0)]
    pub repetition_penalty: f64,
    /// An answer that may be given, once for each; for `--prompt`.
    #[arg(long = "choice", value_name = "TEXT")]
    pub choices: Vec<String>,
    /// Tells so many of the likeliest tokens for each written one (`--json`); for `--prompt`.
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub top_logprobs: usize,
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
    /// What a model is made of: parameters by part and group, dtype, tied weights, what would be trained.
    ///
    /// Example: adamllm inspect model DIR --tensors
    Model {
        /// A model folder, or its repository in the Hugging Face cache.
        folder: PathBuf,
        /// Every tensor with its shape.
        #[arg(long)]
        tensors: bool,
    },
    /// Where a run stands: stages, counts, reasons, the last training step. Also while it goes on.
    #[command(after_help = "Example: adamllm inspect run runs/my")]
    Run {
        /// The run folder.
        folder: PathBuf,
    },
    /// What a checkpoint or a model's files hold; loads nothing.
    #[command(after_help = "Example: adamllm inspect checkpoint runs/my/train/checkpoint-500")]
    Checkpoint {
        /// A `checkpoint-N` of a run, or a model folder.
        folder: PathBuf,
    },
}

/// `adamllm recipe`.
#[derive(Debug, Subcommand)]
pub enum RecipeCommand {
    /// Every key, its value and where the value comes from.
    Explain {
        /// The recipe; example: adamllm recipe explain my.toml
        recipe: PathBuf,
        /// Override of a recipe key; repeatable.
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// The keys in which two recipes differ, presets included.
    #[command(
        after_help = "Example: adamllm recipe diff recipes/food/recipe1m-llava-v1.6-8b.toml my.toml"
    )]
    Diff {
        /// A recipe.
        a: PathBuf,
        /// Another.
        b: PathBuf,
    },
    /// A recipe of your own, commented: asks for what the flags do not say.
    #[command(after_help = "\
Examples:
  adamllm recipe new my.toml
  adamllm recipe new my.toml --checkpoint demo --pairs pairs.jsonl --synthesizer none")]
    New {
        /// The file that is written.
        file: PathBuf,
        /// The general model: a Hugging Face folder, or `demo`.
        #[arg(long)]
        checkpoint: Option<String>,
        /// Image-caption pairs: a file or folder in any layout.
        #[arg(long)]
        pairs: Option<String>,
        /// A tuned synthesizer's folder, a file of seed data, or `none` (with `demo`: the shipped seed data).
        #[arg(long)]
        synthesizer: Option<String>,
    },
}

fn domain(name: &str) -> Result<Domain, String> {
    let known = DOMAINS.iter().find(|domain| domain.name == name);
    known.copied().ok_or_else(|| {
        let names = DOMAINS.map(|domain| domain.name);
        format!("domains are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::Cli;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
