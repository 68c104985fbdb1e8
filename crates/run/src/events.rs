//! Events: what a run tells while it goes on. A stage reports to a [`Listener`]; the terminal draws bars from events,
//! `--json` prints them, the run folder keeps them, and pages draw their curves from them.
//!
//! `events/<process>.jsonl` is append-only, one file a writing process. A line that a kill tore is closed by the next
//! start, and readers pass over it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Error;

/// Something that a stage told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When, in UTC (RFC 3339, to the millisecond).
    pub time: String,
    /// The stage; empty for what concerns the whole run.
    pub stage: String,
    /// What it told.
    #[serde(flatten)]
    pub what: What,
}

/// What can be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum What {
    /// A stage begins or goes on.
    Begun {
        /// The stage's key.
        key: String,
        /// Why it is done; empty where it is simply new.
        text: String,
    },
    /// `done` of `total` units are done.
    Progress {
        /// What is counted.
        label: String,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
        /// Measured values by name, such as `loss`.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        numbers: BTreeMap<String, f64>,
    },
    /// A line for the person who waits.
    Note {
        /// The line.
        text: String,
    },
    /// Something that may be wrong.
    Warning {
        /// What.
        text: String,
    },
    /// A stage that was done before is passed over.
    Skipped {
        /// The stage's key.
        key: String,
    },
    /// A stage is done.
    Finished {
        /// What it counted.
        counts: Value,
        /// Wall time of this attempt.
        seconds: f64,
    },
    /// A stage ended in an error.
    Failed {
        /// The error.
        text: String,
    },
}

/// Hears events as they happen. Whoever listens must be quick: stages wait for it.
pub trait Listener: Sync {
    /// Called for each event in order.
    fn hear(&self, event: &Event);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Listener for Nobody {
    fn hear(&self, _: &Event) {}
}

/// Several listeners, one after the other.
pub struct All<'a>(pub Vec<&'a dyn Listener>);

impl Listener for All<'_> {
    fn hear(&self, event: &Event) {
        for listener in &self.0 {
            listener.hear(event);
        }
    }
}

/// A stage's way to its listener.
#[derive(Clone, Copy)]
pub struct Reporter<'a> {
    stage: &'a str,
    listener: &'a dyn Listener,
}

impl<'a> Reporter<'a> {
    /// Reports as `stage`.
    pub fn new(stage: &'a str, listener: &'a dyn Listener) -> Self {
        Self { stage, listener }
    }

    /// The stage that reports.
    pub fn stage(&self) -> &'a str {
        self.stage
    }

    /// Tells something, now.
    pub fn tell(&self, what: What) {
        let time = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        self.listener.hear(&Event {
            time,
            stage: self.stage.to_owned(),
            what,
        });
    }

    /// A line for the person who waits.
    pub fn note(&self, text: impl Into<String>) {
        self.tell(What::Note { text: text.into() });
    }

    /// Something that may be wrong.
    pub fn warn(&self, text: impl Into<String>) {
        self.tell(What::Warning { text: text.into() });
    }

    /// `done` of `total` of what `label` names.
    pub fn progress(&self, label: &str, done: u64, total: u64) {
        self.measured(label, done, total, BTreeMap::new());
    }

    /// As [`Reporter::progress`], with what was measured.
    pub fn measured(&self, label: &str, done: u64, total: u64, numbers: BTreeMap<String, f64>) {
        self.tell(What::Progress {
            label: label.to_owned(),
            done,
            total,
            numbers,
        });
    }
}

/// The folder of a run's events.
pub const FOLDER: &str = "events";

/// Appends events to the file of one writing process.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    state: Mutex<(File, Option<std::io::Error>)>,
}

impl EventFile {
    /// Opens `events/<process>.jsonl` of a run folder; a torn last line is closed. Gives [`Error::Io`].
    pub fn open(run: &Path, process: &str) -> Result<Self, Error> {
        Self::open_in(&run.join(FOLDER), process)
    }

    /// As [`EventFile::open`], in a folder of events.
    pub fn open_in(folder: &Path, process: &str) -> Result<Self, Error> {
        let path = folder.join(format!("{process}.jsonl"));
        let writing = Error::io("write", &path);
        fs::create_dir_all(folder).map_err(&writing)?;
        let mut file = OpenOptions::new()
            .create(true)
            .read(true)
            .append(true)
            .open(&path)
            .map_err(&writing)?;
        if file.metadata().map_err(&writing)?.len() > 0 {
            let mut last = [0];
            file.seek(SeekFrom::End(-1)).map_err(&writing)?;
            file.read_exact(&mut last).map_err(&writing)?;
            if last != *b"\n" {
                file.write_all(b"\n").map_err(&writing)?;
            }
        }
        Ok(Self {
            path,
            state: Mutex::new((file, None)),
        })
    }

    /// [`Error::Io`] if an event could not be written: stages do not stop for it, whoever drives them looks here.
    pub fn check(&self) -> Result<(), Error> {
        match self.state.lock() {
            Ok(mut state) => match state.1.take() {
                None => Ok(()),
                Some(error) => Err(Error::io("write", &self.path)(error)),
            },
            Err(_) => Ok(()),
        }
    }
}

