//! Writes pairs and samples in each of the formats, one by one. Paths of pictures are made relative to the file's folder
//! where they lie under it, and absolute elsewhere, so that the file reads back to the same pictures.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::fields::Inside;
use super::table::Table;
use super::{Entry, Format, openai};
use crate::error::{Error, Fault, Reason};
use crate::images::{self, extension};
use crate::jsonl::{Aside, line_of};
use crate::{IMAGE_MARK, Pair, Rejected, Role, Sample, Seed, digest, image_marks};

/// Writes pairs; see [`Writer`]. Gives those that the format cannot express and that are left out.
pub fn write_pairs(path: &Path, pairs: &[Pair], format: Format) -> Result<Vec<Rejected>, Error> {
    all(path, pairs, format, Writer::pair)
}

/// Writes samples; see [`Writer`]. Gives those that the format cannot express and that are left out.
pub fn write_samples(
    path: &Path,
    samples: &[Sample],
    format: Format,
) -> Result<Vec<Rejected>, Error> {
    all(path, samples, format, Writer::sample)
}

fn all<T: Clone>(
    path: &Path,
    rows: &[T],
    format: Format,
    put: impl Fn(&mut Writer, &Entry<T>) -> Result<Option<Rejected>, Error>,
) -> Result<Vec<Rejected>, Error> {
    let mut writer = Writer::create(path, format, false)?;
    let mut rejected = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let entry = Entry {
            record: row.clone(),
            line: at + 1,
            inside: Vec::new(),
        };
        rejected.extend(put(&mut writer, &entry)?);
    }
    writer.finish()?;
    Ok(rejected)
}

/// Writes records one by one; a file takes its place when [`Writer::finish`] is called.
///
/// In a conversation a pair is one question, which is the image marks and the request, and one answer, the caption. A
/// conversation can say neither that anything but the assistant's turns is learned, nor that a literal `<image>` is
/// ordinary text; such samples are left out. Parquet, Arrow, WebDataset and `openai` carry the pictures' files inside,
/// byte for byte; folders get copies.
pub struct Writer {
    path: PathBuf,
    format: Format,
    sink: Sink,
    /// Whether pictures are copied to a folder beside the file.
    copy: bool,
    row: usize,
    lost: BTreeMap<&'static str, usize>,
}

enum Sink {
    Lines(Aside),
    /// With what stands before the next row.
    Array(Aside, &'static str),
    Csv(Box<csv::Writer<Aside>>),
    Table(Box<Table>),
    Tar(tar::Builder<Aside>),
    Texts,
}

const HEADER: [&str; 7] = [
    "id", "images", "caption", "request", "group", "source", "meta",
];
const FOLDER_HEADER: [&str; 8] = [
    "id",
    "file_name",
    "images",
    "caption",
    "request",
    "group",
    "source",
    "meta",
];

impl Writer {
    /// Begins a file, or a folder that must be new or empty. With `copy` every picture that a JSON file or table of text
    /// names is copied to the folder `STEM-images` beside it.
    pub fn create(path: &Path, format: Format, copy: bool) -> Result<Self, Error> {
        let sink = match format {
            Format::Jsonl | Format::OpenAi => Sink::Lines(Aside::create(path)?),
            Format::JsonArray | Format::ShareGpt | Format::Llava | Format::Alpaca => {
                Sink::Array(Aside::create(path)?, "[\n")
            }
            Format::Csv => Sink::Csv(Box::new(table(Aside::create(path)?, &HEADER, path)?)),
            Format::Parquet | Format::Arrow => Sink::Table(Box::new(Table::new(path, format)?)),
            Format::WebDataset => Sink::Tar(tar::Builder::new(Aside::create(path)?)),
            Format::ImageFolder => {
                new_folder(path)?;
                let inside = path.join("metadata.csv");
                Sink::Csv(Box::new(table(
                    Aside::create(&inside)?,
                    &FOLDER_HEADER,
                    path,
                )?))
            }
            Format::TextBeside => {
                new_folder(path)?;
                Sink::Texts
            }
        };
        Ok(Self {
            path: path.to_owned(),
            format,
            sink,
            copy,
            row: 0,
            lost: BTreeMap::new(),
        })
    }

