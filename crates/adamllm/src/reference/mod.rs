//! The pages of the documentation that say what the code says: recipe keys, commands, benchmarks. They lie in
//! `docs/reference/`, and a test compares them with what is written here.

mod benchmarks;
mod commands;
mod prose;
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
