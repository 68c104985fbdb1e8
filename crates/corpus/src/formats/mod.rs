//! The ecosystem's data formats, found by content and not by name.

mod native;
mod sharegpt;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::jsonl::{BadLine, Error, read_lenient, reading};
use crate::{Pair, Rejected, Sample, Seed};

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One of our records a line.
    Jsonl,
    /// A JSON array of our records.
    JsonArray,
    /// ShareGPT, LLaMA-Factory or LLaVA conversations, as an array or a line each.
    ShareGpt,
}

/// How files are read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where relative image paths start; the file's folder when absent.
    pub images: Option<PathBuf>,
    /// Our key to the file's key, where they differ.
    pub columns: BTreeMap<String, String>,
    /// Whether missing picture files are a reason to reject.
    pub check_images: bool,
}

/// Rows that can be used, and why the others cannot.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// In the order of the file.
    pub rows: Vec<T>,
    /// Each with the place in the file as its detail.
    pub rejected: Vec<Rejected>,
    /// What the file is.
    pub format: Format,
}

/// Records of the file as JSON objects with their place (`line 3`, `record 2`).
struct Raw {
    format: Format,
    records: Vec<(String, Map<String, Value>)>,
    bad: Vec<BadLine>,
}

fn read_raw(path: &Path) -> Result<Raw, Error> {
    let bytes = std::fs::read(path).map_err(reading(path))?;
    let whole = |problem: String| Error::File { path: path.to_owned(), problem };
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace() && !matches!(b, 0xef | 0xbb | 0xbf));
    let (records, bad, array): (Vec<(String, Map<String, Value>)>, Vec<BadLine>, bool) = match first {
        None => return Err(whole("is empty; expected JSONL or a JSON array of records".to_owned())),
        Some(b'[') => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            let list: Vec<Value> = serde_json::from_slice(bytes)
                .map_err(|e| whole(format!("is not a whole JSON array ({e}); is it cut off?")))?;
            let (mut records, mut bad) = (Vec::new(), Vec::new());
            for (at, value) in list.into_iter().enumerate() {
                match value {
                    Value::Object(map) => records.push((format!("record {}", at + 1), map)),
                    _ => bad.push(BadLine { line: at + 1, problem: "is not an object".to_owned() }),
                }
            }
            (records, bad, true)
        }
        Some(b'{') => {
            let (rows, bad) = read_lenient::<LineOf>(path)?;
            let rows = rows.into_iter().enumerate().map(|(at, row)| (format!("record {}", at + 1), row.0)).collect();
            (rows, bad, false)
        }
        Some(_) => return Err(whole("is neither JSONL nor a JSON array of records".to_owned())),
    };
    let chat = records.first().is_some_and(|(_, r)| r.contains_key("messages") || r.contains_key("conversations"));
    let format = match (chat, array) {
        (true, _) => Format::ShareGpt,
        (false, true) => Format::JsonArray,
        (false, false) => Format::Jsonl,
    };
    Ok(Raw { format, records, bad })
}

#[derive(serde::Deserialize)]
struct LineOf(Map<String, Value>);

