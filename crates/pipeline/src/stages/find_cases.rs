//! Tasks about pairs that somebody asked to see, of all sets, whether a sample has them or not.

use std::collections::BTreeSet;
use std::path::PathBuf;

use corpus::jsonl;
use quality::Item;
use run::plan::Cost;
use run::recipe::Recipe;
use run::{Node, Place};
use serde::{Deserialize, Serialize};

use super::judged_sets::{JudgedSets, take_in, with_folder};
use super::sample::GROUP;
use crate::error::Result;
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::stage::{Link, Site, Stage};

/// Its name.
pub const NAME: &str = "find-cases";

/// The file of the tasks, as [`Item`]s.
const ITEMS: &str = "items.jsonl";

/// Looks for tasks about pairs.
#[derive(Clone, Debug)]
pub struct FindCases {
    sets: JudgedSets,
    pairs: BTreeSet<String>,
}

/// What it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Tasks about the pairs.
    pub tasks: u64,
}

impl FindCases {
    /// Of a recipe's sets; none where nobody asks for pairs.
    pub fn of(recipe: &Recipe, sets: JudgedSets) -> Option<Self> {
        let pairs: BTreeSet<String> = recipe.judging.show.iter().cloned().collect();
        (!pairs.is_empty()).then_some(Self { sets, pairs })
    }

    /// The tasks that it found.
    ///
    /// Gives [`Error::Corpus`](crate::Error::Corpus).
    pub fn found(site: &Site<'_>, link: &Link<Self>) -> Result<Vec<Item>> {
        let mut items = jsonl::read(&site.of(link, ITEMS))?;
        with_folder(&site.folder_of(link), &mut items);
        Ok(items)
    }
}

impl Stage for FindCases {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let folder = PathBuf::from(GROUP).join(NAME);
        Node::of(NAME, Place::Rank0, &self.sets.inputs()).within(GROUP, folder)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["quality.show"]);
        self.sets.reads(reader)
    }

    fn cost(&self, _: &Estimate<'_>) -> Result<Cost> {
        Ok(Cost::nothing(self.pairs.len() * self.sets.count()))
    }

    fn loads(&self) -> &'static [&'static str] {
        &[]
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        // What is empty is told where a sample is drawn.
        let sources = self.sets.sources(site, |_| {})?;
        let mut items = Vec::new();
        for source in &sources {
            site.stop.check()?;
            quality::read(source, |item| {
                if self.pairs.contains(&item.pair) {
                    items.push(item);
                }
            })?;
        }
        take_in(site, &sources, &mut items)?;
        jsonl::write(&site.folder.join(ITEMS), &items)?;
        Ok(Counts {
            tasks: items.len() as u64,
        })
    }
}
