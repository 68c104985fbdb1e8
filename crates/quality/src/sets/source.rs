//! Where a set lies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use synthesis::prompts::JoinerPrompts;
use synthesis::{Answers, Joiner, Prompts};

use super::error::Error;

/// A set and the files that tell of it.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// How it is called: what people see, and a part of each item's key.
    pub name: String,
    /// The file with its tasks, or a folder that `corpus` reads as one data set.
    pub path: PathBuf,
    /// Files of pairs in any layout: captions and pictures of triplets and conversations by the pair's id. Of two pairs with
    /// one id the first counts.
    pub pairs: Vec<PathBuf>,
    /// What a filter's judge said of each triplet.
    pub verdicts: Option<PathBuf>,
    /// The triplets that the filter kept. Without it those are kept that the judge said yes to, which a recipe with a
    /// threshold may have narrowed.
    pub kept: Option<PathBuf>,
    /// Where relative names of pictures start, if not in the file's folder or above it.
    pub images: Option<PathBuf>,
    /// Our names of keys to the file's, as in `corpus::formats::Options`.
    pub columns: BTreeMap<String, String>,
    /// Where pictures go that lie inside the data file: items name them there, and
    /// [`write_pictures`](super::write_pictures) writes those of a sample.
    pub unpack: Option<PathBuf>,
    /// How the answers of a triplet become the one that is trained.
    pub joining: Joining,
    /// Whether its sample is of what a filter kept and what it dropped.
    pub is_of_filter: bool,
}

/// How the answers of a triplet become the one that is trained.
#[derive(Clone, Debug, PartialEq)]
pub struct Joining {
    /// Which answers are trained.
    pub answers: Answers,
    /// How both become one: by default as in figure 2 of the paper, which needs no seed. A run that draws templates draws the
    /// same ones here if it gives its joiner and its seed.
    pub joiner: Joiner,
    /// The seed of drawn templates.
    pub seed: u64,
    /// The words between both.
    pub prompts: JoinerPrompts,
}

impl Default for Joining {
    fn default() -> Self {
        Self {
            answers: Answers::default(),
            joiner: Joiner::default(),
            seed: 0,
            prompts: Prompts::default().joiners,
        }
    }
}

impl Source {
    /// A file of tasks that nothing else tells of; [`with_neighbours`](super::with_neighbours) finds what lies beside it.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            ..Self::default()
        }
    }

    /// The same set, to be drawn from what its filter kept and what it dropped.
    #[must_use]
    pub fn of_filter(self) -> Self {
        Self {
            is_of_filter: true,
            ..self
        }
    }
}

/// Refuses sets that have one name, and none at all.
pub fn check_names(sources: &[Source]) -> Result<(), Error> {
    if sources.is_empty() {
        return Err(Error::NoSets);
    }
    let mut seen = BTreeSet::new();
    match sources.iter().find(|source| !seen.insert(&source.name)) {
        None => Ok(()),
        Some(Source { name, .. }) => Err(Error::SameName { name: name.clone() }),
    }
}
