//! Content digests of files, remembered by what the file system says of a file.
//!
//! A remembered digest is used only when size, times of modification and of status change, inode and device are all the
//! same, and only if the status change lay at least two seconds before the file was read: whatever writes to the file
//! later changes that time, and no program can set it back. A clock that jumps makes a file be read again at most.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::Error;
use crate::digest::Growing;
use crate::model_place::ModelPlace;
use crate::sealed::{read_sealed, write_sealed};
use crate::shards;
use crate::stamp::{Stamp, now};

/// Files beside a model that tell people of it.
const CARDS: [&str; 2] = ["README.md", "DATA.md"];

/// Remembers digests between runs.
#[derive(Debug, Default)]
pub struct Digests {
    path: PathBuf,
    known: BTreeMap<PathBuf, (Stamp, String)>,
    is_new: bool,
}

impl Digests {
    /// What an earlier run remembered; nothing if that cannot be read.
    pub fn open(path: PathBuf) -> Self {
        Self {
            known: read_sealed(&path).unwrap_or_default(),
            path,
            is_new: false,
        }
    }

    /// SHA-256 of a file's content.
    pub fn file(&mut self, path: &Path) -> Result<String, Error> {
        let found = find(&self.known, path)?;
        Ok(self.noted(found))
    }

    /// SHA-256 of each file's content, in order; files that are not remembered are read on all cores.
    pub fn files(&mut self, paths: &[PathBuf]) -> Result<Vec<String>, Error> {
        let known = &self.known;
        let all: Result<Vec<Found>, Error> =
            paths.par_iter().map(|path| find(known, path)).collect();
        Ok(all?.into_iter().map(|found| self.noted(found)).collect())
    }

    /// The digest, remembered if that is worth while.
    fn noted(&mut self, found: Found) -> String {
        if let Some(stamp) = found.stamp {
            self.known.insert(found.path, (stamp, found.digest.clone()));
            self.is_new = true;
        }
        found.digest
    }

    /// One digest for a model: of its folder, or of base and adapter.
    pub fn model(&mut self, named: &Path) -> Result<String, Error> {
        let place = ModelPlace::of(named);
        let base = self.folder(&place.base)?;
        let Some(adapter) = &place.adapter else {
            return Ok(base);
        };
        let adapter = self.folder(adapter)?;
        let both = [("base".to_owned(), base), ("adapter".to_owned(), adapter)];
        Ok(together(
            both.iter().map(|(name, digest)| (name, digest.clone())),
        ))
    }

    /// One digest for a model's folder: all files that are no hidden ones, by name and content. Folders in it are left out, and
    /// so are the cards, which tell people of the model and are not read with it.
    pub fn folder(&mut self, folder: &Path) -> Result<String, Error> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder).map_err(Error::reading(folder))? {
            let entry = entry.map_err(Error::reading(folder))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_card = CARDS.contains(&name.as_str());
            if !name.starts_with('.') && !is_card && entry.path().is_file() {
                files.push((name, entry.path()));
            }
        }
        files.sort();
        let (names, paths): (Vec<String>, Vec<PathBuf>) = files.into_iter().unzip();
        Ok(together(names.iter().zip(self.files(&paths)?)))
    }

    /// One digest for all files of a folder and of those below it, by name and content; hidden ones are left out.
    pub fn tree(&mut self, folder: &Path) -> Result<String, Error> {
        let mut folders = vec![folder.to_owned()];
        let mut paths = Vec::new();
        while let Some(inside) = folders.pop() {
            for entry in fs::read_dir(&inside).map_err(Error::reading(&inside))? {
                let entry = entry.map_err(Error::reading(&inside))?;
                if entry.file_name().to_string_lossy().starts_with('.') {
                    continue;
                }
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    paths.push(path);
                }
            }
        }
        paths.sort();
        let digests = self.files(&paths)?;
        let names = paths.iter().map(|path| {
            let name = path.strip_prefix(folder).unwrap_or(path);
            name.display().to_string()
        });
        Ok(together(names.zip(digests)))
    }

    /// Writes down what was read, for the next run. Not being able to costs that run time and nothing else.
    pub fn remember(&mut self) {
        if !self.is_new {
            return;
        }
        self.known.retain(|path, _| path.exists());
        if write_sealed(&self.path, &self.known).is_ok() {
            self.is_new = false;
        }
    }
}

/// One digest of named digests.
pub fn together<N: AsRef<str>>(named: impl Iterator<Item = (N, String)>) -> String {
    let mut all = Together::default();
    for (name, digest) in named {
        all.add(name.as_ref(), &digest);
    }
    all.finish()
}

/// As [`together`], of digests that come one by one.
#[derive(Clone, Debug, Default)]
pub struct Together(Growing);

impl Together {
    /// The next one.
    pub fn add(&mut self, name: &str, digest: &str) {
        for piece in [digest, "  ", name, "\n"] {
            self.0.add(piece);
        }
    }

    /// The digest of all.
    pub fn finish(self) -> String {
        self.0.finish()
    }
}

struct Found {
    path: PathBuf,
    digest: String,
    /// Set where the digest is worth remembering and was not.
    stamp: Option<Stamp>,
}

