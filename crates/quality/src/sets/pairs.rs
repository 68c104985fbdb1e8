//! Captions and pictures by the ids of pairs.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use corpus::digest::short;
use corpus::formats::{Options, Reader};

/// Of pairs that a set is about.
#[derive(Default)]
pub(super) struct Pairs {
    by_id: HashMap<u128, Pair>,
    /// Rows of the files that cannot be read.
    pub(super) num_bad: usize,
}

pub(super) struct Pair {
    pub(super) caption: Box<str>,
    pub(super) images: Box<[PathBuf]>,
}

impl Pairs {
    /// Of files; `wanted` are the digests of the ids that occur, none for all.
    pub(super) fn read(
        files: &[PathBuf],
        images: Option<&Path>,
        unpack: Option<&Path>,
        wanted: Option<&HashSet<u128>>,
    ) -> Result<Self, corpus::Error> {
        let options = Options {
            images: images.map(Path::to_owned),
            unpack: unpack.map(Path::to_owned),
            ..Options::default()
        };
        let mut pairs = Self::default();
        for file in files {
            for row in Reader::pairs(file, &options)? {
                let Ok(entry) = row? else {
                    pairs.num_bad += 1;
                    continue;
                };
                let id = short(&entry.record.id);
                if wanted.is_none_or(|wanted| wanted.contains(&id)) {
                    let record = entry.record;
                    pairs.by_id.entry(id).or_insert_with(|| Pair {
                        caption: record.caption.into(),
                        images: record.images.into(),
                    });
                }
            }
        }
        Ok(pairs)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Pair> {
        self.by_id.get(&short(id))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
