//! Writes pairs and samples in each of the formats. Paths of pictures are made relative to the file's folder where they
//! lie under it, and absolute elsewhere, so that the file reads back to the same pictures.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Format;
use super::native::MARK;
use crate::error::{Error, Fault, Reason};
use crate::{Pair, Rejected, Role, Sample, jsonl};

/// Writes pairs. A conversation is one question, which is the image marks and the request, and one answer, the caption.
///
/// Gives the pairs that the format cannot express and that are left out.
pub fn write_pairs(path: &Path, pairs: &[Pair], format: Format) -> Result<Vec<Rejected>, Error> {
    let record = |pair: &Pair| {
        let pair = Pair {
            images: from_folder(path, &pair.images)?,
            ..pair.clone()
        };
        if format != Format::ShareGpt {
            return value(&pair, path).map(Ok);
        }
        if pair.caption.contains(MARK)
            || pair
                .request
                .as_ref()
                .is_some_and(|text| text.contains(MARK))
        {
            return Ok(Err(literal_mark()));
        }
        let marks = format!("{MARK}\n").repeat(pair.images.len());
        let request = marks.trim_end().to_owned()
            + &pair
                .request
                .map_or(String::new(), |text| format!("\n{text}"));
        let messages = json!([
            {"role": "user", "content": request},
            {"role": "assistant", "content": pair.caption},
        ]);
        let mut record = Map::new();
        record.insert("id".to_owned(), json!(pair.id));
        record.insert("images".to_owned(), value(&pair.images, path)?);
        record.insert("messages".to_owned(), messages);
        for (key, text) in [("group", pair.group), ("source", pair.source)] {
            if let Some(text) = text {
                record.insert(key.to_owned(), Value::String(text));
            }
        }
        record.extend(pair.meta);
        Ok(Ok(Value::Object(record)))
    };
    write(path, pairs, format, |pair| &pair.id, record)
}

/// Writes samples. A conversation can say neither that anything but the assistant's turns is learned, nor that a
/// literal `<image>` is ordinary text.
///
/// Gives the samples that the format cannot express and that are left out.
pub fn write_samples(
    path: &Path,
    samples: &[Sample],
    format: Format,
) -> Result<Vec<Rejected>, Error> {
    let record = |sample: &Sample| {
        let sample = Sample {
            images: from_folder(path, &sample.images)?,
            ..sample.clone()
        };
        if format != Format::ShareGpt {
            return value(&sample, path).map(Ok);
        }
        if sample.end {
            let what = "its end-of-text token is learned, which a conversation cannot say";
            return Ok(Err(Fault::new(Reason::Inexpressible, what)));
        }
        for (at, turn) in sample.turns.iter().enumerate() {
            if turn.learn != (turn.role == Role::Assistant) {
                let what = format!(
                    "turn {at} is learned or not against its role, which a conversation cannot say"
                );
                return Ok(Err(Fault::new(Reason::Inexpressible, what)));
            }
            if turn.text.contains(MARK) && !(turn.marks && turn.role == Role::User) {
                return Ok(Err(literal_mark()));
            }
        }
        let turn = |turn: &crate::Turn| json!({"role": turn.role, "content": turn.text});
        let messages: Vec<Value> = sample.turns.iter().map(turn).collect();
        let images = value(&sample.images, path)?;
        Ok(Ok(
            json!({"id": sample.id, "images": images, "messages": messages}),
        ))
    };
    write(path, samples, format, |sample| &sample.id, record)
}

fn literal_mark() -> Fault {
    let what = format!(
        "its text has a literal `{MARK}`, which readers of conversations take for a picture"
    );
    Fault::new(Reason::Inexpressible, what)
}

fn write<T>(
    path: &Path,
    rows: &[T],
    format: Format,
    id: impl Fn(&T) -> &str,
    record: impl Fn(&T) -> Result<Result<Value, Fault>, Error>,
) -> Result<Vec<Rejected>, Error> {
    let (mut records, mut rejected) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        match record(row)? {
            Ok(record) => records.push(record),
            Err(Fault { reason, detail }) => rejected.push(Rejected {
                id: id(row).to_owned(),
                stage: "write".to_owned(),
                reason: reason.as_str().to_owned(),
                detail,
            }),
        }
    }
    match format {
        Format::Jsonl => jsonl::write(path, &records)?,
        Format::JsonArray | Format::ShareGpt => jsonl::write_array(path, &records)?,
    }
    Ok(rejected)
}

fn value<T: Serialize>(part: &T, path: &Path) -> Result<Value, Error> {
    serde_json::to_value(part)
        .map_err(|e| Error::file(path, format!("a record cannot be written: {e}")))
}

fn from_folder(path: &Path, images: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(Error::writing(path));
    let file = absolute(path)?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let relative = |image: &PathBuf| {
        let image = absolute(image)?;
        Ok(image
            .strip_prefix(folder)
            .map_or(image.clone(), Path::to_owned))
    };
    images.iter().map(relative).collect()
}
