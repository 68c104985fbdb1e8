//! JSONL: one record a line. Reading names the line that is wrong; writing is atomic or durable line by line.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file that cannot be read or written as records.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A line is not the record that is expected.
    #[error("`{}`, line {line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The file as a whole is not what is expected.
    #[error("`{}`: {problem}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

pub(crate) fn reading(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action: "read", path: path.clone(), source }
}

fn writing(path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { action: "write", path: path.clone(), source }
}

/// A line that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
}

/// Reads every line that can be read, and says which cannot.
pub fn read_lenient<T: DeserializeOwned>(path: &Path) -> Result<(Vec<T>, Vec<BadLine>), Error> {
    let bytes = fs::read(path).map_err(reading(path))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    for (at, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let mut problem = |problem: String| bad.push(BadLine { line: at + 1, problem });
        match std::str::from_utf8(line) {
            Err(error) => problem(format!("is not valid UTF-8 (byte {} of the line)", error.valid_up_to() + 1)),
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => match serde_json::from_str(text) {
                Ok(row) => rows.push(row),
                Err(error) => problem(error.to_string()),
            },
        }
    }
    Ok((rows, bad))
}

/// Reads all lines; the first bad one is the error.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    let (rows, bad) = read_lenient(path)?;
    match bad.into_iter().next() {
        None => Ok(rows),
        Some(BadLine { line, problem }) => Err(Error::Line { path: path.to_owned(), line, problem }),
    }
}

/// Writes all rows aside, then renames the file into place.
pub fn write<'a, T: Serialize + 'a>(path: &Path, rows: impl IntoIterator<Item = &'a T>) -> Result<(), Error> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    let mut out = BufWriter::new(File::create(&aside).map_err(writing(&aside))?);
    for row in rows {
        out.write_all(&line_of(row, path)?).map_err(writing(path))?;
    }
    let file = out.into_inner().map_err(|e| writing(path)(e.into_error()))?;
    file.sync_all().map_err(writing(path))?;
    fs::rename(&aside, path).map_err(writing(path))
}

fn line_of<T: Serialize>(row: &T, path: &Path) -> Result<Vec<u8>, Error> {
    let mut line = serde_json::to_vec(row)
        .map_err(|e| Error::File { path: path.to_owned(), problem: format!("a record cannot be written: {e}") })?;
    line.push(b'\n');
    Ok(line)
}

/// Appends groups of rows; a group is on the disk when [`Appender::append`] returns.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    file: File,
}

impl Appender {
    /// Opens or makes the file after cutting it to its first `keep` bytes.
    pub fn open(path: &Path, keep: u64) -> Result<Self, Error> {
        let file =
            OpenOptions::new().create(true).append(true).open(path).map_err(writing(path))?;
        file.set_len(keep).map_err(writing(path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Writes the rows and waits for the disk.
    pub fn append<T: Serialize>(&mut self, rows: &[T]) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for row in rows {
            bytes.extend(line_of(row, &self.path)?);
        }
        self.file.write_all(&bytes).and_then(|()| self.file.sync_data()).map_err(writing(&self.path))
    }
}

/// The whole lines at the start of a file that parse, and how many bytes they take; empty if there is no file.
pub fn read_prefix<T: DeserializeOwned>(path: &Path) -> Result<Vec<(T, u64)>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(reading(path)(error)),
    };
    let mut rows = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes[at..].iter().position(|&b| b == b'\n') {
        let Ok(row) = serde_json::from_slice(&bytes[at..at + length]) else { break };
        at += length + 1;
        rows.push((row, at as u64));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Turn;

    #[test]
    fn names_the_line_that_is_wrong() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.jsonl");
        fs::write(&path, b"\xef\xbb\xbf{\"role\":\"user\",\"text\":\"a\"}\n\n{\"role\":\"user\"}\n{\"ro\n\xff\xfe\n").expect("write");
        let (rows, bad) = read_lenient::<Turn>(&path).expect("read");
        assert_eq!((rows.len(), bad.iter().map(|b| b.line).collect::<Vec<_>>()), (1, vec![3, 4, 5]));
        let message = read::<Turn>(&path).expect_err("bad").to_string();
        assert!(message.contains("line 3") && message.contains("missing field `text`"), "{message}");
    }

    #[test]
    fn prefix_ends_before_a_torn_line() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.jsonl");
        fs::write(&path, "1\n2\n3").expect("write");
        let rows = read_prefix::<u32>(&path).expect("read");
        assert_eq!(rows, [(1, 2), (2, 4)]);
        let mut out = Appender::open(&path, 2).expect("open");
        out.append(&[7, 8]).expect("append");
        assert_eq!(read::<u32>(&path).expect("read"), [1, 7, 8]);
    }
}
