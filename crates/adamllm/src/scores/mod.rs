//! Scores of predictions made anywhere, comparisons of two systems, and the list of benchmarks. No model is needed.

mod arguments;
mod compare;
mod leaks;
mod list;
mod page;
mod results;
mod score;
mod tables;
mod tasks;

use anyhow::Result;

use crate::cli::{Command, Shared};

pub use arguments::{Compare, Score};

/// Runs the command if it is one of those that need no model.
pub fn run(shared: &Shared, command: &Command) -> Option<Result<()>> {
    match command {
        Command::Score(arguments) => Some(score::run(shared, arguments)),
        Command::Compare(arguments) => Some(compare::run(shared, arguments)),
        Command::Evaluate(evaluate) if evaluate.list => Some(list::run(shared)),
        _ => None,
    }
}
