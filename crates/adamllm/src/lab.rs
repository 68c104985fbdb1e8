//! `adamllm lab`: a grid of recipes in one folder.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};

mod hours;
mod list;
mod shelf;

pub use list::list;

/// `adamllm lab`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  adamllm lab --list
  adamllm lab recipes/paper/toy/ablations.toml --dry-run
  adamllm lab my-grid.toml --lab-dir labs/my
  adamllm lab my-grid.toml --lab-dir labs/my --shard 1/4 --threads 2
  adamllm lab clean my-grid.toml --lab-dir labs/my"
)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command")]
pub struct Lab {
    /// What else to do with a lab.
    #[command(subcommand)]
    pub action: Option<Action>,
    /// The grid, a TOML file.
    #[arg(required_unless_present = "list")]
    pub grid: Option<PathBuf>,
    /// Where everything goes; `labs/` and the grid's name if it is not said.
    #[arg(long)]
    pub lab_dir: Option<PathBuf>,
    /// Where results of stages lie, for labs that share them; `store` in the lab's folder if it is not said.
    #[arg(long)]
    pub store: Option<PathBuf>,
    /// List the paper's grids and tables.
    #[arg(long, conflicts_with = "grid")]
    pub list: bool,
    /// Say what would be done: cells, distinct stages, time, memory and disk. Begins no stage.
    #[arg(long)]
    pub dry_run: bool,
    /// Which of how many processes this is, such as 1/4.
    ///
    /// All work in one lab folder: each begins with its own cells and then helps the others, and a stage is done by one.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Part>,
    /// Go on although cells mean something else than when the lab was begun. What is equal is used again.
    #[arg(long)]
    pub changed: bool,
    /// Override of a recipe key in every cell; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Begin although endpoints are forecast to take more than a cap (`max_cost`, `max_tokens`) allows.
    #[arg(long)]
    pub yes: bool,
}

/// What else can be done with a lab.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Remove what no cell of the grid needs any more; other processes must not work in the lab.
    Clean(Clean),
}

/// `adamllm lab clean`.
#[derive(Debug, Args)]
pub struct Clean {
    /// The grid, a TOML file.
    pub grid: PathBuf,
    /// The lab's folder; `labs/` and the grid's name if it is not said.
    #[arg(long)]
    pub lab_dir: Option<PathBuf>,
    /// Override of a recipe key in every cell, as the lab was begun with; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Say what would be removed, and remove nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// One of several processes: `1/4` is the first of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is none of several processes; the first of four is 1/4");
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let part = Self {
            number: number.parse().map_err(|_| wrong())?,
            of: of.parse().map_err(|_| wrong())?,
        };
        if (1..=part.of).contains(&part.number) {
            Ok(part)
        } else {
            Err(wrong())
        }
    }
}

/// The folder of a grid's lab where none is named.
pub fn folder_of(grid: &std::path::Path) -> PathBuf {
    PathBuf::from("labs").join(grid.file_stem().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_one_of_several() {
        let part = |text: &str| text.parse::<Part>().ok();
        assert_eq!(part("1/4"), Some(Part { number: 1, of: 4 }));
        for wrong in ["0/4", "5/4", "4", "a/4", "1/0", "1/-1"] {
            assert_eq!(part(wrong), None, "{wrong}");
        }
    }
}
