//! Records one by one into a file or folder.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value};

use super::beside;
use super::cells::{FOLDER_HEADER, HEADER, cells, table};
use super::conversation::{self, Spoken, expressible, question};
use super::members::{self, Member};
use super::naming::Naming;
use super::trouble::{Trouble, value};
use crate::error::{Error, Fault, Reason};
use crate::formats::content::all_content;
use crate::formats::entry::Entry;
use crate::formats::fields::Inside;
use crate::formats::format::Format;
use crate::formats::table::Table;
use crate::jsonl::{Aside, line_of};
use crate::{Pair, Rejected, Role, Sample, Seed};

/// Writes records one by one; a file takes its place when [`Writer::finish`] is called.
///
/// In a conversation a pair is one question, which is the image marks and the request, and one answer, the caption. A
/// conversation can say neither that anything but the assistant's turns is learned, nor that a literal `<image>` is
/// ordinary text; such samples are left out. Parquet, Arrow, WebDataset and `openai` carry the pictures' files inside,
/// byte for byte; folders get copies.
pub struct Writer {
    naming: Naming,
    format: Format,
    sink: Sink,
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
            naming: Naming {
                path: path.to_owned(),
                copy,
            },
            format,
            sink,
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
            let images = self.naming.named(&entry.record.images, &entry.inside)?;
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
        let path = self.naming.path;
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
                let images = self.naming.named(&pair.images, &entry.inside)?;
                self.record(&Pair {
                    images,
                    ..pair.clone()
                })
            }
            Format::ShareGpt | Format::Llava | Format::OpenAi | Format::Alpaca => {
                let turns = question(pair)?;
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
                let images = self.naming.named(&sample.images, &entry.inside)?;
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
                let Value::Object(mut json) = value(&without, &self.naming.path)? else {
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
        let line = line_of(record, &self.naming.path)?;
        let written = match &mut self.sink {
            Sink::Lines(out) => out.write_all(&line),
            Sink::Array(out, before) => out.write_all(before.as_bytes()).and_then(|()| {
                *before = ",\n";
                out.write_all(line.trim_ascii_end())
            }),
            _ => Ok(()),
        };
        Ok(written.map_err(Error::writing(&self.naming.path))?)
    }

    fn conversation(
        &mut self,
        id: &str,
        pictures: &[PathBuf],
        inside: &[Inside],
        turns: &[(Role, String)],
        rest: Map<String, Value>,
    ) -> Result<(), Trouble> {
        let spoken = Spoken {
            id,
            pictures,
            inside,
            turns,
            rest,
        };
        let record = conversation::object(self.format, &self.naming, spoken)?;
        self.record(&record)
    }

    fn cells(&mut self, entry: &Entry<Pair>) -> Result<(), Trouble> {
        let pair = &entry.record;
        let folder = self.format == Format::ImageFolder;
        let images = if folder {
            self.naming.copied(self.row, &pair.images, &entry.inside)?
        } else {
            self.naming.named(&pair.images, &entry.inside)?
        };
        let cells = cells(pair, &images, folder);
        let Sink::Csv(out) = &mut self.sink else {
            return Ok(());
        };
        let written = out.write_record(&cells);
        Ok(written
            .map_err(|e| Error::writing(&self.naming.path)(std::io::Error::other(e.to_string())))?)
    }

    fn members(
        &mut self,
        pictures: &[PathBuf],
        inside: &[Inside],
        caption: Option<&str>,
        json: &Map<String, Value>,
    ) -> Result<(), Trouble> {
        let key = format!("{:09}", self.row);
        let record = Member {
            pictures,
            inside,
            caption,
            json,
        };
        let Sink::Tar(out) = &mut self.sink else {
            return Ok(());
        };
        members::append(out, &self.naming.path, &key, &record)
    }

    fn beside(&mut self, entry: &Entry<Pair>) -> Result<(), Trouble> {
        for key in beside::put(&self.naming.path, &entry.record, &entry.inside)? {
            *self.lost.entry(key).or_default() += 1;
        }
        Ok(())
    }
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
