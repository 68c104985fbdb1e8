//! Files that TensorBoard reads: scalars of steps and looks.
//!
//! A file is a row of records (TFRecord: length, masked CRC-32C of the length, bytes, masked CRC-32C of the bytes), each a
//! protobuf message `Event` with the five fields that are written here by hand: `wall_time` 1, `step` 2, `file_version` 3,
//! `summary` 5, and in that `value` 1 with `tag` 1 and `simple_value` 2. Each attempt writes its file anew from the lines of
//! the steps that are done, so that no step is in it twice.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use run::looks::Look;
use train::Metrics;

use crate::error::{Error, Result};

/// The folder of the files.
const FOLDER: &str = "tensorboard";
/// What stands first in a file.
const VERSION: &str = "brain.Event:2";

/// The events of a training.
pub struct Board {
    path: PathBuf,
    file: File,
    /// Seconds since 1970 of the last event.
    wall_time: f64,
}

impl Board {
    /// The file of a training in a folder, with what is done of it.
    pub fn new<'a>(
        folder: &Path,
        steps: impl Iterator<Item = &'a Metrics> + Clone,
        looks: &[Look],
    ) -> Result<Self> {
        let folder = folder.join(FOLDER);
        fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
        let path = folder.join("events.out.tfevents.0000000000.adamllm");
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let took: f64 = steps.clone().map(|step| step.seconds).sum();
        let file = File::create(&path).map_err(Error::io("write", &path))?;
        let mut board = Self {
            path,
            file,
            wall_time: now.unwrap_or(Duration::ZERO).as_secs_f64() - took,
        };
        let version = event(board.wall_time, 0, &Content::Version);
        board.write(&version)?;
        let mut looks = looks.iter().peekable();
        for step in steps {
            while let Some(look) = looks.next_if(|look| look.step < step.step) {
                board.look(look)?;
            }
            board.step(step)?;
        }
        looks.try_for_each(|look| board.look(look))?;
        Ok(board)
    }

    /// Adds a step.
    pub fn step(&mut self, step: &Metrics) -> Result<()> {
        self.wall_time += step.seconds;
        self.scalars(step.step, &of_step(step))
    }

    /// Adds a look.
    pub fn look(&mut self, look: &Look) -> Result<()> {
        self.scalars(look.step, &of_look(look))
    }

    fn scalars(&mut self, step: usize, scalars: &[(String, f64)]) -> Result<()> {
        let event = event(self.wall_time, step, &Content::Scalars(scalars));
        self.write(&event)
    }

    fn write(&mut self, event: &[u8]) -> Result<()> {
        let written = self.file.write_all(&record(event));
        written.map_err(Error::io("write", &self.path))
    }
}

fn of_step(step: &Metrics) -> Vec<(String, f64)> {
    let seconds = step.seconds.max(f64::MIN_POSITIVE);
    let mut all = vec![
        ("loss".to_owned(), step.loss),
        ("grad_norm".to_owned(), step.grad_norm),
        ("tokens_per_second".to_owned(), step.tokens as f64 / seconds),
        ("waiting".to_owned(), step.data_wait_seconds / seconds),
        ("mfu".to_owned(), step.mfu),
    ];
    let norms = step.grad_norm_by_group.iter();
    all.extend(norms.map(|(group, norm)| (format!("grad_norm/{group}"), *norm)));
    let rates = step.learning_rate.iter();
    all.extend(rates.map(|(group, rate)| (format!("learning_rate/{group}"), *rate)));
    all
}

fn of_look(look: &Look) -> Vec<(String, f64)> {
    let loss = look.loss.map(|loss| ("validation/loss".to_owned(), loss));
    let scores = look.scores.iter();
    let scores = scores.map(|(task, score)| (format!("validation/{task}"), *score));
    loss.into_iter().chain(scores).collect()
}

enum Content<'a> {
    Version,
    Scalars(&'a [(String, f64)]),
}

