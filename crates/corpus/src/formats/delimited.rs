//! CSV and TSV: a header with the names of the columns, then a row a record. An empty cell is an absent key.
//!
//! `images` may hold a JSON list of paths, and `meta` a JSON object of further keys.

use std::io::BufRead;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};
use serde_json::{Map, Value};

use super::objects::{Found, Objects, unfold_meta};
use crate::error::{Error, Fault, Reason};

/// The separator of a table of text, and by what it was recognised; `None` if it is no table.
///
/// An error if it is one, and none of its columns is known.
pub(super) fn recognise(
    path: &Path,
    head: &[u8],
    known: &dyn Fn(&str) -> bool,
) -> Result<Option<(u8, String)>, Error> {
    let line = head.split(|&b| b == b'\n').next().unwrap_or(head);
    let Ok(line) = std::str::from_utf8(line) else {
        return Ok(None);
    };
    let count = |separator: char| line.matches(separator).count();
    let best = [',', '\t', ';', '|'].into_iter().max_by_key(|&s| count(s));
    let Some(separator) = best.filter(|&s| count(s) > 0) else {
        return Ok(None);
    };
    let mut reader = ReaderBuilder::new()
        .delimiter(separator as u8)
        .from_reader(line.as_bytes());
    let Ok(header) = reader.headers() else {
        return Ok(None);
    };
    let names: Vec<&str> = header.iter().map(str::trim).collect();
    let shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let shown = shown.join(", ");
    let name = match separator {
        '\t' => "tab".to_owned(),
        other => format!("`{other}`"),
    };
    if !names.iter().any(|name| known(name)) {
        // Prose has separators too, but no names of columns.
        if names
            .iter()
            .any(|name| name.is_empty() || name.contains(' '))
        {
            return Ok(None);
        }
        return Err(Error::file(
            path,
            format!(
                "looks like a table separated by {name} whose columns are {shown}, none of which is known; say which is \
                 which in `[data.columns]` (or `--column image={} --column caption={}`)",
                names[0],
                names.last().unwrap_or(&"")
            ),
        ));
    }
    Ok(Some((
        separator as u8,
        format!("a table separated by {name} with the columns {shown}"),
    )))
}

/// The rows. One with too many or too few cells is a fault of that row.
pub(super) fn objects(
    path: &Path,
    separator: u8,
    input: Box<dyn BufRead>,
) -> Result<Objects, Error> {
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .from_reader(input);
    let path = path.to_owned();
    let unreadable = |e: &csv::Error| format!("cannot be read as a table: {e}");
    let header = reader.headers().cloned();
    let header = header.map_err(|e| Error::file(&path, unreadable(&e)))?;
    let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    let mut ended = false;
    Ok(Box::new(std::iter::from_fn(move || {
        if ended {
            return None;
        }
        let mut record = ByteRecord::new();
        match reader.read_byte_record(&mut record) {
            Ok(false) => None,
            Ok(true) => {
                let line = record.position().map_or(0, |at| at.line() as usize);
                let cells = names.iter().zip(&record);
                let empty = cells.filter(|(_, cell)| cell.is_empty());
                Some(Ok(Found {
                    empty: empty.map(|(name, _)| name.clone()).collect(),
                    ..Found::plain(line, row(&names, &record))
                }))
            }
            Err(error) => {
                ended = true;
                Some(Err(Error::file(&path, unreadable(&error))))
            }
        }
    })))
}

fn row(names: &[String], record: &ByteRecord) -> Result<Map<String, Value>, Fault> {
    if record.len() != names.len() {
        let detail = format!(
            "has {} cells where the header has {}; is a cell with a separator or line end not in quotes",
            record.len(),
            names.len()
        );
        return Err(Fault::new(Reason::Unreadable, detail));
    }
    let mut map = Map::new();
    for (name, cell) in names.iter().zip(record) {
        let cell = std::str::from_utf8(cell).map_err(|_| {
            Fault::new(
                Reason::Unreadable,
                format!("the cell of `{name}` is not valid UTF-8"),
            )
        })?;
        if !cell.is_empty() {
            map.insert(name.clone(), Value::String(cell.to_owned()));
        }
    }
    if let Some(Value::String(cell)) = map.get("images")
        && let Ok(list @ Value::Array(_)) = serde_json::from_str(cell)
    {
        map.insert("images".to_owned(), list);
    }
    unfold_meta(&mut map);
    Ok(map)
}
