//! The file that looks are kept in: records are added at the end, each with a checksum of its own.
//!
//! After the head come records of two kinds: `L`, a content's name and its fingerprint, and `F`, a file's stamp and its
//! content's name. Both end with the first eight bytes of the SHA-256 of the rest. What follows a record that was torn is
//! dropped when the file is opened, and a look whose checksum is wrong is none.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::digest;
use crate::fingerprint::Fingerprint;
use crate::stamp::Stamp;

/// The head; another number when fingerprints or records change.
const HEAD: &[u8; 16] = b"picture looks 1\n";
const LOOK: u8 = b'L';
const NAME: u8 = b'F';
/// Bytes of a name, of a stamp, of a checksum.
const SHORT: usize = 16;
const CHECK: usize = 8;
/// Bytes of the records.
const LOOK_BYTES: usize = 1 + SHORT + Fingerprint::BYTES + CHECK;
const NAME_BYTES: usize = 1 + 2 * SHORT + CHECK;

/// An open file of looks.
#[derive(Debug)]
pub(super) struct LooksFile {
    file: File,
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    /// Where the record of a content begins.
    looks: HashMap<u128, u64>,
    /// The content of files by their stamps.
    names: HashMap<u128, u128>,
    /// Set where nothing can be written, or no more.
    is_closed: bool,
}

impl LooksFile {
    /// Opens the file to add to it, or makes it; nothing if neither can be done.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let mut options = File::options();
        let file = options.read(true).append(true).create(true).open(path);
        let mut file = file.ok()?;
        let index = if let Some((index, end)) = Index::read(&file) {
            // What follows was torn, and what is added is to be found.
            if file.metadata().ok()?.len() > end {
                file.set_len(end).ok()?;
            }
            index
        } else {
            file.set_len(0).ok()?;
            file.write_all(HEAD).ok()?;
            Index::default()
        };
        Some(Self {
            file,
            index: Mutex::new(index),
        })
    }

    /// Opens the file to read it, if it is there.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        let (mut index, _) = Index::read(&file)?;
        index.is_closed = true;
        Some(Self {
            file,
            index: Mutex::new(index),
        })
    }

    /// The content of a file by its stamp.
    pub(super) fn name_of(&self, stamp: &Stamp) -> Option<u128> {
        self.index(|index| index.names.get(&short(stamp)).copied())
    }

    /// The look of a content, if it is whole.
    pub(super) fn look(&self, name: u128) -> Option<Fingerprint> {
        let at = self.index(|index| index.looks.get(&name).copied())?;
        let mut record = [0; LOOK_BYTES];
        self.file.read_exact_at(&mut record, at).ok()?;
        let found = checked(&record)?;
        let (kind, rest) = found.split_first()?;
        let (own, fingerprint) = rest.split_first_chunk()?;
        if *kind != LOOK || u128::from_le_bytes(*own) != name {
            return None;
        }
        Fingerprint::from_bytes(fingerprint)
    }

    /// Adds the look of a content; whether it is kept.
    pub(super) fn keep(&self, name: u128, fingerprint: &Fingerprint) -> bool {
        let mut record = vec![LOOK];
        record.extend(name.to_le_bytes());
        record.extend(fingerprint.to_bytes());
        self.add(record, |index, at| {
            index.looks.insert(name, at);
        })
    }

    /// Adds the content of a file.
    pub(super) fn keep_name(&self, stamp: &Stamp, name: u128) {
        let key = short(stamp);
        let mut record = vec![NAME];
        record.extend(key.to_le_bytes());
        record.extend(name.to_le_bytes());
        self.add(record, |index, _| {
            index.names.insert(key, name);
        });
    }

    fn add(&self, mut record: Vec<u8>, noted: impl FnOnce(&mut Index, u64)) -> bool {
        let check = check(&record);
        record.extend(check);
        self.index(|index| {
            if index.is_closed {
                return false;
            }
            let mut file = &self.file;
            let written = file
                .write_all(&record)
                .and_then(|()| file.stream_position());
            // A record that another program's stands in is told by its checksum.
            let Ok(end) = written else {
                index.is_closed = true;
                return false;
            };
            noted(index, end.saturating_sub(record.len() as u64));
            true
        })
    }

    fn index<R>(&self, with: impl FnOnce(&mut Index) -> R) -> R {
        // An index that a panic was in the midst of has records that are in the file.
        with(&mut self.index.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Index {
    /// The records of a file and where the last whole one ends; nothing if it has another head.
    fn read(file: &File) -> Option<(Self, u64)> {
        let mut head = [0; HEAD.len()];
        file.read_exact_at(&mut head, 0).ok()?;
        if head != *HEAD {
            return None;
        }
        let length = file.metadata().ok()?.len();
        let (mut index, mut at) = (Self::default(), HEAD.len() as u64);
        // Names of contents are checked when their look is wanted, which reads it whole.
        let mut record = [0; NAME_BYTES];
        while file.read_exact_at(&mut record, at).is_ok() {
            let first = u128_at(&record, 1);
            let bytes = match record[0] {
                LOOK => {
                    index.looks.insert(first, at);
                    LOOK_BYTES
                }
                NAME => {
                    if checked(&record).is_some() {
                        index.names.insert(first, u128_at(&record, 1 + SHORT));
                    }
                    NAME_BYTES
                }
                _ => break,
            };
            let end = at + bytes as u64;
            if end > length {
                break;
            }
            at = end;
        }
        Some((index, at))
    }
}

/// A stamp in few bytes.
fn short(stamp: &Stamp) -> u128 {
    let (modified, changed) = (stamp.modified, stamp.changed);
    let mut bytes = Vec::with_capacity(7 * size_of::<u64>());
    for number in [stamp.size, stamp.inode, stamp.device] {
        bytes.extend(number.to_le_bytes());
    }
    for number in [modified.0, modified.1, changed.0, changed.1] {
        bytes.extend(number.to_le_bytes());
    }
    digest::short(bytes)
}

fn u128_at(record: &[u8], at: usize) -> u128 {
    let bytes = record.get(at..).and_then(|rest| rest.first_chunk());
    bytes.map_or(0, |bytes| u128::from_le_bytes(*bytes))
}

fn check(record: &[u8]) -> [u8; CHECK] {
    let digest = digest::short(record).to_be_bytes();
    std::array::from_fn(|at| digest[at])
}

/// The record without its checksum, if that is right.
fn checked(record: &[u8]) -> Option<&[u8]> {
    let (rest, own) = record.split_last_chunk::<CHECK>()?;
    (check(rest) == *own).then_some(rest)
}
