//! The page of all commands with their flags, from the command line itself.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command, CommandFactory as _};

use super::prose::{head, sentence};
use crate::cli::Cli;

/// The whole page.
pub fn page() -> String {
    let mut command = Cli::command();
    command.build();
    let mut out = head("Commands");
    out += "`adamllm COMMAND --help` prints the same. Exit codes: 0 done, 1 failed, 2 wrong usage; after a signal that was \
            obeyed and saved: 130 (Ctrl-C), 143 (SIGTERM), 0 (SIGUSR1).\n\n## Flags of every command\n\n";
    out += &flags(command.get_arguments().filter(|arg| is_shown(arg)));
    for verb in command.get_subcommands().filter(|verb| !is_passed(verb)) {
        let inner: Vec<&Command> = verb
            .get_subcommands()
            .filter(|verb| !is_passed(verb))
            .collect();
        out += &section(2, verb, inner.is_empty());
        for verb in inner {
            out += &section(3, verb, true);
        }
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn is_passed(command: &Command) -> bool {
    command.is_hide_set() || command.get_name() == "help"
}

/// Flags that help itself, or nobody, is meant to see are passed over.
fn is_shown(arg: &Arg) -> bool {
    !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version")
}

fn section(depth: usize, command: &Command, with_usage: bool) -> String {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let mut out = format!("{} `{name}`\n\n", "#".repeat(depth));
    let (about, mut examples) = without_examples(
        &command
            .get_long_about()
            .or(command.get_about())
            .map(ToString::to_string)
            .unwrap_or_default(),
    );
    if let Some(after) = command.get_after_help() {
        examples.extend(without_examples(&after.to_string()).1);
    }
    let _ = write!(out, "{about}\n\n");
    if with_usage {
        let usage = command.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ");
        let _ = write!(out, "```text\n{usage}\n```\n\n");
    }
    // What every command has stands at the top.
    let own = command
        .get_arguments()
        .filter(|arg| is_shown(arg) && !arg.is_global_set());
    out += &flags(own);
    if !examples.is_empty() {
        let _ = write!(out, "```sh\n{}\n```\n\n", examples.join("\n"));
    }
    out
}

/// A text without the commands that it gives as examples, and these.
fn without_examples(text: &str) -> (String, Vec<String>) {
    let mut about: Vec<String> = Vec::new();
    let mut examples = Vec::new();
    for line in text.lines() {
        // Help joins the lines of a paragraph, so an example may stand behind a sentence.
        let (said, example) = line.split_once("Example: ").unwrap_or((line, ""));
        if example.is_empty() && said.trim().starts_with("adamllm ") {
            examples.push(said.trim().to_owned());
            continue;
        }
        if !example.is_empty() {
            examples.push(example.trim().to_owned());
        }
        if said.trim() != "Examples:" {
            about.push(said.trim().to_owned());
        }
    }
    let paragraphs = about.join("\n");
    let paragraphs: Vec<String> = paragraphs
        .split("\n\n")
        .map(str::trim)
        .filter(|paragraph| !paragraph.is_empty())
        .map(sentence)
        .collect();
    (paragraphs.join("\n\n"), examples)
}

fn flags<'a>(args: impl Iterator<Item = &'a Arg>) -> String {
    let mut out = String::new();
    for arg in args {
        let help = arg.get_long_help().or(arg.get_help());
        let help = help.map(|help| help.to_string().replace("\n\n", " ").replace('\n', " "));
        let mut line = sentence(&help.unwrap_or_default());
        let words: Vec<String> = arg
            .get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| format!("`{}`", value.get_name()))
            .collect();
        let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
        if takes_value && !words.is_empty() {
            let _ = write!(line, " One of {}.", words.join(", "));
        }
        let defaults: Vec<String> = arg
            .get_default_values()
            .iter()
            .map(|value| format!("`{}`", value.to_string_lossy()))
            .collect();
        if takes_value && !defaults.is_empty() {
            let _ = write!(line, " Default: {}.", defaults.join(", "));
        }
        let _ = writeln!(out, "- `{}`: {line}", shown(arg));
    }
    if out.is_empty() { out } else { out + "\n" }
}

/// A flag with its other names and the name of its value, or a place.
fn shown(arg: &Arg) -> String {
    let value = arg
        .get_value_names()
        .and_then(|names| names.first())
        .map_or_else(|| arg.get_id().as_str().to_uppercase(), ToString::to_string);
    let Some(long) = arg.get_long() else {
        return if arg.is_required_set() {
            format!("<{value}>")
        } else {
            format!("[{value}]")
        };
    };
    let mut names = vec![format!("--{long}")];
    for alias in arg.get_visible_aliases().unwrap_or_default() {
        names.push(format!("--{alias}"));
    }
    let names = names.join(", ");
    match arg.get_action() {
        ArgAction::Set | ArgAction::Append => format!("{names} <{value}>"),
        _ => names,
    }
}
