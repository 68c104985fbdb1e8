//! What can be measured of a set without a judge, in one pass over its items.
//!
//! Words are runs of letters and digits, whatever their case. Numbers of distinct n-grams depend on how much text there is, so
//! sets of different sizes are compared by [`Distinct::sampled`], which is of equally many texts. Memory does not grow with the
//! texts: what is kept of an item is a few numbers, and what would be more is bounded, which the fields say.

mod answers;
mod copied;
mod distinct;
mod openings;
mod percent;
mod repeats;
mod spread;
mod words;

use std::collections::{BTreeMap, HashSet};

use corpus::seed::hash;
use evaluation::metrics::self_bleu;
use serde::{Deserialize, Serialize};

pub use answers::{AnswerShare, AnswerType, answer_type};
pub use copied::{Copied, Literal};
pub use distinct::{Distinct, Grams};
pub use openings::Opening;
pub use repeats::Repeats;
pub use spread::{Bin, Spread};

use crate::item::Item;
use crate::sets::{Error, Read, Source, read};
use crate::task_types::Distribution;
use answers::Answers;
use copied::Copying;
use distinct::Counter;
use openings::Openings;
use repeats::Repeating;
use spread::Tally;
use words::hashes;

/// Names of tasks and of authors that are told apart; a set with more has no list of kinds but one of items.
const MOST_NAMES: usize = 10_000;

/// Measures of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// The set.
    pub set: String,
    /// Items.
    pub items: usize,
    /// Of these, triplets.
    pub triplets: usize,
    /// Pairs or pictures that they are about.
    pub pairs: usize,
    /// Pictures that occur, each counted once.
    pub pictures: usize,
    /// Items without a picture.
    pub without_picture: usize,
    /// Items whose picture's caption is known.
    pub with_caption: usize,
    /// Items that a filter kept; none where none judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<usize>,
    /// Who wrote how many; nobody is named of items that name none.
    pub authors: BTreeMap<String, usize>,
    /// Exchanges of an item.
    pub exchanges: Spread,
    /// Words of a request.
    pub instruction_words: Spread,
    /// Words of a response, as it is trained.
    pub response_words: Spread,
    /// Words of a triplet's informative answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub informative_words: Option<Spread>,
    /// Words of a triplet's precise answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precise_words: Option<Spread>,
    /// Distinct n-grams of the requests.
    pub instructions: Distinct,
    /// Distinct n-grams of the responses.
    pub responses: Distinct,
    /// How alike the tasks are to one another.
    pub repeats: Repeats,
    /// What responses are, every type in a fixed order.
    pub answers: Vec<AnswerShare>,
    /// What precise answers are; empty where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub precise_answers: Vec<AnswerShare>,
    /// How much of the answers is the caption's; none where no caption is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<Copied>,
    /// The most frequent beginnings of requests.
    pub openings: Vec<Opening>,
    /// The data's own names of tasks, with how often each occurs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub task_names: BTreeMap<String, usize>,
    /// Kinds of task by these names; none where the data names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_types: Option<Distribution>,
    /// Domains of pictures by these names; none where the data names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_domains: Option<Distribution>,
}

/// Measures a set while it is read.
///
/// ```
/// use quality::{Item, Measurer};
/// let mut measurer = Measurer::new("mine", 0);
/// for (id, colour) in [("1", "Red."), ("2", "Blue."), ("3", "It is red.")] {
///     let exchanges = vec![["Which colour?".to_owned(), colour.to_owned()]];
///     measurer.add(&Item { id: id.into(), pair: id.into(), exchanges, ..Item::default() });
/// }
/// let measures = measurer.finish();
/// assert_eq!((measures.items, measures.repeats.instructions_repeated), (3, 2));
/// assert_eq!(measures.openings[0].words, "which colour");
/// ```
pub struct Measurer {
    set: String,
    items: usize,
    triplets: usize,
    pairs: HashSet<u64>,
    pictures: HashSet<u64>,
    without_picture: usize,
    with_caption: usize,
    judged: usize,
    kept: usize,
    authors: BTreeMap<String, usize>,
    task_names: BTreeMap<String, usize>,
    without_task: usize,
    exchanges: Tally,
    instruction_words: Tally,
    response_words: Tally,
    informative_words: Tally,
    precise_words: Tally,
    instructions: Counter,
    responses: Counter,
    repeats: Repeating,
    answers: Answers,
    precise_answers: Answers,
    copying: Copying,
    openings: Openings,
}

