//! The blank picture of a run: white, of the size of the published one.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Its name in a run folder.
const NAME: &str = "blank.png";

/// Where the blank picture of a run folder lies.
pub fn place(run: &Path) -> PathBuf {
    run.join(NAME)
}

/// Writes the blank picture of a run folder unless it lies there; gives its place and whether another one lay there.
///
/// Gives [`Error::Io`] and [`Error::Blank`].
pub fn write(run: &Path) -> Result<(PathBuf, bool)> {
    let path = place(run);
    let png = png()?;
    let found = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        read => Some(read.map_err(Error::io("read", &path))?),
    };
    if found.as_ref() != Some(&png) {
        // A picture that was cut off by a kill must not be taken for the whole one.
        let aside = corpus::sealed::aside(&path);
        std::fs::write(&aside, &png)
            .and_then(|()| std::fs::rename(&aside, &path))
            .map_err(Error::io("write", &path))?;
    }
    let is_other = found.is_some_and(|found| found != png);
    Ok((path, is_other))
}

fn png() -> Result<Vec<u8>> {
    // The size of the published code's blank picture.
    let white = image::RgbImage::from_pixel(237, 150, image::Rgb([255; 3]));
    let mut png = std::io::Cursor::new(Vec::new());
    white.write_to(&mut png, image::ImageFormat::Png)?;
    Ok(png.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_folder_that_is_not_there_is_told() {
        let folder = tempfile::tempdir().expect("folder");
        let error = write(&folder.path().join("nowhere")).expect_err("no folder");
        assert!(
            matches!(&error, Error::Io { action: "write", path, .. } if path.ends_with("nowhere/blank.png")),
            "{error:?}"
        );
    }
}
