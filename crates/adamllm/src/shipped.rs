//! Keeps the demo's files in a run folder those of this program: models, seed data and pictures that another version
//! wrote, or that were changed since, are written anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use corpus::pictograms::DOMAINS;
use serde::{Deserialize, Serialize};

use crate::demo::{DRAWN, data};
use crate::run_folder::RunFolder;
use corpus::digests::Digests;
use corpus::sealed::{read_sealed, write_sealed};

/// What was written, and by which program.
#[derive(PartialEq, Serialize, Deserialize)]
struct Contents {
    program: String,
    files: BTreeMap<String, String>,
}

/// Writes the shipped files unless they are there as this program wrote them. Gives whether other ones were replaced.
pub fn refresh(run: &RunFolder, digests: &mut Digests) -> Result<bool> {
    let demo = run.path.join("demo");
    let place = demo.join("contents.json");
    // The files are part of the program, so another program may ship other files.
    let program = std::env::current_exe().context("the program cannot find itself")?;
    let program = digests.file(&program)?;
    let known: Option<Contents> = read_sealed(&place);
    let was_there = demo.join("shipped").exists();
    let found = contents(&demo, digests)?;
    let is_ours = |known: &Contents| known.program == program && known.files == found;
    if was_there && known.as_ref().is_some_and(is_ours) {
        return Ok(false);
    }
    let folders = DOMAINS.map(|domain| domain.name).into_iter();
    let drawn = folders
        .chain([data::REPLAY])
        .map(|folder| Path::new(folder).join(DRAWN));
    let marks = ["shipped", "contents.json"].map(PathBuf::from);
    for mark in marks.into_iter().chain(drawn) {
        let path = demo.join(mark);
        if path.exists() {
            std::fs::remove_file(&path)
                .with_context(|| format!("cannot remove `{}`", path.display()))?;
        }
    }
    data::write_shipped(run)?;
    let files = contents(&demo, digests)?;
    let replaced = was_there && found != files;
    write_sealed(&place, &Contents { program, files })?;
    digests.remember();
    Ok(replaced)
}

/// Digests of what `write_shipped` writes.
fn contents(demo: &Path, digests: &mut Digests) -> Result<BTreeMap<String, String>> {
    let mut names: Vec<PathBuf> = vec![PathBuf::from("seeds.jsonl")];
    for folder in ["base-model", "general"] {
        for entry in std::fs::read_dir(demo.join(folder)).into_iter().flatten() {
            names.push(Path::new(folder).join(entry?.file_name()));
        }
    }
    names.retain(|name| demo.join(name).is_file());
    names.sort();
    let paths: Vec<PathBuf> = names.iter().map(|name| demo.join(name)).collect();
    let names = names.iter().map(|name| name.display().to_string());
    Ok(names.zip(digests.files(&paths)?).collect())
}
