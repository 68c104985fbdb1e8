//! Reads the records in portions and counts them.

use std::path::PathBuf;

use rayon::prelude::*;

use super::as_sample;
use super::inspection::Inspection;
use super::measure::{Measure, Measured};
use super::pictures::Pictures;
use crate::formats::{Entry, Kind, Options, Reader, Row, Tally};
use crate::{Sample, Turn};

/// Records that are looked at in one go.
const CHUNK: usize = 256;
/// Records that are kept of the longest.
const LONGEST: usize = 10;

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Request {
    /// A data file or a folder, in any layout.
    pub file: PathBuf,
    /// What the records are; found by their keys when absent.
    pub kind: Option<Kind>,
    /// How the data is read.
    pub reading: Options,
    /// Whether pictures are opened.
    pub pictures: bool,
    /// Which usable record is shown, from 0.
    pub index: usize,
    /// At most so many records.
    pub limit: Option<usize>,
}

/// A file that cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error(transparent)]
    Data(#[from] crate::Error),
    /// A record's tokens cannot be counted.
    #[error(transparent)]
    Measure(Box<dyn std::error::Error + Send + Sync + 'static>),
}

/// Looks; lengths are tokens if there is a `measure`, and characters otherwise. `each` is told how many records were
/// looked at since it was last called.
pub fn inspect(
    request: &Request,
    measure: Option<&dyn Measure>,
    each: &mut dyn FnMut(usize),
) -> Result<Inspection, Error> {
    let (path, options) = (&request.file, &request.reading);
    let kind = match request.kind {
        Some(kind) => kind,
        None => Reader::pairs(path, options)?.kind(),
    };
    let looking = Looking {
        request,
        measure,
        kind,
        lengths: Vec::new(),
        longest: Vec::new(),
        sample: None,
        shown: Vec::new(),
    };
    match kind {
        Kind::Pairs => looking.run(Reader::pairs(path, options)?, as_sample::pair, each),
        Kind::Samples => looking.run(Reader::samples(path, options)?, Sample::clone, each),
        Kind::Seeds => looking.run(Reader::seeds(path, options)?, as_sample::seed, each),
    }
}

struct Looking<'a> {
    request: &'a Request,
    measure: Option<&'a dyn Measure>,
    kind: Kind,
    lengths: Vec<u32>,
    longest: Vec<(u32, String)>,
    sample: Option<Sample>,
    shown: Vec<(String, bool)>,
}

impl Looking<'_> {
    fn run<T: Row + Send + Sync>(
        mut self,
        mut reader: Reader<T>,
        as_sample: fn(&T) -> Sample,
        each: &mut dyn FnMut(usize),
    ) -> Result<Inspection, Error> {
        let mut tally = Tally::default();
        let mut pictures = Pictures::default();
        let mut rejected = Vec::new();
        let limit = self.request.limit.unwrap_or(usize::MAX);
        let mut read = 0;
        let mut ended = false;
        while !ended && read < limit {
            let mut chunk = Vec::new();
            while chunk.len() < CHUNK && read < limit {
                let Some(next) = reader.next() else {
                    ended = true;
                    break;
                };
                read += 1;
                match next? {
                    Ok(entry) => chunk.push(entry),
                    Err(bad) => {
                        let bad = reader.rejected(bad);
                        tally.reject(&bad);
                        rejected.push(bad);
                    }
                }
            }
            each(chunk.len());
            if self.request.pictures {
                chunk = pictures.look(chunk, &mut tally, &mut rejected);
            }
            for entry in &chunk {
                tally.add(&entry.record);
            }
            self.texts(&chunk, as_sample, &tally)?;
        }
        Ok(Inspection {
            kind: self.kind,
            summary: tally.summary(reader.format(), reader.why(), reader.notes()),
            root_above: reader.root_above(),
            rejected,
            pictures: self.request.pictures.then(|| pictures.findings()),
            unit: if self.measure.is_some() {
                "tokens"
            } else {
                "characters"
            },
            lengths: self.lengths,
            longest: self.longest,
            sample: self.sample,
            shown: self.shown,
        })
    }

    /// Lengths, the longest, and the record that is shown.
    fn texts<T: Row + Sync + Send>(
        &mut self,
        chunk: &[Entry<T>],
        as_sample: fn(&T) -> Sample,
        tally: &Tally,
    ) -> Result<(), Error> {
        let first = tally.lengths().len() - chunk.len();
        let lengths: Vec<u32> = match self.measure {
            None => tally.lengths()[first..].to_vec(),
            Some(measure) => chunk
                .par_iter()
                .map(|entry| {
                    measure
                        .length(&measured(entry, as_sample))
                        .map_err(Error::Measure)
                })
                .collect::<Result<_, Error>>()?,
        };
        for (entry, &length) in chunk.iter().zip(&lengths) {
            let longest = &mut self.longest;
            if longest.len() < LONGEST || longest.last().is_some_and(|last| last.0 < length) {
                longest.push((length, entry.record.id().to_owned()));
                longest.sort_by_key(|(length, _)| std::cmp::Reverse(*length));
                longest.truncate(LONGEST);
            }
        }
        self.lengths.extend(lengths);
        let index = self.request.index.checked_sub(first);
        if let Some(entry) = index.and_then(|at| chunk.get(at)) {
            let record = measured(entry, as_sample);
            self.shown = if let Some(measure) = self.measure {
                measure.spans(&record).map_err(Error::Measure)?
            } else {
                record.sample.turns.iter().flat_map(said).collect()
            };
            self.sample = Some(record.sample);
        }
        Ok(())
    }
}

fn measured<T>(entry: &Entry<T>, as_sample: fn(&T) -> Sample) -> Measured<'_> {
    Measured {
        sample: as_sample(&entry.record),
        line: entry.line,
        inside: &entry.inside,
    }
}

/// A turn under a heading.
fn said(turn: &Turn) -> [(String, bool); 2] {
    let header = format!("\n[{}] ", turn.role.as_str());
    [(header, false), (turn.text.clone(), turn.learn)]
}
