//! What came and what became of it.

use std::collections::HashMap;
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

/// All arrivals, in the order in which they came, and sums over those for answers: whoever waits for a number asks for it
/// a thousand times.
#[derive(Default)]
pub(crate) struct Log {
    arrivals: Vec<Arrival>,
    totals: Totals,
    /// How often each request came, and how often it was answered soundly.
    by_digest: HashMap<String, (u64, u64)>,
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
        self.count(&arrival, true);
        self.arrivals.push(arrival);
        self.arrivals.len() - 1
    }

    /// Notes more of an arrival.
    pub fn more(&mut self, place: usize, note: impl FnOnce(&mut Arrival)) {
        let mut arrival = std::mem::take(&mut self.arrivals[place]);
        self.count(&arrival, false);
        note(&mut arrival);
        self.count(&arrival, true);
        self.arrivals[place] = arrival;
    }

    /// Puts an arrival into the sums, or takes it out of them.
    fn count(&mut self, arrival: &Arrival, comes: bool) {
        if arrival.number == 0 {
            return;
        }
        let add = |sum: &mut u64, number: u64| {
            *sum = if comes { *sum + number } else { *sum - number };
        };
        let totals = &mut self.totals;
        add(&mut totals.arrivals, 1);
        add(&mut totals.prompt_tokens, arrival.prompt_tokens);
        add(&mut totals.completion_tokens, arrival.completion_tokens);
        add(&mut totals.too_many, u64::from(arrival.status == 429));
        add(&mut totals.pictures, arrival.pictures as u64);
        add(&mut totals.sound, u64::from(arrival.sound));
        if arrival.digest.is_empty() {
            return;
        }
        if !self.by_digest.contains_key(&arrival.digest) {
            self.by_digest.insert(arrival.digest.clone(), (0, 0));
        }
        let (came, sound) = self
            .by_digest
            .get_mut(&arrival.digest)
            .expect("it was put there");
        add(
            &mut totals.distinct,
            u64::from(if comes { *came == 0 } else { *came == 1 }),
        );
        add(came, 1);
        if arrival.sound {
            let is_one = if comes { *sound == 0 } else { *sound == 1 };
            add(&mut totals.distinct_sound, u64::from(is_one));
            add(sound, 1);
        }
    }

    /// Notes how many requests are worked on.
    pub fn at_once(&mut self, number: usize) {
        self.totals.most_at_once = self.totals.most_at_once.max(number);
    }

    /// Notes pictures that hold more than pixels.
    pub fn pictures_with_more(&mut self, number: usize) {
        self.totals.pictures_with_more += number as u64;
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
        self.totals.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_over_the_arrivals() {
        let mut log = Log::default();
        let arrival = |number, digest: &str| Arrival {
            number,
            digest: digest.to_owned(),
            ..Arrival::default()
        };
        log.came(arrival(0, ""));
        let places = ["a", "b", "a"].map(|digest| log.came(arrival(1, digest)));
        let later = log.came(arrival(4, ""));
        for place in places {
            log.more(place, |arrival| {
                arrival.prompt_tokens = 5;
                arrival.completion_tokens = 2;
                arrival.sound = true;
            });
        }
        // The client was gone before the end.
        log.more(places[1], |arrival| arrival.sound = false);
        log.more(later, |arrival| arrival.status = 429);
        let expected = Totals {
            arrivals: 4,
            distinct: 2,
            sound: 2,
            distinct_sound: 1,
            prompt_tokens: 15,
            completion_tokens: 6,
            too_many: 1,
            ..Totals::default()
        };
        assert_eq!(log.totals(), expected);
        assert_eq!(log.totals().billed(), 21);
        assert_eq!(log.arrivals().len(), 5);
    }
}
