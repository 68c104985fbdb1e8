//! JSONL files whose records are read when they are asked for, in any order: eight bytes of memory for each.
//!
//! ```
//! use corpus::indexed::Indexed;
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("numbers.jsonl");
//! corpus::jsonl::write(&path, &[7, 8, 9])?;
//! let numbers = Indexed::<u32>::open(&path)?;
//! assert_eq!((numbers.len(), numbers.get(2)?), (3, 9));
//! assert_eq!(numbers.iter().collect::<Result<Vec<_>, _>>()?, [7, 8, 9]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write as _};
use std::marker::PhantomData;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::jsonl::{Lines, line_of, no_record, parsed};
use crate::sealed::aside;

/// How much is read at once where records are read front to back.
const PIECE: usize = 1 << 16;

/// The records of a file. It is held open: one that is written anew under its name changes nothing here.
#[derive(Debug)]
pub struct Indexed<T> {
    /// For messages.
    path: PathBuf,
    file: File,
    /// Where each record's line starts, and after them where the file ends.
    starts: Vec<u64>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Indexed<T> {
    /// Looks where the lines of a file are. What stands in them is looked at when it is asked for.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::reading(path))?;
        let mut lines = Lines::new(BufReader::with_capacity(PIECE, &file));
        let mut starts = Vec::new();
        while let Some(line) = lines.next_line().map_err(Error::reading(path))? {
            starts.push(line.start);
        }
        starts.push(lines.bytes());
        starts.shrink_to_fit();
        Ok(Self {
            path: path.to_owned(),
            file,
            starts,
            kind: PhantomData,
        })
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The line of a record, for messages.
    fn line(&self, index: usize) -> usize {
        let before = At::new(&self.file, 0).take(self.starts[index]);
        let bytes = BufReader::with_capacity(PIECE, before).bytes();
        1 + bytes.filter(|byte| matches!(byte, Ok(b'\n'))).count()
    }
}

impl<T: DeserializeOwned> Indexed<T> {
    /// The record at a place from 0, which has to be one below [`Indexed::len`]. Threads may ask at once.
    pub fn get(&self, index: usize) -> Result<T, Error> {
        let (start, end) = (self.starts[index], self.starts[index + 1]);
        let mut text = vec![0; usize::try_from(end - start).unwrap_or(usize::MAX)];
        let read = self.file.read_exact_at(&mut text, start);
        read.map_err(Error::reading(&self.path))?;
        // Blank lines may follow.
        let line = text.split(|&byte| byte == b'\n').next();
        parsed(line.unwrap_or_default())
            .map_err(|fault| no_record::<T>(&self.path, self.line(index), &fault))
    }

    /// All records, front to back. After an error there are none.
    pub fn iter(&self) -> impl Iterator<Item = Result<T, Error>> {
        self.iter_as::<T>()
    }

    /// The same as records of another kind, which needs less of them.
    pub fn iter_as<U: DeserializeOwned>(&self) -> impl Iterator<Item = Result<U, Error>> {
        let input = BufReader::with_capacity(PIECE, At::new(&self.file, 0));
        let mut lines = Lines::new(input);
        let mut is_over = false;
        std::iter::from_fn(move || {
            if is_over {
                return None;
            }
            let row = match lines.next_line() {
                Ok(None) => return None,
                Ok(Some(line)) => parsed(line.text)
                    .map_err(|fault| no_record::<T>(&self.path, line.number, &fault)),
                Err(error) => Err(Error::reading(&self.path)(error)),
            };
            is_over = row.is_err();
            Some(row)
        })
    }
}

/// Reads a file from a place on, whoever else reads it.
struct At<'a> {
    file: &'a File,
    at: u64,
}

impl<'a> At<'a> {
    fn new(file: &'a File, at: u64) -> Self {
        Self { file, at }
    }
}

