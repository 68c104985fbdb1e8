//! Folders: pictures with a table (`metadata.csv`, `.tsv`, `.jsonl`; `datasets` calls this `imagefolder`), pictures with a
//! text file of the same name beside each, and folders of Parquet, Arrow or WebDataset parts.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::Map;

use super::format::Format;
use super::objects::{Found, Objects, Source};
use super::{file, parquet, webdataset};
use crate::error::{Error, Fault, Reason};
use crate::images::extension_of;

/// Folders below the one that is read.
const DEPTH: usize = 4;
/// Endings of a caption's file.
const TEXTS: [&str; 2] = ["txt", "caption"];
/// JSON files that tell of data and hold none.
const ABOUT: [&str; 3] = ["dataset_info.json", "dataset_dict.json", "state.json"];

/// Recognises a folder by what lies in it.
pub(super) fn open(folder: &Path, known: &dyn Fn(&str) -> bool) -> Result<Source, Error> {
    let top = files(folder, 0)?;
    let tables = tables(&top);
    // What is named `metadata` is meant, whatever lies beside it.
    if let [table] = tables.as_slice()
        && is_metadata(table)
    {
        return with_table(folder, table, known);
    }
    let all = files(folder, DEPTH)?;
    let ending = |files: &[PathBuf], endings: &[&str]| -> Vec<PathBuf> {
        let fit = files.iter().filter(|path| ends(path, endings));
        fit.cloned().collect()
    };
    let archives = ending(&top, &["tar"]);
    let parts = ending(&all, &["parquet", "arrow"]);
    // Each table is data of its own; archives are parts of one, and so are the others.
    let mut data = tables;
    data.extend(
        [&archives, &parts]
            .into_iter()
            .filter_map(|of_one| of_one.first().cloned()),
    );
    if data.len() > 1 {
        return Err(Error::file(
            folder,
            format!(
                "is a folder with several data files ({}{}); name one of them",
                shown(&data[..2]),
                if data.len() > 2 { " …" } else { "" }
            ),
        ));
    }
    if !archives.is_empty() {
        let archives = of_one_split(folder, archives)?;
        return Ok(webdataset::open(archives, folder.to_owned()));
    }
    if !parts.is_empty() {
        let parts = of_one_split(folder, parts)?;
        return parquet::open(parts, folder.to_owned());
    }
    if let [table] = data.as_slice() {
        return with_table(folder, table, known);
    }
    let pictures: Vec<PathBuf> = all
        .iter()
        .filter(|path| extension_of(path).is_some())
        .cloned()
        .collect();
    let has_text = |path: &PathBuf| TEXTS.iter().any(|end| path.with_extension(end).is_file());
    let with_text = pictures.iter().filter(|path| has_text(path)).count();
    if with_text == 0 {
        let problem = if pictures.is_empty() {
            "is a folder without pictures; name a data file, or a folder of pictures with captions"
                .to_owned()
        } else {
            format!(
                "is a folder of {} pictures without captions; put them into `metadata.csv` with the columns `file_name` \
                 and `caption`, or into a text file beside each picture (`a.jpg`, `a.txt`)",
                pictures.len()
            )
        };
        return Err(Error::file(folder, problem));
    }
    Ok(Source {
        format: Format::TextBeside,
        why: format!(
            "a folder of {} pictures, {with_text} with a text file of the same name beside them",
            pictures.len()
        ),
        unit: "picture",
        root: folder.to_owned(),
        objects: beside(folder.to_owned(), pictures),
    })
}

/// A folder whose records stand in one of its files.
fn with_table(folder: &Path, table: &Path, known: &dyn Fn(&str) -> bool) -> Result<Source, Error> {
    let mut source = file::open(table, known)?;
    folder.clone_into(&mut source.root);
    let name = shown(std::slice::from_ref(&table));
    source.why = format!("a folder with {name}: {}", source.why);
    if source.format == Format::Csv {
        source.format = Format::ImageFolder;
    }
    Ok(source)
}

