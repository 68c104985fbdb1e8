//! Pairs of several files as those of one: an id that two files have is called by its file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::formats::{Options, Reader};
use corpus::names::Names;
use corpus::{Pair, Rejected};

use crate::error::{Error, Result};
use crate::file_rows::{FileRows, Row};

/// The files of a run's pairs, and how they are read.
#[derive(Clone, Debug)]
pub struct PairFiles {
    /// The files, in order.
    pub paths: Vec<PathBuf>,
    /// How they are read.
    pub reading: Options,
}

impl PairFiles {
    /// The pairs of all files, one by one; those whose pictures are not there are left out if that is asked for. Of each id of
    /// several files little more than the id is kept.
    ///
    /// Gives [`Error::NoPairs`] and [`Error::Corpus`].
    pub fn rows(&self, check_images: bool) -> Result<PairRows<'_>> {
        if self.paths.is_empty() {
            return Err(Error::NoPairs);
        }
        let options = Options {
            check_images,
            ..self.reading.clone()
        };
        Ok(PairRows {
            shared: Shared::of(&self.paths, &options)?,
            paths: &self.paths,
            options,
            file: 0,
            open: None,
            about: Vec::new(),
            example: None,
        })
    }

    /// What the files are called in messages.
    pub fn name(&self) -> PathBuf {
        let names = self.paths.iter().map(|path| path.display().to_string());
        names.collect::<Vec<_>>().join("`, `").into()
    }
}

/// The pairs of all files.
pub struct PairRows<'a> {
    paths: &'a [PathBuf],
    options: Options,
    shared: Option<Shared>,
    /// How many files were opened.
    file: usize,
    open: Option<FileRows<Pair>>,
    about: Vec<String>,
    /// A pair that has another id now.
    example: Option<String>,
}

impl PairRows<'_> {
    /// What is to be said of the pictures and ids of what was read so far.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.about.clone();
        if let (Some(shared), Some(example)) = (&self.shared, &self.example) {
            notes.push(format!(
                "{} ids occur in several files of `data.pairs`; such pairs are called by their file too, as in `{example}`",
                shared.count
            ));
        }
        notes
    }

    fn open(&mut self) -> Result<Option<&mut FileRows<Pair>>> {
        if self.open.is_none()
            && let Some(path) = self.paths.get(self.file)
        {
            let rows = FileRows::new(path, Reader::pairs(path, &self.options)?);
            self.about.extend(rows.about_pictures());
            self.file += 1;
            self.open = Some(rows);
        }
        Ok(self.open.as_mut())
    }

    fn step(&mut self) -> Result<Option<Row<Pair>>> {
        while let Some(rows) = self.open()? {
            let Some(row) = rows.next().transpose()? else {
                self.open = None;
                continue;
            };
            let Some(shared) = &mut self.shared else {
                return Ok(Some(row));
            };
            let file = self.file - 1;
            return Ok(Some(match row {
                Ok(mut pair) => {
                    if let Some(id) = shared.renamed(file, &pair.id) {
                        self.example.get_or_insert_with(|| id.clone());
                        pair.id = id;
                    }
                    Ok(pair)
                }
                Err(rejected) => Err(Rejected {
                    id: shared.called(file, rejected.id),
                    ..rejected
                }),
            }));
        }
        Ok(None)
    }
}

/// After an error there are none.
impl Iterator for PairRows<'_> {
    type Item = Result<Row<Pair>>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.step().transpose();
        if matches!(row, Some(Err(_))) {
            (self.open, self.file) = (None, self.paths.len());
        }
        row
    }
}

/// Ids that several files have.
struct Shared {
    /// All ids, and those that pairs got here.
    taken: Names,
    /// By the numbers of the ids that files have, whether several have them.
    several: Vec<bool>,
    count: usize,
    /// What the files are called.
    files: Vec<String>,
}

impl Shared {
    /// Of several files; none where no id is shared.
    fn of(paths: &[PathBuf], options: &Options) -> Result<Option<Self>> {
        if paths.len() < 2 {
            return Ok(None);
        }
        let (mut taken, mut several) = (Names::default(), Vec::new());
        for path in paths {
            for row in FileRows::new(path, Reader::pairs(path, options)?) {
                let Ok(pair) = row? else { continue };
                // Within a file ids are unique.
                let (number, is_new) = taken.add(&pair.id);
                if is_new {
                    several.push(false);
                } else {
                    several[number] = true;
                }
            }
        }
        let count = several.iter().filter(|&&shared| shared).count();
        let files = names(paths.iter().map(PathBuf::as_path));
        Ok((count > 0).then_some(Self {
            taken,
            several,
            count,
            files,
        }))
    }