impl Listener for EventFile {
    fn hear(&self, event: &Event) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        let line = serde_json::to_vec(event).map_err(std::io::Error::other);
        let written = line.and_then(|mut line| {
            line.push(b'\n');
            state.0.write_all(&line)
        });
        if let Err(error) = written {
            state.1.get_or_insert(error);
        }
    }
}

/// All events of a run folder in order of their time, and how many lines were torn or damaged.
pub fn read(run: &Path) -> Result<(Vec<Event>, usize), corpus::Error> {
    read_all(&[run.join(FOLDER)])
}

/// As [`read()`], of folders of events.
pub fn read_all(folders: &[PathBuf]) -> Result<(Vec<Event>, usize), corpus::Error> {
    let entries = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok());
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    paths.sort();
    let (mut events, mut torn) = (Vec::new(), 0);
    for path in paths {
        let (read, bad) = corpus::jsonl::read_lenient::<Event>(&path)?;
        events.extend(read);
        torn += bad.len();
    }
    events.sort_by(|a: &Event, b| a.time.cmp(&b.time));
    Ok((events, torn))
}

/// The steps of a stage with what was measured, by number. A step that was done again after a stop counts as it was last.
pub fn steps(events: &[Event], stage: &str) -> BTreeMap<u64, BTreeMap<String, f64>> {
    let mut out = BTreeMap::new();
    let mut current = "";
    for event in events.iter().filter(|event| event.stage == stage) {
        match &event.what {
            // What was done on another basis says nothing of this one.
            What::Begun { key, .. } if key != current => {
                current = key;
                out.clear();
            }
            What::Progress { done, numbers, .. } if !numbers.is_empty() => {
                out.insert(*done, numbers.clone());
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(reporter: Reporter<'_>, done: u64, loss: f64) {
        let numbers = BTreeMap::from([("loss".to_owned(), loss)]);
        reporter.measured("steps", done, 3, numbers);
    }

    fn begun(reporter: Reporter<'_>, key: &str) {
        reporter.tell(What::Begun {
            key: key.to_owned(),
            text: String::new(),
        });
    }

    #[test]
    fn a_torn_line_is_closed_and_passed_over() {
        let folder = tempfile::tempdir().expect("folder");
        let file = EventFile::open(folder.path(), "0").expect("open");
        Reporter::new("a", &file).note("one");
        let path = folder.path().join("events/0.jsonl");
        let mut bytes = fs::read(&path).expect("read");
        bytes.extend_from_slice(b"{\"time\":\"2026");
        fs::write(&path, bytes).expect("write");
        let file = EventFile::open(folder.path(), "0").expect("open");
        Reporter::new("a", &file).note("two");
        let (events, torn) = read(folder.path()).expect("read");
        let texts: Vec<&What> = events.iter().map(|e| &e.what).collect();
        let note = |text: &str| What::Note {
            text: text.to_owned(),
        };
        assert_eq!(texts, [&note("one"), &note("two")]);
        assert_eq!(torn, 1);
    }

    #[test]
    fn events_that_cannot_be_kept_are_told() {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join(FOLDER), "").expect("write");
        let error = EventFile::open(folder.path(), "0").expect_err("a file is there");
        assert!(
            matches!(&error, Error::Io { action: "write", path, .. } if path.ends_with("events/0.jsonl")),
            "{error:?}"
        );
    }

    #[test]
    fn steps_that_were_done_again_count_as_they_were_last() {
        let folder = tempfile::tempdir().expect("folder");
        let file = EventFile::open(folder.path(), "0").expect("open");
        let (of, other) = (Reporter::new("a", &file), Reporter::new("b", &file));
        begun(of, "old");
        step(of, 3, 9.0);
        begun(of, "new");
        step(of, 1, 3.0);
        step(of, 2, 2.5);
        step(other, 1, 7.0);
        begun(of, "new");
        step(of, 2, 2.0);
        let (events, _) = read(folder.path()).expect("read");
        let losses: Vec<(u64, f64)> = steps(&events, "a")
            .into_iter()
            .map(|(step, numbers)| (step, numbers["loss"]))
            .collect();
        assert_eq!(losses, [(1, 3.0), (2, 2.0)]);
    }

    #[test]
    fn several_processes_are_read_together() {
        let folder = tempfile::tempdir().expect("folder");
        for process in ["1", "0"] {
            let file = EventFile::open(folder.path(), process).expect("open");
            Reporter::new("a", &file).note(process);
            // The clock is read to the millisecond.
            std::thread::sleep(std::time::Duration::from_millis(3));
        }
        let (events, _) = read(folder.path()).expect("read");
        let texts = events
            .iter()
            .map(|e| serde_json::to_value(e).expect("json"));
        let texts: Vec<Value> = texts.map(|e| e["text"].clone()).collect();
        assert_eq!(texts, ["1", "0"]);
    }
}
