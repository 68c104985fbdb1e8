//! `adamllm`: adapts a multimodal LLM to a domain from image-caption pairs, with the evidence that it is better.
#![expect(
    clippy::print_stdout,
    reason = "the program is the one crate that prints"
)]

mod cards;
mod checkpoints;
mod cli;
mod commands;
mod context;
mod convert;
mod convert_model;
mod demo;
mod doctor;
mod hub;
mod inspect_checkpoint;
mod inspect_data;
mod inspect_model;
mod inspect_run;
mod pictures;
mod preview;
mod progress;
mod reading;
mod recipe;
mod report;
mod run_folder;
mod runner;
mod scores;
mod shipped;
mod signals;
mod stages;
mod training;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let cli = cli::Cli::parse_from(convert_model::routed(std::env::args_os().collect()));
    std::panic::set_hook(Box::new(|panic| {
        let place = panic
            .location()
            .map_or_else(String::new, |l| format!(" ({l})"));
        // The crates that read tables panic on damaged ones; the corpus makes an error of that.
        if panic
            .location()
            .is_some_and(|l| l.file().contains("/arrow-") || l.file().contains("/parquet-"))
        {
            return;
        }
        let what = panic.payload_as_str().unwrap_or("no message");
        // Who reads may stop reading, as `head` does.
        if what.starts_with("failed printing to stdout: Broken pipe") {
            std::process::exit(0);
        }
        let what = what.lines().next().unwrap_or_default();
        eprintln!(
            "error: a bug in adamllm{place}: {what}; please report it with the command you gave"
        );
    }));
    match std::panic::catch_unwind(|| commands::run(&cli)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            if let Some(stopped) = error.downcast_ref::<signals::Stopped>() {
                eprintln!(
                    "{stopped}; what is done is saved. To go on, give the same command again:\n  {}",
                    signals::same_command()
                );
                return ExitCode::from(stopped.exit_code());
            }
            // The chain from what was being done to what went wrong, one line each; what a line says already is not
            // said again.
            let mut lines: Vec<String> = Vec::new();
            for cause in error.chain().map(ToString::to_string) {
                if lines.last().is_none_or(|said| !said.ends_with(&cause)) {
                    lines.push(cause);
                }
            }
            eprintln!("error: {}", lines.join("\n  because: "));
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::FAILURE,
    }
}
