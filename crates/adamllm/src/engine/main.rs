//! `adamllm-engine`: the verbs that need tensors. People start `adamllm`, which executes this program where it has to.
#![expect(
    clippy::print_stdout,
    reason = "the program is the one crate that prints"
)]

mod bench;
mod convert_model;
mod cuda;
mod device;
mod doctor;
mod evaluate;
mod generate;
mod inspect_model;
mod kept;
mod lab;
mod perplexity;
mod places;
mod preview;
mod processes;
mod products;
mod quality;
mod road;

use std::process::ExitCode;

use adamllm::cli::{Cli, Command, Inspect};
use adamllm::{engine, light, program};
use anyhow::Error;
use pipeline::stages::{answer, filter, mix, report, synthesize, train, tune_synthesizer};

fn main() -> ExitCode {
    torch::retain_memory();
    program::run(|cli| command(cli).map_err(as_stopped))
}

/// What a person asked for is told as such, be it an error of a run or not.
fn as_stopped(error: Error) -> Error {
    if processes::is_stop(&error) {
        run::Stopped.into()
    } else {
        error
    }
}

fn command(cli: &Cli) -> Result<(), Error> {
    engine::check_caller()?;
    if let Some(done) = light::run(cli) {
        return done;
    }
    let shared = &cli.shared;
    // A stage alone: those before it are skipped when they are done, and done when they are not.
    match &cli.command {
        Command::Demo(demo) => road::demo(shared, demo),
        Command::Run(run) => road::run(shared, run),
        Command::TuneSynthesizer(stage) => road::up_to(shared, stage, tune_synthesizer::NAME),
        Command::Synthesize(synthesize) => match synthesize.preview {
            None => road::up_to(shared, &synthesize.stage, synthesize::NAME),
            Some(number) => preview::run(shared, &synthesize.stage, number),
        },
        Command::Filter(stage) => road::up_to(shared, stage, filter::NAME),
        Command::Mix(stage) => road::up_to(shared, stage, mix::NAME),
        Command::Train(stage) => road::up_to(shared, stage, train::NAME),
        Command::Evaluate(evaluate) => match evaluate.stage() {
            Some(stage) => road::up_to(shared, &stage, answer::GROUP),
            None => evaluate::run(shared, &evaluate.benchmarks),
        },
        Command::Report(stage) => road::up_to(shared, stage, report::NAME),
        Command::Generate(arguments) => generate::run(shared, arguments),
        Command::Bench(arguments) => bench::run(shared, arguments),
        Command::Perplexity(arguments) => perplexity::run(shared, arguments),
        Command::ConvertModel(arguments) => convert_model::run(shared, arguments),
        Command::Inspect(Inspect::Model { folder, tensors }) => {
            inspect_model::run(shared, folder, *tensors)
        }
        Command::Lab(arguments) => lab::run(shared, arguments),
        Command::Quality(arguments) => quality::run(shared, arguments),
        Command::Doctor => doctor::run(shared),
        Command::Score(_)
        | Command::Compare(_)
        | Command::Convert(_)
        | Command::Inspect(_)
        | Command::Plan(_)
        | Command::Recipe(_)
        | Command::Completions { .. }
        | Command::Man { .. }
        | Command::Reference { .. } => unreachable!("done without tensors"),
    }
}