    /// Writes a pair; gives it back, with a reason, if the format cannot express it.
    pub fn pair(&mut self, entry: &Entry<Pair>) -> Result<Option<Rejected>, Error> {
        let outcome = self.put_pair(entry);
        self.outcome(&entry.record.id, outcome)
    }

    /// Writes a training sample; gives it back, with a reason, if the format cannot express it.
    pub fn sample(&mut self, entry: &Entry<Sample>) -> Result<Option<Rejected>, Error> {
        let outcome = self.put_sample(entry);
        self.outcome(&entry.record.id, outcome)
    }

    /// Writes seed data, which only our own records can express.
    pub fn seed(&mut self, entry: &Entry<Seed>) -> Result<Option<Rejected>, Error> {
        let outcome = (|| {
            if !matches!(self.format, Format::Jsonl | Format::JsonArray) {
                let what = format!("{} has no place for seed data", self.format.as_str());
                return Err(Fault::new(Reason::Inexpressible, what).into());
            }
            let images = self.named(&entry.record.images, &entry.inside)?;
            let seed = Seed {
                images,
                ..entry.record.clone()
            };
            self.record(&seed)
        })();
        self.outcome(&entry.record.id, outcome)
    }

    fn outcome(
        &mut self,
        id: &str,
        outcome: Result<(), Trouble>,
    ) -> Result<Option<Rejected>, Error> {
        match outcome {
            Ok(()) => {
                self.row += 1;
                Ok(None)
            }
            Err(Trouble::Row(Fault { reason, detail })) => Ok(Some(Rejected {
                id: id.to_owned(),
                stage: "write".to_owned(),
                reason: reason.as_str().to_owned(),
                detail,
            })),
            Err(Trouble::File(error)) => Err(error),
        }
    }

    /// Rows written so far.
    pub fn num_rows(&self) -> usize {
        self.row
    }

    /// What the format has no place for and what was left out of rows that were written, with counts.
    pub fn notes(&self) -> Vec<String> {
        let note = |(key, count): (&&str, &usize)| {
            let format = self.format.as_str();
            format!("{format} has no place for `{key}`; it was left out of {count} rows")
        };
        self.lost.iter().map(note).collect()
    }

    /// Puts the file into its place.
    pub fn finish(self) -> Result<(), Error> {
        let path = self.path;
        match self.sink {
            Sink::Lines(out) => out.commit(),
            Sink::Array(mut out, before) => {
                let end = if before == ",\n" { "\n]\n" } else { "[]\n" };
                out.write_all(end.as_bytes())
                    .map_err(Error::writing(&path))?;
                out.commit()
            }
            Sink::Csv(out) => {
                let out = out
                    .into_inner()
                    .map_err(|e| Error::writing(&path)(std::io::Error::other(e.to_string())))?;
                out.commit()
            }
            Sink::Table(table) => table.finish(),
            Sink::Tar(out) => out.into_inner().map_err(Error::writing(&path))?.commit(),
            Sink::Texts => Ok(()),
        }
    }

