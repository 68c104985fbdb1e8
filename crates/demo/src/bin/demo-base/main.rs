//! `demo-base`: trains the demo's base model from nothing, in phases, and measures what it knows. Takes hours; what comes
//! out is copied to `assets/demo`, where the library of this package ships it from.

mod gates;
mod joint;
mod model_folder;
mod phases;
mod reading;
mod samples;
mod tower;
mod training;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;

/// Train the demo's own base model from nothing (hours; the result is shipped).
#[derive(Debug, Parser)]
#[command(
    name = "demo-base",
    version,
    after_help = "Example: demo-base tower --threads 1"
)]
struct Cli {
    /// Work folder; the result lies in its `base-model`.
    #[arg(long, default_value = "runs/demo-base")]
    work: PathBuf,
    /// Phases: tower, read, joint, polish, contrast, compare, score; all when absent.
    phases: Vec<String>,
    /// Fail if the model made anew scores worse than the shipped one.
    #[arg(long)]
    check: bool,
    /// Threads of the tensor library; default: all cores.
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

fn main() -> ExitCode {
    torch::retain_memory();
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let all_cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = cli.threads.map_or_else(all_cores, NonZeroUsize::get);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .context("the worker threads cannot be started")?;
    torch::check_version().context("this program cannot run with the libtorch that it found")?;
    torch::set_threads(threads);
    phases::run(&cli.work, &cli.phases, cli.check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_every_phase() {
        let cli = Cli::try_parse_from(["demo-base", "tower", "read", "--threads", "1"]);
        assert_eq!(cli.expect("a command").phases, ["tower", "read"]);
        assert!(Cli::try_parse_from(["demo-base", "--threads", "0"]).is_err());
        let help = <Cli as clap::CommandFactory>::command()
            .render_long_help()
            .to_string();
        assert!(help.contains(&phases::PHASES.join(", ")), "{help}");
    }
}
