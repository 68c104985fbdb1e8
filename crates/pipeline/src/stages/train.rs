//! The general model is trained on the mix, or on a file of samples.

use std::collections::BTreeMap;
use std::path::PathBuf;

use corpus::formats;
use run::plan::Cost;
use run::recipe::{Control, Recipe, StageData, Training};
use run::{Node, Place};

use super::matched::Matched;
use super::mix::{Mix, SAMPLES};
use super::pairs::{self, Pairs};
use super::part::Part;
use crate::cards::Card;
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::file_rows;
use crate::reader::Reader;
use crate::records::write_rejected;
use crate::sample_set::SampleSet;
use crate::samples;
use crate::settings;
use crate::sources::Sources;
use crate::stage::{Link, Site, Stage};
use crate::trained::Trained;
use crate::training::{self, Data, Purpose, Task, Watch};

/// Its name.
pub const NAME: &str = "train";

/// What a training learns as many tokens as, among what it reads.
pub const MATCHED: &str = "learns as many tokens as";

/// Trains a model.
#[derive(Clone, Debug)]
pub struct Train {
    pairs: Link<Pairs>,
    mix: Link<Mix>,
    base: PathBuf,
    /// The stage before, whose model it goes on from.
    before: Option<Link<Train>>,
    training: Training,
    /// The section of the recipe that `training` is.
    section: String,
    part: Part,
    watch: Watch,
    /// What it learns as many tokens as, with the stages before it; as its epochs say where there is none.
    matched: Option<Matched>,
    /// Those stages.
    earlier: Vec<Link<Train>>,
    /// What a control is trained for as many steps as.
    adapted: Option<Link<Train>>,
    /// Whether its samples are made of pairs.
    of_pairs: bool,
    card: Card,
    reading: formats::Options,
    max_bad: f64,
}

impl Train {
    /// Of a recipe: the adapted model.
    pub fn of(recipe: &Recipe, sources: &Sources, pairs: Link<Pairs>, mix: Link<Mix>) -> Self {
        Self {
            card: Card::of_adapted(recipe, &pairs),
            pairs,
            mix,
            base: sources.base.clone(),
            before: None,
            training: recipe.train.clone(),
            section: NAME.to_owned(),
            part: Part::default(),
            watch: Watch::of(recipe, sources, &recipe.train.watching),
            matched: None,
            earlier: Vec::new(),
            adapted: None,
            of_pairs: true,
            reading: sources.reading.clone(),
            max_bad: recipe.max_bad,
        }
    }

    /// Of the stage at a place of the recipe's; `before` is the one before it.
    pub fn of_stage(
        recipe: &Recipe,
        sources: &Sources,
        pairs: Link<Pairs>,
        mix: Link<Mix>,
        at: usize,
        part: Part,
        before: Option<Link<Train>>,
    ) -> Self {
        let stage = &recipe.stages[at];
        Self {
            card: Card::of_stage(recipe, &pairs, at),
            before,
            // A file of samples comes by way of the mix.
            training: Training {
                data: None,
                ..stage.training.clone()
            },
            section: stage.section(),
            watch: Watch::of(recipe, sources, &stage.training.watching),
            part,
            of_pairs: stage.data.is_some_and(|data| data != StageData::General),
            ..Self::of(recipe, sources, pairs, mix)
        }
    }

    /// The same, but learning as many tokens as another training, with the stages before it.
    #[must_use]
    pub fn matching(self, matched: Matched, earlier: Vec<Link<Train>>) -> Self {
        Self {
            matched: Some(matched),
            earlier,
            ..self
        }
    }

    /// Which of the run's trainings it is.
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// A control: the same on other samples, from the base or what the control was before.
    #[must_use]
    pub fn as_control(
        &self,
        control: Control,
        mix: Link<Mix>,
        before: Option<Link<Train>>,
    ) -> Self {
        Self {
            mix,
            before,
            // A control is of its samples alone, or it would be the adapted model.
            training: Training {
                data: None,
                ..self.training.clone()
            },
            part: self.part.of_control(control),
            watch: self.watch.of_control(),
            matched: None,
            adapted: Some(Link::to(self)),
            ..self.clone()
        }
    }

