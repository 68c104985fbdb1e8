//! The JSON objects of a file or of a folder of pictures, one by one.

use std::path::Path;

use super::objects::Source;
use super::{file, image_folder};
use crate::error::Error;

/// Opens what `path` names. `known` says whether a column's name is one that is understood.
pub(super) fn open(path: &Path, known: &dyn Fn(&str) -> bool) -> Result<Source, Error> {
    if path.is_dir() {
        image_folder::open(path, known)
    } else {
        file::open(path, known)
    }
}
