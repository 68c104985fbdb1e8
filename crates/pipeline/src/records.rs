//! Records in a run folder name their pictures relative to their file, so that a run folder can be moved and two runs of one
//! recipe write the same bytes. In memory the pictures are full paths.

use std::path::{Component, Path, PathBuf};

use corpus::indexed::Indexed;
use corpus::{Pair, Rejected, Request, Sample, Seed, jsonl};
use evaluation::tasks::Item;
use run::REJECTED;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// A record with pictures.
pub trait Pictured: Clone {
    /// Its id.
    fn id(&self) -> &str;
    /// Its pictures.
    fn images(&self) -> &[PathBuf];
    /// Its pictures, to be changed.
    fn images_mut(&mut self) -> &mut [PathBuf];
}

macro_rules! pictured {
    ($($record:ty),*) => {$(
        impl Pictured for $record {
            fn id(&self) -> &str {
                &self.id
            }
            fn images(&self) -> &[PathBuf] {
                &self.images
            }
            fn images_mut(&mut self) -> &mut [PathBuf] {
                &mut self.images
            }
        }
    )*};
}
pictured!(Pair, Seed, Sample, Request, Item, quality::Item);

/// Writes records; pictures are named relative to the file, which lies in the run folder as they do.
///
/// Gives [`Error::NotFull`] and [`Error::Corpus`].
pub fn write<'a, T: Pictured + Serialize + 'a>(
    path: &Path,
    rows: impl IntoIterator<Item = &'a T>,
) -> Result<()> {
    let mut out = Writer::create(path)?;
    for row in rows {
        out.write(row.clone())?;
    }
    out.commit()
}

/// As [`write()`], of records that come one by one.
#[derive(Debug)]
pub struct Writer {
    out: jsonl::Writer,
    folder: PathBuf,
}

impl Writer {
    /// Begins a file, which takes its place when it is [committed](Writer::commit).
    ///
    /// Gives [`Error::Corpus`].
    pub fn create(path: &Path) -> Result<Self> {
        Ok(Self {
            out: jsonl::Writer::create(path)?,
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        })
    }

    /// Adds a record.
    ///
    /// Gives [`Error::NotFull`] and [`Error::Corpus`].
    pub fn write<T: Pictured + Serialize>(&mut self, mut row: T) -> Result<()> {
        for image in row.images_mut() {
            *image = relative(image, &self.folder)?;
        }
        Ok(self.out.write(&row)?)
    }

    /// Puts the file in its place.
    ///
    /// Gives [`Error::Corpus`].
    pub fn commit(self) -> Result<()> {
        Ok(self.out.commit()?)
    }
}

/// Reads records that [`write()`] wrote.
///
/// Gives [`Error::Corpus`].
pub fn read<T: Pictured + DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    rows(path)?.collect()
}

/// As [`read()`], one by one.
///
/// Gives [`Error::Corpus`].
pub fn rows<T: Pictured + DeserializeOwned>(
    path: &Path,
) -> Result<impl Iterator<Item = Result<T>> + use<T>> {
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let rows = jsonl::rows::<T>(path)?;
    Ok(rows.map(move |row| Ok(in_folder(&folder, row?))))
}

/// Records that [`write()`] wrote, read when they are asked for.
#[derive(Debug)]
pub struct Stored<T> {
    rows: Indexed<T>,
    folder: PathBuf,
}

