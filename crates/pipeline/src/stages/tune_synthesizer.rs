//! A synthesizer is tuned on seed data, unless the recipe names a tuned one or wants the general model itself to synthesize.

use std::path::{Path, PathBuf};

use corpus::formats::{self, Loaded};
use run::plan::Cost;
use run::recipe::{Recipe, Training};
use run::{Node, Place};
use serde::{Deserialize, Serialize};
use synthesis::{Blank, Input, Prompts, SeedOptions};

use crate::bad_records::{refuse_many, reject_broken};
use crate::blank;
use crate::cards::Card;
use crate::error::Result;
use crate::estimate::Estimate;
use crate::file_rows;
use crate::reader::Reader;
use crate::records::{write, write_rejected};
use crate::sample_set::SampleSet;
use crate::samples;
use crate::sources::{Sources, Tuning};
use crate::stage::{Site, Stage};
use crate::trained::Trained;
use crate::training::{self, Data, Purpose, Task, Watch};

/// Its name.
pub const NAME: &str = "tune-synthesizer";

/// Tunes the synthesizer.
#[derive(Clone, Debug)]
pub struct TuneSynthesizer {
    tuning: Option<Tuning>,
    is_untuned: bool,
    base: PathBuf,
    input: Input,
    blank_images: f64,
    training: Training,
    watch: Watch,
    prompts: Prompts,
    prompts_file: Option<PathBuf>,
    max_bad: f64,
    seed: u64,
    limit: Option<usize>,
    card: Card,
    reading: formats::Options,
}

/// What it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Counts {
    /// There was nothing to tune.
    Before {
        /// Always 1.
        #[serde(rename = "tuned before")]
        tuned_before: u64,
    },
    /// The general model itself synthesizes.
    Untuned {
        /// Always 1.
        #[serde(rename = "left untuned")]
        left_untuned: u64,
    },
    /// What the training counted.
    Tuned(Trained),
}

impl TuneSynthesizer {
    /// Of a recipe.
    pub fn of(recipe: &Recipe, sources: &Sources) -> Self {
        let settings = &recipe.synthesizer;
        Self {
            tuning: sources.tuning.clone(),
            is_untuned: sources.is_untuned,
            base: sources.base.clone(),
            input: settings.input,
            blank_images: settings.blank_images,
            training: settings.train.clone(),
            watch: Watch::of(recipe, sources, &settings.train.watching),
            prompts: sources.prompts.clone(),
            prompts_file: settings.prompts.clone(),
            max_bad: recipe.max_bad,
            seed: recipe.seed,
            limit: sources.limit,
            card: Card::of_synthesizer(recipe),
            reading: sources.reading.clone(),
        }
    }

    fn seeds(&self, path: &Path, check_images: bool) -> Result<Loaded<corpus::Seed>> {
        let options = formats::Options {
            check_images,
            ..self.reading.clone()
        };
        Ok(formats::read_seeds(path, &options)?)
    }

    fn tune(
        &self,
        site: &Site<'_>,
        samples: &SampleSet,
        read: usize,
        unusable: usize,
    ) -> Result<Counts> {
        let task = Task {
            base: &self.base,
            data: Data {
                samples,
                read,
                unusable,
            },
            training: &self.training,
            learns: None,
            watched: &self.watch.read(site, None)?,
            max_bad: self.max_bad,
            purpose: Purpose::Synthesis,
            card: &self.card,
        };
        Ok(Counts::Tuned(training::train(site, &task)?))
    }
}

impl Stage for TuneSynthesizer {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 2;

    fn node(&self) -> Node {
        Node::of(NAME, Place::Collective, &[])
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        if self.is_untuned {
            reader.keys(&["synthesizer.tuned"]);
        }
        let Some(tuning) = &self.tuning else {
            return Ok(());
        };
        reader.model_settings();
        reader.training("synthesizer.train");
        self.watch.reads(reader)?;
        reader.model("the model", "model.checkpoint", &self.base)?;
        let seeds = match tuning {
            Tuning::Seeds(seeds) => seeds,
            Tuning::Samples(data) => {
                let rows = file_rows::samples(data, &self.reading, false)?;
                return reader.records("the tuning data", rows);
            }
        };
        reader.keys(&["synthesizer.input", "synthesizer.blank_images"]);
        reader.setting("--limit", self.limit);
        if let Some(path) = &self.prompts_file {
            reader.file("the prompts", path)?;
        }
        let rows = file_rows::of_loaded(self.seeds(seeds, false)?);
        reader.records("the seed data", rows)
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        let records = match &self.tuning {
            None => return Ok(Cost::nothing(0)),
            Some(Tuning::Samples(data)) => file_rows::num_samples(data, &self.reading)?,
            Some(Tuning::Seeds(seeds)) => {
                let rows = self.seeds(seeds, false)?.rows.len();
                rows.min(self.limit.unwrap_or(usize::MAX))
            }
        };
        Ok(estimate.training_of(records, &self.training))
    }

    fn missing(&self) -> Vec<String> {
        match self.tuning {
            Some(_) => self.watch.missing(),
            None => Vec::new(),
        }
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let path = match &self.tuning {
            None if self.is_untuned => return Ok(Counts::Untuned { left_untuned: 1 }),
            None => return Ok(Counts::Before { tuned_before: 1 }),
            Some(Tuning::Seeds(path)) => path,
            Some(Tuning::Samples(data)) => {
                let (samples, rejected) = samples::usable(site, data, &self.reading, self.max_bad)?;
                let read = samples.len() + rejected.len();
                let samples = SampleSet::stored(samples)?;
                return self.tune(site, &samples, read, rejected.len());
            }
        };
        let mut loaded = self.seeds(path, true)?;
        if let Some(note) = file_rows::about_pictures(path, loaded.root_above.as_ref()) {
            site.report.note(note);
        }
        reject_broken(&mut loaded)?;
        let Loaded {
            mut rows,
            mut rejected,
            ..
        } = loaded;
        let list = write_rejected(site.folder, site.stage(), &rejected)?;
        refuse_many(
            site.report,
            self.max_bad,
            path,
            rows.len(),
            &rejected,
            &list,
        )?;
        let read = rows.len() + rejected.len();
        rows.truncate(self.limit.unwrap_or(usize::MAX));
        site.pictures
            .take_in(&mut rows, &mut site.digests.borrow_mut())?;
        let (blank, _) = blank::write(site.run)?;
        let options = SeedOptions {
            input: self.input,
            blank: Some(Blank {
                path: &blank,
                share: self.blank_images,
            }),
            seed: self.seed,
        };
        let made = synthesis::seed_samples(&rows, options, &self.prompts);
        let unusable = rejected.len() + rows.len() - made.items.len();
        rejected.extend(made.rejected);
        write_rejected(site.folder, site.stage(), &rejected)?;
        write(&site.folder.join("samples.jsonl"), &made.items)?;
        self.tune(site, &SampleSet::new(made.items), read, unusable)
    }
}
