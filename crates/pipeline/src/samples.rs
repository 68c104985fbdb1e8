//! Training samples of a file that the recipe names.

use std::path::Path;

use corpus::indexed::Spool;
use corpus::{Rejected, Sample, formats};

use crate::bad_records::{refuse_many, without_broken};
use crate::error::Result;
use crate::file_rows::{self, FileRows};
use crate::pictures::Laid;
use crate::records::{Stored, write_rejected};
use crate::stage::Site;

/// Samples whose pictures are looked at together.
const PART: usize = 256;

/// Samples with the run's names for their pictures, and what of the file cannot be used, which is written down as the
/// stage's rejects; an error if that is a larger share than `max_bad`. The samples are put aside on the disk.
pub fn usable(
    site: &Site<'_>,
    path: &Path,
    reading: &formats::Options,
    max_bad: f64,
) -> Result<(Stored<Sample>, Vec<Rejected>)> {
    let rows = file_rows::samples(path, reading, true)?;
    if let Some(note) = rows.about_pictures() {
        site.report.note(note);
    }
    let (samples, rejected) = put_aside(site, rows, path)?;
    let list = write_rejected(site.folder, site.stage(), &rejected)?;
    let count = samples.len();
    refuse_many(site.report, max_bad, path, count, &rejected, &list)?;
    Ok((samples, rejected))
}

/// Samples of the file at `path` with the run's names for their pictures, put aside on the disk, and what cannot be used.
pub fn put_aside(
    site: &Site<'_>,
    mut rows: FileRows<Sample>,
    path: &Path,
) -> Result<(Stored<Sample>, Vec<Rejected>)> {
    let mut spool = Spool::new(site.folder, path)?;
    let (mut rejected, mut broken, mut laid) = (Vec::new(), Vec::new(), Laid::default());
    let mut part = Vec::with_capacity(PART);
    loop {
        let row = rows.next().transpose()?;
        let is_last = row.is_none();
        match row {
            Some(Ok(sample)) => part.push(sample),
            Some(Err(row)) => rejected.push(row),
            None => {}
        }
        if part.len() < PART && !is_last {
            continue;
        }
        site.stop.check()?;
        let mut sound = without_broken(std::mem::take(&mut part), &mut broken)?;
        let mut digests = site.digests.borrow_mut();
        let store = site.pictures;
        store.take_in_part(&mut sound, &mut digests, &mut laid)?;
        for sample in &sound {
            spool.push(sample)?;
        }
        if is_last {
            break;
        }
    }
    rejected.append(&mut broken);
    Ok((spool.finish()?.into(), rejected))
}
