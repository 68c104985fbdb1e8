//! Pairs of any source.

use std::path::Path;

use super::imported::Imported;
use super::requests::request;
use super::source::Source;
use super::{alignment, recipe1m, remote_sensing};
use crate::Pair;
use crate::error::Error;

/// Pairs of a source. `images` is where pictures lie, the input's folder if none; `seed` draws the requests.
///
/// `path` is the published file, for Recipe1M the folder of both.
pub fn pairs(
    source: Source,
    path: &Path,
    images: Option<&Path>,
    seed: u64,
) -> Result<Imported<Pair>, Error> {
    let beside = if path.is_dir() {
        path
    } else {
        path.parent().unwrap_or(Path::new(""))
    };
    let root = images.unwrap_or(beside);
    let mut out = match source {
        Source::LlavaMed | Source::PubMedVision => alignment::alignment(source, path, root)?,
        Source::Recipe1M => recipe1m::recipes(path, root)?,
        Source::Nwpu => remote_sensing::nwpu(path, root, seed)?,
        Source::RemoteSensing(name) => remote_sensing::captions(name, path, root, seed)?,
        Source::VisionFlanAllava => {
            return Err(Error::file(
                path,
                "vision-flan+allava gives seed data, and no pairs",
            ));
        }
    };
    for pair in &mut out.rows {
        pair.request = Some(request(source, seed, &pair.id));
    }
    let found = out.rows.len()
        + out
            .rejected
            .iter()
            .filter(|row| row.reason == "missing-image")
            .count();
    match source {
        Source::LlavaMed => out.expect("pairs", found, 460_000, 480_000),
        // The paper says 510K, the data's page 500K.
        Source::PubMedVision => out.expect("pairs with one picture", found, 495_000, 515_000),
        Source::Recipe1M => out.expect("pairs", found, 125_000, 135_000),
        _ => {}
    }
    out.counts.insert("pairs".to_owned(), out.rows.len());
    Ok(out)
}
