//! JSONL: one record a line. Reading names the line that is wrong; writing is atomic or durable line by line.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use crate::error::{BadRow, Error};
use crate::error::{Fault, made_id};

/// Reads every line that can be read, and says which cannot.
///
/// A byte order mark and blank lines are no rows.
pub fn read_lenient<T: DeserializeOwned>(path: &Path) -> Result<(Vec<T>, Vec<BadRow>), Error> {
    let file = File::open(path).map_err(Error::reading(path))?;
    let mut lines = Lines::new(BufReader::new(file));
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    while let Some(line) = lines.next_line().map_err(Error::reading(path))? {
        match parsed(line.text) {
            Ok(record) => rows.push(record),
            Err(Fault { reason, detail }) => bad.push(BadRow {
                line: line.number,
                id: made_id(path, rows.len() + bad.len()),
                reason,
                detail,
            }),
        }
    }
    Ok((rows, bad))
}

/// Reads all lines; the first bad one is the error.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Error> {
    rows(path)?.collect()
}

/// The record of a line.
pub(crate) fn parsed<T: DeserializeOwned>(line: &[u8]) -> Result<T, Fault> {
    let text = std::str::from_utf8(line).map_err(Fault::utf8)?;
    serde_json::from_str(text).map_err(|e| Fault::json(&e))
}

/// The error of a line that is no record of this kind.
pub(crate) fn no_record<T>(path: &Path, line: usize, fault: &Fault) -> Error {
    let name = std::any::type_name::<T>().rsplit("::").next();
    let kind = name.unwrap_or("record").to_lowercase();
    let problem = format!("{}; expected one JSON object ({kind}) a line", fault.detail);
    Error::line(path, line, problem)
}

/// As [`read`], one by one, so that memory does not grow with the file. After an error there are none.
pub fn rows<T: DeserializeOwned>(path: &Path) -> Result<Rows<T>, Error> {
    let file = File::open(path).map_err(Error::reading(path))?;
    Ok(Rows {
        path: path.to_owned(),
        lines: Lines::new(BufReader::new(file)),
        kind: PhantomData,
    })
}

/// The records of a file, front to back; see [`rows`].
#[derive(Debug)]
pub struct Rows<T> {
    path: PathBuf,
    lines: Lines<BufReader<File>>,
    kind: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Iterator for Rows<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let path = &self.path;
        let row = match self.lines.next_line() {
            Ok(found) => found?,
            Err(error) => return Some(Err(Error::reading(path)(error))),
        };
        let row = parsed(row.text).map_err(|fault| no_record::<T>(path, row.number, &fault));
        self.lines.ended |= row.is_err();
        Some(row)
    }
}

/// Lines of an input that are not blank, without a byte order mark.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    input: R,
    text: Vec<u8>,
    number: usize,
    /// Bytes of the lines so far.
    at: u64,
    ended: bool,
}

/// A line with its number from 1, and where it starts.
pub(crate) struct Line<'a> {
    pub(crate) number: usize,
    pub(crate) start: u64,
    pub(crate) text: &'a [u8],
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(input: R) -> Self {
        Self {
            input,
            text: Vec::new(),
            number: 0,
            at: 0,
            ended: false,
        }
    }

    /// The next one. After an error there are none.
    pub(crate) fn next_line(&mut self) -> std::io::Result<Option<Line<'_>>> {
        while !self.ended {
            self.text.clear();
            let read = self.input.read_until(b'\n', &mut self.text);
            self.ended = !matches!(read, Ok(1..));
            let bytes = read? as u64;
            self.number += 1;
            let start = self.at;
            self.at += bytes;
            let mark = if self.number == 1 && self.text.starts_with(MARK) {
                MARK.len()
            } else {
                0
            };
            if !self.text[mark..].iter().all(u8::is_ascii_whitespace) {
                let text = &self.text[mark..];
                return Ok(Some(Line {
                    number: self.number,
                    start: start + mark as u64,
                    text: text.strip_suffix(b"\n").unwrap_or(text),
                }));
            }
        }
        Ok(None)
    }

    /// Bytes that were read.
    pub(crate) fn bytes(&self) -> u64 {
        self.at
    }
}

/// The byte order mark.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// Writes all rows aside in the same folder, waits for the disk, then renames the file into place.
///
/// Whoever reads `path` sees the old file or the new one, never a part.
pub fn write<'a, T: Serialize + 'a>(
    path: &Path,
    rows: impl IntoIterator<Item = &'a T>,
) -> Result<(), Error> {
    write_aside(path, |out| {
        rows.into_iter().try_for_each(|row| put(out, row, path))
    })
}

fn put<T: Serialize>(out: &mut impl Write, row: &T, path: &Path) -> Result<(), Error> {
    out.write_all(&line_of(row, path)?)
        .map_err(Error::writing(path))
}

fn write_aside(
    path: &Path,
    put_rows: impl FnOnce(&mut BufWriter<File>) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut aside = Aside::create(path)?;
    put_rows(&mut aside.out)?;
    aside.commit()
}

/// As [`write()`], of rows that come one by one.
#[derive(Debug)]
pub struct Writer(Aside);

