//! What both binaries do around a command: arguments in, errors told, exit codes out.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Error, Result};
use clap::Parser as _;
use run::Stopped;

use crate::cli::Cli;
use crate::flags::threads;
use crate::{convert_model, launch, signals};

/// Parses the command line, runs `command` and tells how it ended.
pub fn run(command: impl FnOnce(&Cli) -> Result<()> + std::panic::UnwindSafe) -> ExitCode {
    let cli = Cli::parse_from(convert_model::routed(std::env::args_os().collect()));
    std::panic::set_hook(Box::new(tell_panic));
    match launch::start(&cli) {
        Ok(None) => {}
        Ok(Some(code)) => return ExitCode::from(code),
        Err(error) => return failed(&error),
    }
    let ready = || -> Result<()> {
        corpus::images::set_time_limit(Duration::from_secs_f64(cli.shared.image_seconds));
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads(&cli.shared))
            .build_global()
            .context("the worker threads cannot be started")?;
        command(&cli)
    };
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(ready)) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) if error.is::<Stopped>() => {
            let by = signals::which();
            eprintln!(
                "stopped by {}; what is done is saved. To go on, give the same command again:\n  {}",
                by.name(),
                signals::same_command()
            );
            ExitCode::from(by.exit_code())
        }
        Ok(Err(error)) => failed(&error),
        Err(_) => ExitCode::FAILURE,
    }
}

/// Tells the chain from what was being done to what went wrong, one line each; what a line says already is not said again.
fn failed(error: &Error) -> ExitCode {
    let mut lines: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if lines.last().is_none_or(|said| !said.ends_with(&cause)) {
            lines.push(cause);
        }
    }
    // Written at once, since other processes may write to the same place.
    let text = format!("error: {}\n", lines.join("\n  because: "));
    let _ = std::io::stderr().write_all(text.as_bytes());
    ExitCode::FAILURE
}

fn tell_panic(panic: &std::panic::PanicHookInfo<'_>) {
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
    eprintln!("error: a bug in adamllm{place}: {what}; please report it with the command you gave");
}
