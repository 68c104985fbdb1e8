//! Pictures that lie inside data files.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use corpus::formats::{Inside, Kind, Reader};

use super::error::Error;
use super::items::options;
use super::source::Source;
use crate::item::Item;

/// Writes the pictures of items of this set that lie inside its data file, or inside the file of its pairs, to where the items
/// name them, and says how many. Those of items of other sets, and of items that are not given, stay where they are. Nothing
/// is done for a set without [`Source::unpack`].
pub fn write_pictures(source: &Source, items: &[Item]) -> Result<usize, Error> {
    let Some(folder) = &source.unpack else {
        return Ok(0);
    };
    let of_set = items.iter().filter(|item| item.set == source.name);
    let names = of_set.flat_map(|item| &item.images);
    let names = names.filter_map(|path| path.file_name());
    let mut wanted: HashSet<_> = names.map(ToOwned::to_owned).collect();
    let in_set = |error: corpus::Error| Error::Unreadable {
        set: source.name.clone(),
        source: error,
    };
    let mut count = 0;
    let mut write = |inside: &[Inside]| -> Result<(), Error> {
        for picture in inside {
            let name = picture.path.file_name().unwrap_or_default();
            if wanted.remove(name) {
                let path = folder.join(name);
                let failed = |source_error| Error::Picture {
                    set: source.name.clone(),
                    path: path.clone(),
                    source: source_error,
                };
                fs::create_dir_all(folder).map_err(failed)?;
                fs::write(&path, &picture.bytes).map_err(failed)?;
                count += 1;
            }
        }
        Ok(())
    };
    let options = options(source);
    // A file of lines has no pictures inside, and may be of a layout that `corpus` does not know.
    if !is_lines(&source.path) {
        let samples = Reader::samples(&source.path, &options).map_err(in_set)?;
        if samples.kind() == Kind::Seeds {
            for row in Reader::seeds(&source.path, &options).map_err(in_set)? {
                if let Ok(entry) = row.map_err(in_set)? {
                    write(&entry.inside)?;
                }
            }
        } else {
            for row in samples {
                if let Ok(entry) = row.map_err(in_set)? {
                    write(&entry.inside)?;
                }
            }
        }
    }
    for file in source.pairs.iter().filter(|file| !is_lines(file)) {
        for row in Reader::pairs(file, &options).map_err(in_set)? {
            if let Ok(entry) = row.map_err(in_set)? {
                write(&entry.inside)?;
            }
        }
    }
    Ok(count)
}

fn is_lines(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "jsonl")
}
