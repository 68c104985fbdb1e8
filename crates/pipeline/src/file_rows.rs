//! Records of a file that the user names, one by one, so that memory does not grow with the file.

use std::path::{Path, PathBuf};

use corpus::formats::{Loaded, Options, Reader, RootAbove, Row as Record};
use corpus::{Rejected, Sample};

use crate::error::Result;

/// A record, or why there is none.
pub type Row<T> = std::result::Result<T, Rejected>;

/// The records of one file; pictures inside of it are unpacked to where the options say.
pub struct FileRows<T> {
    path: PathBuf,
    reader: Reader<T>,
}

impl<T: Record> FileRows<T> {
    /// Of a reader of the file at `path`.
    pub fn new(path: &Path, reader: Reader<T>) -> Self {
        let path = path.to_owned();
        Self { path, reader }
    }

    /// A sentence if names of pictures start above the file's folder.
    pub fn about_pictures(&self) -> Option<String> {
        about_pictures(&self.path, self.reader.root_above().as_ref())
    }
}

impl<T: Record> Iterator for FileRows<T> {
    type Item = Result<Row<T>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.reader.next()? {
            Ok(Ok(entry)) => match self.reader.unpacked(entry) {
                Ok(record) => Ok(Ok(record)),
                Err(error) => Err(error.into()),
            },
            Ok(Err(bad)) => Ok(Err(self.reader.rejected(bad))),
            Err(error) => Err(error.into()),
        })
    }
}

/// The training samples of a file; pictures are looked for only where they are to be used.
pub fn samples(path: &Path, reading: &Options, check_images: bool) -> Result<FileRows<Sample>> {
    let options = Options {
        check_images,
        ..reading.clone()
    };
    Ok(FileRows::new(path, Reader::samples(path, &options)?))
}

/// How many training samples of a file can be used, as far as they can be told without their pictures.
pub fn num_samples(path: &Path, reading: &Options) -> Result<usize> {
    let mut count = 0;
    for row in samples(path, reading, false)? {
        count += usize::from(row?.is_ok());
    }
    Ok(count)
}

/// The records of a file that was read whole.
pub fn of_loaded<T>(loaded: Loaded<T>) -> impl Iterator<Item = Result<Row<T>>> {
    let rows = loaded.rows.into_iter().map(|row| Ok(Ok(row)));
    rows.chain(loaded.rejected.into_iter().map(|row| Ok(Err(row))))
}

/// A sentence if a file's pictures are named from above its folder.
pub fn about_pictures(path: &Path, root: Option<&RootAbove>) -> Option<String> {
    Some(format!("`{}`: {}", path.display(), root?))
}
