//! Records one by one.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::content::unpack;
use super::dataset_info::{self, Info};
use super::entry::{Entry, Kind};
use super::fields::Fields;
use super::format::Format;
use super::notes::{Notes, Origin};
use super::objects::{Found, Objects};
use super::options::{COLUMNS, Options};
use super::picture_root::{LOOKED_AT, PictureRoot, RootAbove};
use super::recognise::{Shape, first_object, recognise};
use super::row::Row;
use super::{alpaca, native, sharegpt, source};
use crate::error::{BadRow, Error, Fault, Reason, made_id};
use crate::{Pair, Rejected, Sample, Seed, digest, shards};

type Understand<T> = fn(&mut Fields, Shape, &Origin, &mut Notes) -> Result<T, Fault>;

/// The records of a file or folder one by one, so that memory does not grow with it.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// use corpus::formats::{Format, Options, Reader};
/// let path = folder.path().join("recipes.csv");
/// std::fs::write(&path, "photo,title\nsoup.jpg,\"A soup, red\"\n")?;
/// let columns = [("image", "photo"), ("caption", "title")].map(|(a, b)| (a.to_owned(), b.to_owned()));
/// let options = Options { columns: columns.into(), ..Options::default() };
/// let mut reader = Reader::pairs(&path, &options)?;
/// assert_eq!(reader.format(), Format::Csv);
/// let entry = reader.next().expect("one")?.expect("sound");
/// assert_eq!((entry.line, entry.record.caption.as_str()), (2, "A soup, red"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Reader<T> {
    path: PathBuf,
    options: Options,
    columns: BTreeMap<String, String>,
    info: Info,
    root: PictureRoot,
    format: Format,
    kind: Kind,
    shape: Shape,
    why: String,
    unit: &'static str,
    objects: Objects,
    row: usize,
    seen: HashSet<u128>,
    notes: Notes,
    understand: Understand<T>,
}

impl Reader<Pair> {
    /// Pairs; see [`read_pairs`](super::read_pairs).
    pub fn pairs(path: &Path, options: &Options) -> Result<Self, Error> {
        Self::open(path, options, |fields, shape, _, notes| match shape {
            Shape::Record => native::pair(fields),
            Shape::Conversation => sharegpt::pair(fields, notes),
            Shape::Alpaca => alpaca::pair(fields, notes),
        })
    }
}

impl Reader<Seed> {
    /// Seed data; see [`read_seeds`](super::read_seeds).
    pub fn seeds(path: &Path, options: &Options) -> Result<Self, Error> {
        Self::open(path, options, |fields, shape, _, _| match shape {
            Shape::Record => native::seed(fields),
            Shape::Conversation | Shape::Alpaca => Err(Fault::shape(
                "is a conversation; a seed has the keys `images`, `caption` and `tasks`",
            )),
        })
    }
}

impl Reader<Sample> {
    /// Training samples; see [`read_samples`](super::read_samples).
    pub fn samples(path: &Path, options: &Options) -> Result<Self, Error> {
        Self::open(path, options, |fields, shape, origin, _| match shape {
            Shape::Record => native::sample(fields),
            Shape::Conversation => sharegpt::sample(fields, origin),
            Shape::Alpaca => alpaca::sample(fields, origin),
        })
    }
}

/// Where names of pictures start, by the first objects, and all objects with these still among them.
fn root_of(
    own: PathBuf,
    mut objects: Objects,
    names: impl Fn(&Found) -> Vec<PathBuf>,
) -> (PictureRoot, Objects) {
    let mut seen = Vec::new();
    let root = PictureRoot::found(own, || {
        if seen.len() == LOOKED_AT {
            return None;
        }
        let next = objects.next()?;
        let found = next.as_ref().map(&names).unwrap_or_default();
        seen.push(next);
        Some(found)
    });
    (root, Box::new(seen.into_iter().chain(objects)))
}

/// The names of a row's pictures as they stand in the file. A row that cannot be read names none, nor does one that brings its
/// pictures along.
fn names<T: Row>(
    found: &Found,
    columns: &BTreeMap<String, String>,
    info: &Info,
    shape: Shape,
    understand: Understand<T>,
) -> Vec<PathBuf> {
    let Ok(map) = &found.content else {
        return Vec::new();
    };
    if !found.pictures.is_empty() {
        return Vec::new();
    }
    let bare = PictureRoot::given(PathBuf::new());
    let mut fields = Fields {
        map: map.clone(),
        columns,
        root: &bare,
        check_images: false,
        tags: &info.tags,
        beside: Vec::new(),
        empty: found.empty.clone(),
        unpack: None,
        taken: Vec::new(),
    };
    let origin = Origin {
        path: Path::new(""),
        row: 0,
    };
    let record = understand(&mut fields, shape, &origin, &mut Notes::default());
    let is_file = |path: &&PathBuf| fields.taken.iter().all(|inside| inside.path != **path);
    record.map_or_else(
        |_| Vec::new(),
        |record| record.images().iter().filter(is_file).cloned().collect(),
    )
}

