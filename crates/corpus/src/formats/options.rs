//! How a data file is read.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// What a recipe says about a data file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Where relative paths of pictures start. If none, the file's folder, or the nearest above it that has one of the first
    /// pictures ([`RootAbove`](super::RootAbove)).
    pub images: Option<PathBuf>,
    /// Our name of a key (see [`COLUMNS`]) to the file's name for it.
    pub columns: BTreeMap<String, String>,
    /// Whether a row whose picture files are not there is left out.
    pub check_images: bool,
    /// Where pictures go that lie inside the data file; [`load`](super::read_pairs) is an error without it if there are any.
    pub unpack: Option<PathBuf>,
    /// Whether those that can be read from where they lie stay there, and are only noted in that folder
    /// ([`shards`](crate::shards)): members of archives that are not packed, and cells of Parquet tables.
    pub in_place: bool,
}

/// The names that `columns` can map.
pub const COLUMNS: [&str; 18] = [
    "id",
    "images",
    "image",
    "file_name",
    "instruction",
    "input",
    "output",
    "caption",
    "text",
    "request",
    "group",
    "source",
    "task",
    "tasks",
    "turns",
    "messages",
    "conversations",
    "system",
];
