//! The general model is trained on the mix, or on a file of samples.

use std::path::PathBuf;

use corpus::formats;
use run::plan::Cost;
use run::recipe::{Control, Recipe, Training};
use run::{Node, Place};

use super::mix::{Mix, SAMPLES, node};
use super::pairs::{self, Pairs};
use crate::cards::Card;
use crate::error::Result;
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::records::{read, write_rejected};
use crate::samples;
use crate::sources::Sources;
use crate::stage::{Link, Site, Stage};
use crate::trained::Trained;
use crate::training::{self, Data, Task, Watch};

/// Its name.
pub const NAME: &str = "train";

/// Trains a model.
#[derive(Clone, Debug)]
pub struct Train {
    pairs: Link<Pairs>,
    mix: Link<Mix>,
    base: PathBuf,
    training: Training,
    watch: Watch,
    control: Option<Like>,
    card: Card,
    reading: formats::Options,
    max_bad: f64,
}

/// A control is trained for as many steps as the adapted model.
#[derive(Clone, Debug)]
struct Like {
    control: Control,
    adapted: Link<Train>,
}

impl Train {
    /// Of a recipe: the adapted model.
    pub fn of(recipe: &Recipe, sources: &Sources, pairs: Link<Pairs>, mix: Link<Mix>) -> Self {
        Self {
            card: Card::of_adapted(recipe, &pairs),
            pairs,
            mix,
            base: sources.base.clone(),
            training: recipe.train.clone(),
            watch: Watch::of(recipe, sources, &recipe.train.watching),
            control: None,
            reading: sources.reading.clone(),
            max_bad: recipe.max_bad,
        }
    }

    /// A control: the same on other samples.
    #[must_use]
    pub fn as_control(&self, control: Control, mix: Link<Mix>) -> Self {
        Self {
            mix,
            // A control is of its samples alone, or it would be the adapted model.
            training: Training {
                data: None,
                ..self.training.clone()
            },
            watch: self.watch.of_control(),
            control: Some(Like {
                control,
                adapted: Link::to(self),
            }),
            ..self.clone()
        }
    }
}

impl Stage for Train {
    type Counts = Trained;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let mut inputs = vec![
            (pairs::NAME, self.pairs.name()),
            ("samples", self.mix.name()),
        ];
        inputs.extend(
            self.control
                .as_ref()
                .map(|like| ("adapted", like.adapted.name())),
        );
        let control = self.control.as_ref().map(|like| like.control);
        node(NAME, control, Place::Collective, &inputs)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.model_settings();
        reader.training("train");
        self.watch.reads(reader)?;
        reader.model("the model", "model.checkpoint", &self.base)?;
        match &self.training.data {
            Some(path) => reader.records(
                "the training data",
                &samples::load(path, &self.reading, false)?,
            ),
            None => Ok(()),
        }
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        if let Some(like) = &self.control {
            // As many steps as the adapted model.
            return Ok(estimate.cost(like.adapted.name()));
        }
        let samples = match &self.training.data {
            Some(path) => samples::load(path, &self.reading, false)?.rows.len(),
            None => estimate.records(self.mix.name()),
        };
        Ok(estimate.training_of(samples, &self.training))
    }

    fn missing(&self) -> Vec<String> {
        match self.control {
            Some(_) => Vec::new(),
            None => self.watch.missing(),
        }
    }

    fn run(&self, site: &Site<'_>) -> Result<Trained> {
        let mut training = self.training.clone();
        let (samples, rejected) = match &training.data {
            Some(path) => samples::usable(site, path, &self.reading, self.max_bad)?,
            None => (read(&site.of(&self.mix, SAMPLES))?, Vec::new()),
        };
        write_rejected(site.folder, site.stage(), &rejected)?;
        let (read, unusable) = if let Some(like) = &self.control {
            training.max_steps = Some(site.counts(&like.adapted)?.steps as usize);
            training.epochs = f64::from(u32::MAX);
            // What was lost of the records was said before the adapted model was trained on them.
            (samples.len(), 0)
        } else if training.data.is_some() {
            (samples.len() + rejected.len(), rejected.len())
        } else {
            let (pairs, mix) = (site.counts(&self.pairs)?, site.counts(&self.mix)?);
            (
                (pairs.read + mix.general_read) as usize,
                (pairs.unusable + mix.general_unusable) as usize,
            )
        };
        let task = Task {
            base: &self.base,
            data: Data {
                samples: &samples,
                read,
                unusable,
            },
            training: &training,
            watched: &self.watch.read(site, Some(&self.pairs))?,
            max_bad: self.max_bad,
            card: &self.card,
        };
        training::train(site, &task)
    }
}
