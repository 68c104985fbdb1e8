//! Flags that every command has, and how values of flags are read.

use clap::Args;

use crate::rank;

/// Flags of every command.
#[derive(Clone, Debug, Args)]
pub struct Shared {
    /// Print one JSON document on stdout and nothing else there.
    #[arg(long, global = true)]
    pub json: bool,
    /// Print errors only.
    #[arg(long, global = true)]
    pub quiet: bool,
    /// Where models run: auto (a GPU if there is one), cpu, cuda or cuda:N.
    #[arg(long, global = true, default_value = "auto")]
    pub device: String,
    /// Dtype of the weights: f32, bf16, or auto for what is faster here; default: bf16 on a GPU, else f32. For stages the recipe says.
    #[arg(long, global = true, value_parser = ["f32", "bf16", "auto"])]
    pub dtype: Option<String>,
    /// Threads of the tensor library; default: all cores, shared among the processes of a machine.
    #[arg(long, global = true, value_parser = positive)]
    pub threads: Option<usize>,
    /// Decoding one picture may take so long; one that takes longer ends the command and is never left out.
    #[arg(long, global = true, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub image_seconds: f64,
}

/// How many threads work.
pub fn threads(shared: &Shared) -> usize {
    shared.threads.unwrap_or_else(rank::threads)
}

/// A count of at least one.
pub fn positive(text: &str) -> Result<usize, String> {
    let found = text.parse().ok().filter(|&n: &usize| n > 0);
    found.ok_or_else(|| "expected a whole number, 1 or more".to_owned())
}

fn seconds(text: &str) -> Result<f64, String> {
    let found = text.parse().ok();
    found
        .filter(|s| (1e-6..1e9).contains(s))
        .ok_or_else(|| "expected seconds, more than 0".to_owned())
}
