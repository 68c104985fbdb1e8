//! The files of pictures, in the data file or beside it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::fields::Inside;
use crate::error::{Error, Fault, Reason};
use crate::images;

/// A picture's path and its file's content.
pub(super) type Content<'a> = (&'a PathBuf, Cow<'a, [u8]>);

/// The files of all pictures of a record.
pub(super) fn all_content<'a>(
    pictures: &'a [PathBuf],
    inside: &'a [Inside],
) -> Result<Vec<Content<'a>>, Fault> {
    let one = |path: &'a PathBuf| Ok((path, content(path, inside)?));
    pictures.iter().map(one).collect()
}

/// The content of a picture's file.
pub(super) fn content<'a>(path: &Path, inside: &'a [Inside]) -> Result<Cow<'a, [u8]>, Fault> {
    if let Some(picture) = inside.iter().find(|picture| picture.path == path) {
        return Ok(Cow::Borrowed(&picture.bytes));
    }
    let bytes = images::read(path).map_err(|e| Fault::new(Reason::MissingImage, e.to_string()))?;
    Ok(Cow::Owned(bytes))
}

/// Writes the file of a picture that came with its record. Names are digests of contents, so one that is there is left.
pub(super) fn unpack(picture: &Inside) -> Result<(), Error> {
    let Inside { path, bytes, .. } = picture;
    if std::fs::metadata(path).is_ok_and(|found| found.len() == bytes.len() as u64) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::writing(folder))?;
    }
    let aside = crate::sealed::aside(path);
    std::fs::write(&aside, bytes).map_err(Error::writing(path))?;
    std::fs::rename(&aside, path).map_err(Error::writing(path))
}
