//! Benchmarks from files: the packaged layout, original layouts where they are plain, and a user's own.
//!
//! Takes a folder, gives [`Item`]s with all that was wrong. It asks no model and decodes no picture.

mod benchmark;
mod error;
mod original;
mod packaged;
mod pictures;

use std::path::{Path, PathBuf};

use corpus::jsonl;

use crate::predictions::{Reason, table_rows};
use crate::tasks::{Item, Spec, UserTask, vocabulary};

pub use benchmark::{Benchmark, Packing};
pub use error::LoadError;
pub use pictures::Keep;

/// Loads a built-in benchmark from its folder, whatever layout it is in.
///
/// Looked for in this order: tables (`*.parquet`, `*.arrow`), the published files, `*.jsonl` of [`Item`]s.
///
/// ```
/// use evaluation::benchmarks::{Keep, load};
/// let task = evaluation::tasks::find("slake").expect("built in");
/// let folder = std::env::temp_dir().join("no-such-benchmark");
/// let error = load(&task, &folder, &mut Keep::Nothing).expect_err("missing").to_string();
/// assert!(error.contains("cannot read"));
/// ```
pub fn load(task: &Spec, folder: &Path, keep: &mut Keep<'_>) -> Result<Benchmark, LoadError> {
    let tables = corpus::tables::files(folder)?;
    let mut found = if !tables.is_empty() {
        packaged::load(task, &tables, keep)?
    } else if let Some(found) = original::load(task, folder)? {
        found
    } else if let Some(found) = items(folder)? {
        found
    } else {
        return Err(LoadError::Nothing {
            task: task.id.clone(),
            folder: folder.to_owned(),
            expected: format!(
                "Parquet or Arrow tables, {}or a JSONL file of items",
                original::expected(&task.id)
            ),
        });
    };
    if let Some(names) = names(folder)? {
        found.names = Some(names);
    }
    Ok(found.checked(task))
}

/// Loads a user's own benchmark.
///
/// Pictures are relative to the JSONL file's folder.
pub fn load_own(task: &UserTask) -> Result<Benchmark, LoadError> {
    Ok(read_items(&task.data)?.checked(&task.spec))
}

/// The items of the only JSONL file of a folder.
fn items(folder: &Path) -> Result<Option<Benchmark>, LoadError> {
    let io = |source| LoadError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(io)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    files.sort();
    let test = files
        .iter()
        .find(|path| path.file_stem().is_some_and(|stem| stem == "test"));
    match (test, files.as_slice()) {
        (Some(file), _) | (None, [file]) => read_items(file).map(Some),
        _ => Ok(None),
    }
}

fn read_items(path: &Path) -> Result<Benchmark, LoadError> {
    let (items, bad) = jsonl::read_lenient::<Item>(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut found = Benchmark::new(Packing::Own);
    for row in bad {
        found.reject(&row.id, row.line, Reason::NotARecord, &row.detail);
    }
    for mut item in items {
        item.images
            .iter_mut()
            .for_each(|image| *image = folder.join(&*image));
        found.push_checked(item);
    }
    Ok(found)
}

/// The list of names that lies beside the data: `names.txt` or `vocabulary.txt` (one a line), FoodSeg103's
/// `category_id.txt` (number and name), Nutrition5K's `ingredients_metadata.csv` (column `ingr`).
fn names(folder: &Path) -> Result<Option<Vec<String>>, LoadError> {
    for file in ["names.txt", "vocabulary.txt"] {
        let path = folder.join(file);
        if path.is_file() {
            return Ok(Some(vocabulary(&path)?));
        }
    }
    let path = folder.join("category_id.txt");
    if path.is_file() {
        let name = |line: String| {
            let rest = line.trim_start_matches(|c: char| c.is_ascii_digit()).trim();
            rest.to_owned()
        };
        return Ok(Some(vocabulary(&path)?.into_iter().map(name).collect()));
    }
    let path = folder.join("ingredients_metadata.csv");
    if path.is_file() {
        let rows = table_rows(&path).map_err(|source| LoadError::Io { path, source })?;
        let names = rows
            .into_iter()
            .filter_map(|(_, row)| row.get("ingr")?.as_str().map(str::to_owned));
        return Ok(Some(names.collect()));
    }
    Ok(None)
}