    fn put_pair(&mut self, entry: &Entry<Pair>) -> Result<(), Trouble> {
        let pair = &entry.record;
        match self.format {
            Format::Jsonl | Format::JsonArray => {
                let images = self.named(&pair.images, &entry.inside)?;
                self.record(&Pair {
                    images,
                    ..pair.clone()
                })
            }
            Format::ShareGpt | Format::Llava | Format::OpenAi | Format::Alpaca => {
                let request = pair.request.as_deref().unwrap_or_default();
                if request.contains(IMAGE_MARK) || pair.caption.contains(IMAGE_MARK) {
                    return Err(literal_mark().into());
                }
                let marks = image_marks(pair.images.len());
                let question = if request.is_empty() {
                    marks.trim_end().to_owned()
                } else {
                    marks + request
                };
                let turns = [
                    (Role::User, question),
                    (Role::Assistant, pair.caption.clone()),
                ];
                let mut rest = Map::new();
                for (key, text) in [("group", &pair.group), ("source", &pair.source)] {
                    if let Some(text) = text {
                        rest.insert(key.to_owned(), text.clone().into());
                    }
                }
                rest.extend(pair.meta.clone());
                self.conversation(&pair.id, &pair.images, &entry.inside, &turns, rest)
            }
            Format::Csv | Format::ImageFolder => self.cells(entry),
            Format::Parquet | Format::Arrow => {
                let pictures = all_content(&pair.images, &entry.inside)?;
                let Sink::Table(table) = &mut self.sink else {
                    return Ok(());
                };
                Ok(table.pair(pair, pictures)?)
            }
            Format::WebDataset => {
                let mut json = Map::new();
                json.insert("id".to_owned(), pair.id.clone().into());
                for (key, text) in [
                    ("request", &pair.request),
                    ("group", &pair.group),
                    ("source", &pair.source),
                ] {
                    if let Some(text) = text {
                        json.insert(key.to_owned(), text.clone().into());
                    }
                }
                json.extend(pair.meta.clone());
                self.members(&pair.images, &entry.inside, Some(&pair.caption), &json)
            }
            Format::TextBeside => self.beside(entry),
        }
    }

    fn put_sample(&mut self, entry: &Entry<Sample>) -> Result<(), Trouble> {
        let sample = &entry.record;
        match self.format {
            Format::Jsonl | Format::JsonArray => {
                let images = self.named(&sample.images, &entry.inside)?;
                self.record(&Sample {
                    images,
                    ..sample.clone()
                })
            }
            Format::WebDataset => {
                let without = Sample {
                    images: Vec::new(),
                    ..sample.clone()
                };
                let Value::Object(mut json) = value(&without, &self.path)? else {
                    return Ok(());
                };
                json.shift_remove("images");
                self.members(&sample.images, &entry.inside, None, &json)
            }
            Format::ShareGpt | Format::Llava | Format::OpenAi => {
                let turns = expressible(sample)?;
                self.conversation(
                    &sample.id,
                    &sample.images,
                    &entry.inside,
                    &turns,
                    Map::new(),
                )
            }
            Format::Parquet | Format::Arrow => {
                let turns = expressible(sample)?;
                let pictures = all_content(&sample.images, &entry.inside)?;
                let Sink::Table(table) = &mut self.sink else {
                    return Ok(());
                };
                Ok(table.sample(&sample.id, &turns, pictures)?)
            }
            Format::Alpaca | Format::Csv | Format::ImageFolder | Format::TextBeside => {
                let format = self.format.as_str();
                let what = format!("{format} has no place for a conversation");
                Err(Fault::new(Reason::Inexpressible, what).into())
            }
        }
    }

    /// One JSON object.
    fn record<T: Serialize>(&mut self, record: &T) -> Result<(), Trouble> {
        let line = line_of(record, &self.path)?;
        let written = match &mut self.sink {
            Sink::Lines(out) => out.write_all(&line),
            Sink::Array(out, before) => out.write_all(before.as_bytes()).and_then(|()| {
                *before = ",\n";
                out.write_all(line.trim_ascii_end())
            }),
            _ => Ok(()),
        };
        Ok(written.map_err(Error::writing(&self.path))?)
    }

