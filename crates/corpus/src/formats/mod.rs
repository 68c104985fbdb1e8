//! Image-caption pairs, seeds and samples from the files that the field uses.
//!
//! A file's format is found by its content. Every row that cannot be used is named with its line, its id and a reason
//! of a fixed set; only a file that cannot be read at all is an error. Pictures are looked for, not decoded.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("recipes.json");
//! std::fs::write(folder.path().join("soup.jpg"), "a picture")?;
//! std::fs::write(&path, r#"[{"images": ["soup.jpg"], "messages": [
//!     {"role": "user", "content": "<image>What is this?"},
//!     {"role": "assistant", "content": "A bowl of tomato soup."}]}]"#)?;
//! let loaded = corpus::formats::read_pairs(&path, &corpus::formats::Options::default())?;
//! assert_eq!(loaded.format, corpus::formats::Format::ShareGpt);
//! assert_eq!(loaded.rows[0].request.as_deref(), Some("What is this?"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alpaca;
mod array;
mod dataset_info;
mod delimited;
mod fields;
mod image_folder;
mod native;
mod openai;
mod parquet;
mod row;
mod sharegpt;
mod source;
mod summary;
mod table;
mod webdataset;
mod write;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::dataset_info::Info;
pub use self::dataset_info::dataset_info;
use self::fields::Fields;
pub use self::fields::Inside;
pub use self::row::Row;
use self::source::{Found, Objects};
pub use self::summary::{Lengths, Summary, Tally, summary};
pub use self::write::{Writer, write_pairs, write_samples};
use crate::error::{BadRow, Error, Fault, Reason, made_id};
use crate::{Pair, Rejected, Sample, Seed, digest};

/// The layouts of a data file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Our own records, one JSON object a line.
    Jsonl,
    /// Our own records in one JSON array.
    JsonArray,
    /// Conversations under `messages` or `conversations`, as ShareGPT and LLaMA-Factory write them; an array or one
    /// object a line.
    #[serde(rename = "sharegpt")]
    ShareGpt,
    /// Conversations of `from` and `value` about one `image`, as LLaVA writes them.
    Llava,
    /// `messages` whose content is a list of parts, pictures among them.
    #[serde(rename = "openai")]
    OpenAi,
    /// `instruction`, `input`, `output`.
    Alpaca,
    /// A table of text, separated by commas, tabs or the like.
    Csv,
    /// Parquet as Hugging Face `datasets` writes it, pictures inside.
    Parquet,
    /// Arrow files or streams as Hugging Face `datasets` writes them, pictures inside.
    Arrow,
    /// Tar archives of members that share a key.
    #[serde(rename = "webdataset")]
    WebDataset,
    /// A folder of pictures with a table of captions.
    ImageFolder,
    /// A folder of pictures with a text file beside each.
    TextBeside,
}

crate::words!(Format {
    Jsonl = "jsonl",
    JsonArray = "json-array",
    ShareGpt = "sharegpt",
    Llava = "llava",
    OpenAi = "openai",
    Alpaca = "alpaca",
    Csv = "csv",
    Parquet = "parquet",
    Arrow = "arrow",
    WebDataset = "webdataset",
    ImageFolder = "image-folder",
    TextBeside = "text-beside",
});

/// What a recipe says about a data file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Where relative paths of pictures start; the file's folder if none.
    pub images: Option<PathBuf>,
    /// Our name of a key (see [`COLUMNS`]) to the file's name for it.
    pub columns: BTreeMap<String, String>,
    /// Whether a row whose picture files are not there is left out.
    pub check_images: bool,
    /// Where pictures go that lie inside the data file; [`load`](read_pairs) is an error without it if there are any.
    pub unpack: Option<PathBuf>,
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

/// What a file gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded<T> {
    /// In file order. Ids are unique, and paths of pictures start where the program runs.
    pub rows: Vec<T>,
    /// In file order; the detail begins with the line. Reasons are those of [`Reason`].
    pub rejected: Vec<Rejected>,
    /// The lines where the rejected rows start, counted from 1.
    pub lines: Vec<usize>,
    /// What the file is.
    pub format: Format,
    /// By what it was recognised.
    pub why: String,
    /// What was read otherwise than one might think, with counts.
    pub notes: Vec<String>,
}

/// Reads image-caption pairs.
///
/// A conversation becomes a pair by its first question and answer: a user's text without its image marks is the
/// request, the answer is the caption.
pub fn read_pairs(path: &Path, options: &Options) -> Result<Loaded<Pair>, Error> {
    load(path, options, Reader::pairs(path, options)?)
}

/// Reads seed data of the synthesizer, in our own layout.
pub fn read_seeds(path: &Path, options: &Options) -> Result<Loaded<Seed>, Error> {
    load(path, options, Reader::seeds(path, options)?)
}

/// Reads training samples. In a conversation the assistant's turns are learned and the user's have image marks.
pub fn read_samples(path: &Path, options: &Options) -> Result<Loaded<Sample>, Error> {
    load(path, options, Reader::samples(path, options)?)
}

/// What the keys of an object are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Record,
    Conversation,
    Alpaca,
}

