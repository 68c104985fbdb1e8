//! The JSON objects of a file, one by one: a JSON array, or one object a line.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, Fault, said};
use crate::jsonl;

/// How the objects lie in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Lines,
    Array,
}

/// One object, or why there is none.
pub(super) struct Found {
    /// Where it starts, counted from 1.
    pub(super) line: usize,
    pub(super) content: Result<Map<String, Value>, Fault>,
}

/// Tells the container by the first byte that is not blank, and other kinds of files by their first bytes.
pub(super) fn container(path: &Path, bytes: &[u8]) -> Result<Container, Error> {
    const OTHERS: [(&[u8], &str); 6] = [
        (b"PAR1", "Parquet"),
        (b"\x1f\x8b", "gzip"),
        (b"PK\x03\x04", "zip"),
        (b"\x28\xb5\x2f\xfd", "Zstandard"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
    ];
    const EXPECTED: &str =
        "expected one JSON object a line, or one JSON array of objects, in UTF-8";
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(Error::file(path, format!("looks like {name}; {EXPECTED}")));
    }
    let start = bytes
        .strip_prefix(b"\xef\xbb\xbf")
        .unwrap_or(bytes)
        .trim_ascii_start();
    match start.first() {
        None => Err(Error::file(path, format!("is empty; {EXPECTED}"))),
        Some(b'[') => Ok(Container::Array),
        Some(b'{') => {
            let first = start.split(|&b| b == b'\n').next().unwrap_or(start);
            let torn = serde_json::from_slice::<Value>(first).is_err_and(|e| e.is_eof());
            if torn && serde_json::from_slice::<Value>(start).is_ok() {
                return Err(Error::file(
                    path,
                    format!("is one JSON object over several lines; {EXPECTED}"),
                ));
            }
            Ok(Container::Lines)
        }
        Some(_) => Err(Error::file(
            path,
            format!("does not begin with `{{` or `[`; {EXPECTED}"),
        )),
    }
}

/// All objects of the file. An array that breaks off is an error of the file; a bad line is a fault of that row.
pub(super) fn objects<'a>(
    path: &'a Path,
    bytes: &'a [u8],
    container: Container,
) -> Result<Box<dyn Iterator<Item = Result<Found, Error>> + 'a>, Error> {
    match container {
        Container::Lines => Ok(Box::new(jsonl::lines(bytes).map(|(line, text)| {
            Ok(Found {
                line,
                content: object(text),
            })
        }))),
        Container::Array => Ok(Box::new(Array::new(path, bytes)?)),
    }
}

fn object(line: &[u8]) -> Result<Map<String, Value>, Fault> {
    let text = std::str::from_utf8(line).map_err(Fault::utf8)?;
    serde_json::from_str(text)
        .map_err(|e| Fault::json(&e))
        .and_then(as_object)
}

fn as_object(value: Value) -> Result<Map<String, Value>, Fault> {
    match value {
        Value::Object(map) => Ok(map),
        other => Err(Fault::shape(format!(
            "expected a JSON object, found {}",
            super::kind_of(&other)
        ))),
    }
}

/// Reads an array element by element, so that each has its line and memory holds one at a time.
struct Array<'a> {
    path: &'a Path,
    text: &'a str,
    at: usize,
    /// Lines are counted up to here.
    counted: usize,
    line: usize,
    num_read: usize,
    ended: bool,
}

impl<'a> Array<'a> {
    fn new(path: &'a Path, bytes: &'a [u8]) -> Result<Self, Error> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|e| {
            let line = 1 + count_lines(&bytes[..e.valid_up_to()]);
            Error::line(path, line, "is not valid UTF-8")
        })?;
        let at = text.len() - text.trim_start().len();
        // The caller saw the `[`.
        Ok(Self {
            path,
            text,
            at: at + 1,
            counted: 0,
            line: 1,
            num_read: 0,
            ended: false,
        })
    }

    fn skip_blank(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        self.at += rest.len() - rest.trim_ascii_start().len();
        self.text.as_bytes().get(self.at).copied()
    }

    /// The line of a byte at or after the last one asked for.
    fn line_at(&mut self, at: usize) -> usize {
        self.line += count_lines(&self.text.as_bytes()[self.counted..at]);
        self.counted = at;
        self.line
    }

    fn broken(&mut self, at: usize, problem: &str) -> Error {
        let at = at.min(self.text.len());
        let line = self.line_at(at);
        Error::line(
            self.path,
            line,
            format!("{problem}, after {} complete records", self.num_read),
        )
    }

    fn cut_off(&mut self) -> Error {
        let end = self.text.trim_end().len().max(self.counted);
        self.broken(end, "the JSON array is cut off")
    }

    /// The next element's line and value, or none at the end.
    fn element(&mut self) -> Result<Option<(usize, Value)>, Error> {
        let separated = match self.skip_blank() {
            Some(b',') if self.num_read > 0 => {
                self.at += 1;
                true
            }
            Some(b']') => false,
            None => return Err(self.cut_off()),
            Some(_) if self.num_read > 0 => return Err(self.broken(self.at, "expected `,` or `]`")),
            Some(_) => true,
        };
        if !separated {
            self.at += 1;
            if self.skip_blank().is_some() {
                return Err(self.broken(self.at, "there is text after the end of the JSON array"));
            }
            return Ok(None);
        }
        if self.skip_blank().is_none() {
            return Err(self.cut_off());
        }
        let line = self.line_at(self.at);
        let mut stream =
            serde_json::Deserializer::from_str(&self.text[self.at..]).into_iter::<Value>();
        match stream.next() {
            Some(Ok(value)) => {
                self.at += stream.byte_offset();
                self.num_read += 1;
                Ok(Some((line, value)))
            }
            Some(Err(error)) if error.is_eof() => Err(self.cut_off()),
            Some(Err(error)) => {
                // Lines of the error count from the element's start.
                let line = line + error.line() - 1;
                let problem = format!(
                    "{}, in record {} of the JSON array",
                    said(&error),
                    self.num_read
                );
                Err(Error::line(self.path, line, problem))
            }
            None => Err(self.cut_off()),
        }
    }
}

impl Iterator for Array<'_> {
    type Item = Result<Found, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let element = self.element().transpose()?;
        self.ended = element.is_err();
        Some(element.map(|(line, value)| Found {
            line,
            content: as_object(value),
        }))
    }
}

fn count_lines(bytes: &[u8]) -> usize {
    bytes.split(|&b| b == b'\n').count() - 1
}
