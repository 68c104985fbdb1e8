//! Pictures that stay inside of data files: members of WebDataset archives, cells of Parquet tables.
//!
//! A folder of pictures names each by its content. Where a name is no file, [`FILE`] in the folder may say at which place of
//! which data file the picture lies, and [`images::read`](crate::images::read) reads it from there. Of a picture memory holds
//! about a hundred bytes. A data file that was changed since is told and not read.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, BufReader, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::digest;
use crate::error::Error;
use crate::jsonl::{Lines, line_of};
use crate::names::Names;
use crate::tables;

/// The file of the places, in the folder of the pictures. Its lines may come from several processes.
pub const FILE: &str = ".shards";

/// Where a picture lies in its data file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Place {
    /// So many bytes from a place of an archive on.
    Bytes {
        /// Where they start.
        start: u64,
        /// How many they are.
        bytes: u64,
    },
    /// In a row of a Parquet table.
    Cell {
        /// The row, from 0.
        row: u64,
        /// The column.
        column: String,
        /// Which of the pictures of this cell, from 0.
        nth: u64,
    },
}

/// A picture's data file and its place in there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The data file.
    pub shard: PathBuf,
    /// The place.
    pub place: Place,
}

/// A data file as it was when pictures were found in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Shard {
    path: PathBuf,
    size: u64,
    modified: (i64, i64),
}

impl Shard {
    fn new(path: PathBuf, found: &Metadata) -> Self {
        Self {
            path,
            size: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        }
    }

    /// The same for the same file in any process.
    fn id(&self) -> u64 {
        digest::short(format!("{self:?}")) as u64
    }
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Picture {
        sha256: String,
        of: u64,
        #[serde(flatten)]
        place: Place,
    },
    Shard {
        id: u64,
        #[serde(flatten)]
        shard: Shard,
    },
}

/// What is known of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// What follows the first half of the digest of its content, which it is known by.
    rest: u128,
    shard: u64,
    place: Short,
}

/// As [`Place`], with the column by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Short {
    Bytes { start: u64, bytes: u64 },
    Cell { row: u64, column: usize, nth: u64 },
}

/// The pictures of one folder.
#[derive(Debug, Default)]
struct Folder {
    shards: HashMap<u64, Shard>,
    pictures: HashMap<u128, Entry>,
    columns: Names,
    /// Bytes of the file that were read.
    read: u64,
    /// Open once something was added.
    out: Option<File>,
    /// By the path of a data file its id, of those that were looked at in this process.
    looked_at: HashMap<PathBuf, u64>,
}

/// Folders by their full paths.
type Folders = BTreeMap<PathBuf, Arc<Mutex<Folder>>>;

/// The folders that were asked for.
static FOLDERS: LazyLock<Mutex<Folders>> = LazyLock::new(Mutex::default);

fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half done by a thread that panics.
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The folder that a picture is named in.
fn folder_of(picture: &Path) -> io::Result<(PathBuf, Arc<Mutex<Folder>>)> {
    let full = std::path::absolute(picture)?;
    let folder = full.parent().unwrap_or(Path::new("/")).to_owned();
    let mut folders = locked(&FOLDERS);
    let open = if let Some(known) = folders.get(&folder) {
        Arc::clone(known)
    } else {
        let read = Arc::new(Mutex::new(Folder::read(&folder.join(FILE))?));
        folders.insert(folder.clone(), Arc::clone(&read));
        read
    };
    Ok((folder, open))
}

/// The first half of the digest that names a picture.
fn name_of(picture: &Path) -> Option<u128> {
    let name = picture.file_stem()?.to_str()?;
    let digits = (name.len() == 32).then_some(name)?;
    u128::from_str_radix(digits, 16).ok()
}

/// Both halves of a digest.
fn halves(sha256: &str) -> Option<(u128, u128)> {
    let (first, rest) = sha256.split_at_checked(32)?;
    let half = |digits| u128::from_str_radix(digits, 16).ok();
    Some((half(first)?, half(rest)?))
}

