//! What a training is watched on, from the recipe to samples and questions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use corpus::formats;
use corpus::{Pair, Sample};
use run::recipe::{BestBy, HeldBack, Recipe, Watching};

use super::held_back::Kinship;
use crate::bad_records::{refuse_many, reject_broken};
use crate::blank;
use crate::error::{Error, Result, WatchError};
use crate::questions::Questions;
use crate::reader::Reader;
use crate::records::{read, write_rejected};
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
    pub of_file: Vec<Sample>,
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
            let loaded = samples::load(path, &self.reading, false)?;
            reader.records("the validation data", &loaded)?;
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
        let mut of_file = Vec::new();
        match &self.settings.validation {
            HeldBack::Nothing => {}
            HeldBack::Share(_) => {
                if let Some(pairs) = pairs {
                    kinship.groups = groups(read(&site.of(pairs, PAIRS))?);
                }
            }
            HeldBack::File(path) => {
                of_file = self.samples(site, path)?;
                if let Some(pairs) = pairs {
                    let held_out: Vec<Pair> = read(&site.of(pairs, HELD_OUT))?;
                    kinship.reported = pictures(held_out);
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
    fn samples(&self, site: &Site<'_>, path: &Path) -> Result<Vec<Sample>> {
        let mut loaded = samples::load(path, &self.reading, true)?;
        reject_broken(&mut loaded)?;
        let formats::Loaded {
            mut rows, rejected, ..
        } = loaded;
        if !rejected.is_empty() {
            let folder = site.folder.join(ANSWERS);
            std::fs::create_dir_all(&folder).map_err(Error::io("make", &folder))?;
            let list = write_rejected(&folder, site.stage(), &rejected)?;
            let count = rows.len();
            refuse_many(site.report, self.max_bad, path, count, &rejected, &list)?;
        }
        site.pictures
            .take_in(&mut rows, &mut site.digests.borrow_mut())?;
        Ok(rows)
    }
}

fn groups(pairs: Vec<Pair>) -> BTreeMap<String, String> {
    let named = pairs.into_iter();
    named
        .filter_map(|pair| Some((pair.id, pair.group?)))
        .collect()
}

fn pictures(pairs: Vec<Pair>) -> BTreeSet<PathBuf> {
    pairs.into_iter().flat_map(|pair| pair.images).collect()
}