impl<T: Pictured + DeserializeOwned> Stored<T> {
    /// Looks where the records of a file are.
    ///
    /// Gives [`Error::Corpus`].
    pub fn open(path: &Path) -> Result<Self> {
        Ok(Self {
            rows: Indexed::open(path)?,
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The record at a place from 0, which has to be one below [`Stored::len`].
    ///
    /// Gives [`Error::Corpus`].
    pub fn get(&self, place: usize) -> Result<T> {
        Ok(in_folder(&self.folder, self.rows.get(place)?))
    }

    /// All of them, front to back.
    pub fn iter(&self) -> impl Iterator<Item = Result<T>> {
        let rows = self.rows.iter();
        rows.map(|row| Ok(in_folder(&self.folder, row?)))
    }

    /// All of them as records of a kind that needs less of them.
    pub fn iter_as<U: DeserializeOwned>(&self) -> impl Iterator<Item = Result<U>> {
        self.rows.iter_as::<U>().map(|row| Ok(row?))
    }
}

/// Records that are put aside and name their pictures in full.
impl<T> From<Indexed<T>> for Stored<T> {
    fn from(rows: Indexed<T>) -> Self {
        Self {
            rows,
            folder: PathBuf::new(),
        }
    }
}

/// A record of a file in a folder with its pictures in full.
fn in_folder<T: Pictured>(folder: &Path, mut row: T) -> T {
    for image in row.images_mut() {
        *image = joined(folder, image);
    }
    row
}

/// `to` as it is named in `folder`; both are full paths.
pub(crate) fn relative(to: &Path, folder: &Path) -> Result<PathBuf> {
    if !to.is_absolute() || !folder.is_absolute() {
        return Err(Error::NotFull {
            path: to.to_owned(),
            folder: folder.to_owned(),
        });
    }
    let (to_parts, of_parts): (Vec<_>, Vec<_>) =
        (to.components().collect(), folder.components().collect());
    let same = to_parts.iter().zip(&of_parts).take_while(|(a, b)| a == b);
    let same = same.count();
    let up = of_parts[same..].iter().map(|_| Component::ParentDir);
    Ok(up.chain(to_parts[same..].iter().copied()).collect())
}

/// `folder/name` with leading `..` taken out.
pub(crate) fn joined(folder: &Path, name: &Path) -> PathBuf {
    let mut out = folder.to_owned();
    for part in name.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

/// Writes a stage's rejects and gives the file. A reject that does not say which stage left it out was left out by the one
/// that writes.
///
/// Gives [`Error::Corpus`].
pub fn write_rejected(folder: &Path, stage: &str, rejected: &[Rejected]) -> Result<PathBuf> {
    let named = rejected.iter().cloned().map(|row| row.of_stage(stage));
    let named: Vec<Rejected> = named.collect();
    let path = folder.join(REJECTED);
    jsonl::write(&path, &named)?;
    Ok(path)
}

/// Removes the list of an earlier try, which says nothing of this one.
pub fn remove_rejected(folder: &Path) {
    let _ = std::fs::remove_file(folder.join(REJECTED));
}

/// Reads a stage's rejects; none if it wrote no such file.
///
/// Gives [`Error::Corpus`].
pub fn read_rejected(folder: &Path) -> Result<Vec<Rejected>> {
    read_if_there(&folder.join(REJECTED))
}

/// Records of a file that not every run has; a file that is there must be sound.
///
/// Gives [`Error::Corpus`].
pub fn read_if_there<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    if path.exists() {
        Ok(jsonl::read(path)?)
    } else {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_folder_can_be_moved() {
        let folder = tempfile::tempdir().expect("folder");
        let (here, there) = (folder.path().join("here"), folder.path().join("there"));
        std::fs::create_dir_all(here.join("controls/x/mix")).expect("folder");
        let row = |run: &Path| Pair {
            id: "a".to_owned(),
            images: vec![run.join("pictures/1.png")],
            caption: String::new(),
            request: None,
            group: None,
            source: None,
            meta: serde_json::Map::new(),
        };
        let file = "controls/x/mix/pairs.jsonl";
        write(&here.join(file), &[row(&here)]).expect("write");
        let text = std::fs::read_to_string(here.join(file)).expect("read");
        assert!(text.contains("\"../../../pictures/1.png\""), "{text}");
        std::fs::rename(&here, &there).expect("move");
        let rows: Vec<Pair> = read(&there.join(file)).expect("read");
        assert_eq!(rows, [row(&there)]);
    }

    #[test]
    fn a_picture_needs_its_full_path() {
        let folder = tempfile::tempdir().expect("folder");
        let item = Request {
            id: "a".to_owned(),
            images: vec!["a.png".into()],
            turns: Vec::new(),
            open: corpus::Open::Assistant,
            prompt: None,
            decoding: corpus::Decoding::default(),
        };
        let error = write(&folder.path().join("requests.jsonl"), [&item]).expect_err("relative");
        assert!(
            matches!(&error, Error::NotFull { path, folder: own } if path == Path::new("a.png") && own == folder.path()),
            "{error:?}"
        );
        let error = read::<Pair>(&folder.path().join("nowhere.jsonl")).expect_err("not there");
        assert!(matches!(error, Error::Corpus(_)), "{error:?}");
    }
}