impl Folder {
    /// What a file holds; nothing if it is not there. Lines that were torn say nothing: the picture is found again when its data
    /// file is read.
    fn read(path: &Path) -> io::Result<Self> {
        let mut folder = Self::default();
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(folder),
            Err(error) => return Err(error),
        };
        let mut lines = Lines::new(BufReader::new(file));
        while let Some(line) = lines.next_line()? {
            match serde_json::from_slice(line.text) {
                Ok(Line::Shard { id, shard }) => {
                    folder.shards.insert(id, shard);
                }
                Ok(Line::Picture { sha256, of, place }) => {
                    if let Some((name, rest)) = halves(&sha256) {
                        let (shard, place) = (of, folder.short(&place));
                        let entry = Entry { rest, shard, place };
                        folder.pictures.insert(name, entry);
                    }
                }
                Err(_) => {}
            }
        }
        folder.read = lines.bytes();
        Ok(folder)
    }

    fn short(&mut self, place: &Place) -> Short {
        match place {
            &Place::Bytes { start, bytes } => Short::Bytes { start, bytes },
            Place::Cell { row, column, nth } => Short::Cell {
                row: *row,
                column: self.columns.add(column).0,
                nth: *nth,
            },
        }
    }

    fn whole(&self, place: Short) -> Place {
        match place {
            Short::Bytes { start, bytes } => Place::Bytes { start, bytes },
            Short::Cell { row, column, nth } => Place::Cell {
                row,
                column: self.columns.get(column).to_owned(),
                nth,
            },
        }
    }

    /// The id of a data file, which is noted if it is a new one.
    fn shard(&mut self, path: &Path, at: &Path) -> Result<u64, Error> {
        if let Some(&id) = self.looked_at.get(path) {
            return Ok(id);
        }
        let full = std::path::absolute(path).map_err(Error::reading(path))?;
        let found = std::fs::metadata(path).map_err(Error::reading(path))?;
        let shard = Shard::new(full, &found);
        let id = shard.id();
        if !self.shards.contains_key(&id) {
            self.append(
                &Line::Shard {
                    id,
                    shard: shard.clone(),
                },
                at,
            )?;
            self.shards.insert(id, shard);
        }
        self.looked_at.insert(path.to_owned(), id);
        Ok(id)
    }

    fn append(&mut self, line: &Line, at: &Path) -> Result<(), Error> {
        let text = line_of(line, at)?;
        if self.out.is_none() {
            if let Some(folder) = at.parent() {
                std::fs::create_dir_all(folder).map_err(Error::writing(folder))?;
            }
            let file = OpenOptions::new().create(true).append(true).open(at);
            let mut file = file.map_err(Error::writing(at))?;
            // Ends a line that a killed process left torn.
            file.write_all(b"\n").map_err(Error::writing(at))?;
            self.out = Some(file);
        }
        if let Some(out) = &mut self.out {
            out.write_all(&text).map_err(Error::writing(at))?;
        }
        Ok(())
    }

    /// Whether the data file of a picture is as it was.
    fn is_sound(&self, entry: &Entry) -> bool {
        let shard = self.shards.get(&entry.shard);
        shard.is_some_and(|shard| {
            std::fs::metadata(&shard.path)
                .is_ok_and(|found| Shard::new(shard.path.clone(), &found) == *shard)
        })
    }
}

/// Notes where the picture of a content lies; `picture` is its name in the folder of pictures, which is its digest.
///
/// Gives [`Error::Io`] where the data file cannot be looked at or the folder not be written to.
pub fn note(picture: &Path, content: &[u8], located: &Located) -> Result<(), Error> {
    let (folder, open) = folder_of(picture).map_err(Error::reading(picture))?;
    let at = folder.join(FILE);
    let mut open = locked(&open);
    let shard = open.shard(&located.shard, &at)?;
    let sha256 = digest::bytes(content);
    let Some((name, rest)) = halves(&sha256) else {
        return Ok(());
    };
    let place = open.short(&located.place);
    let entry = Entry { rest, shard, place };
    // Of several places with one content the first is as good as any.
    let known = open.pictures.get(&name);
    if known.is_some_and(|known| *known == entry || open.is_sound(known)) {
        return Ok(());
    }
    let (of, place) = (shard, located.place.clone());
    open.append(&Line::Picture { sha256, of, place }, &at)?;
    open.pictures.insert(name, entry);
    Ok(())
}

/// A picture that is no file of its folder.
struct Found {
    sha256: String,
    place: Place,
    shard: Shard,
}

/// What is noted of a picture. Gives the error of a note that cannot be read.
fn find(picture: &Path) -> io::Result<Option<Found>> {
    let Some(name) = name_of(picture) else {
        return Ok(None);
    };
    let (folder, open) = folder_of(picture)?;
    let mut open = locked(&open);
    if !open.pictures.contains_key(&name) {
        // Another process may have found it since.
        let at = folder.join(FILE);
        let length = match std::fs::metadata(&at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?.len(),
        };
        if length <= open.read {
            return Ok(None);
        }
        let now = Folder::read(&at)?;
        (open.shards, open.pictures) = (now.shards, now.pictures);
        (open.columns, open.read) = (now.columns, now.read.max(length));
    }
    let entry = open.pictures.get(&name).copied();
    Ok(entry.and_then(|entry| {
        Some(Found {
            sha256: format!("{name:032x}{:032x}", entry.rest),
            place: open.whole(entry.place),
            shard: open.shards.get(&entry.shard)?.clone(),
        })
    }))
}

