//! Verb `recipe`: every key with its origin, how two recipes differ, and a new one.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use run::recipe::{Answers, QUESTIONS, Recipe, Resolution, Resolved, differences};
use serde_json::json;

use crate::environment;
use crate::flags::Shared;
use crate::output::print;

/// A checked recipe.
pub fn load(path: &Path, overrides: &[String]) -> Result<Recipe> {
    let text = text(path)?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    Recipe::read(&text, overrides, &folder, &environment::surroundings()).map_err(|errors| {
        anyhow!(
            "recipe `{}` has {} {}:\n  {}",
            path.display(),
            errors.len(),
            if errors.len() == 1 { "error" } else { "errors" },
            errors.join("\n  ")
        )
    })
}

fn text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the recipe `{}`", path.display()))
}

/// Every key with where its value comes from.
pub fn explain(shared: &Shared, path: &Path, overrides: &[String]) -> Result<()> {
    let resolution =
        run::recipe::resolve(&text(path)?, overrides, demo::RECIPE).map_err(|errors| {
            anyhow!(
                "recipe `{}` has {} errors:\n  {}",
                path.display(),
                errors.len(),
                errors.join("\n  ")
            )
        })?;
    print(shared, &serde_json::to_value(&resolution)?, || {
        for row in run::recipe::explain(&resolution) {
            println!(
                "{:<36} {:<28} {:<40} {}",
                row.key, row.value, row.origin, row.help
            );
        }
    })
}

fn resolution(path: &Path) -> Result<Resolution> {
    run::recipe::resolve(&text(path)?, &[], demo::RECIPE)
        .map_err(|errors| anyhow!("recipe `{}`:\n  {}", path.display(), errors.join("\n  ")))
}

/// The keys in which two recipes differ.
pub fn diff(shared: &Shared, a: &Path, b: &Path) -> Result<()> {
    let found = differences(&resolution(a)?, &resolution(b)?);
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
            println!("{}\n  {}\n  {}", one.key, shown(&one.a), shown(&one.b));
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
    let folder = file.parent().unwrap_or(Path::new(""));
    let answers = Answers::new(answers)?;
    for (what, path) in answers.missing(folder) {
        eprintln!(
            "warning: the {what} `{}` is not there yet; paths are relative to the recipe's folder",
            path.display()
        );
    }
    let text = answers.recipe(folder, demo::RECIPE)?;
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
