//! The sets of tasks that are judged: those that lie somewhere, and what the run itself makes.

use std::path::{Path, PathBuf};

use quality::{Item, Source};
use run::recipe::{NamedData, Recipe};

use super::filter::{Filter, KEPT, KEPT_TASKS, VERDICTS};
use super::pairs::{self, PAIRS, Pairs};
use super::synthesize::{Synthesize, TRIPLETS};
use crate::error::{Error, Result};
use crate::reader::Reader;
use crate::records::{joined, relative};
use crate::sources::Sources;
use crate::stage::{Link, Site};

/// The set of what a run trains on.
pub const TRAINED: &str = "trained on";
/// The set of what a run's filter judged.
pub const BEFORE: &str = "before the filter";

/// What a run makes.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its pairs.
    pub pairs: Link<Pairs>,
    /// What was synthesized of them.
    pub synthesized: Link<Synthesize>,
    /// What the filter kept of that.
    pub kept: Link<Filter>,
    /// Whether it is of triplets that a judge looked at.
    pub is_judged: bool,
    /// Whether it is of triplets.
    pub is_of_triplets: bool,
}

/// All sets of a recipe.
#[derive(Clone, Debug)]
pub struct JudgedSets {
    /// Sets that lie somewhere.
    data: Vec<NamedData>,
    /// What this run makes.
    pub(super) made: Option<Made>,
    /// Pairs of triplets outside of a run folder.
    pairs: Option<PathBuf>,
    /// Whether what filters judged is measured.
    filter: bool,
    joining: quality::Joining,
}

impl JudgedSets {
    /// Of a recipe, with what the run itself makes.
    pub fn of(recipe: &Recipe, sources: &Sources, made: Option<Made>) -> Self {
        let judging = &recipe.judging;
        Self {
            data: judging.data.clone(),
            made,
            pairs: judging.pairs.clone(),
            filter: judging.filter,
            joining: quality::Joining {
                answers: recipe.mix.answers,
                joiner: recipe.mix.joiner,
                seed: recipe.seed,
                prompts: sources.prompts.joiners.clone(),
            },
        }
    }

    /// How many sets are named or made, counting what a run makes as one.
    pub fn count(&self) -> usize {
        self.data.len() + usize::from(self.made.is_some())
    }

    /// The sets that lie somewhere.
    fn lying(&self) -> Result<Vec<Source>> {
        let mut all = Vec::new();
        for set in &self.data {
            let found = quality::sources(&set.name, &set.path)?;
            all.extend(found.into_iter().map(|source| self.finish(source)));
        }
        Ok(all)
    }

    fn finish(&self, mut source: Source) -> Source {
        if source.pairs.is_empty() {
            source.pairs.extend(self.pairs.clone());
        }
        source.is_of_filter =
            self.filter && source.verdicts.is_some() && source.kept.as_ref() != Some(&source.path);
        source
    }

    /// Each of them, as it is read. Those that the run made empty are left out; `empty` is told their names.
    pub fn sources(&self, site: &Site<'_>, empty: impl Fn(&str)) -> Result<Vec<Source>> {
        let mut all = Vec::new();
        if let Some(made) = &self.made {
            let source = |name: &str, path: PathBuf| Source {
                pairs: vec![site.of(&made.pairs, PAIRS)],
                verdicts: made.is_judged.then(|| site.of(&made.kept, VERDICTS)),
                kept: made.is_judged.then(|| site.of(&made.kept, KEPT)),
                joining: self.joining.clone(),
                ..Source::new(name, path)
            };
            if made.is_judged {
                let before = source(BEFORE, site.of(&made.synthesized, TRIPLETS));
                all.push(self.finish(before));
            }
            let kept = if made.is_of_triplets {
                KEPT
            } else {
                KEPT_TASKS
            };
            all.push(source(TRAINED, site.of(&made.kept, kept)));
            for source in std::mem::take(&mut all) {
                let found = std::fs::metadata(&source.path);
                if found.map_err(Error::io("read", &source.path))?.len() > 0 {
                    all.push(source);
                } else {
                    empty(&source.name);
                }
            }
        }
        let mut lying = self.lying()?;
        for source in &mut lying {
            source.unpack = Some(site.pictures.folder().to_owned());
        }
        all.extend(lying);
        Ok(all)
    }

    /// Refuses to measure a filter where no set has one.
    fn check_filter(&self, lying: &[Source]) -> Result<()> {
        let is_own = self.made.as_ref().is_some_and(|made| made.is_judged);
        if !self.filter || is_own || lying.iter().any(|set| set.is_of_filter) {
            return Ok(());
        }
        let own = self.made.as_ref().map(|_| TRAINED);
        let Some(set) = own.or(lying.first().map(|set| set.name.as_str())) else {
            return Ok(());
        };
        Err(quality::sets::Error::NotJudged {
            set: set.to_owned(),
        }
        .into())
    }

    /// What they need of other stages.
    pub fn inputs(&self) -> Vec<(&'static str, &str)> {
        match &self.made {
            Some(made) => vec![
                (pairs::NAME, made.pairs.name()),
                ("synthesized", made.synthesized.name()),
                ("kept", made.kept.name()),
            ],
            None => Vec::new(),
        }
    }

    /// What of them goes into the identity of a stage that reads them.
    pub fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["quality.filter", "run.seed"]);
        if self.made.is_some() {
            reader.keys(&["mix.answers", "mix.joiner"]);
        }
        let mut names = Vec::new();
        let lying = self.lying()?;
        self.check_filter(&lying)?;
        if self.made.is_none() {
            quality::sets::check_names(&lying)?;
        }
        for source in lying {
            let beside = source
                .pairs
                .iter()
                .chain(&source.verdicts)
                .chain(&source.kept);
            for (at, path) in std::iter::once(&source.path).chain(beside).enumerate() {
                reader.data(&format!("set {} {at}", source.name), path)?;
            }
            names.push(source.name);
        }
        reader.setting("sets", names);
        Ok(())
    }
}

/// Takes the pictures of chosen items into the run, and names them from the stage's folder.
pub fn take_in(site: &Site<'_>, sources: &[Source], items: &mut [Item]) -> Result<()> {
    for image in items.iter_mut().flat_map(|item| &mut item.images) {
        *image = std::path::absolute(&*image).map_err(Error::io("find", image))?;
    }
    for source in sources {
        quality::write_pictures(source, items)?;
    }
    let mut digests = site.digests.borrow_mut();
    site.pictures.take_in(items, &mut digests)?;
    for image in items.iter_mut().flat_map(|item| &mut item.images) {
        *image = joined(Path::new("/"), image);
        if image.starts_with(site.run) {
            *image = relative(image, site.folder)?;
        }
    }
    Ok(())
}

/// Names the pictures of items of a stage in this folder from anywhere.
pub fn with_folder(folder: &Path, items: &mut [Item]) {
    for image in items.iter_mut().flat_map(|item| &mut item.images) {
        *image = folder.join(&*image);
    }
}
