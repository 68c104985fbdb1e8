//! What a training is watched on, from the recipe to samples and questions.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use corpus::{Pair, formats};
use run::recipe::{BestBy, HeldBack, Recipe, Watching};

use super::held_back::{Kinship, PairGroups};
use crate::bad_records::refuse_many;
use crate::blank;
use crate::error::{Error, Result, WatchError};
use crate::file_rows;
use crate::questions::Questions;
use crate::reader::Reader;
use crate::records::{rows, write_rejected};
use crate::sample_set::SampleSet;
use crate::samples;
use crate::sources::Sources;
use crate::stage::{Link, Site};
use crate::stages::pairs::{HELD_OUT, PAIRS, Pairs};
use crate::tasks::Tasks;

/// The folder of what is answered and what could not be used.
pub const ANSWERS: &str = "validation";

/// Questions of a task that are asked at a look.
const QUESTIONS: usize = 64;

/// What a recipe says of one training's watching.
#[derive(Clone, Debug)]
pub struct Watch {
    settings: Watching,
    tasks: Tasks,
    reading: formats::Options,
    max_bad: f64,
    seed: u64,
}

/// What it comes to.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The settings.
    pub settings: Watching,
    /// The samples of the file that is watched instead of a share.
    pub of_file: SampleSet,
    /// What samples have in common.
    pub kinship: Kinship,
    /// What is asked.
    pub questions: Vec<Questions>,
    /// How tasks are read.
    pub tasks: Tasks,
    /// The run's seed.
    pub seed: u64,
}

impl Watch {
    /// Of a recipe.
    pub fn of(recipe: &Recipe, sources: &Sources, settings: &Watching) -> Self {
        Self {
            tasks: Tasks::of_watching(recipe, sources, &settings.eval_tasks),
            settings: settings.clone(),
            reading: sources.reading.clone(),
            max_bad: recipe.max_bad,
            seed: recipe.seed,
        }
    }

    /// The same for a control, which goes on for as many steps as the adapted model did.
    #[must_use]
    pub fn of_control(&self) -> Self {
        let mut control = self.clone();
        control.settings.patience = 0;
        control
    }

    /// What it reads beside the keys of its section.
    pub fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        if let HeldBack::File(path) = &self.settings.validation {
            let rows = file_rows::samples(path, &self.reading, false)?;
            reader.records("the validation data", rows)?;
        }
        if self.settings.eval_tasks.is_empty() {
            return Ok(());
        }
        self.tasks.reads_items(reader)
    }

    /// What is wrong with it, one sentence each.
    pub fn missing(&self) -> Vec<String> {
        let mut all = self.tasks.problems();
        if let BestBy::Task(task) = &self.settings.best_by {
            let tasks = self.tasks.names();
            if !tasks.contains(task) {
                let task = task.clone();
                all.push(WatchError::NotAsked { task, tasks }.to_string());
            }
        }
        all
    }

    /// Reads samples, groups and questions; `pairs` are those of the run, if there are any.
    pub fn read(&self, site: &Site<'_>, pairs: Option<&Link<Pairs>>) -> Result<Watched> {
        let mut kinship = Kinship {
            blank: blank::place(site.run),
            seed: self.seed,
            ..Kinship::default()
        };
        let mut of_file = SampleSet::new(Vec::new());
        match &self.settings.validation {
            HeldBack::Nothing => {}
            HeldBack::Share(_) => {
                if let Some(pairs) = pairs {
                    kinship.groups = groups(rows(&site.of(pairs, PAIRS))?)?;
                }
            }
            HeldBack::File(path) => {
                of_file = self.samples(site, path)?;
                if let Some(pairs) = pairs {
                    kinship.reported = pictures(rows(&site.of(pairs, HELD_OUT))?)?;
                }
            }
        }
        let questions = self.tasks.read(site)?;
        let drawn = |one: &Questions| one.drawn(QUESTIONS, self.seed);
        Ok(Watched {
            settings: self.settings.clone(),
            of_file,
            kinship,
            questions: questions.iter().map(drawn).collect(),
            tasks: self.tasks.clone(),
            seed: self.seed,
        })
    }
}

impl Watch {
    /// The samples of the file; those that cannot be used are listed apart from those of the training.
    fn samples(&self, site: &Site<'_>, path: &Path) -> Result<SampleSet> {
        let (samples, rejected) =
            samples::put_aside(site, file_rows::samples(path, &self.reading, true)?, path)?;
        if !rejected.is_empty() {
            let folder = site.folder.join(ANSWERS);
            std::fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
            let list = write_rejected(&folder, site.stage(), &rejected)?;
            let count = samples.len();
            refuse_many(site.report, self.max_bad, path, count, &rejected, &list)?;
        }
        SampleSet::stored(samples)
    }
}

fn groups(pairs: impl Iterator<Item = Result<Pair>>) -> Result<PairGroups> {
    let mut groups = PairGroups::default();
    for pair in pairs {
        let pair = pair?;
        if let Some(group) = &pair.group {
            groups.add(&pair.id, group);
        }
    }
    Ok(groups)
}

fn pictures(pairs: impl Iterator<Item = Result<Pair>>) -> Result<BTreeSet<PathBuf>> {
    let mut pictures = BTreeSet::new();
    for pair in pairs {
        pictures.extend(pair?.images);
    }
    Ok(pictures)
}
