//! A model is asked the sample's questions with the picture and with a blank one: what it answers alike needs no picture.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use corpus::{Request, jsonl};
use quality::Item;
use run::plan::Cost;
use run::recipe::Recipe;
use run::{Node, Place};
use serde::{Deserialize, Serialize};
use synthesis::text::words;
use synthesis::truth::gives;

use super::sample::{self, DrawSample};
use crate::answering::Local;
use crate::error::Result;
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::sighted;
use crate::sources::folder_of;
use crate::stage::{Link, Site, Stage};

/// Its name.
pub const NAME: &str = "answerable";

/// The recipe key of its model.
const MODEL: &str = "quality.answerer";

/// The file of what it found.
const FOUND: &str = "answerable.jsonl";

/// Most words of an answer that can be held against another one word by word.
const SHORT: usize = 5;

/// Most tokens of an answer.
const ANSWER: usize = 64;

/// The tokens that an answer is taken to have, for a plan.
const ANSWER_TOKENS: f64 = 24.0;

/// Asks with the picture and without.
#[derive(Clone, Debug)]
pub struct Answerable {
    sample: Link<DrawSample>,
    model: PathBuf,
    count: usize,
    seed: u64,
}

/// What it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Questions, each of which was asked twice.
    pub asked: u64,
    /// Of these, how many were answered alike.
    pub alike: u64,
}

/// What was found of a set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfSet {
    /// Its name.
    pub set: String,
    /// Questions about pictures.
    pub asked: usize,
    /// Answers that are the same words with the picture and with a blank one.
    pub alike: usize,
    /// Questions whose answer in the data is short, so that another one can be held against it.
    pub short: usize,
    /// Of these, how many the model answers as the data does, with the picture.
    pub with_picture: usize,
    /// Likewise, with a blank one.
    pub with_blank: usize,
}

impl Answerable {
    /// Of a model, in the run folder `run`.
    pub fn of(recipe: &Recipe, run: &Path, model: &Path, sample: Link<DrawSample>) -> Self {
        Self {
            sample,
            model: folder_of(model, run),
            count: recipe.judging.sample,
            seed: recipe.seed,
        }
    }

    /// What was found, set by set.
    ///
    /// Gives [`Error::Corpus`](crate::Error::Corpus).
    pub fn found(site: &Site<'_>, link: &Link<Self>) -> Result<Vec<OfSet>> {
        Ok(jsonl::read(&site.of(link, FOUND))?)
    }
}

impl Stage for Answerable {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let folder = PathBuf::from(sample::GROUP).join(NAME);
        let inputs = [(sample::NAME, self.sample.name())];
        Node::of(NAME, Place::Blocks, &inputs).within(sample::GROUP, folder)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.model_settings();
        reader.model(
            "the model that is asked without pictures",
            MODEL,
            &self.model,
        )
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        let cost = estimate.answers_of(2 * self.count, ANSWER_TOKENS);
        Ok(cost.with("answers", 2 * self.count))
    }

    fn loads(&self) -> &'static [&'static str] {
        &[]
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let sample = DrawSample::sample(site, &self.sample)?;
        let items: Vec<&Item> = sample
            .items
            .iter()
            .filter(|item| !item.images.is_empty() && !item.exchanges.is_empty())
            .collect();
        let request = |item: &&Item| {
            let mut request =
                Request::question(&item.key, item.images.clone(), &item.exchanges[0][0]);
            request.decoding.max_new_tokens = ANSWER;
            request
        };
        let requests: Vec<Request> = items.iter().map(request).collect();
        let (model, processor) = site.engine.open(&self.model)?;
        let mut answerer = Local {
            model: model.as_ref(),
            processor: processor.as_ref(),
            generation: site.engine.generation,
            seed: self.seed,
        }
        .of_stage(site);
        let [seen, unseen] = sighted::with_and_without(site, &mut answerer, &requests)?;
        let mut sets: BTreeMap<&str, OfSet> = BTreeMap::new();
        for (item, (seen, unseen)) in items.iter().zip(seen.iter().zip(&unseen)) {
            let of_set = sets.entry(&item.set).or_default();
            of_set.set.clone_from(&item.set);
            of_set.add(item, &seen.text, &unseen.text);
        }
        let found: Vec<OfSet> = sets.into_values().collect();
        jsonl::write(&site.folder.join(FOUND), &found)?;
        Ok(Counts {
            asked: items.len() as u64,
            alike: found.iter().map(|set| set.alike as u64).sum(),
        })
    }
}

impl OfSet {
    fn add(&mut self, item: &Item, seen: &str, unseen: &str) {
        self.asked += 1;
        self.alike += usize::from(words(seen) == words(unseen));
        let answer = item.precise.as_ref().unwrap_or(&item.exchanges[0][1]);
        let length = words(answer).len();
        if (1..=SHORT).contains(&length) {
            self.short += 1;
            self.with_picture += usize::from(gives(seen, answer));
            self.with_blank += usize::from(gives(unseen, answer));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_answer_is_held_against_the_data() {
        let item = |response: &str, precise: Option<&str>| Item {
            exchanges: vec![["What is it?".to_owned(), response.to_owned()]],
            precise: precise.map(str::to_owned),
            ..Item::default()
        };
        let mut found = OfSet::default();
        found.add(
            &item("It is a lemon, cut in two.", Some("lemon")),
            "A lemon.",
            "An apple.",
        );
        found.add(&item("lemon", None), "A lemon", "a lemon!");
        found.add(
            &item("It is a lemon that lies on a plate.", None),
            "lemon",
            "apple",
        );
        assert_eq!(
            (
                found.asked,
                found.alike,
                found.short,
                found.with_picture,
                found.with_blank
            ),
            (3, 1, 2, 2, 1)
        );
    }
}