    fn is_shared(&self, id: &str) -> bool {
        let number = self.taken.find(id);
        number.is_some_and(|number| self.several.get(number) == Some(&true))
    }

    /// The id that nobody else has for a pair of a file, if it needs one.
    fn renamed(&mut self, file: usize, id: &str) -> Option<String> {
        if !self.is_shared(id) {
            return None;
        }
        let name = &self.files[file];
        let mut id = format!("{name}:{id}");
        while !self.taken.add(&id).1 {
            id = format!("{name}:{id}");
        }
        Some(id)
    }

    /// What a record of a file is called that cannot be used.
    fn called(&self, file: usize, id: String) -> String {
        if self.is_shared(&id) {
            format!("{}:{id}", self.files[file])
        } else {
            id
        }
    }
}

/// The files' names without their endings; those that come again are counted.
fn names<'a>(paths: impl Iterator<Item = &'a Path>) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    paths
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default();
            let stem = stem.to_string_lossy().into_owned();
            let times = seen.entry(stem.clone()).or_default();
            *times += 1;
            if *times == 1 {
                stem
            } else {
                format!("{stem}-{times}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(folder: &Path, files: &[(&str, &[&str])]) -> (Vec<String>, Vec<String>) {
        let mut paths = Vec::new();
        for (name, ids) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().expect("folder")).expect("folder");
            let row = |id: &&str| {
                let pair = serde_json::json!({"id": id, "images": ["a.png"], "caption": "A dish."});
                pair.to_string() + "\n"
            };
            std::fs::write(&path, ids.iter().map(row).collect::<String>()).expect("write");
            paths.push(path);
        }
        let reading = Options::default();
        let files = PairFiles { paths, reading };
        let mut rows = files.rows(false).expect("files");
        let ids = rows.by_ref().map(|row| match row.expect("sound") {
            Ok(pair) => pair.id,
            Err(rejected) => format!("no {}", rejected.id),
        });
        (ids.collect(), rows.notes())
    }

    #[test]
    fn only_ids_that_clash_are_called_by_their_file() {
        let folder = tempfile::tempdir().expect("folder");
        let (ids, note) = read(
            folder.path(),
            &[("nwpu.jsonl", &["1", "2"]), ("rsicd.jsonl", &["2", "3"])],
        );
        assert_eq!(ids, ["1", "nwpu:2", "rsicd:2", "3"]);
        let note = note.first().expect("it is told");
        assert!(note.starts_with("1 ids occur in several files") && note.ends_with("`nwpu:2`"));
        let (ids, note) = read(
            folder.path(),
            &[("nwpu.jsonl", &["1", "2"]), ("rsicd.jsonl", &["3"])],
        );
        assert_eq!((ids.len(), note), (3, Vec::new()));
    }

    #[test]
    fn files_of_one_name_and_ids_like_ours_stay_apart() {
        let folder = tempfile::tempdir().expect("folder");
        let (ids, _) = read(
            folder.path(),
            &[
                ("a/pairs.jsonl", &["1", "pairs:1"]),
                ("b/pairs.jsonl", &["1"]),
            ],
        );
        assert_eq!(ids, ["pairs:pairs:1", "pairs:1", "pairs-2:1"]);
    }

    #[test]
    fn a_record_that_cannot_be_used_is_called_by_its_file_too() {
        let folder = tempfile::tempdir().expect("folder");
        // The second `2` of a file is none of its records.
        let files: [(&str, &[&str]); 2] = [("a.jsonl", &["1", "2", "2"]), ("b.jsonl", &["2"])];
        let (ids, _) = read(folder.path(), &files);
        assert_eq!(ids, ["1", "a:2", "no a:2", "b:2"]);
        let none = PairFiles {
            paths: Vec::new(),
            reading: Options::default(),
        };
        assert!(matches!(none.rows(true), Err(Error::NoPairs)));
    }
}
