//! Training samples of a file that the recipe names.

use std::path::Path;

use corpus::formats::{self, Loaded};
use corpus::{Rejected, Sample};

use crate::bad_records::{about_pictures, refuse_many, reject_broken};
use crate::error::Result;
use crate::records::write_rejected;
use crate::stage::Site;

/// Reads a file of samples; pictures are looked for only where they are to be used.
pub fn load(path: &Path, reading: &formats::Options, check_images: bool) -> Result<Loaded<Sample>> {
    let options = formats::Options {
        check_images,
        ..reading.clone()
    };
    Ok(formats::read_samples(path, &options)?)
}

/// Samples with the run's names for their pictures, and what of the file cannot be used, which is written down as the
/// stage's rejects; an error if that is a larger share than `max_bad`.
pub fn usable(
    site: &Site<'_>,
    path: &Path,
    reading: &formats::Options,
    max_bad: f64,
) -> Result<(Vec<Sample>, Vec<Rejected>)> {
    let mut loaded = load(path, reading, true)?;
    if let Some(note) = about_pictures(path, &loaded) {
        site.report.note(note);
    }
    reject_broken(&mut loaded)?;
    let Loaded {
        mut rows, rejected, ..
    } = loaded;
    let list = write_rejected(site.folder, site.stage(), &rejected)?;
    refuse_many(site.report, max_bad, path, rows.len(), &rejected, &list)?;
    site.pictures
        .take_in(&mut rows, &mut site.digests.borrow_mut())?;
    Ok((rows, rejected))
}