impl Writer {
    /// Begins a file, which takes its place when it is [committed](Writer::commit); dropped before, it is removed.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Ok(Self(Aside::create(path)?))
    }

    /// Adds a row.
    pub fn write<T: Serialize>(&mut self, row: &T) -> Result<(), Error> {
        put(&mut self.0.out, row, &self.0.path)
    }

    /// Waits for the disk, then renames the file into place.
    pub fn commit(self) -> Result<(), Error> {
        self.0.commit()
    }
}

/// A file that is written beside its place and takes it when it is whole; dropped before, it is removed.
#[derive(Debug)]
pub(crate) struct Aside {
    path: PathBuf,
    place: PathBuf,
    pub(crate) out: BufWriter<File>,
    committed: bool,
}

impl Aside {
    pub(crate) fn create(path: &Path) -> Result<Self, Error> {
        let mut place = path.as_os_str().to_owned();
        place.push(".part");
        let place = PathBuf::from(place);
        let file = File::create(&place).map_err(Error::writing(path))?;
        Ok(Self {
            path: path.to_owned(),
            place,
            out: BufWriter::new(file),
            committed: false,
        })
    }

    /// Waits for the disk, then renames the file into place.
    pub(crate) fn commit(mut self) -> Result<(), Error> {
        let path = self.path.clone();
        self.out.flush().map_err(Error::writing(&path))?;
        let file = self.out.get_ref();
        file.sync_all().map_err(Error::writing(&path))?;
        fs::rename(&self.place, &path).map_err(Error::writing(&path))?;
        self.committed = true;
        sync_folder(&path)
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.committed {
            // The first error is the one to tell; a file that cannot be removed is in nobody's way.
            let _ = fs::remove_file(&self.place);
        }
    }
}

/// A rename is durable once its folder is on the disk.
fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::writing(folder))
}

pub(crate) fn line_of<T: Serialize>(row: &T, path: &Path) -> Result<Vec<u8>, Error> {
    let mut line = serde_json::to_vec(row)
        .map_err(|e| Error::file(path, format!("a record cannot be written: {e}")))?;
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
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(path);
        let file = file.map_err(Error::writing(path))?;
        let length = file.metadata().map_err(Error::writing(path))?.len();
        if length < keep {
            let problem = format!("has {length} bytes where {keep} were read; it was changed");
            return Err(Error::file(path, problem));
        }
        file.set_len(keep).map_err(Error::writing(path))?;
        let path = path.to_owned();
        Ok(Self { path, file })
    }

    /// Writes the rows and waits for the disk.
    pub fn append<T: Serialize>(&mut self, rows: &[T]) -> Result<(), Error> {
        self.write(rows)?;
        self.sync()
    }

    /// Writes the rows without waiting for the disk: they outlive the program, but not a machine that fails.
    pub fn write<T: Serialize>(&mut self, rows: &[T]) -> Result<(), Error> {
        let mut bytes = Vec::new();
        for row in rows {
            bytes.extend(line_of(row, &self.path)?);
        }
        self.file
            .write_all(&bytes)
            .map_err(Error::writing(&self.path))
    }

    /// Waits until everything written is on the disk.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.file.sync_data().map_err(Error::writing(&self.path))
    }
}

/// The whole lines at the start of a file that parse, and how many bytes they take; empty if there is no file.
pub fn read_prefix<T: DeserializeOwned>(path: &Path) -> Result<Vec<(T, u64)>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::reading(path)(error)),
    };
    let mut rows = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes[at..].iter().position(|&b| b == b'\n') {
        let Ok(row) = serde_json::from_slice(&bytes[at..at + length]) else {
            break;
        };
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
        assert_eq!(
            (rows.len(), bad.iter().map(|b| b.line).collect::<Vec<_>>()),
            (1, vec![3, 4, 5])
        );
        let message = read::<Turn>(&path).expect_err("bad").to_string();
        assert!(
            message.contains(
                "line 3: missing field `text` (column 15); expected one JSON object (turn) a line"
            ),
            "{message}"
        );
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

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        struct Never;
        impl Serialize for Never {
            fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(serde::ser::Error::custom("no"))
            }
        }
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.jsonl");
        write(&path, &[1, 2]).expect("write");
        let message = write(&path, &[Never]).expect_err("never").to_string();
        assert!(
            message.ends_with("x.jsonl`: a record cannot be written: no"),
            "{message}"
        );
        assert_eq!(read::<u32>(&path).expect("read"), [1, 2]);
        assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1);
        let message = write(&folder.path().join("no/x.jsonl"), &[1])
            .expect_err("no folder")
            .to_string();
        assert!(
            message.starts_with("cannot write") && message.contains("no/x.jsonl`"),
            "{message}"
        );
    }

    #[test]
    fn appending_to_a_file_that_shrank_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.jsonl");
        fs::write(&path, "1\n").expect("write");
        let message = Appender::open(&path, 4).expect_err("shrank").to_string();
        assert!(
            message.contains("has 2 bytes where 4 were read"),
            "{message}"
        );
        assert_eq!(fs::read(&path).expect("read"), b"1\n");
    }
}