    /// How many tokens are left for it to learn when the stages before it have learned theirs.
    fn learns(&self, site: &Site<'_>, matched: &Matched) -> Result<u64> {
        let mut before = 0;
        for link in &self.earlier {
            before += site.counts(link)?.learned;
        }
        let wanted = matched.learned()?;
        wanted
            .checked_sub(before)
            .filter(|left| *left > 0)
            .ok_or(Error::NothingLeft { wanted, before })
    }

    /// The model that it starts from.
    fn start(&self, site: &Site<'_>) -> PathBuf {
        match &self.before {
            Some(link) => site.of(link, "model"),
            None => self.base.clone(),
        }
    }
}

impl Stage for Train {
    type Counts = Trained;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let mut inputs = vec![("samples", self.mix.name())];
        if self.of_pairs {
            inputs.push((pairs::NAME, self.pairs.name()));
        }
        inputs.extend(self.before.as_ref().map(|link| ("model", link.name())));
        inputs.extend(self.adapted.as_ref().map(|link| ("adapted", link.name())));
        self.part.node(NAME, Place::Collective, &inputs)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.model_settings();
        reader.training(&self.section);
        self.watch.reads(reader)?;
        if let Some(matched) = &self.matched {
            reader.setting(MATCHED, matched.keys.clone());
        }
        if self.before.is_none() {
            reader.model("the model", "model.checkpoint", &self.base)?;
        }
        match &self.training.data {
            Some(path) => reader.records(
                "the training data",
                file_rows::samples(path, &self.reading, false)?,
            ),
            None => Ok(()),
        }
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        if let Some(adapted) = &self.adapted {
            // As many steps as the adapted model.
            return Ok(estimate.cost(adapted.name()));
        }
        let samples = match &self.training.data {
            Some(path) => file_rows::num_samples(path, &self.reading)?,
            None => estimate.records(self.mix.name()),
        };
        let measured = estimate
            .measured
            .of_training(&settings::config(&self.training));
        let own = Estimate {
            measured: &measured,
            before: BTreeMap::new(),
            ..*estimate
        };
        Ok(own.training_of(samples, &self.training))
    }

    fn missing(&self) -> Vec<String> {
        match self.adapted {
            Some(_) => Vec::new(),
            None => self.watch.missing(),
        }
    }

    fn run(&self, site: &Site<'_>) -> Result<Trained> {
        let mut training = self.training.clone();
        let (samples, rejected) = match &training.data {
            Some(path) => {
                let (samples, rejected) = samples::usable(site, path, &self.reading, self.max_bad)?;
                (SampleSet::stored(samples)?, rejected)
            }
            None => (SampleSet::open(&site.of(&self.mix, SAMPLES))?, Vec::new()),
        };
        write_rejected(site.folder, site.stage(), &rejected)?;
        let (read, unusable) = if let Some(adapted) = &self.adapted {
            training.max_steps = Some(site.counts(adapted)?.steps as usize);
            training.epochs = f64::from(u32::MAX);
            // What was lost of the records was said before the adapted model was trained on them.
            (samples.len(), 0)
        } else if training.data.is_some() {
            (samples.len() + rejected.len(), rejected.len())
        } else {
            let mix = site.counts(&self.mix)?;
            let (mut read, mut unusable) = (mix.general_read, mix.general_unusable);
            if self.of_pairs {
                let pairs = site.counts(&self.pairs)?;
                read += pairs.read;
                unusable += pairs.unusable;
            }
            (read as usize, unusable as usize)
        };
        let base = self.start(site);
        let task = Task {
            base: &base,
            data: Data {
                samples: &samples,
                read,
                unusable,
            },
            training: &training,
            learns: self
                .matched
                .as_ref()
                .map(|matched| self.learns(site, matched))
                .transpose()?,
            watched: &self
                .watch
                .read(site, self.of_pairs.then_some(&self.pairs))?,
            max_bad: self.max_bad,
            purpose: Purpose::Conversations,
            card: &self.card,
        };
        training::train(site, &task)
    }
}