/// The tables of a folder: those that are named `metadata`, or else all that could be one.
fn tables(top: &[PathBuf]) -> Vec<PathBuf> {
    const DATA: [&str; 5] = ["csv", "tsv", "jsonl", "json", "parquet"];
    let metadata = top.iter().filter(|p| is_metadata(p) && ends(p, &DATA));
    let metadata: Vec<PathBuf> = metadata.cloned().collect();
    if !metadata.is_empty() {
        return metadata;
    }
    let stem = |path: &Path| path.with_extension("");
    let pictures = top.iter().filter(|path| extension_of(path).is_some());
    let beside: HashSet<PathBuf> = pictures.map(|path| stem(path)).collect();
    let is_table = |path: &&PathBuf| {
        let about = path
            .file_name()
            .is_some_and(|n| ABOUT.iter().any(|x| n == *x));
        // A JSON file beside each picture is what crawlers write about it.
        let is_json = ends(path, &["json"]) && !about && !beside.contains(&stem(path));
        is_json || ends(path, &["csv", "tsv", "jsonl"])
    };
    top.iter().filter(is_table).cloned().collect()
}

fn is_metadata(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == "metadata")
}

fn ends(path: &Path, endings: &[&str]) -> bool {
    path.extension()
        .is_some_and(|e| endings.iter().any(|x| e == *x))
}

/// A record a picture: its path without the ending is the id, the text beside it the caption.
fn beside(folder: PathBuf, pictures: Vec<PathBuf>) -> Objects {
    Box::new(pictures.into_iter().enumerate().map(move |(at, path)| {
        let inside = path.strip_prefix(&folder).unwrap_or(&path).to_owned();
        let content = caption_of(&path).map(|caption| {
            let mut map = Map::new();
            let id = inside.with_extension("").to_string_lossy().into_owned();
            map.insert("id".to_owned(), id.into());
            map.insert("image".to_owned(), inside.to_string_lossy().into());
            map.insert("caption".to_owned(), caption.into());
            map
        });
        Ok(Found::plain(at + 1, content))
    }))
}

fn caption_of(picture: &Path) -> Result<String, Fault> {
    let text = TEXTS.map(|end| picture.with_extension(end));
    let Some(text) = text.iter().find(|path| path.is_file()) else {
        let expected = picture.with_extension("txt");
        let detail = format!("`{}` is not there", expected.display());
        return Err(Fault::new(Reason::EmptyCaption, detail));
    };
    let bytes = std::fs::read(text).map_err(|e| {
        let detail = format!("`{}` cannot be read: {e}", text.display());
        Fault::new(Reason::Unreadable, detail)
    })?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let caption = std::str::from_utf8(bytes).map_err(Fault::utf8)?;
    // Editors end a file with a line end that is no part of the caption.
    let caption = caption.strip_suffix('\n').unwrap_or(caption);
    Ok(caption.strip_suffix('\r').unwrap_or(caption).to_owned())
}

/// The parts of the training split where names tell splits apart.
fn of_one_split(folder: &Path, parts: Vec<PathBuf>) -> Result<Vec<PathBuf>, Error> {
    let split_of = |path: &PathBuf| {
        let inside = path.strip_prefix(folder).unwrap_or(path);
        let name = inside.to_string_lossy().to_lowercase();
        ["train", "validation", "test"]
            .into_iter()
            .find(|split| name.contains(split))
    };
    let mut splits: Vec<Option<&str>> = parts.iter().map(split_of).collect();
    splits.sort_unstable();
    splits.dedup();
    if splits.len() < 2 {
        return Ok(parts);
    }
    Err(Error::file(
        folder,
        format!(
            "is a folder with several splits ({}); name the files or the folder of one",
            shown(&parts[..parts.len().min(4)])
        ),
    ))
}

/// The names of some files.
fn shown(paths: &[impl AsRef<Path>]) -> String {
    let names: Vec<String> = paths
        .iter()
        .map(|path| {
            format!(
                "`{}`",
                path.as_ref()
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
            )
        })
        .collect();
    names.join(", ")
}

/// The files of a folder and of those below it, sorted by path; hidden ones are left out.
fn files(folder: &Path, depth: usize) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Error::reading(folder))? {
        let entry = entry.map_err(Error::reading(folder))?;
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let path = entry.path();
        if path.is_dir() {
            if depth > 0 {
                found.extend(files(&path, depth - 1)?);
            }
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