/// A message `Event`.
fn event(wall_time: f64, step: usize, content: &Content<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    fixed(&mut out, 1, &wall_time.to_le_bytes());
    // What is zero is not written.
    if step > 0 {
        varint(&mut out, 2 << 3);
        varint(&mut out, step as u64);
    }
    match content {
        Content::Version => bytes(&mut out, 3, VERSION.as_bytes()),
        Content::Scalars(scalars) => {
            let mut summary = Vec::new();
            for (tag, value) in *scalars {
                let mut one = Vec::new();
                bytes(&mut one, 1, tag.as_bytes());
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "the format has 32 bits for a number"
                )]
                fixed(&mut one, 2, &(*value as f32).to_le_bytes());
                bytes(&mut summary, 1, &one);
            }
            bytes(&mut out, 5, &summary);
        }
    }
    out
}

/// A field of four or eight bytes.
fn fixed(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    let wire = if value.len() == 8 { 1 } else { 5 };
    varint(out, field << 3 | wire);
    out.extend_from_slice(value);
}

/// A field of so many bytes as it says.
fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A record with its checksums.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend_from_slice(&masked(crc32c(&length)).to_le_bytes());
    out.extend_from_slice(data);
    out.extend_from_slice(&masked(crc32c(data)).to_le_bytes());
    out
}

/// So that a checksum of bytes that hold checksums is sound.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: a step has about a kilobyte.
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of the catalogue of CRCs.
    #[test]
    fn checksums_are_castagnolis() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(b""), 0);
    }

    /// Written by TensorBoard's own writer, see `tests/golden/README.md`.
    const GOLDEN: &[u8] = include_bytes!("../../tests/golden/tensorboard.events");

    #[test]
    fn events_are_those_of_tensorboards_own_writer() {
        let scalars = [
            ("loss".to_owned(), 2.5),
            ("learning_rate/language_model".to_owned(), 2e-5),
            ("grad_norm".to_owned(), f64::NAN),
        ];
        let mut found = record(&event(1_700_000_000.25, 0, &Content::Version));
        found.extend(record(&event(
            1_700_000_001.5,
            1,
            &Content::Scalars(&scalars),
        )));
        found.extend(record(&event(
            1_700_000_002.75,
            300,
            &Content::Scalars(&scalars[..1]),
        )));
        found.extend(record(&event(
            1_700_000_003.0,
            0,
            &Content::Scalars(&scalars[1..2]),
        )));
        assert_eq!(found, GOLDEN);
    }

    #[test]
    fn an_attempt_writes_what_is_done_and_goes_on() {
        let folder = tempfile::tempdir().expect("folder");
        let line = r#"{"step": 1, "loss": 2.5, "grad_norm": 1.5, "learning_rate": {"projector": 0.1}, "samples": 4,
            "tokens": 39, "learned_tokens": 9, "padding": 0.0, "seconds": 0.5, "data_wait_seconds": 0.1,
            "peak_rss_bytes": 1000}"#;
        let first: Metrics = serde_json::from_str(line).expect("a line");
        let steps = [1, 2, 3].map(|step| Metrics {
            step,
            ..first.clone()
        });
        let look = Look {
            step: 2,
            loss: Some(1.0),
            ..Look::default()
        };
        let read = || {
            let path = folder
                .path()
                .join("tensorboard/events.out.tfevents.0000000000.adamllm");
            fs::read(path).expect("file")
        };
        let mut board = Board::new(folder.path(), steps[..2].iter(), &[]).expect("board");
        board.look(&look).expect("look");
        board.step(&steps[2]).expect("step");
        let whole = read();
        let again = Board::new(folder.path(), steps.iter(), &[look]).expect("again");
        drop(again);
        // Only the times of the events differ.
        let lengths = |all: &[u8]| -> Vec<u64> {
            let (mut at, mut out) = (0, Vec::new());
            while at < all.len() {
                let length = u64::from_le_bytes(all[at..at + 8].try_into().expect("eight"));
                out.push(length);
                at += length as usize + 16;
            }
            out
        };
        assert_eq!(lengths(&whole), lengths(&read()));
        assert_eq!(lengths(&whole).len(), 5);
        let tags = String::from_utf8_lossy(&whole).into_owned();
        for tag in [
            "learning_rate/projector",
            "validation/loss",
            "tokens_per_second",
            "waiting",
            "mfu",
        ] {
            assert!(tags.contains(tag), "{tag}");
        }
    }
}