/// What the records of a file are, by the keys of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Image-caption pairs, or conversations, which can be read as pairs.
    Pairs,
    /// Our training samples, with `turns`.
    Samples,
    /// Seed data, with `tasks`.
    Seeds,
}

/// Where a row comes from, for its `origin`.
struct Origin<'a> {
    path: &'a Path,
    row: usize,
}

/// Counts of what is worth a note.
#[derive(Default)]
struct Notes {
    num_made_ids: usize,
    num_longer: usize,
}

/// A record of a data file.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry<T> {
    /// The record; paths of pictures start where the program runs.
    pub record: T,
    /// Its place in the file, counted from 1.
    pub line: usize,
    /// Its pictures that lie inside the data file, under the paths that the record has for them.
    pub inside: Vec<Inside>,
}

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
    root: PathBuf,
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
    /// Pairs; see [`read_pairs`].
    pub fn pairs(path: &Path, options: &Options) -> Result<Self, Error> {
        Self::open(path, options, |fields, shape, _, notes| match shape {
            Shape::Record => native::pair(fields),
            Shape::Conversation => sharegpt::pair(fields, notes),
            Shape::Alpaca => alpaca::pair(fields, notes),
        })
    }
}

impl Reader<Seed> {
    /// Seed data; see [`read_seeds`].
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
    /// Training samples; see [`read_samples`].
    pub fn samples(path: &Path, options: &Options) -> Result<Self, Error> {
        Self::open(path, options, |fields, shape, origin, _| match shape {
            Shape::Record => native::sample(fields),
            Shape::Conversation => sharegpt::sample(fields, origin),
            Shape::Alpaca => alpaca::sample(fields, origin),
        })
    }
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
        Ok(Self {
            path: path.to_owned(),
            root: options.images.clone().unwrap_or(source.root),
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

fn load<T: Row>(path: &Path, options: &Options, mut reader: Reader<T>) -> Result<Loaded<T>, Error> {
    let mut loaded = Loaded {
        rows: Vec::new(),
        rejected: Vec::new(),
        lines: Vec::new(),
        format: reader.format,
        why: reader.why.clone(),
        notes: Vec::new(),
    };
    while let Some(found) = reader.next() {
        match found? {
            Ok(entry) => {
                if !entry.inside.is_empty() && options.unpack.is_none() {
                    let problem = "has its pictures inside; write them out first: `adamllm convert --to jsonl IN OUT`";
                    return Err(Error::file(path, problem));
                }
                for picture in &entry.inside {
                    write::unpack(picture)?;
                }
                loaded.rows.push(entry.record);
            }
            Err(bad) => {
                loaded.lines.push(bad.line);
                loaded.rejected.push(reader.rejected(bad));
            }
        }
    }
    loaded.notes = reader.notes();
    Ok(loaded)
}

/// The first object that can be read, and all objects with it still among them.
fn first_object(mut objects: Objects) -> Result<(Option<Map<String, Value>>, Objects), Error> {
    let (mut seen, mut first) = (Vec::new(), None);
    while first.is_none()
        && let Some(found) = objects.next().transpose()?
    {
        first = found.content.as_ref().ok().cloned();
        seen.push(Ok(found));
    }
    Ok((first, Box::new(seen.into_iter().chain(objects))))
}

/// The format and what the keys are, by the first object; `why` gets the reason.
fn recognise(
    container: Format,
    first: Option<&Map<String, Value>>,
    columns: &BTreeMap<String, String>,
    why: &mut String,
) -> (Format, Shape) {
    let is_json = matches!(container, Format::Jsonl | Format::JsonArray);
    let or = |format: Format| if is_json { format } else { container };
    let name = |ours: &str| columns.get(ours).map_or(ours, String::as_str).to_owned();
    let Some(map) = first else {
        *why += "; no object can be read";
        return (container, Shape::Record);
    };
    for ours in ["messages", "conversations"] {
        let Some(turns) = map.get(&name(ours)) else {
            continue;
        };
        let turns = turns.as_array().map_or(&[][..], Vec::as_slice);
        let has_parts = turns.iter().any(|turn| turn["content"].is_array());
        let is_llava = turns.iter().any(|turn| turn["from"].is_string())
            && map.get("image").is_some_and(Value::is_string);
        why.push_str("; the first has `");
        why.push_str(&name(ours));
        why.push('`');
        let format = if has_parts {
            *why += " with lists of parts";
            Format::OpenAi
        } else if is_llava {
            *why += " of `from` and `value`, and `image`";
            Format::Llava
        } else {
            Format::ShareGpt
        };
        return (or(format), Shape::Conversation);
    }
    if ["instruction", "output"]
        .iter()
        .all(|ours| map.contains_key(&name(ours)))
        && !map.contains_key(&name("caption"))
    {
        let keys = [name("instruction"), name("output")].join("` and `");
        why.push_str("; the first has `");
        why.push_str(&keys);
        why.push('`');
        return (or(Format::Alpaca), Shape::Alpaca);
    }
    if is_json {
        let keys: Vec<_> = map.keys().map(|key| format!("`{key}`")).collect();
        why.push_str("; the first has ");
        why.push_str(&keys.join(", "));
        why.push_str(", no conversation");
    }
    (container, Shape::Record)
}

/// What a JSON value is, for messages.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests;