impl Read for At<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read_at(bytes, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Records that are put aside as they come, to be read again in any order. The file has no name, so that nothing is left of
/// it, whatever becomes of the program.
#[derive(Debug)]
pub struct Spool<T> {
    /// What they were read from, for messages.
    of: PathBuf,
    file: File,
    out: BufWriter<File>,
    starts: Vec<u64>,
    at: u64,
    kind: PhantomData<fn() -> T>,
}

impl<T: Serialize> Spool<T> {
    /// For records of a file, on the disk of a folder.
    pub fn new(folder: &Path, of: &Path) -> Result<Self, Error> {
        let place = aside(&folder.join(".spool"));
        let mut options = File::options();
        let options = options.read(true).write(true).create_new(true);
        let file = options.open(&place).map_err(Error::writing(&place))?;
        std::fs::remove_file(&place).map_err(Error::writing(&place))?;
        let out = file.try_clone().map_err(Error::writing(&place))?;
        Ok(Self {
            of: of.to_owned(),
            file,
            out: BufWriter::with_capacity(PIECE, out),
            starts: Vec::new(),
            at: 0,
            kind: PhantomData,
        })
    }

    /// Adds a record.
    pub fn push(&mut self, row: &T) -> Result<(), Error> {
        let line = line_of(row, &self.of)?;
        let written = self.out.write_all(&line);
        written.map_err(Error::writing(&self.of))?;
        self.starts.push(self.at);
        self.at += line.len() as u64;
        Ok(())
    }

    /// All of them.
    pub fn finish(mut self) -> Result<Indexed<T>, Error> {
        self.out.flush().map_err(Error::writing(&self.of))?;
        self.starts.push(self.at);
        self.starts.shrink_to_fit();
        Ok(Indexed {
            path: self.of,
            file: self.file,
            starts: self.starts,
            kind: PhantomData,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Turn;

    fn turn(text: &str) -> String {
        format!("{{\"role\":\"user\",\"text\":\"{text}\"}}")
    }

    #[test]
    fn records_are_found_among_blank_lines() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.jsonl");
        let text = format!(
            "\u{feff}{}\n\n  \n{}\n{{\"role\":1}}\n\n{}",
            turn("a"),
            turn("b"),
            turn("c")
        );
        std::fs::write(&path, text).expect("write");
        let rows = Indexed::<Turn>::open(&path).expect("open");
        assert_eq!(rows.len(), 4);
        for (at, text) in [(3, "c"), (0, "a"), (1, "b")] {
            assert_eq!(rows.get(at).expect("sound").text, text);
        }
        let told = rows.get(2).expect_err("no turn").to_string();
        assert!(
            told.contains("x.jsonl`, line 5: ")
                && told.ends_with("expected one JSON object (turn) a line"),
            "{told}"
        );
        let all: Vec<_> = rows.iter().collect();
        assert_eq!(all.len(), 3, "after an error there are none");
        assert_eq!(all[2].as_ref().expect_err("no turn").to_string(), told);
    }

    #[test]
    fn an_empty_file_has_no_records() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.jsonl");
        for text in ["", "\n\n", " "] {
            std::fs::write(&path, text).expect("write");
            let rows = Indexed::<Turn>::open(&path).expect("open");
            assert!(rows.is_empty() && rows.iter().next().is_none());
        }
        let told = Indexed::<Turn>::open(&folder.path().join("no.jsonl")).expect_err("absent");
        assert!(told.to_string().starts_with("cannot read"), "{told}");
    }

    #[test]
    fn what_was_opened_stays_when_the_file_is_written_anew() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x.jsonl");
        crate::jsonl::write(&path, &[1, 2]).expect("write");
        let rows = Indexed::<u32>::open(&path).expect("open");
        crate::jsonl::write(&path, &[30]).expect("write");
        assert_eq!(rows.get(1).expect("sound"), 2);
        // Cut in place it is told.
        let rows = Indexed::<u32>::open(&path).expect("open");
        std::fs::write(&path, "").expect("write");
        let told = rows.get(0).expect_err("cut").to_string();
        assert!(told.starts_with("cannot read"), "{told}");
    }

    #[test]
    fn a_spool_leaves_no_file() {
        let folder = tempfile::tempdir().expect("folder");
        let mut spool = Spool::new(folder.path(), Path::new("data.csv")).expect("made");
        for number in 0..1000 {
            spool.push(&number).expect("written");
        }
        let rows: Indexed<u32> = spool.finish().expect("whole");
        let files = std::fs::read_dir(folder.path()).expect("folder").count();
        assert_eq!((rows.len(), files), (1000, 0));
        assert!(
            (0..1000)
                .rev()
                .all(|at| rows.get(at).expect("sound") as usize == at)
        );
        assert!(Spool::<u32>::new(&folder.path().join("no"), Path::new("x")).is_err());
    }
}