impl Measurer {
    /// Of a set; the seed draws what is measured on a sample.
    pub fn new(set: impl Into<String>, seed: u64) -> Self {
        Self {
            set: set.into(),
            items: 0,
            triplets: 0,
            pairs: HashSet::new(),
            pictures: HashSet::new(),
            without_picture: 0,
            with_caption: 0,
            judged: 0,
            kept: 0,
            authors: BTreeMap::new(),
            task_names: BTreeMap::new(),
            without_task: 0,
            exchanges: Tally::default(),
            instruction_words: Tally::default(),
            response_words: Tally::default(),
            informative_words: Tally::default(),
            precise_words: Tally::default(),
            instructions: Counter::new(seed),
            responses: Counter::new(seed),
            repeats: Repeating::new(seed),
            answers: Answers::default(),
            precise_answers: Answers::default(),
            copying: Copying::default(),
            openings: Openings::default(),
        }
    }

    /// An item of the set.
    pub fn add(&mut self, item: &Item) {
        self.items += 1;
        self.triplets += usize::from(item.is_triplet());
        self.pairs.insert(hash(0, &item.pair));
        for image in &item.images {
            self.pictures.insert(hash(0, &image.to_string_lossy()));
        }
        self.without_picture += usize::from(item.images.is_empty());
        self.with_caption += usize::from(item.caption.is_some());
        self.judged += usize::from(item.kept.is_some());
        self.kept += usize::from(item.kept == Some(true));
        if let Some(author) = &item.author {
            count(&mut self.authors, author);
        }
        match &item.task {
            Some(task) if count(&mut self.task_names, task) => {}
            _ => self.without_task += 1,
        }
        self.exchanges.add(item.exchanges.len());
        let mut responses = Vec::new();
        for (at, [request, response]) in item.exchanges.iter().enumerate() {
            let (asked, said) = (hashes(request), hashes(response));
            self.instruction_words.add(asked.len());
            self.response_words.add(said.len());
            self.repeats.add(&asked, &said, request, (&item.id, at));
            self.openings.add(request);
            self.answers.add(response);
            self.instructions.add(&asked, &item.id, at);
            self.responses.add(&said, &item.id, at);
            responses.push(said);
        }
        if let (Some(informative), Some(precise)) = (&item.informative, &item.precise) {
            let (long, short) = (hashes(informative), hashes(precise));
            self.informative_words.add(long.len());
            self.precise_words.add(short.len());
            self.precise_answers.add(precise);
            if let Some(caption) = &item.caption {
                self.copying.triplet(&hashes(caption), &long, &short);
            }
        } else if let Some(caption) = &item.caption {
            self.copying.responses(&hashes(caption), &responses);
        }
    }

    /// The measures.
    pub fn finish(self) -> Measures {
        self.finish_with(|requests| self_bleu(requests))
    }

    /// The measures with another variety of a seeded sample of 1,000 requests in place of self-BLEU, or none.
    pub fn finish_with(self, variety: impl FnOnce(&[&str]) -> Option<f64>) -> Measures {
        let bleu = variety(&self.repeats.sample());
        self.finished(bleu)
    }

    fn finished(self, self_bleu: Option<f64>) -> Measures {
        let names = &self.task_names;
        let mut task_types = (!names.is_empty()).then(|| Distribution::of_task_names(names));
        let mut domains = (!names.is_empty()).then(|| Distribution::of_domain_names(names));
        for found in [&mut task_types, &mut domains].into_iter().flatten() {
            found.unknown += self.without_task;
        }
        let mut repeats = self.repeats.finish();
        repeats.self_bleu = self_bleu;
        Measures {
            set: self.set,
            items: self.items,
            triplets: self.triplets,
            pairs: self.pairs.len(),
            pictures: self.pictures.len(),
            without_picture: self.without_picture,
            with_caption: self.with_caption,
            kept: (self.judged > 0).then_some(self.kept),
            authors: self.authors,
            exchanges: self.exchanges.spread(),
            instruction_words: self.instruction_words.spread(),
            response_words: self.response_words.spread(),
            informative_words: (self.triplets > 0).then(|| self.informative_words.spread()),
            precise_words: (self.triplets > 0).then(|| self.precise_words.spread()),
            instructions: self.instructions.finish(),
            responses: self.responses.finish(),
            repeats,
            answers: self.answers.shares(),
            precise_answers: self.precise_answers.shares(),
            copied: self.copying.finish(),
            openings: self.openings.most_frequent(),
            task_names: self.task_names,
            task_types,
            image_domains: domains,
        }
    }
}

/// Reads a set and measures it.
pub fn measure(source: &Source, seed: u64) -> Result<(Measures, Read), Error> {
    let mut measurer = Measurer::new(&source.name, seed);
    let read = read(source, |item| measurer.add(&item))?;
    Ok((measurer.finish(), read))
}

/// Counts a name, unless there are too many already.
fn count(names: &mut BTreeMap<String, usize>, name: &str) -> bool {
    if let Some(count) = names.get_mut(name) {
        *count += 1;
        return true;
    }
    let fits = names.len() < MOST_NAMES;
    if fits {
        names.insert(name.to_owned(), 1);
    }
    fits
}

#[cfg(test)]
mod tests;
