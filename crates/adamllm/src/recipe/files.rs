//! Recipes as files: how two differ, and a new one.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};

use super::{DEMO, Resolution, origin_text, resolve};
use crate::cli::Shared;
use crate::commands::print;

fn resolution(path: &Path) -> Result<Resolution> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the recipe `{}`", path.display()))?;
    resolve(&text, &[])
        .map_err(|errors| anyhow!("recipe `{}`:\n  {}", path.display(), errors.join("\n  ")))
}

/// The keys in which two recipes differ.
pub fn diff(shared: &Shared, a: &Path, b: &Path) -> Result<()> {
    let (left, right) = (resolution(a)?, resolution(b)?);
    let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.retain(|key| left.get(*key).map(|k| &k.value) != right.get(*key).map(|k| &k.value));
    let shown = |side: &Resolution, key: &str| {
        side.get(key).map_or_else(
            || "-".to_owned(),
            |key| format!("{} ({})", key.value, origin_text(&key.origin)),
        )
    };
    let rows: Vec<Value> = keys
        .iter()
        .map(|key| json!({"key": key, "a": left.get(*key), "b": right.get(*key)}))
        .collect();
    print(shared, &json!({"differences": rows}), || {
        if keys.is_empty() {
            println!("both recipes say the same");
        }
        for key in &keys {
            println!("{key}\n  {}\n  {}", shown(&left, key), shown(&right, key));
        }
    })
}

/// What is asked for, in the order of the answers.
const QUESTIONS: [&str; 3] = [
    "The general model (a Hugging Face folder, or `demo` for the shipped toy)",
    "Your image-caption pairs (a file or folder in any layout)",
    "A tuned synthesizer's folder or a file of seed data (`none` with `demo`)",
];

/// Writes a commented recipe; asks for the answers that were not given.
pub fn new(shared: &Shared, file: &Path, given: [&Option<String>; 3]) -> Result<()> {
    if file.exists() {
        bail!("`{}` is there already; name a new file", file.display());
    }
    let mut answers = Vec::new();
    for (question, given) in QUESTIONS.iter().zip(given) {
        answers.push(match given {
            Some(answer) => answer.clone(),
            None => ask(question)?,
        });
    }
    let [checkpoint, pairs, synthesizer] = answers.as_slice() else {
        bail!("three answers are needed");
    };
    let folder = file.parent().unwrap_or(Path::new(""));
    if checkpoint.is_empty() || pairs.is_empty() {
        bail!("a recipe needs a model and pairs");
    }
    for (what, name) in [
        ("model", checkpoint),
        ("pairs", pairs),
        ("synthesizer", synthesizer),
    ] {
        let is_word = name == DEMO || name == "none" || name.is_empty();
        if !is_word && !folder.join(name).exists() {
            eprintln!(
                "warning: the {what} `{}` is not there yet; paths are relative to the recipe's folder",
                folder.join(name).display()
            );
        }
    }
    let has_none = synthesizer.is_empty() || synthesizer == "none";
    if has_none && checkpoint != DEMO {
        bail!(
            "a model of your own needs a tuned synthesizer or seed data to tune one from it; name its folder or file"
        );
    }
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let source = if has_none {
        "# The synthesizer is tuned from the demo base on the shipped seed data.\n# checkpoint = \"models/my-synthesizer\"\n"
            .to_owned()
    } else if folder.join(synthesizer).is_dir() {
        format!(
            "# Already tuned; then nothing is tuned.\ncheckpoint = {}\n",
            quoted(synthesizer)
        )
    } else {
        format!(
            "# Seed data that it is tuned on.\nseed_data = {}\n",
            quoted(synthesizer)
        )
    };
    let text = format!(
        "# Every other key has a preset; `adamllm recipe explain` prints each with where it comes from.\n\
         # Paths are relative to this file's folder.\n\n\
         [model]\n# The general model that is adapted: a Hugging Face folder, or \"demo\".\ncheckpoint = {}\n\n\
         [data]\n# Image-caption pairs; `adamllm inspect data` shows what is in them.\npairs = {}\n\
         # Where the file has other names for its keys:\n# columns = {{ image = \"photo\", caption = \"title\" }}\n\
         # The share kept for evaluation; pairs of one group stay together.\nheld_out = 0.1\n\n\
         [synthesizer]\n{source}\n\
         [train]\n# Passes over the data, and the global batch in samples (paper, table 10).\nepochs = 1.0\nbatch_size = 128\n\
         # A checkpoint every so many steps; a run that is stopped goes on from the last.\nsave_steps = 500\n",
        quoted(checkpoint),
        quoted(pairs),
    );
    let text = if checkpoint == DEMO {
        // The presets of the demo fit its toy model; the paper's would not.
        let at = text.find("[train]").unwrap_or(text.len());
        format!(
            "{}# With the demo base, the presets of tuning, filter and training fit a toy model.\n",
            &text[..at]
        )
    } else {
        text
    };
    if let Err(errors) = resolve(&text, &[]) {
        bail!("the recipe would have errors:\n  {}", errors.join("\n  "));
    }
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
