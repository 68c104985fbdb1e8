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

mod dataset_info;
mod fields;
mod native;
mod row;
mod sharegpt;
mod source;
mod summary;
mod write;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use self::dataset_info::dataset_info;
use self::fields::Fields;
pub use self::row::Row;
use self::source::Container;
pub use self::summary::{Lengths, Summary, summary};
pub use self::write::{write_pairs, write_samples};
use crate::error::{BadRow, Error, Fault, Reason, made_id};
use crate::{Pair, Rejected, Sample, Seed};

/// The layouts of a data file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Our own records, one JSON object a line.
    Jsonl,
    /// Our own records in one JSON array.
    JsonArray,
    /// Conversations under `messages` or `conversations`, as ShareGPT, LLaMA-Factory and LLaVA write them; an array or
    /// one object a line.
    #[serde(rename = "sharegpt")]
    ShareGpt,
}

impl Format {
    /// The format as it stands in commands and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::JsonArray => "json-array",
            Self::ShareGpt => "sharegpt",
        }
    }
}

/// What a recipe says about a data file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Where relative paths of pictures start; the file's folder if none.
    pub images: Option<PathBuf>,
    /// Our name of a key (see [`COLUMNS`]) to the file's name for it.
    pub columns: BTreeMap<String, String>,
    /// Whether a row whose picture files are not there is left out.
    pub check_images: bool,
}

/// The names that `columns` can map.
pub const COLUMNS: [&str; 14] = [
    "id",
    "images",
    "image",
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
    load(path, options, |fields, format, _, notes| match format {
        Format::Jsonl | Format::JsonArray => native::pair(fields),
        Format::ShareGpt => sharegpt::pair(fields, notes),
    })
}

/// Reads seed data of the synthesizer, in our own layout.
pub fn read_seeds(path: &Path, options: &Options) -> Result<Loaded<Seed>, Error> {
    load(path, options, |fields, format, _, _| match format {
        Format::Jsonl | Format::JsonArray => native::seed(fields),
        Format::ShareGpt => Err(Fault::shape(
            "is a conversation; a seed has the keys `images`, `caption` and `tasks`",
        )),
    })
}

/// Reads training samples. In a conversation the assistant's turns are learned and the user's have image marks.
pub fn read_samples(path: &Path, options: &Options) -> Result<Loaded<Sample>, Error> {
    load(path, options, |fields, format, origin, _| match format {
        Format::Jsonl | Format::JsonArray => native::sample(fields),
        Format::ShareGpt => sharegpt::sample(fields, origin),
    })
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

fn load<T: Row>(
    path: &Path,
    options: &Options,
    understand: impl Fn(&mut Fields, Format, &Origin, &mut Notes) -> Result<T, Fault>,
) -> Result<Loaded<T>, Error> {
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
    let bytes = std::fs::read(path).map_err(Error::reading(path))?;
    let container = source::container(path, &bytes)?;
    // What the recipe says stands above what lies beside the file.
    let mut columns = dataset_info::columns(path);
    let informed = !columns.is_empty();
    columns.extend(options.columns.clone());
    let (format, mut why) = detect(path, &bytes, container, &columns)?;
    if informed {
        why += "; `dataset_info.json` beside it names columns";
    }
    let root = match &options.images {
        Some(root) => root,
        None => path.parent().unwrap_or(Path::new("")),
    };
    let mut loaded = Loaded {
        rows: Vec::new(),
        rejected: Vec::new(),
        lines: Vec::new(),
        format,
        why,
        notes: Vec::new(),
    };
    let mut notes = Notes::default();
    let mut seen = HashSet::new();
    for (row, found) in source::objects(path, &bytes, container)?.enumerate() {
        let source::Found { line, content } = found?;
        let mut id = made_id(path, row);
        let understood = content.and_then(|map| {
            let mut fields = Fields {
                map,
                columns: &columns,
                root,
                check_images: options.check_images,
            };
            match fields.take_name("id")? {
                Some(given) => id = given,
                None => notes.num_made_ids += 1,
            }
            if seen.contains(&id) {
                return Err(Fault::new(
                    Reason::DuplicateId,
                    format!("an earlier row has the id `{id}` too"),
                ));
            }
            understand(&mut fields, format, &Origin { path, row }, &mut notes)
        });
        match understood {
            Ok(mut record) => {
                seen.insert(id.clone());
                record.set_id(id);
                loaded.rows.push(record);
            }
            Err(Fault { reason, detail }) => {
                let bad = BadRow {
                    line,
                    id,
                    reason,
                    detail,
                };
                loaded.lines.push(line);
                loaded.rejected.push(bad.into());
            }
        }
    }
    if loaded.rows.is_empty() && loaded.rejected.is_empty() {
        return Err(Error::file(path, "has no records"));
    }
    if notes.num_made_ids > 0 {
        loaded.notes.push(format!(
            "{} rows have no `id` and got one from their position",
            notes.num_made_ids
        ));
    }
    if notes.num_longer > 0 {
        let count = notes.num_longer;
        loaded.notes.push(format!(
            "{count} conversations go on after the first answer; a pair takes that alone"
        ));
    }
    Ok(loaded)
}

/// The format, by the keys of the first object that can be read.
fn detect(
    path: &Path,
    bytes: &[u8],
    container: Container,
    columns: &BTreeMap<String, String>,
) -> Result<(Format, String), Error> {
    let mut first = None;
    for found in source::objects(path, bytes, container)? {
        if let Ok(map) = found?.content {
            first = Some(map);
            break;
        }
    }
    let place = match container {
        Container::Lines => "one JSON object a line",
        Container::Array => "one JSON array",
    };
    let name = |ours: &str| columns.get(ours).map_or(ours, String::as_str).to_owned();
    let has = |map: &Map<String, Value>, ours: &str| map.contains_key(&name(ours));
    let Some(map) = first else {
        return Ok((plain(container), format!("{place}; no object can be read")));
    };
    for ours in ["messages", "conversations"] {
        if has(&map, ours) {
            return Ok((
                Format::ShareGpt,
                format!("{place}; the first has `{}`", name(ours)),
            ));
        }
    }
    let keys: Vec<_> = map.keys().map(|key| format!("`{key}`")).collect();
    Ok((
        plain(container),
        format!(
            "{place}; the first has {}, no conversation",
            keys.join(", ")
        ),
    ))
}

fn plain(container: Container) -> Format {
    match container {
        Container::Lines => Format::Jsonl,
        Container::Array => Format::JsonArray,
    }
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
