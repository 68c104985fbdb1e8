//! A JSON array of objects, read element by element, so that each has its line and memory holds one at a time.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::objects::{Found, as_object};
use crate::error::{Error, said};

/// The elements of an array.
pub(super) struct Array {
    path: PathBuf,
    input: Box<dyn BufRead>,
    /// The line of what comes next, counted from 1.
    line: usize,
    /// The line of the last byte that was not blank.
    last: usize,
    num_read: usize,
    ended: bool,
}

impl Array {
    /// The caller saw that the first byte that is not blank is `[`.
    pub(super) fn new(path: &Path, input: Box<dyn BufRead>) -> Result<Self, Error> {
        let mut array = Self {
            path: path.to_owned(),
            input,
            line: 1,
            last: 1,
            num_read: 0,
            ended: false,
        };
        array.skip_blank()?;
        array.advance();
        Ok(array)
    }

    fn peek(&mut self) -> Result<Option<u8>, Error> {
        let found = self.input.fill_buf().map_err(Error::reading(&self.path))?;
        Ok(found.first().copied())
    }

    /// Takes the byte that was seen.
    fn advance(&mut self) {
        self.input.consume(1);
        self.last = self.line;
    }

    fn skip_blank(&mut self) -> Result<Option<u8>, Error> {
        loop {
            match self.peek()? {
                Some(b'\n') => self.line += 1,
                Some(b) if b.is_ascii_whitespace() => {}
                other => return Ok(other),
            }
            self.input.consume(1);
        }
    }

    fn broken(&self, line: usize, problem: &str) -> Error {
        let records = if self.num_read == 1 {
            "record"
        } else {
            "records"
        };
        let problem = format!("{problem} after {} complete {records}", self.num_read);
        Error::line(&self.path, line, problem)
    }

    fn cut_off(&self) -> Error {
        self.broken(
            self.last,
            "the JSON array is cut off (copy or export the file again)",
        )
    }

    /// The bytes of the next element: to the end of its brackets, string or word. False if the file ends before.
    fn raw(&mut self, out: &mut Vec<u8>) -> Result<bool, Error> {
        let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
        loop {
            let found = self.input.fill_buf().map_err(Error::reading(&self.path))?;
            if found.is_empty() {
                // A word needs no closing sign, but an array does.
                return Ok(false);
            }
            let mut end = None;
            for (at, &byte) in found.iter().enumerate() {
                if byte == b'\n' {
                    self.line += 1;
                } else if !byte.is_ascii_whitespace() {
                    self.last = self.line;
                }
                if in_string {
                    match byte {
                        _ if escaped => escaped = false,
                        b'\\' => escaped = true,
                        b'"' => {
                            in_string = false;
                            if depth == 0 {
                                end = Some(at + 1);
                            }
                        }
                        _ => {}
                    }
                } else {
                    match byte {
                        b'"' => in_string = true,
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' if depth > 0 => {
                            depth -= 1;
                            if depth == 0 {
                                end = Some(at + 1);
                            }
                        }
                        b',' | b']' if depth == 0 => end = Some(at),
                        _ => {}
                    }
                }
                if end.is_some() {
                    break;
                }
            }
            let taken = end.unwrap_or(found.len());
            out.extend_from_slice(&found[..taken]);
            self.input.consume(taken);
            if end.is_some() {
                return Ok(true);
            }
        }
    }

    /// The next element's line and value, or none at the end.
    fn element(&mut self) -> Result<Option<(usize, Value)>, Error> {
        match self.skip_blank()? {
            Some(b',') if self.num_read > 0 => self.advance(),
            Some(b']') => {
                self.advance();
                if self.skip_blank()?.is_some() {
                    let problem = "there is text after the end of the JSON array";
                    return Err(self.broken(self.line, problem));
                }
                return Ok(None);
            }
            None => return Err(self.cut_off()),
            Some(_) if self.num_read > 0 => {
                return Err(self.broken(self.line, "expected `,` or `]`"));
            }
            Some(_) => {}
        }
        if self.skip_blank()?.is_none() {
            return Err(self.cut_off());
        }
        let line = self.line;
        let mut raw = Vec::new();
        let complete = self.raw(&mut raw)?;
        let text = std::str::from_utf8(&raw).map_err(|e| {
            let before = &raw[..e.valid_up_to()];
            let line = line + before.split(|&b| b == b'\n').count() - 1;
            Error::line(&self.path, line, "is not valid UTF-8")
        })?;
        match serde_json::from_str(text) {
            Ok(_) if !complete => Err(self.cut_off()),
            Err(error) if !complete && error.is_eof() => Err(self.cut_off()),
            Ok(value) => {
                self.num_read += 1;
                Ok(Some((line, value)))
            }
            Err(error) => {
                // Lines of the error count from the element's start.
                let line = line + error.line().max(1) - 1;
                let what = said(&error);
                let problem = format!("{what}, in record {} of the JSON array", self.num_read);
                Err(Error::line(&self.path, line, problem))
            }
        }
    }
}

impl Iterator for Array {
    type Item = Result<Found, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let element = self.element().transpose();
        self.ended = !matches!(element, Some(Ok(_)));
        Some(element?.map(|(line, value)| Found::plain(line, as_object(value))))
    }
}