    fn conversation(
        &mut self,
        id: &str,
        pictures: &[PathBuf],
        inside: &[Inside],
        turns: &[(Role, String)],
        rest: Map<String, Value>,
    ) -> Result<(), Trouble> {
        let mut record = Map::new();
        record.insert("id".to_owned(), id.into());
        let list = |role: &str, content: &str, name: fn(Role) -> &'static str| -> Value {
            let turn = |(who, text): &(Role, String)| json!({role: name(*who), content: text});
            turns.iter().map(turn).collect()
        };
        match self.format {
            Format::OpenAi => {
                let content = all_content(pictures, inside)?;
                let mut urls = content.iter().map(|(_, bytes)| data_url(bytes));
                let mut messages = Vec::new();
                for (role, text) in turns {
                    let content = if *role == Role::User {
                        openai::parts(text, &mut urls).into()
                    } else {
                        Value::String(text.clone())
                    };
                    messages.push(json!({"role": role, "content": content}));
                }
                record.insert("messages".to_owned(), messages.into());
            }
            Format::Llava => {
                if pictures.len() > 1 {
                    let what = format!("has {} pictures; LLaVA's `image` is one", pictures.len());
                    return Err(Fault::new(Reason::Inexpressible, what).into());
                }
                if let Some(one) = self.named(pictures, inside)?.pop() {
                    record.insert("image".to_owned(), value(&one, &self.path)?);
                }
                let name = |role| match role {
                    Role::System => "system",
                    Role::User => "human",
                    Role::Assistant => "gpt",
                };
                record.insert("conversations".to_owned(), list("from", "value", name));
            }
            Format::Alpaca => {
                let images = self.named(pictures, inside)?;
                record.insert("images".to_owned(), value(&images, &self.path)?);
                for (key, text) in [
                    ("instruction", turns[0].1.as_str()),
                    ("input", ""),
                    ("output", turns[1].1.as_str()),
                ] {
                    record.insert(key.to_owned(), text.into());
                }
            }
            _ => {
                let images = self.named(pictures, inside)?;
                record.insert("images".to_owned(), value(&images, &self.path)?);
                record.insert("messages".to_owned(), list("role", "content", Role::as_str));
            }
        }
        record.extend(rest);
        self.record(&record)
    }

    fn cells(&mut self, entry: &Entry<Pair>) -> Result<(), Trouble> {
        let pair = &entry.record;
        let images = if self.format == Format::ImageFolder {
            self.copied(&pair.images, &entry.inside)?
        } else {
            self.named(&pair.images, &entry.inside)?
        };
        let names: Vec<String> = images
            .iter()
            .map(|path| path.to_string_lossy().into_owned())
            .collect();
        let list = serde_json::to_string(&names).unwrap_or_default();
        let images = match names.as_slice() {
            _ if self.format == Format::ImageFolder && names.len() == 1 => String::new(),
            [one] if !one.starts_with('[') => one.clone(),
            _ => list,
        };
        let meta = if pair.meta.is_empty() {
            String::new()
        } else {
            serde_json::to_string(&pair.meta).unwrap_or_default()
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let mut cells = vec![
            pair.id.clone(),
            images,
            pair.caption.clone(),
            text(&pair.request),
            text(&pair.group),
            text(&pair.source),
            meta,
        ];
        if self.format == Format::ImageFolder {
            cells.insert(1, names[0].clone());
        }
        let Sink::Csv(out) = &mut self.sink else {
            return Ok(());
        };
        let written = out.write_record(&cells);
        Ok(
            written
                .map_err(|e| Error::writing(&self.path)(std::io::Error::other(e.to_string())))?,
        )
    }

    /// The members of an archive for one record.
    fn members(
        &mut self,
        pictures: &[PathBuf],
        inside: &[Inside],
        caption: Option<&str>,
        json: &Map<String, Value>,
    ) -> Result<(), Trouble> {
        let key = format!("{:09}", self.row);
        let mut members = Vec::new();
        let content = all_content(pictures, inside)?;
        for (at, (path, bytes)) in content.iter().enumerate() {
            let ending = match extension(bytes) {
                "bin" => {
                    let what = format!("`{}` is no picture of a known kind", path.display());
                    return Err(Fault::new(Reason::Inexpressible, what).into());
                }
                ending => ending,
            };
            let name = if content.len() == 1 {
                format!("{key}.{ending}")
            } else {
                format!("{key}.{at}.{ending}")
            };
            members.push((name, bytes.as_ref()));
        }
        let json = serde_json::to_vec(json).unwrap_or_default();
        if let Some(caption) = caption {
            members.push((format!("{key}.txt"), caption.as_bytes()));
        }
        members.push((format!("{key}.json"), &json));
        let Sink::Tar(out) = &mut self.sink else {
            return Ok(());
        };
        for (name, bytes) in members {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            out.append_data(&mut header, &name, bytes)
                .map_err(Error::writing(&self.path))?;
        }
        Ok(())
    }

    /// A picture with its caption in a text file.
    fn beside(&mut self, entry: &Entry<Pair>) -> Result<(), Trouble> {
        let pair = &entry.record;
        let cannot = |what: String| Trouble::Row(Fault::new(Reason::Inexpressible, what));
        let [picture] = pair.images.as_slice() else {
            return Err(cannot(format!(
                "has {} pictures; expected one",
                pair.images.len()
            )));
        };
        let is_plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .chars()
                    .all(|c| c.is_alphanumeric() || "._- ".contains(c))
        };
        if !pair.id.split('/').all(is_plain) {
            return Err(cannot(format!(
                "the id `{}` cannot be a file name",
                pair.id
            )));
        }
        if pair.caption.ends_with('\r') || pair.caption.starts_with('\u{feff}') {
            return Err(cannot(
                "the caption begins or ends with a mark of text files".to_owned(),
            ));
        }
        let bytes = content(picture, &entry.inside)?;
        let ending = match extension(&bytes) {
            "bin" => {
                return Err(cannot(format!(
                    "`{}` is no picture of a known kind",
                    picture.display()
                )));
            }
            ending => ending,
        };
        let place = |ending: &str| self.path.join(format!("{}.{ending}", pair.id));
        let (image, text) = (place(ending), place("txt"));
        if let Some(folder) = image.parent() {
            std::fs::create_dir_all(folder).map_err(Error::writing(folder))?;
        }
        std::fs::write(&image, &bytes).map_err(Error::writing(&image))?;
        let caption = format!("{}\n", pair.caption);
        std::fs::write(&text, caption).map_err(Error::writing(&text))?;
        for (key, is_there) in [
            ("request", pair.request.is_some()),
            ("group", pair.group.is_some()),
            ("source", pair.source.is_some()),
            ("meta", !pair.meta.is_empty()),
        ] {
            if is_there {
                *self.lost.entry(key).or_default() += 1;
            }
        }
        Ok(())
    }

