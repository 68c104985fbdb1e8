//! Parquet and Arrow in the layout of Hugging Face `datasets`: pictures are columns of `{bytes, path}`, alone or in lists.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::format::Format;
use super::objects::{Embedded, Found, Source, unfold_meta};
use crate::error::Error;
use crate::shards::{Located, Place};
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
    let mut rest = paths.into_iter();
    let first_path = rest.next();
    let later = rest.flat_map(|path| match part(&path) {
        Ok(rows) => located(path, rows),
        Err(error) => Box::new(std::iter::once(Err(error))),
    });
    let mut line = 0;
    let mut ended = false;
    let first = first
        .zip(first_path)
        .map(|(rows, path)| located(path, rows));
    let objects = first
        .into_iter()
        .flatten()
        .chain(later)
        .map_while(move |found| {
            if ended {
                return None;
            }
            line += 1;
            ended = found.is_err();
            Some(found.map(|(shard, row)| object(line, shard.as_ref(), row)))
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

/// A row, and its file with the row's place in it from 0 if single rows can be read of that.
type Placed = (Option<(Arc<PathBuf>, u64)>, Row);

fn located(path: PathBuf, rows: Rows) -> Box<dyn Iterator<Item = Result<Placed, Error>>> {
    let shard = rows.is_parquet().then(|| Arc::new(path));
    Box::new(rows.zip(0..).map(move |(row, at)| {
        let shard = shard.as_ref().map(|shard| (Arc::clone(shard), at));
        Ok((shard, row?))
    }))
}

fn object(line: usize, shard: Option<&(Arc<PathBuf>, u64)>, row: Row) -> Found {
    let mut map = row.values;
    let mut pictures = Vec::new();
    let mut before: (String, u64) = (String::new(), 0);
    for picture in row.pictures {
        let column = picture.column;
        // Those of one column stand together.
        let nth = if before.0 == column { before.1 + 1 } else { 0 };
        before = (column.clone(), nth);
        if let Some(bytes) = picture.bytes {
            let located = shard.map(|(shard, row)| Located {
                shard: shard.to_path_buf(),
                place: Place::Cell {
                    row: *row,
                    column: column.clone(),
                    nth,
                },
            });
            pictures.push(Embedded {
                column,
                bytes,
                located,
            });
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
