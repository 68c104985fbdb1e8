//! The samples of a training, in memory or in a file of which they are read when they are asked for.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use corpus::names::Texts;
use corpus::{Pair, Sample};
use processor::{Encoded, Processor};
use serde::Deserialize;
use train::SampleSource;

use crate::error::Result;
use crate::estimate::caption_sample;
use crate::records::Stored;

/// Samples, or some of them. Of those in a file memory holds the ids and about twenty bytes each.
#[derive(Clone, Debug)]
pub struct SampleSet {
    all: Arc<All>,
    /// Which of them, in order; none for all.
    places: Option<Vec<u32>>,
}

#[derive(Debug)]
struct All {
    ids: Texts,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    Here(Vec<Sample>),
    Stored(Stored<Sample>),
    /// Of pairs, with what is asked about each.
    Captions(Stored<Pair>, String),
}

/// Of a sample its id alone.
#[derive(Deserialize)]
struct Named {
    id: String,
}

impl SampleSet {
    /// Of samples in memory.
    pub fn new(samples: Vec<Sample>) -> Self {
        let ids = samples.iter().map(|sample| sample.id.as_str()).collect();
        Self::of(ids, Samples::Here(samples))
    }

    /// Of a file that a stage left.
    ///
    /// Gives [`Error::Corpus`](crate::Error::Corpus).
    pub fn open(path: &Path) -> Result<Self> {
        Self::stored(Stored::open(path)?)
    }

    /// Of a file.
    ///
    /// Gives [`Error::Corpus`](crate::Error::Corpus).
    pub fn stored(samples: Stored<Sample>) -> Result<Self> {
        let mut ids = Texts::default();
        for named in samples.iter_as::<Named>() {
            ids.push(&named?.id);
        }
        Ok(Self::of(ids, Samples::Stored(samples)))
    }

    /// Of pairs that a stage left, with their captions alone.
    ///
    /// Gives [`Error::Corpus`](crate::Error::Corpus).
    pub fn of_captions(pairs: Stored<Pair>, request: &str) -> Result<Self> {
        let mut ids = Texts::default();
        for named in pairs.iter_as::<Named>() {
            ids.push(&named?.id);
        }
        Ok(Self::of(ids, Samples::Captions(pairs, request.to_owned())))
    }

    fn of(ids: Texts, samples: Samples) -> Self {
        Self {
            all: Arc::new(All { ids, samples }),
            places: None,
        }
    }

    /// Some of these, by their places in ascending order.
    #[must_use]
    pub fn some(&self, places: Vec<u32>) -> Self {
        let own = |place: u32| self.place(place as usize) as u32;
        Self {
            all: Arc::clone(&self.all),
            places: Some(places.into_iter().map(own).collect()),
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.as_ref().map_or(self.all.ids.len(), Vec::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The place of a sample among all.
    fn place(&self, at: usize) -> usize {
        self.places
            .as_ref()
            .map_or(at, |places| places[at] as usize)
    }

    /// The id of a sample.
    pub fn id(&self, at: usize) -> &str {
        self.all.ids.get(self.place(at))
    }

    /// A sample.
    ///
    /// Gives [`Error::Corpus`](crate::Error::Corpus).
    pub fn get(&self, at: usize) -> Result<Cow<'_, Sample>> {
        let place = self.place(at);
        match &self.all.samples {
            Samples::Here(samples) => Ok(Cow::Borrowed(&samples[place])),
            Samples::Stored(samples) => Ok(Cow::Owned(samples.get(place)?)),
            Samples::Captions(pairs, request) => {
                Ok(Cow::Owned(caption_sample(&pairs.get(place)?, request)))
            }
        }
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Result<Cow<'_, Sample>>> {
        let all: Box<dyn Iterator<Item = Result<Cow<'_, Sample>>>> = match &self.all.samples {
            Samples::Here(samples) => Box::new(samples.iter().map(|one| Ok(Cow::Borrowed(one)))),
            Samples::Stored(samples) => Box::new(samples.iter().map(|one| Ok(Cow::Owned(one?)))),
            Samples::Captions(pairs, request) => {
                let pairs = pairs.iter();
                Box::new(pairs.map(|pair| Ok(Cow::Owned(caption_sample(&pair?, request)))))
            }
        };
        let mut wanted = self.places.as_ref().map(|places| places.iter().peekable());
        let is_wanted = move |place: usize| match &mut wanted {
            None => true,
            Some(places) => places.next_if(|next| **next as usize == place).is_some(),
        };
        let mut is_wanted = is_wanted;
        all.enumerate()
            .filter_map(move |(place, one)| (one.is_err() || is_wanted(place)).then_some(one))
    }
}

/// The samples of a set as a model's processor prepares them.
#[derive(Clone, Copy)]
pub struct Prepared<'a> {
    samples: &'a SampleSet,
    processor: &'a dyn Processor,
}

impl<'a> Prepared<'a> {
    /// Nothing is read yet: a sample and its pictures are when their step comes.
    pub fn new(samples: &'a SampleSet, processor: &'a dyn Processor) -> Self {
        Self { samples, processor }
    }
}

impl SampleSource for Prepared<'_> {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn id(&self, index: usize) -> &str {
        self.samples.id(index)
    }

    fn encode(&self, index: usize) -> Result<Encoded, String> {
        let sample = self.samples.get(index).map_err(|e| corpus::causes(&e))?;
        self.processor.sample(&sample).map_err(|e| e.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::write;

    fn samples() -> Vec<Sample> {
        let sample = |at: usize| Sample::exchange(at.to_string(), Vec::new(), "What?", "That.");
        (0..6).map(sample).collect()
    }

    fn ids(set: &SampleSet) -> Vec<String> {
        set.iter()
            .map(|one| one.expect("sound").id.clone())
            .collect()
    }

    #[test]
    fn a_file_gives_what_memory_gives() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("samples.jsonl");
        write(&path, &samples()).expect("write");
        let stored = SampleSet::open(&path).expect("open");
        for set in [SampleSet::new(samples()), stored] {
            assert_eq!(ids(&set), ["0", "1", "2", "3", "4", "5"]);
            let some = set.some(vec![1, 2, 4, 5]).some(vec![0, 3]);
            assert_eq!(ids(&some), ["1", "5"]);
            assert_eq!((some.len(), some.id(1)), (2, "5"));
            assert_eq!(*some.get(1).expect("sound"), samples()[5]);
        }
    }

    #[test]
    fn a_file_that_is_damaged_is_told_by_its_line() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("samples.jsonl");
        write(&path, &samples()).expect("write");
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::write(&path, text.replacen("\"turns\"", "\"turned\"", 1)).expect("write");
        let set = SampleSet::open(&path).expect("ids are there");
        assert!(set.get(1).is_ok());
        let told = set.get(0).expect_err("no turns").to_string();
        assert!(
            told.contains("samples.jsonl`, line 1: missing field"),
            "{told}"
        );
    }
}
