//! A data set of the paper as records of ours, with counts and warnings.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::records::{Request, list_beside, make_folder};
use crate::Rejected;
use crate::formats::{Entry, Writer};
use crate::rejects::Groups;
use crate::sources::{self, Imported, Source};

/// Seed of the requests that are drawn for the paper's data sets.
const SEED: u64 = 42;

/// What a published data set gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Records that were found.
    pub written: usize,
    /// Seed data alone: records that were kept for validation.
    pub dev: usize,
    /// Seed data alone: where those were written.
    pub dev_output: Option<PathBuf>,
    /// Counts, by task for seed data.
    pub counts: BTreeMap<String, usize>,
    /// Seed data alone: pictures by image domain.
    pub domains: BTreeMap<String, usize>,
    /// What was left out, by reason.
    pub left_out: Groups<String>,
    /// The file that names each record that was left out.
    pub list: PathBuf,
    /// Where a count is not the published one.
    pub warnings: Vec<String>,
}

/// Reads `source` from the request's input and writes its records.
///
/// Of the request `from` and `kind` are not read: a source is what it is.
pub fn publish(request: &Request, source: Source) -> Result<Published, Error> {
    let root = request.reading.images.as_deref();
    let (input, output) = (&request.input, &request.output);
    if source == Source::VisionFlanAllava {
        let found = sources::seeds(input, root)?;
        let dev = output.with_extension("dev.jsonl");
        write(request, &dev, &found.dev, Writer::seed)?;
        write(request, output, &found.rows, Writer::seed)?;
        return listed(output, found, Some(dev));
    }
    let found = sources::pairs(source, input, root, SEED)?;
    write(request, output, &found.rows, Writer::pair)?;
    listed(output, found, None)
}

fn write<T: Clone>(
    request: &Request,
    path: &Path,
    rows: &[T],
    put: impl Fn(&mut Writer, &Entry<T>) -> Result<Option<Rejected>, crate::Error>,
) -> Result<(), Error> {
    make_folder(path)?;
    let mut writer = Writer::create(path, request.to, request.copy_images)?;
    let limit = request.limit.unwrap_or(usize::MAX);
    for (at, row) in rows.iter().take(limit).enumerate() {
        let entry = Entry {
            record: row.clone(),
            line: at + 1,
            inside: Vec::new(),
        };
        if let Some(Rejected {
            id, reason, detail, ..
        }) = put(&mut writer, &entry)?
        {
            return Err(Error::Inexpressible { id, reason, detail });
        }
    }
    Ok(writer.finish()?)
}

fn listed<T>(
    output: &Path,
    found: Imported<T>,
    dev_output: Option<PathBuf>,
) -> Result<Published, Error> {
    let list = list_beside(output);
    crate::jsonl::write(&list, &found.rejected)?;
    Ok(Published {
        written: found.rows.len(),
        dev: found.dev.len(),
        dev_output,
        counts: found.counts,
        domains: found.domains,
        left_out: Groups::of_rejected(&found.rejected),
        list,
        warnings: found.warnings,
    })
}
