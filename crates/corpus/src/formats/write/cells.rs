//! Pairs as rows of a table of text.

use std::path::{Path, PathBuf};

use crate::Pair;
use crate::error::Error;
use crate::jsonl::Aside;

pub(super) const HEADER: [&str; 7] = [
    "id", "images", "caption", "request", "group", "source", "meta",
];
pub(super) const FOLDER_HEADER: [&str; 8] = [
    "id",
    "file_name",
    "images",
    "caption",
    "request",
    "group",
    "source",
    "meta",
];

/// A table with its header.
pub(super) fn table(out: Aside, header: &[&str], path: &Path) -> Result<csv::Writer<Aside>, Error> {
    let mut table = csv::Writer::from_writer(out);
    let written = table.write_record(header);
    written.map_err(|e| Error::writing(path)(std::io::Error::other(e.to_string())))?;
    Ok(table)
}

/// The cells of a pair; in a folder of pictures the name of the file stands before a list of several.
pub(super) fn cells(pair: &Pair, images: &[PathBuf], folder: bool) -> Vec<String> {
    let names: Vec<String> = images
        .iter()
        .map(|path| path.to_string_lossy().into_owned())
        .collect();
    let list = serde_json::to_string(&names).unwrap_or_default();
    let images = match names.as_slice() {
        _ if folder && names.len() == 1 => String::new(),
        [one] if !one.starts_with('[') => one.clone(),
        _ => list,
    };
    let meta = if pair.meta.is_empty() {
        String::new()
    } else {
        serde_json::to_string(&pair.meta).unwrap_or_default()
    };
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut cells = vec![
        pair.id.clone(),
        images,
        pair.caption.clone(),
        text(&pair.request),
        text(&pair.group),
        text(&pair.source),
        meta,
    ];
    if folder {
        cells.insert(1, names[0].clone());
    }
    cells
}
