//! Records of a file of JSON lines, one by one.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::records::Reason;

/// Bytes of the longest line that is read: no record of words is longer, and memory is not at the mercy of a file.
pub(super) const LONGEST: u64 = 16 << 20;

/// A record, or why the line has none, with its place.
pub(super) struct Line<T> {
    pub(super) number: usize,
    pub(super) content: Result<T, (Reason, String)>,
}

pub(super) struct Lines<T> {
    path: PathBuf,
    input: BufReader<File>,
    text: Vec<u8>,
    number: usize,
    ended: bool,
    record: PhantomData<T>,
}

impl<T: DeserializeOwned> Lines<T> {
    pub(super) fn open(path: &Path) -> Result<Self, corpus::Error> {
        let file = File::open(path).map_err(reading(path))?;
        Ok(Self {
            path: path.to_owned(),
            input: BufReader::with_capacity(1 << 18, file),
            text: Vec::new(),
            number: 0,
            ended: false,
            record: PhantomData,
        })
    }

    fn line(&mut self) -> std::io::Result<Option<Line<T>>> {
        loop {
            self.text.clear();
            let mut input = self.input.by_ref().take(LONGEST);
            if input.read_until(b'\n', &mut self.text)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let number = self.number;
            if self.text.len() as u64 == LONGEST && !self.text.ends_with(b"\n") {
                self.input.skip_until(b'\n')?;
                let problem = format!("has more than {LONGEST} bytes");
                let content = Err((Reason::Unreadable, problem));
                return Ok(Some(Line { number, content }));
            }
            let text = match number {
                1 => self
                    .text
                    .strip_prefix(b"\xef\xbb\xbf")
                    .unwrap_or(&self.text),
                _ => &self.text,
            };
            // A string that a line breaks off is one that ends, and no string with a line break.
            let text = text.trim_ascii_end();
            if text.is_empty() {
                continue;
            }
            let content = serde_json::from_slice(text).map_err(|error| {
                let reason = if error.is_data() {
                    Reason::NotARecord
                } else {
                    Reason::Unreadable
                };
                (reason, said(&error))
            });
            return Ok(Some(Line { number, content }));
        }
    }
}

/// What the system said of a file that is read.
pub(super) fn reading(path: &Path) -> impl Fn(std::io::Error) -> corpus::Error {
    move |source| corpus::Error::Io {
        action: "read",
        path: path.to_owned(),
        source,
    }
}

/// The message of a JSON error with the column alone: a line is one line.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(message) => format!("{message} (column {})", error.column()),
        None => text,
    }
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = Result<Line<T>, corpus::Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let found = self.line().map_err(reading(&self.path)).transpose();
        self.ended = !matches!(found, Some(Ok(_)));
        found
    }
}
