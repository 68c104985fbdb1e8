//! The JSON objects of a file, one by one, whatever they lie in: lines, a JSON array, a table, an archive. Memory holds
//! one object at a time.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read as _};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use super::array::Array;
use super::format::Format;
use super::objects::{Found, Source, object};
use super::{delimited, parquet, webdataset};
use crate::error::Error;

/// How much of a file is looked at to tell what it is.
const HEAD: u64 = 8192;

const EXPECTED: &str = "expected one JSON object a line, one JSON array of objects, a CSV or TSV table with known columns, \
                        Parquet, Arrow, a WebDataset tar, or a folder of pictures with captions";

/// Opens a file. `known` says whether a column's name is one that is understood.
pub(super) fn open(path: &Path, known: &dyn Fn(&str) -> bool) -> Result<Source, Error> {
    let file = File::open(path).map_err(Error::reading(path))?;
    let (head, input) = look(path, Box::new(BufReader::new(file)))?;
    let root = path.parent().unwrap_or(Path::new("")).to_owned();
    if parquet::recognises(&head) {
        return parquet::open(vec![path.to_owned()], root);
    }
    if webdataset::recognises(&head) {
        return Ok(webdataset::open(vec![path.to_owned()], root));
    }
    if head.starts_with(b"\x1f\x8b") {
        let inside: Box<dyn BufRead> = Box::new(BufReader::new(MultiGzDecoder::new(input)));
        let (head, input) = look(path, inside)
            .map_err(|e| Error::file(path, format!("not a sound gzip file: {e}")))?;
        if webdataset::recognises(&head) {
            return Ok(webdataset::open(vec![path.to_owned()], root));
        }
        let mut source = text(path, &head, input, root, known)?;
        source.why.insert_str(0, "gzip; ");
        return Ok(source);
    }
    text(path, &head, input, root, known)
}

/// The first bytes, and the input with them still to come.
fn look(path: &Path, mut input: Box<dyn BufRead>) -> Result<(Vec<u8>, Box<dyn BufRead>), Error> {
    let mut head = Vec::new();
    input
        .by_ref()
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(Error::reading(path))?;
    let whole = Cursor::new(head.clone()).chain(input);
    Ok((head, Box::new(whole)))
}

/// A file of text, by the first byte that is not blank; other kinds of files by their first bytes.
fn text(
    path: &Path,
    head: &[u8],
    input: Box<dyn BufRead>,
    root: PathBuf,
    known: &dyn Fn(&str) -> bool,
) -> Result<Source, Error> {
    const OTHERS: [(&[u8], &str); 4] = [
        (b"PK\x03\x04", "zip"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
    ];
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(Error::file(path, format!("looks like {name}; {EXPECTED}")));
    }
    let bare = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = bare.trim_ascii_start();
    let mut source = Source {
        format: Format::Jsonl,
        why: "one JSON object a line".to_owned(),
        unit: "line",
        root,
        objects: Box::new(std::iter::empty()),
    };
    match start.first() {
        None if (head.len() as u64) < HEAD => {
            return Err(Error::file(path, format!("is empty; {EXPECTED}")));
        }
        Some(b'[') => {
            source.format = Format::JsonArray;
            "one JSON array".clone_into(&mut source.why);
            source.objects = Box::new(Array::new(path, skip_mark(path, head, input)?)?);
        }
        None | Some(b'{') => {
            refuse_one_object(path, start)?;
            source.objects = Box::new(lines(path, skip_mark(path, head, input)?));
        }
        Some(_) => {
            let Some((separator, why)) = delimited::recognise(path, bare, known)? else {
                let problem = format!("does not begin with `{{` or `[`; {EXPECTED}");
                return Err(Error::file(path, problem));
            };
            source.format = Format::Csv;
            source.why = why;
            source.objects = delimited::objects(path, separator, input)?;
        }
    }
    Ok(source)
}

fn skip_mark(
    path: &Path,
    head: &[u8],
    mut input: Box<dyn BufRead>,
) -> Result<Box<dyn BufRead>, Error> {
    if head.starts_with(b"\xef\xbb\xbf") {
        let mut mark = [0; 3];
        input.read_exact(&mut mark).map_err(Error::reading(path))?;
    }
    Ok(input)
}

/// One object over several lines holds no rows that could be told apart.
fn refuse_one_object(path: &Path, start: &[u8]) -> Result<(), Error> {
    let first = start.split(|&b| b == b'\n').next().unwrap_or(start);
    if first.len() == start.len()
        || !serde_json::from_slice::<Value>(first).is_err_and(|e| e.is_eof())
    {
        return Ok(());
    }
    let bytes = std::fs::read(path).map_err(Error::reading(path))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    if serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_err() {
        return Ok(());
    }
    let problem = format!("is one JSON object over several lines; {EXPECTED}");
    Err(Error::file(path, problem))
}

/// The objects of lines; a bad line is a fault of that row.
fn lines(
    path: &Path,
    mut input: Box<dyn BufRead>,
) -> impl Iterator<Item = Result<Found, Error>> + use<> {
    let path = path.to_owned();
    let (mut line, mut number, mut ended) = (Vec::new(), 0, false);
    std::iter::from_fn(move || {
        while !ended {
            line.clear();
            match input.read_until(b'\n', &mut line) {
                Ok(0) => ended = true,
                Ok(_) => {
                    number += 1;
                    if !line.iter().all(u8::is_ascii_whitespace) {
                        let text = line.strip_suffix(b"\n").unwrap_or(&line);
                        return Some(Ok(Found::plain(number, object(text))));
                    }
                }
                Err(error) => {
                    ended = true;
                    return Some(Err(Error::reading(&path)(error)));
                }
            }
        }
        None
    })
}
