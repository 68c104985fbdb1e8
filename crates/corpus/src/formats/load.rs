//! All records of a file at once.

use std::path::Path;

use super::format::Format;
use super::options::Options;
use super::picture_root::RootAbove;
use super::reader::Reader;
use super::row::Row;
use crate::error::Error;
use crate::{Pair, Rejected, Sample, Seed};

/// What a file gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<T> {
    /// In file order. Ids are unique, and paths of pictures start where the program runs.
    pub rows: Vec<T>,
    /// In file order; the detail begins with the line. Reasons are those of [`Reason`](crate::Reason).
    pub rejected: Vec<Rejected>,
    /// The lines where the rejected rows start, counted from 1.
    pub lines: Vec<usize>,
    /// What the file is.
    pub format: Format,
    /// By what it was recognised.
    pub why: String,
    /// What was read otherwise than one might think, with counts.
    pub notes: Vec<String>,
    /// Where names of pictures start, if that is neither the file's own folder nor one that was named.
    pub root_above: Option<RootAbove>,
}

/// Reads image-caption pairs.
///
/// A conversation becomes a pair by its first question and answer: a user's text without its image marks is the
/// request, the answer is the caption.
pub fn read_pairs(path: &Path, options: &Options) -> Result<Loaded<Pair>, Error> {
    load(Reader::pairs(path, options)?)
}

/// Reads seed data of the synthesizer, in our own layout.
pub fn read_seeds(path: &Path, options: &Options) -> Result<Loaded<Seed>, Error> {
    load(Reader::seeds(path, options)?)
}

/// Reads training samples. In a conversation the assistant's turns are learned and the user's have image marks.
pub fn read_samples(path: &Path, options: &Options) -> Result<Loaded<Sample>, Error> {
    load(Reader::samples(path, options)?)
}

fn load<T: Row>(mut reader: Reader<T>) -> Result<Loaded<T>, Error> {
    let mut loaded = Loaded {
        rows: Vec::new(),
        rejected: Vec::new(),
        lines: Vec::new(),
        format: reader.format(),
        why: reader.why().to_owned(),
        notes: Vec::new(),
        root_above: reader.root_above(),
    };
    while let Some(found) = reader.next() {
        match found? {
            Ok(entry) => {
                loaded.rows.push(reader.unpacked(entry)?);
            }
            Err(bad) => {
                loaded.lines.push(bad.line);
                loaded.rejected.push(reader.rejected(bad));
            }
        }
    }
    loaded.notes = reader.notes();
    Ok(loaded)
}
