//! The pages of the documentation that say what the code says: recipe keys, commands, benchmarks. They lie in
//! `docs/reference/`, and a test compares them with what is written here.

mod benchmarks;
mod commands;
mod reader;
mod recipe_keys;

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

pub use self::reader::{Reader, readers};
use crate::flags::Shared;
use crate::output::print;

/// Every page: the name of its file, and its text.
pub fn pages() -> [(&'static str, String); 3] {
    [
        ("recipe.md", recipe_keys::page()),
        ("commands.md", commands::page()),
        ("benchmarks.md", benchmarks::page()),
    ]
}

/// Writes every page into a folder.
pub fn write(shared: &Shared, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))?;
    for (name, text) in pages() {
        let path = folder.join(name);
        std::fs::write(&path, text)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    let names = pages().map(|(name, _)| name);
    print(shared, &json!({"folder": folder, "pages": names}), || {
        println!("{} in `{}`", names.join(", "), folder.display());
    })
}

/// What stands at the top of a page that is written by the program.
fn head(title: &str) -> String {
    format!(
        "<!-- Written by `adamllm reference docs/reference`. What is changed here by hand is lost. -->\n\n# {title}\n\n"
    )
}

/// A sentence of a help text: it begins with a capital letter and ends with a full stop.
fn sentence(help: &str) -> String {
    let help = help.trim();
    let mut letters = help.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    let end = if help.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{end}", first.unwrap_or_default(), letters.as_str())
}
