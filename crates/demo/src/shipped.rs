//! What is the same for every domain and seed: the base model, seed data, and tasks about general pictures.
//!
//! The files in a folder are kept those of this program: what another version wrote, or what was changed since, is written
//! anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use corpus::digests::Digests;
use corpus::jsonl;
use corpus::pictograms::{self, DOMAINS};
use corpus::sealed::{read_sealed, write_sealed};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::general::{BLANK, GENERAL, General, REPLAY, SEED_PICTURES};
use crate::parts::{self, Part};
use crate::pictures::{DRAWN, kinds, render, write_blank};
use crate::tasks;
use crate::world::Asks;

/// Files of the demo's folder.
const MODEL: &str = "base-model";
const SEED_DATA: &str = "seeds.jsonl";
/// Says that all is written.
const SHIPPED: &str = "shipped";

macro_rules! model_files {
    ($($file:literal),* $(,)?) => {
        [$((
            $file,
            include_bytes!(concat!("../../../assets/demo/base-model/", $file)) as &[u8],
        )),*]
    };
}

/// The `config.json` of the base model.
pub const BASE_CONFIG: &str = include_str!("../../../assets/demo/base-model/config.json");

static BASE: [(&str, &[u8]); 8] = model_files![
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.jinja",
    "model.safetensors",
];

/// Writes the shipped model, the seed data and the general tasks into the folder, once.
///
/// Gives every variant of [`Error`] but [`Error::Program`].
pub fn write_shipped(folder: &Path) -> Result<(), Error> {
    let done = folder.join(SHIPPED);
    if done.exists() {
        return Ok(());
    }
    let model = folder.join(MODEL);
    fs::create_dir_all(&model).map_err(Error::io("make", &model))?;
    for (file, bytes) in BASE {
        fs::write(model.join(file), bytes).map_err(|source| Error::Model {
            file,
            folder: model.clone(),
            source,
        })?;
    }
    let all = pictograms::load()?;
    let drawn = folder.join(GENERAL);
    let general = General::new(&all, &drawn);
    render(&general.pictograms[..SEED_PICTURES], &drawn)?;
    write_blank(&drawn.join(BLANK))?;
    jsonl::write(&folder.join(SEED_DATA), &general.seeds)?;
    let held = render(&parts::general(&all, Part::HeldPicture), &drawn)?;
    let kinds = kinds(&general.pictures);
    let own = folder.join("tasks");
    fs::create_dir_all(&own).map_err(Error::io("make", &own))?;
    for asks in Asks::ALL {
        let name = format!("general-{}", asks.task());
        tasks::write(folder, &name, tasks::items(&held, asks, &kinds))?;
    }
    fs::write(&done, "").map_err(Error::io("write", &done))
}

/// What was written, and by which program.
#[derive(PartialEq, Serialize, Deserialize)]
struct Contents {
    program: String,
    files: BTreeMap<String, String>,
}

/// Writes the shipped files unless they are there as this program wrote them. Gives whether other ones were replaced, and
/// every variant of [`Error`].
pub fn refresh(folder: &Path, digests: &mut Digests) -> Result<bool, Error> {
    let place = folder.join("contents.json");
    // The files are part of the program, so another program may ship other files.
    let program = std::env::current_exe().map_err(|source| Error::Program { source })?;
    let program = digests.file(&program)?;
    let known: Option<Contents> = read_sealed(&place);
    let was_there = folder.join(SHIPPED).exists();
    let found = contents(folder, digests)?;
    let is_ours = |known: &Contents| known.program == program && known.files == found;
    if was_there && known.as_ref().is_some_and(is_ours) {
        return Ok(false);
    }
    let folders = DOMAINS.map(|domain| domain.name).into_iter();
    let drawn = folders
        .chain([REPLAY])
        .map(|drawn| Path::new(drawn).join(DRAWN));
    let marks = [SHIPPED, "contents.json"].map(PathBuf::from);
    for mark in marks.into_iter().chain(drawn) {
        let path = folder.join(mark);
        if path.exists() {
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    write_shipped(folder)?;
    let files = contents(folder, digests)?;
    let replaced = was_there && found != files;
    write_sealed(&place, &Contents { program, files })?;
    digests.remember();
    Ok(replaced)
}

/// Digests of what `write_shipped` writes.
fn contents(folder: &Path, digests: &mut Digests) -> Result<BTreeMap<String, String>, Error> {
    let mut names: Vec<PathBuf> = vec![PathBuf::from(SEED_DATA)];
    for inside in [MODEL, GENERAL] {
        let own = folder.join(inside);
        for entry in fs::read_dir(&own).into_iter().flatten() {
            let entry = entry.map_err(Error::io("read", &own))?;
            names.push(Path::new(inside).join(entry.file_name()));
        }
    }
    names.retain(|name| folder.join(name).is_file());
    names.sort();
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    let names = names.iter().map(|name| name.display().to_string());
    Ok(names.zip(digests.files(&paths)?).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_told() {
        let folder = tempfile::tempdir().expect("folder");
        let error = |place: &str| {
            let own = folder.path().join(place);
            let error = write_shipped(&own).expect_err("in the way");
            fs::remove_dir_all(&own).expect("remove");
            error
        };
        let taken = |place: &str| {
            fs::create_dir_all(folder.path().join(place)).expect("folder");
        };
        let file = |place: &str| {
            let path = folder.path().join(place);
            fs::create_dir_all(path.parent().expect("parent")).expect("folder");
            fs::write(path, "").expect("write");
        };
        file("a/base-model");
        let found = error("a");
        assert!(
            matches!(&found, Error::Io { action: "make", path, .. } if path.ends_with("a/base-model")),
            "{found:?}"
        );
        taken("b/base-model/tokenizer.json");
        let found = error("b");
        assert!(
            matches!(
                found,
                Error::Model {
                    file: "tokenizer.json",
                    ..
                }
            ),
            "{found:?}"
        );
        taken(&format!("c/{GENERAL}/{BLANK}"));
        let found = error("c");
        assert!(matches!(found, Error::Picture(_)), "{found:?}");
        taken(&format!("d/{SEED_DATA}"));
        let found = error("d");
        assert!(matches!(found, Error::Corpus(_)), "{found:?}");

        let own = folder.path().join("e");
        taken("e/contents.json");
        let found = refresh(&own, &mut Digests::default()).expect_err("no file");
        assert!(
            matches!(&found, Error::Io { action: "remove", path, .. } if path.ends_with("contents.json")),
            "{found:?}"
        );
    }
}
