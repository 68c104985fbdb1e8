//! The verbs that need no tensors.

use anyhow::{Context as _, Result};
use clap::CommandFactory as _;
use serde_json::json;

use crate::cli::{Cli, Command, Inspect, RecipeCommand};
use crate::output::print;
use crate::{
    convert, inspect_checkpoint, inspect_data, inspect_run, inspect_sample, lab, plan, recipes,
    reference, scores,
};

/// Runs the command if it needs no tensors.
pub fn run(cli: &Cli) -> Option<Result<()>> {
    let shared = &cli.shared;
    Some(match &cli.command {
        Command::Evaluate(evaluate) if evaluate.list => scores::list(shared),
        Command::Score(arguments) => scores::score(shared, arguments),
        Command::Compare(arguments) => scores::compare(shared, arguments),
        Command::Convert(arguments) => convert::run(shared, arguments),
        Command::Inspect(Inspect::Data(data)) => inspect_data::run(shared, data),
        Command::Inspect(Inspect::Sample { model, data, index }) => {
            inspect_sample::run(shared, model, data, *index)
        }
        Command::Inspect(Inspect::Run { folder }) => inspect_run::run(shared, folder),
        Command::Inspect(Inspect::Checkpoint { folder }) => inspect_checkpoint::run(shared, folder),
        Command::Lab(asked) if asked.list => lab::list(shared),
        Command::Plan(asked) => plan::run(shared, asked),
        Command::Recipe(RecipeCommand::Explain { recipe, set }) => {
            recipes::explain(shared, recipe, set)
        }
        Command::Recipe(RecipeCommand::Diff { a, b }) => recipes::diff(shared, a, b),
        Command::Recipe(RecipeCommand::New {
            file,
            checkpoint,
            pairs,
            synthesizer,
        }) => recipes::new(shared, file, [checkpoint, pairs, synthesizer]),
        Command::Completions { shell } => {
            let (mut command, name) = (Cli::command(), "adamllm");
            clap_complete::generate(*shell, &mut command, name, &mut std::io::stdout());
            Ok(())
        }
        Command::Man { folder } => std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
            .with_context(|| format!("cannot write the pages to `{}`", folder.display()))
            .and_then(|()| {
                print(shared, &json!({"folder": folder}), || {
                    println!(
                        "manual pages in `{}`; read one with `man -l {}/adamllm.1`",
                        folder.display(),
                        folder.display()
                    );
                })
            }),
        Command::Reference { folder } => reference::write(shared, folder),
        _ => return None,
    })
}
