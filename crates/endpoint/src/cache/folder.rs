//! A folder of answers: append-only files, each written by one process alone, so that many may share the folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use crate::durable;

use super::error::CacheError;
use super::line;

/// The ending of the files.
const ENDING: &str = "jsonl";

/// The files of a folder in the order in which they were begun.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, CacheError> {
    let reading = CacheError::reading(folder);
    durable::make_folder(folder).map_err(CacheError::writing(folder))?;
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(&reading)? {
        let path = entry.map_err(&reading)?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Where a line lies in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) start: u64,
    pub(super) length: u32,
}

/// Tells the short key of each line that looks whole, and where it lies; gives how many do not. A last line without its end
/// is still being written, or was torn off, and is passed over.
pub(super) fn scan(path: &Path, mut tell: impl FnMut(u128, Extent)) -> Result<u64, CacheError> {
    let reading = CacheError::reading(path);
    let file = File::open(path).map_err(&reading)?;
    let mut file = BufReader::with_capacity(1 << 18, file);
    let (mut start, mut damaged) = (0, 0);
    let mut text = Vec::new();
    loop {
        text.clear();
        let length = file.read_until(b'\n', &mut text).map_err(&reading)? as u64;
        if text.last() != Some(&b'\n') {
            return Ok(damaged);
        }
        let key = line::key(&text).and_then(line::short);
        match (key, u32::try_from(length)) {
            (Some(key), Ok(length)) => tell(key, Extent { start, length }),
            _ if text.trim_ascii().is_empty() => {}
            _ => damaged += 1,
        }
        start += length;
    }
}

/// The file of this process in a folder.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    length: u64,
    /// A write failed in the middle of a line.
    torn: bool,
}

impl Writing {
    /// Begins a file that nobody else writes.
    pub(super) fn begin(folder: &Path) -> Result<Self, CacheError> {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let (time, process) = (now.as_millis(), std::process::id());
        // Processes of several machines may share the folder, and their numbers may be equal.
        let mut attempt = 0;
        loop {
            let path = folder.join(format!("{time:014}-{process}-{attempt}.{ENDING}"));
            let mut options = OpenOptions::new();
            match options.create_new(true).append(true).open(&path) {
                Ok(file) => {
                    durable::sync_folder(folder).map_err(CacheError::writing(folder))?;
                    return Ok(Self {
                        path,
                        file: Arc::new(file),
                        length: 0,
                        torn: false,
                    });
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => attempt += 1,
                Err(error) => return Err(CacheError::writing(&path)(error)),
            }
        }
    }

    /// Appends a line, usually with one write.
    pub(super) fn append(&mut self, line: &[u8]) -> Result<Extent, CacheError> {
        let writing = CacheError::writing(&self.path);
        let length = u32::try_from(line.len())
            .map_err(|_| writing(io::Error::from(ErrorKind::FileTooLarge)))?;
        let mut file = &*self.file;
        if self.torn {
            file.write_all(b"\n").map_err(&writing)?;
            self.length = file.metadata().map_err(&writing)?.len();
            self.torn = false;
        }
        if let Err(error) = file.write_all(line) {
            self.torn = true;
            return Err(writing(error));
        }
        let start = self.length;
        self.length += u64::from(length);
        Ok(Extent { start, length })
    }
}
