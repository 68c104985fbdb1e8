//! What pictures are called in the file that is written.

use std::path::{Path, PathBuf};

use super::trouble::Trouble;
use crate::error::Error;
use crate::formats::content::{all_content, content, unpack};
use crate::formats::fields::Inside;
use crate::{digest, images::extension};

/// Where names of pictures start.
pub(super) struct Naming {
    /// The file or folder that is written.
    pub(super) path: PathBuf,
    /// Whether pictures are copied to a folder beside the file.
    pub(super) copy: bool,
}

impl Naming {
    /// The pictures as the file names them; those inside a data file, and with `copy` all, get files of their own.
    pub(super) fn named(
        &self,
        pictures: &[PathBuf],
        inside: &[Inside],
    ) -> Result<Vec<PathBuf>, Trouble> {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = self.path.with_file_name(format!("{stem}-images"));
        let mut named = Vec::with_capacity(pictures.len());
        for path in pictures {
            if !self.copy && !inside.iter().any(|picture| picture.path == *path) {
                named.push(from_folder(&self.path, path)?);
                continue;
            }
            let bytes = content(path, inside)?.into_owned();
            let name = format!("{}.{}", &digest::bytes(&bytes)[..32], extension(&bytes));
            let path = folder.join(name);
            std::fs::create_dir_all(&folder).map_err(Error::writing(&folder))?;
            unpack(&Inside {
                path: path.clone(),
                bytes,
                located: None,
            })?;
            named.push(from_folder(&self.path, &path)?);
        }
        Ok(named)
    }

    /// Copies in the folder that is written, a file a picture: readers look a row up by the name of its file.
    pub(super) fn copied(
        &self,
        row: usize,
        pictures: &[PathBuf],
        inside: &[Inside],
    ) -> Result<Vec<PathBuf>, Trouble> {
        let mut names = Vec::with_capacity(pictures.len());
        for (at, (_, bytes)) in all_content(pictures, inside)?.into_iter().enumerate() {
            let name = if pictures.len() == 1 {
                format!("{:09}.{}", row, extension(&bytes))
            } else {
                format!("{:09}-{at}.{}", row, extension(&bytes))
            };
            let place = self.path.join(&name);
            std::fs::write(&place, &bytes).map_err(Error::writing(&place))?;
            names.push(name.into());
        }
        Ok(names)
    }
}

fn from_folder(path: &Path, image: &Path) -> Result<PathBuf, Error> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(Error::writing(path));
    let file = absolute(path)?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let image = absolute(image)?;
    Ok(image
        .strip_prefix(folder)
        .map_or(image.clone(), Path::to_owned))
}
