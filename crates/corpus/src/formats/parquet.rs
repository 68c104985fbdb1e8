//! Parquet and Arrow in the layout of Hugging Face `datasets`: pictures are columns of `{bytes, path}`, alone or in lists.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::format::Format;
use super::objects::{Embedded, Found, Source, unfold_meta};
use crate::error::Error;
use crate::tables::{Row, Rows};

/// Parquet, or an Arrow file or stream.
pub(super) fn recognises(head: &[u8]) -> bool {
    head.starts_with(b"PAR1")
        || head.starts_with(b"ARROW1")
        // An Arrow stream begins with a marker and the length of its schema.
        || head.starts_with(b"\xff\xff\xff\xff") && head.len() > 8
}

/// The rows of one table or of the parts of one. Columns of kinds that JSON has no word for are left out.
pub(super) fn open(paths: Vec<PathBuf>, root: PathBuf) -> Result<Source, Error> {
    // The first is opened at once, so that a broken file is told before anything is made of it.
    let first = paths.first().map(|path| part(path)).transpose()?;
    let (format, name) = if first.as_ref().is_some_and(Rows::is_parquet) {
        (Format::Parquet, "Parquet")
    } else {
        (Format::Arrow, "Arrow")
    };
    let why = match paths.len() {
        1 => format!("{name} table"),
        parts => format!("{name} table in {parts} parts"),
    };
    let rest: Vec<PathBuf> = paths.into_iter().skip(1).collect();
    let later = rest.into_iter().flat_map(|path| match part(&path) {
        Ok(rows) => Box::new(rows) as Box<dyn Iterator<Item = Result<Row, Error>>>,
        Err(error) => Box::new(std::iter::once(Err(error))),
    });
    let mut row = 0;
    let mut ended = false;
    let objects = first
        .into_iter()
        .flatten()
        .chain(later)
        .map_while(move |found| {
            if ended {
                return None;
            }
            row += 1;
            ended = found.is_err();
            Some(found.map(|found| object(row, found)))
        });
    Ok(Source {
        format,
        why,
        unit: "row",
        root,
        objects: Box::new(objects),
    })
}

fn part(path: &Path) -> Result<Rows, Error> {
    Ok(Rows::open(path)?.lenient())
}

fn object(line: usize, row: Row) -> Found {
    let mut map = row.values;
    let mut pictures = Vec::new();
    for picture in row.pictures {
        let column = picture.column;
        if let Some(bytes) = picture.bytes {
            pictures.push(Embedded { column, bytes });
        } else if let Some(path) = picture.path {
            // A table without the bytes names files.
            match map.get_mut(&column) {
                Some(Value::Array(paths)) => paths.push(path.into()),
                _ => {
                    map.insert(column, Value::Array(vec![path.into()]));
                }
            }
        }
    }
    // An empty cell is an absent key.
    let is_empty = |(_, value): &(&String, &Value)| value.is_null();
    let empty = map.iter().filter(is_empty).map(|(name, _)| name.clone());
    let empty = empty.collect();
    map.retain(|_, value| !value.is_null());
    unfold_meta(&mut map);
    Found {
        line,
        content: Ok(map),
        pictures,
        empty,
    }
}