/// Whether there is a picture of this name: a file, or a place in a data file. One of which that cannot be told is there, and
/// whoever reads it is told why it cannot be read.
pub fn is_there(picture: &Path) -> bool {
    picture.is_file() || !matches!(find(picture), Ok(None))
}

/// The digest of the content of a picture that lies in a data file, if it is one.
pub(crate) fn digest_of(picture: &Path) -> io::Result<Option<String>> {
    Ok(find(picture)?.map(|found| found.sha256))
}

/// The content of a picture that lies in a data file, if it is one.
pub(crate) fn read(picture: &Path) -> io::Result<Option<Vec<u8>>> {
    let found = find(picture)?;
    found
        .map(|found| read_from(&found.place, &found.shard))
        .transpose()
}

fn read_from(place: &Place, shard: &Shard) -> io::Result<Vec<u8>> {
    let path = &shard.path;
    let about = |error: &dyn std::fmt::Display| {
        io::Error::other(format!("it lies in `{}`: {error}", path.display()))
    };
    let file = File::open(path).map_err(|error| about(&error))?;
    let found = file.metadata().map_err(|error| about(&error))?;
    if Shard::new(path.clone(), &found) != *shard {
        return Err(about(
            &"that file was changed since; start the run again, which looks at it anew",
        ));
    }
    match place {
        Place::Bytes { start, bytes } => {
            let mut content = vec![0; usize::try_from(*bytes).unwrap_or(usize::MAX)];
            let read = file.read_exact_at(&mut content, *start);
            read.map_err(|error| about(&error))?;
            Ok(content)
        }
        Place::Cell { row, column, nth } => {
            let found = tables::picture(path, file, *row, column, *nth);
            found.map_err(|error| about(&error))?.ok_or_else(|| {
                about(&format_args!(
                    "row {row} has no picture {nth} in column `{column}`"
                ))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of twenty bytes, of which two are taken for pictures.
    fn noted(folder: &Path) -> [PathBuf; 2] {
        let shard = folder.join("data.tar");
        std::fs::write(&shard, "abcdefghijklmnopqrst").expect("write");
        [(3, "def"), (9, "jklm")].map(|(start, content)| {
            let name = &digest::bytes(content.as_bytes())[..32];
            let picture = folder.join("pictures").join(format!("{name}.png"));
            let located = Located {
                shard: shard.clone(),
                place: Place::Bytes {
                    start,
                    bytes: content.len() as u64,
                },
            };
            note(&picture, content.as_bytes(), &located).expect("noted");
            picture
        })
    }

    #[test]
    fn what_is_noted_is_known_to_a_later_process() {
        let folder = tempfile::tempdir().expect("folder");
        let pictures = noted(folder.path());
        assert_eq!(read(&pictures[1]).expect("read").expect("known"), b"jklm");
        assert_eq!(
            digest_of(&pictures[0]).expect("read"),
            Some(digest::bytes(b"def"))
        );
        assert!(is_there(&pictures[0]) && !is_there(&folder.path().join("pictures/a.png")));
        // A line that was torn, and one of another process after it.
        let at = folder.path().join("pictures").join(FILE);
        let text = std::fs::read_to_string(&at).expect("text");
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.len(), 3, "{text}");
        std::fs::write(
            &at,
            format!("{}\n{}\n{}\n", lines[0], &lines[1][..40], lines[2]),
        )
        .expect("write");
        let later = Folder::read(&at).expect("read");
        assert_eq!((later.shards.len(), later.pictures.len()), (1, 1));
        let cell = Place::Cell {
            row: 7,
            column: "image".to_owned(),
            nth: 1,
        };
        let mut later = later;
        let short = later.short(&cell);
        assert_eq!(later.whole(short), cell);
    }

    #[test]
    fn a_picture_that_another_process_found_is_looked_for() {
        let folder = tempfile::tempdir().expect("folder");
        let pictures = folder.path().join("pictures");
        let name = format!("{}.png", &digest::bytes(b"def")[..32]);
        // Asked for before there is anything.
        assert!(!is_there(&pictures.join(&name)));
        std::fs::create_dir(&pictures).expect("folder");
        let elsewhere = folder.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).expect("folder");
        noted(&elsewhere);
        let lines = elsewhere.join("pictures").join(FILE);
        std::fs::copy(lines, pictures.join(FILE)).expect("copy");
        assert_eq!(
            read(&pictures.join(&name)).expect("known").expect("read"),
            b"def"
        );
    }
}
