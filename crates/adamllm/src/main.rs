//! `adamllm`: adapts a multimodal LLM to a domain from image-caption pairs, with the evidence that it is better.
#![expect(
    clippy::print_stdout,
    reason = "the program is the one crate that prints"
)]

mod cli;
mod commands;
mod context;
mod demo;
mod pictures;
mod recipe;
mod report;
mod run_folder;
mod runner;
mod scores;
mod stages;
mod training;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain from what was being done to what went wrong, one line each.
            let mut lines = error.chain().map(ToString::to_string).collect::<Vec<_>>();
            lines.dedup();
            eprintln!("error: {}", lines.join("\n  because: "));
            ExitCode::FAILURE
        }
    }
}
