//! All records at once into a file or folder.

use std::path::Path;

use super::writer::Writer;
use crate::error::Error;
use crate::formats::entry::Entry;
use crate::formats::format::Format;
use crate::{Pair, Rejected, Sample};

/// Writes pairs; see [`Writer`]. Gives those that the format cannot express and that are left out.
pub fn write_pairs(path: &Path, pairs: &[Pair], format: Format) -> Result<Vec<Rejected>, Error> {
    all(path, pairs, format, Writer::pair)
}

/// Writes samples; see [`Writer`]. Gives those that the format cannot express and that are left out.
pub fn write_samples(
    path: &Path,
    samples: &[Sample],
    format: Format,
) -> Result<Vec<Rejected>, Error> {
    all(path, samples, format, Writer::sample)
}

fn all<T: Clone>(
    path: &Path,
    rows: &[T],
    format: Format,
    put: impl Fn(&mut Writer, &Entry<T>) -> Result<Option<Rejected>, Error>,
) -> Result<Vec<Rejected>, Error> {
    let mut writer = Writer::create(path, format, false)?;
    let mut rejected = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let entry = Entry {
            record: row.clone(),
            line: at + 1,
            inside: Vec::new(),
        };
        rejected.extend(put(&mut writer, &entry)?);
    }
    writer.finish()?;
    Ok(rejected)
}
