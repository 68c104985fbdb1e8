//! What came and what became of it.

use std::collections::HashSet;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;

/// Which key came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeySeen {
    /// None.
    #[default]
    None,
    /// The right one, or any where none is asked for.
    Right,
    /// A wrong one.
    Wrong,
}

/// One request that reached the server.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Arrival {
    /// Counted from 1 over requests for answers; 0 for all others, such as one for the list of models.
    pub number: u64,
    /// What was asked for, such as `/v1/chat/completions`.
    pub path: String,
    /// The digest of what an answer depends on ([`crate::Request::digest`]); empty if it was not read or asks nothing.
    pub digest: String,
    /// The status that was sent; 0 if none was.
    pub status: u16,
    /// The name of the fault that it met.
    pub fault: Option<String>,
    /// The tokens that the model read for it, whether or not the client got an answer.
    pub prompt_tokens: u64,
    /// The tokens that the model wrote for it.
    pub completion_tokens: u64,
    /// Whether the right answer with the right counts was sent to its end.
    pub sound: bool,
    /// How many requests for answers were there, this one included.
    pub at_once: usize,
    /// Bytes of its body.
    pub received: u64,
    /// Bytes that were sent.
    pub sent: u64,
    /// Which key came.
    pub key: KeySeen,
    /// Its pictures.
    pub pictures: usize,
    /// What stands in the files of its pictures beside pixels ([`crate::Picture::beside`]).
    pub beside_pixels: Vec<String>,
    /// When it came, in seconds after the server's start.
    pub came: f64,
    /// When the last of its answer was sent, in seconds after the server's start; 0 while it was not.
    pub gone: f64,
}

impl Arrival {
    /// The tokens that somebody would have to pay.
    pub fn billed(&self) -> u64 {
        self.prompt_tokens + self.completion_tokens
    }
}

/// Sums over all arrivals for answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many came.
    pub arrivals: u64,
    /// How many of them were different.
    pub distinct: u64,
    /// How many sound answers were sent.
    pub sound: u64,
    /// How many different requests were answered soundly.
    pub distinct_sound: u64,
    /// The tokens that the model read.
    pub prompt_tokens: u64,
    /// The tokens that the model wrote.
    pub completion_tokens: u64,
    /// How many were worked on at the same time, at most.
    pub most_at_once: usize,
    /// How many were told that they are too many (429).
    pub too_many: u64,
    /// How many pictures came.
    pub pictures: u64,
    /// How many of them hold something beside pixels.
    pub pictures_with_more: u64,
}

impl Totals {
    /// The tokens that somebody would have to pay.
    pub fn billed(&self) -> u64 {
        self.prompt_tokens + self.completion_tokens
    }
}

/// All arrivals, in the order in which they came.
#[derive(Default)]
pub(crate) struct Log {
    arrivals: Vec<Arrival>,
    most_at_once: usize,
    /// Files of pictures with something beside pixels.
    pictures_with_more: u64,
    file: Option<std::fs::File>,
}

impl Log {
    /// A log that is also written to a file, a line of JSON for each arrival when it is gone.
    pub fn to_file(path: Option<&Path>) -> std::io::Result<Self> {
        Ok(Self {
            file: path.map(std::fs::File::create).transpose()?,
            ..Self::default()
        })
    }

    /// Notes an arrival and gives its place.
    pub fn came(&mut self, arrival: Arrival) -> usize {
        self.arrivals.push(arrival);
        self.arrivals.len() - 1
    }

    /// Notes more of an arrival.
    pub fn more(&mut self, place: usize, note: impl FnOnce(&mut Arrival)) {
        note(&mut self.arrivals[place]);
    }

    /// Notes how many requests are worked on.
    pub fn at_once(&mut self, number: usize) {
        self.most_at_once = self.most_at_once.max(number);
    }

    /// Notes pictures that hold more than pixels.
    pub fn pictures_with_more(&mut self, number: usize) {
        self.pictures_with_more += number as u64;
    }

    /// Writes the line of an arrival that is gone. A log that cannot be written loses lines, and nothing else.
    pub fn gone(&mut self, place: usize) {
        if let Some(file) = &mut self.file
            && let Ok(mut line) = serde_json::to_vec(&self.arrivals[place])
        {
            line.push(b'\n');
            drop(file.write_all(&line));
        }
    }

    /// All arrivals so far.
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.clone()
    }

    /// Sums over those so far.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals {
            most_at_once: self.most_at_once,
            pictures_with_more: self.pictures_with_more,
            ..Totals::default()
        };
        let mut distinct = HashSet::new();
        let mut distinct_sound = HashSet::new();
        for arrival in self.arrivals.iter().filter(|arrival| arrival.number > 0) {
            totals.arrivals += 1;
            totals.prompt_tokens += arrival.prompt_tokens;
            totals.completion_tokens += arrival.completion_tokens;
            totals.too_many += u64::from(arrival.status == 429);
            totals.pictures += arrival.pictures as u64;
            if !arrival.digest.is_empty() {
                distinct.insert(&arrival.digest);
            }
            if arrival.sound {
                totals.sound += 1;
                distinct_sound.insert(&arrival.digest);
            }
        }
        totals.distinct = distinct.len() as u64;
        totals.distinct_sound = distinct_sound.len() as u64;
        totals
    }
}
