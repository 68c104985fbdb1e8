//! Verb `recipe`: every key with its origin, how two recipes differ, and a new one.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Error, Result, anyhow, bail};
use run::recipe::{
    Answers, Automatic, Fitting, QUESTIONS, Recipe, Resolution, Resolved, differences,
    without_column,
};
use serde_json::json;

use crate::columns::{hanging, table, width};
use crate::flags::Shared;
use crate::output::print;
use crate::{environment, machine};

/// A checked recipe, in which `model.dtype = "auto"` stands for `automatic` and trainings are fitted to `fitting`.
pub fn load(
    path: &Path,
    overrides: &[String],
    automatic: Automatic,
    fitting: Fitting<'static>,
) -> Result<Recipe> {
    match load_most(path, overrides, automatic, fitting)? {
        (recipe, errors) if errors.is_empty() => Ok(recipe),
        (_, errors) => Err(refused(path, &errors)),
    }
}

/// What can be read of a recipe, and what is wrong with it.
pub fn load_most(
    path: &Path,
    overrides: &[String],
    automatic: Automatic,
    fitting: Fitting<'static>,
) -> Result<(Recipe, Vec<String>)> {
    let text = text(path)?;
    let surroundings = environment::surroundings(automatic, fitting);
    Recipe::read_most(&text, overrides, folder_of(path), &surroundings)
        .map_err(|errors| refused(path, &errors))
}

/// The recipe that flags alone make; paths are relative to where the command runs.
pub fn of_flags(
    overrides: &[String],
    automatic: Automatic,
    fitting: Fitting<'static>,
) -> Result<Recipe> {
    let surroundings = environment::surroundings(automatic, fitting);
    let read = Recipe::read("", overrides, Path::new(""), &surroundings);
    read.map_err(|errors| anyhow!("{}", errors.join("\n")))
}

/// All errors of a recipe as one.
pub fn refused(path: &Path, errors: &[String]) -> Error {
    anyhow!(
        "recipe `{}` has {} {}:\n  {}",
        path.display(),
        errors.len(),
        if errors.len() == 1 { "error" } else { "errors" },
        errors.join("\n  ")
    )
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the recipe `{}`", path.display()))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Every key with where its value comes from.
pub fn explain(shared: &Shared, path: &Path, overrides: &[String]) -> Result<()> {
    let resolution = resolution(shared, path, overrides)?;
    tell_without_column(shared, path, &resolution);
    print(shared, &serde_json::to_value(&resolution)?, || {
        let explained = run::recipe::explain(&resolution);
        let rows: Vec<[&str; 4]> = explained
            .iter()
            .map(|row| [&*row.key, &*row.value, &*row.origin, row.help])
            .collect();
        print!("{}", table(&rows, &[36, 28, 40], width()));
    })
}

fn resolution(shared: &Shared, path: &Path, overrides: &[String]) -> Result<Resolution> {
    let surroundings = environment::surroundings(machine::automatic(shared), Fitting::default());
    run::recipe::resolve(&text(path)?, overrides, folder_of(path), &surroundings)
        .map_err(|errors| refused(path, &errors))
}

/// Which keys have no preset yet, since nothing says of which family the model is.
fn tell_without_column(shared: &Shared, path: &Path, resolution: &Resolution) {
    let keys = without_column(resolution);
    if !keys.is_empty() && !shared.quiet {
        eprintln!(
            "note: `{}` says nothing of {}: their presets follow the family of `model.checkpoint`, whose `config.json` does \
             not tell it; put that file there, or name the family with `model.family`",
            path.display(),
            keys.iter()
                .map(|key| format!("`{key}`"))
                .collect::<Vec<_>>()
                .join(", ")
        );
    }
}

/// The keys in which two recipes differ.
pub fn diff(shared: &Shared, a: &Path, b: &Path) -> Result<()> {
    let (one, other) = (resolution(shared, a, &[])?, resolution(shared, b, &[])?);
    tell_without_column(shared, a, &one);
    tell_without_column(shared, b, &other);
    let found = differences(&one, &other);
    let shown = |side: &Option<Resolved>| {
        side.as_ref().map_or_else(
            || "-".to_owned(),
            |key| format!("{} ({})", key.value, key.origin),
        )
    };
    print(shared, &json!({"differences": found}), || {
        if found.is_empty() {
            println!("both recipes say the same");
        }
        for one in &found {
            println!("{}", one.key);
            for side in [&one.a, &one.b] {
                println!("{}", hanging("  ", &shown(side), width()));
            }
        }
    })
}

/// Writes a commented recipe; asks for the answers that were not given.
pub fn new(shared: &Shared, file: &Path, given: [&Option<String>; 3]) -> Result<()> {
    if file.exists() {
        bail!("`{}` is there already; name a new file", file.display());
    }
    let mut answers = [const { String::new() }; 3];
    for ((answer, given), question) in answers.iter_mut().zip(given).zip(QUESTIONS) {
        *answer = match given {
            Some(given) => given.clone(),
            None => ask(question)?,
        };
    }
    let folder = folder_of(file);
    let answers = Answers::new(answers)?;
    for (what, path) in answers.missing(folder) {
        eprintln!(
            "warning: the {what} `{}` is not there yet; paths are relative to the recipe's folder",
            path.display()
        );
    }
    let surroundings = environment::surroundings(machine::automatic(shared), Fitting::default());
    let text = answers.recipe(folder, &surroundings)?;
    std::fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
    let next = format!("adamllm run {} --run-dir runs/my --dry-run", file.display());
    print(shared, &json!({"recipe": file, "next": next}), || {
        println!("wrote `{}`; next: {next}", file.display());
    })
}

fn ask(question: &str) -> Result<String> {
    if std::io::stdin().is_terminal() {
        eprint!("{question}: ");
        std::io::stderr().flush()?;
    }
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        bail!(
            "no answer to \"{question}\"; give it on the command line: --checkpoint, --pairs, --synthesizer"
        );
    }
    Ok(line.trim().to_owned())
}