/// Why a record is left out.
type Reason = (&'static str, String);

/// Reads image-caption pairs.
///
/// Reasons of rejects: `unreadable`, `missing-key`, `empty-caption`, `no-image`, `missing-image`, `duplicate-id`.
pub fn read_pairs(path: &Path, options: &Options) -> Result<Loaded<Pair>, Error> {
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    read(path, options, |format, at, record| {
        let mut pair = match format {
            Format::ShareGpt => sharegpt::pair(record)?,
            Format::Jsonl | Format::JsonArray => native::pair(record)?,
        };
        if pair.id.is_empty() {
            pair.id = format!("{stem}-{at:06}");
        }
        if pair.caption.trim().is_empty() {
            return Err(("empty-caption", "the caption is empty".to_owned()));
        }
        if pair.images.is_empty() {
            return Err(("no-image", "the record names no picture".to_owned()));
        }
        Ok((pair.id.clone(), pair))
    })
    .and_then(|loaded| resolve(path, options, loaded, |pair| (&pair.id, &mut pair.images)))
}

/// Reads seed records of the synthesizer (our JSONL or an array of the same records).
pub fn read_seeds(path: &Path, options: &Options) -> Result<Loaded<Seed>, Error> {
    read(path, options, |_, _, record| {
        let seed: Seed = native::parse(record)?;
        Ok((seed.id.clone(), seed))
    })
    .and_then(|loaded| resolve(path, options, loaded, |seed| (&seed.id, &mut seed.images)))
}

/// Reads training samples: our JSONL, or conversations whose assistant turns are learned.
pub fn read_samples(path: &Path, options: &Options) -> Result<Loaded<Sample>, Error> {
    let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    read(path, options, |format, at, record| {
        let mut sample = match format {
            Format::ShareGpt => sharegpt::sample(record)?,
            Format::Jsonl | Format::JsonArray => native::parse(record)?,
        };
        if sample.id.is_empty() {
            sample.id = format!("{stem}-{at:06}");
        }
        Ok((sample.id.clone(), sample))
    })
    .and_then(|loaded| resolve(path, options, loaded, |sample| (&sample.id, &mut sample.images)))
}

fn read<T>(
    path: &Path,
    options: &Options,
    mut make: impl FnMut(Format, usize, Map<String, Value>) -> Result<(String, T), Reason>,
) -> Result<Loaded<T>, Error> {
    let Raw { format, records, bad } = read_raw(path)?;
    let mut rejected: Vec<Rejected> = bad
        .into_iter()
        .map(|b| reject(&format!("line-{}", b.line), "unreadable", &format!("line {}: {}", b.line, b.problem)))
        .collect();
    let mut rows = Vec::with_capacity(records.len());
    let mut seen = BTreeSet::new();
    for (at, (place, mut record)) in records.into_iter().enumerate() {
        for (ours, theirs) in &options.columns {
            if let Some(value) = record.remove(theirs) {
                record.insert(ours.clone(), value);
            }
        }
        let name = record.get("id").map(text_of).unwrap_or_else(|| place.clone());
        match make(format, at, record) {
            Ok((id, row)) if seen.insert(id.clone()) => rows.push(row),
            Ok((id, _)) => rejected.push(reject(&id, "duplicate-id", &format!("{place}: the id occurs before"))),
            Err((reason, detail)) => rejected.push(reject(&name, reason, &format!("{place}: {detail}"))),
        }
    }
    Ok(Loaded { rows, rejected, format })
}

/// Makes image paths whole, and rejects rows whose pictures are not there.
fn resolve<T>(
    path: &Path,
    options: &Options,
    loaded: Loaded<T>,
    parts: impl Fn(&mut T) -> (&String, &mut Vec<PathBuf>),
) -> Result<Loaded<T>, Error> {
    let folder = options.images.clone().or_else(|| path.parent().map(Path::to_owned)).unwrap_or_default();
    let Loaded { rows, mut rejected, format } = loaded;
    let mut kept = Vec::with_capacity(rows.len());
    for mut row in rows {
        let (id, images) = parts(&mut row);
        for image in images.iter_mut() {
            *image = folder.join(&*image);
        }
        match images.iter().find(|image| options.check_images && !image.is_file()) {
            Some(image) => rejected.push(reject(id, "missing-image", &format!("`{}` is not there", image.display()))),
            None => kept.push(row),
        }
    }
    Ok(Loaded { rows: kept, rejected, format })
}

fn reject(id: &str, reason: &str, detail: &str) -> Rejected {
    Rejected { id: id.to_owned(), stage: "read".to_owned(), reason: reason.to_owned(), detail: detail.to_owned() }
}

/// A text, or a number as text (ids are often numbers).
fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests;