fn find(known: &BTreeMap<PathBuf, (Stamp, String)>, path: &Path) -> Result<Found, Error> {
    find_at(known, path, now())
}

/// `now` is what the clock says, in seconds. It is asked only whether a digest may be remembered.
fn find_at(
    known: &BTreeMap<PathBuf, (Stamp, String)>,
    path: &Path,
    now: i64,
) -> Result<Found, Error> {
    let full = std::path::absolute(path).map_err(Error::reading(path))?;
    let before = match Stamp::of(path) {
        Ok(stamp) => stamp,
        Err(error) => {
            // A picture may lie inside of a data file.
            let inside = shards::digest_of(path).map_err(Error::reading(path))?;
            let digest = inside.ok_or_else(|| Error::reading(path)(error))?;
            return Ok(Found {
                path: full,
                digest,
                stamp: None,
            });
        }
    };
    if let Some((stamp, digest)) = known.get(&full)
        && *stamp == before
    {
        return Ok(Found {
            path: full,
            digest: digest.clone(),
            stamp: None,
        });
    }
    let digest = crate::digest::file(path).map_err(Error::reading(path))?;
    let is_settled = before.is_settled(now) && Stamp::of(path).is_ok_and(|s| s == before);
    Ok(Found {
        path: full,
        digest,
        stamp: is_settled.then_some(before),
    })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn a_file_of_the_same_size_and_time_of_modification_is_read_again() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x");
        let mut digests = Digests::open(folder.path().join("digests.json"));
        fs::write(&path, "one").expect("write");
        let modified = fs::metadata(&path)
            .and_then(|m| m.modified())
            .expect("time");
        let first = digests.file(&path).expect("digest");
        assert_eq!(first, crate::digest::bytes(b"one"));
        fs::write(&path, "two").expect("write");
        let file = fs::File::options().write(true).open(&path).expect("open");
        file.set_modified(modified).expect("time");
        let second = digests.file(&path).expect("digest");
        assert_eq!(second, crate::digest::bytes(b"two"));
    }

    #[test]
    fn a_settled_file_is_remembered_and_a_changed_one_is_not_trusted() {
        let folder = tempfile::tempdir().expect("folder");
        let place = folder.path().join("digests.json");
        // The manifest of this package was written long before this test runs.
        let settled = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let mut digests = Digests::open(place.clone());
        let digest = digests.file(&settled).expect("digest");
        digests.remember();
        let mut again = Digests::open(place);
        let stored = again.known.get_mut(&settled).expect("remembered");
        assert_eq!(stored.1, digest);
        stored.1 = "remembered".to_owned();
        assert_eq!(again.file(&settled).expect("digest"), "remembered");
        again.known.get_mut(&settled).expect("remembered").0.inode += 1;
        assert_eq!(again.file(&settled).expect("digest"), digest);
    }

    #[test]
    fn a_clock_that_jumps_makes_a_file_be_read_again_and_nothing_worse() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("x");
        let mut known = BTreeMap::new();
        let write = |content: &str, modified: u64| {
            fs::write(&path, content).expect("write");
            let file = fs::File::options().write(true).open(&path).expect("open");
            let modified = UNIX_EPOCH + std::time::Duration::from_secs(modified);
            file.set_modified(modified).expect("time");
        };
        let written = |path: &Path| Stamp::of(path).expect("stamp").changed.0;
        // Times of modification from 1970 to 2100, with clocks that stand before and after the writing.
        for (at, modified) in [1, 4_102_444_800, 1_000_000_000].into_iter().enumerate() {
            let content = format!("content {at}");
            write(&content, modified);
            for (now, is_remembered) in [
                (written(&path) - 1_000_000, false),
                (0, false),
                (written(&path) + 1, false),
                (written(&path) + 1_000_000, true),
                // Back again: what is remembered holds, since the file is as it was.
                (written(&path) - 1_000_000, true),
            ] {
                let found = find_at(&known, &path, now).expect("digest");
                assert_eq!(found.digest, crate::digest::bytes(content.as_bytes()));
                if let Some(stamp) = found.stamp {
                    known.insert(found.path, (stamp, found.digest));
                }
                let current = Stamp::of(&path).expect("stamp");
                let remembers = known.values().any(|(stamp, _)| *stamp == current);
                assert_eq!(remembers, is_remembered, "{content} at {now}");
            }
        }
    }

    #[test]
    fn a_folder_changes_with_names_and_contents() {
        let folder = tempfile::tempdir().expect("folder");
        let mut digests = Digests::default();
        let mut digest = || digests.folder(folder.path()).expect("digest");
        fs::write(folder.path().join("a"), "1").expect("write");
        let first = digest();
        for passed_over in [".hidden", "README.md", "DATA.md"] {
            fs::write(folder.path().join(passed_over), "1").expect("write");
        }
        assert_eq!(digest(), first);
        fs::rename(folder.path().join("a"), folder.path().join("b")).expect("rename");
        let renamed = digest();
        assert_ne!(renamed, first);
        fs::write(folder.path().join("b"), "2").expect("write");
        assert_ne!(digest(), renamed);
    }
}