impl<T: Row> Reader<T> {
    fn open(path: &Path, options: &Options, understand: Understand<T>) -> Result<Self, Error> {
        if let Some(name) = options
            .columns
            .keys()
            .find(|name| !COLUMNS.contains(&name.as_str()))
        {
            return Err(Error::UnknownColumn {
                name: name.clone(),
                expected: &COLUMNS,
            });
        }
        let info = dataset_info::beside(path);
        // What the recipe says stands above what lies beside the file.
        let mut columns = info.columns.clone();
        columns.extend(options.columns.clone());
        let known =
            |name: &str| COLUMNS.contains(&name) || columns.values().any(|theirs| theirs == name);
        let source = source::open(path, &known)?;
        let (first, objects) = first_object(source.objects)?;
        let mut why = source.why;
        let (format, shape) = recognise(source.format, first.as_ref(), &columns, &mut why);
        if info.found {
            why += "; `dataset_info.json` beside it describes it";
        }
        let has = |ours: &str| {
            let name = columns.get(ours).map_or(ours, String::as_str);
            first.as_ref().is_some_and(|map| map.contains_key(name))
        };
        let kind = match shape {
            Shape::Record if has("turns") => Kind::Samples,
            Shape::Record if has("tasks") => Kind::Seeds,
            _ => Kind::Pairs,
        };
        let (root, objects) = if let Some(named) = &options.images {
            (PictureRoot::given(named.clone()), objects)
        } else {
            let names = |found: &Found| names(found, &columns, &info, shape, understand);
            root_of(source.root, objects, names)
        };
        Ok(Self {
            path: path.to_owned(),
            root,
            options: options.clone(),
            columns,
            info,
            format,
            kind,
            shape,
            why,
            unit: source.unit,
            objects,
            row: 0,
            seen: HashSet::new(),
            notes: Notes::default(),
            understand,
        })
    }

    fn understand(&mut self, found: Found) -> Result<Entry<T>, BadRow> {
        let Found {
            line,
            content,
            pictures,
            empty,
        } = found;
        let row = self.row;
        self.row += 1;
        let mut id = made_id(&self.path, row);
        let understood = content.and_then(|map| {
            let mut fields = Fields {
                map,
                columns: &self.columns,
                root: &self.root,
                check_images: self.options.check_images,
                tags: &self.info.tags,
                beside: pictures,
                empty,
                unpack: self.options.unpack.as_deref(),
                taken: Vec::new(),
            };
            match fields.take_name("id")? {
                Some(given) => id = given,
                None => self.notes.num_made_ids += 1,
            }
            if self.seen.contains(&digest::short(&id)) {
                let detail = format!("an earlier row has the id `{id}` too");
                return Err(Fault::new(Reason::DuplicateId, detail));
            }
            let origin = Origin {
                path: &self.path,
                row,
            };
            let record = (self.understand)(&mut fields, self.shape, &origin, &mut self.notes)?;
            Ok((record, fields.taken))
        });
        match understood {
            Ok((mut record, inside)) => {
                self.seen.insert(digest::short(&id));
                record.set_id(id);
                Ok(Entry {
                    record,
                    line,
                    inside,
                })
            }
            Err(Fault { reason, detail }) => Err(BadRow {
                line,
                id,
                reason,
                detail,
            }),
        }
    }
}

impl<T> Reader<T> {
    /// What the file is.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What its records are, by the first that can be read.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// By what it was recognised.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// What places are counts of: `line`, `row`, `record` or `picture`.
    pub fn unit(&self) -> &'static str {
        self.unit
    }

    /// Where names of pictures start, if that is neither the file's own folder nor one that was named.
    pub fn root_above(&self) -> Option<RootAbove> {
        self.root.above()
    }

    /// The record of an entry. Its pictures inside of the data file are written to where the options say, or noted there
    /// ([`Options::in_place`]); an error if they do not say it.
    pub fn unpacked(&self, entry: Entry<T>) -> Result<T, Error> {
        if !entry.inside.is_empty() && self.options.unpack.is_none() {
            let problem = "has its pictures inside; write them out first: `adamllm convert --to jsonl IN OUT`";
            return Err(Error::file(&self.path, problem));
        }
        for picture in &entry.inside {
            match &picture.located {
                Some(located) if self.options.in_place => {
                    shards::note(&picture.path, &picture.bytes, located)?;
                }
                _ => unpack(picture)?,
            }
        }
        Ok(entry.record)
    }

    /// The rejected row of a bad one.
    pub fn rejected(&self, bad: BadRow) -> Rejected {
        bad.rejected(self.unit)
    }

    /// What was read so far otherwise than one might think, with counts.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let Notes {
            num_made_ids,
            num_longer,
        } = self.notes;
        if num_made_ids > 0 {
            notes.push(format!(
                "{num_made_ids} rows have no `id` and got one from their position"
            ));
        }
        if num_longer > 0 {
            notes.push(format!(
                "{num_longer} conversations go on after the first answer; a pair takes that alone"
            ));
        }
        notes
    }
}

impl<T: Row> Iterator for Reader<T> {
    type Item = Result<Result<Entry<T>, BadRow>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.objects.next() {
            Some(Ok(found)) => Some(Ok(self.understand(found))),
            Some(Err(error)) => Some(Err(error)),
            None if self.row == 0 => {
                self.row = 1;
                Some(Err(Error::file(&self.path, "has no records")))
            }
            None => None,
        }
    }
}