    /// The pictures as the file names them; those inside a data file, and with `copy` all, get files of their own.
    fn named(&self, pictures: &[PathBuf], inside: &[Inside]) -> Result<Vec<PathBuf>, Trouble> {
        let stem = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let folder = self.path.with_file_name(format!("{stem}-images"));
        let mut named = Vec::with_capacity(pictures.len());
        for path in pictures {
            if !self.copy && !inside.iter().any(|picture| picture.path == *path) {
                named.push(from_folder(&self.path, path)?);
                continue;
            }
            let bytes = content(path, inside)?.into_owned();
            let name = format!("{}.{}", &digest::bytes(&bytes)[..32], extension(&bytes));
            let path = folder.join(name);
            std::fs::create_dir_all(&folder).map_err(Error::writing(&folder))?;
            unpack(&Inside {
                path: path.clone(),
                bytes,
            })?;
            named.push(from_folder(&self.path, &path)?);
        }
        Ok(named)
    }

    /// Copies in the folder that is written, a file a picture: readers look a row up by the name of its file.
    fn copied(&self, pictures: &[PathBuf], inside: &[Inside]) -> Result<Vec<PathBuf>, Trouble> {
        let mut names = Vec::with_capacity(pictures.len());
        for (at, (_, bytes)) in all_content(pictures, inside)?.into_iter().enumerate() {
            let name = if pictures.len() == 1 {
                format!("{:09}.{}", self.row, extension(&bytes))
            } else {
                format!("{:09}-{at}.{}", self.row, extension(&bytes))
            };
            let place = self.path.join(&name);
            std::fs::write(&place, &bytes).map_err(Error::writing(&place))?;
            names.push(name.into());
        }
        Ok(names)
    }
}

/// Why a record was not written.
enum Trouble {
    /// It cannot be; others can.
    Row(Fault),
    /// Nothing can.
    File(Error),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Row(fault)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::File(error)
    }
}

/// The turns of a sample, if a conversation can express it.
fn expressible(sample: &Sample) -> Result<Vec<(Role, String)>, Fault> {
    if sample.end {
        let what = "its end-of-text token is learned, which a conversation cannot say";
        return Err(Fault::new(Reason::Inexpressible, what));
    }
    for (at, turn) in sample.turns.iter().enumerate() {
        if turn.learn != (turn.role == Role::Assistant) {
            let what = format!(
                "turn {at} is learned or not against its role, which a conversation cannot say"
            );
            return Err(Fault::new(Reason::Inexpressible, what));
        }
        if turn.text.contains(IMAGE_MARK) && !(turn.marks && turn.role == Role::User) {
            return Err(literal_mark());
        }
    }
    let turns = sample.turns.iter();
    Ok(turns.map(|turn| (turn.role, turn.text.clone())).collect())
}

fn literal_mark() -> Fault {
    let what = format!(
        "its text has a literal `{IMAGE_MARK}`, which readers of conversations take for a picture"
    );
    Fault::new(Reason::Inexpressible, what)
}

/// A picture's path and its file's content.
pub(super) type Content<'a> = (&'a PathBuf, Cow<'a, [u8]>);

fn all_content<'a>(
    pictures: &'a [PathBuf],
    inside: &'a [Inside],
) -> Result<Vec<Content<'a>>, Fault> {
    let one = |path: &'a PathBuf| Ok((path, content(path, inside)?));
    pictures.iter().map(one).collect()
}

/// The content of a picture's file.
fn content<'a>(path: &Path, inside: &'a [Inside]) -> Result<Cow<'a, [u8]>, Fault> {
    if let Some(picture) = inside.iter().find(|picture| picture.path == path) {
        return Ok(Cow::Borrowed(&picture.bytes));
    }
    let bytes = images::read(path).map_err(|e| Fault::new(Reason::MissingImage, e.to_string()))?;
    Ok(Cow::Owned(bytes))
}

fn data_url(bytes: &[u8]) -> String {
    let kind = match extension(bytes) {
        "jpg" => "jpeg",
        "tif" => "tiff",
        "svg" => "svg+xml",
        other => other,
    };
    let content = base64::engine::general_purpose::STANDARD.encode(bytes);
    format!("data:image/{kind};base64,{content}")
}

/// Writes the file of a picture that came with its record. Names are digests of contents, so one that is there is left.
pub(super) fn unpack(picture: &Inside) -> Result<(), Error> {
    let Inside { path, bytes } = picture;
    if std::fs::metadata(path).is_ok_and(|found| found.len() == bytes.len() as u64) {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(Error::writing(folder))?;
    }
    let aside = path.with_extension("part");
    std::fs::write(&aside, bytes).map_err(Error::writing(path))?;
    std::fs::rename(&aside, path).map_err(Error::writing(path))
}

fn table(out: Aside, header: &[&str], path: &Path) -> Result<csv::Writer<Aside>, Error> {
    let mut table = csv::Writer::from_writer(out);
    let written = table.write_record(header);
    written.map_err(|e| Error::writing(path)(std::io::Error::other(e.to_string())))?;
    Ok(table)
}

fn new_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(Error::writing(path))?;
    let mut entries = std::fs::read_dir(path).map_err(Error::reading(path))?;
    if entries.next().is_some() {
        return Err(Error::file(
            path,
            "is a folder with files in it; name a new one",
        ));
    }
    Ok(())
}

fn value<T: Serialize>(part: &T, path: &Path) -> Result<Value, Error> {
    serde_json::to_value(part)
        .map_err(|e| Error::file(path, format!("a record cannot be written: {e}")))
}

fn from_folder(path: &Path, image: &Path) -> Result<PathBuf, Error> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(Error::writing(path));
    let file = absolute(path)?;
    let folder = file.parent().unwrap_or(Path::new("/"));
    let image = absolute(image)?;
    Ok(image
        .strip_prefix(folder)
        .map_or(image.clone(), Path::to_owned))
}
