//! Captions, tasks and replay become training samples.

use std::path::PathBuf;

use corpus::formats;
use corpus::indexed::Indexed;
use corpus::{Pair, Sample, Triplet};
use run::plan::Cost;
use run::recipe::{Control, Recipe, StageData, TrainStage};
use run::{Node, Place};
use serde::{Deserialize, Serialize};
use synthesis::{MixEntry, MixOptions, Mixing, Prompts, SyntheticTask};

use super::filter::{Filter, KEPT, KEPT_TASKS};
use super::mixed::Mixed;
use super::pairs::{self, PAIRS, Pairs};
use super::part::Part;
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::file_rows;
use crate::reader::Reader;
use crate::records::{Stored, Writer, write_rejected};
use crate::samples;
use crate::sources::Sources;
use crate::stage::{Link, Site, Stage};
use crate::swap;

/// Its name.
pub const NAME: &str = "mix";

/// The file of the samples.
pub const SAMPLES: &str = "samples.jsonl";

/// Makes samples.
#[derive(Clone, Debug)]
pub struct Mix {
    pairs: Link<Pairs>,
    /// None where it needs none.
    triplets: Option<Link<Filter>>,
    /// Whether the tasks are conversations, which are trained as they are, and not triplets.
    conversations: bool,
    general: Option<PathBuf>,
    /// The samples of `general` as they are, and nothing else.
    general_alone: bool,
    options: MixOptions,
    part: Part,
    /// What a stage of a training of several is trained on: in the recipe, and in words.
    data: Option<[&'static str; 2]>,
    /// The recipe keys that it reads.
    keys: &'static [&'static str],
    prompts: Prompts,
    prompts_file: Option<PathBuf>,
    reading: formats::Options,
    max_bad: f64,
}

/// What it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Samples.
    pub samples: u64,
    /// Of these, those of a pair with a synthesized task.
    #[serde(rename = "with a task")]
    pub with_a_task: u64,
    /// Pairs, tasks and records that became no sample.
    #[serde(rename = "left out")]
    pub left_out: u64,
    /// Records of the replay data.
    #[serde(rename = "general read")]
    pub general_read: u64,
    /// Of these, how many cannot be used.
    #[serde(rename = "general unusable")]
    pub general_unusable: u64,
}

impl Mix {
    /// Of a recipe: for a single training, or for a stage of one of several.
    pub fn of(
        recipe: &Recipe,
        sources: &Sources,
        pairs: Link<Pairs>,
        triplets: Link<Filter>,
        stage: Option<&TrainStage>,
        part: Part,
    ) -> Self {
        let settings = &recipe.mix;
        let mut made = Self {
            pairs,
            triplets: Some(triplets),
            conversations: !recipe.making.maker.gives_triplets(),
            general: settings.general.clone(),
            general_alone: false,
            options: MixOptions {
                seed: recipe.seed,
                caption: settings.caption,
                synthetic: settings.synthetic,
                without_triplet: settings.without_triplet,
                joiner: settings.joiner,
                answers: settings.answers,
                caption_position: settings.caption_position,
                general_ratio: settings.general_ratio,
            },
            part,
            data: None,
            keys: &["mix", "run.seed"],
            prompts: sources.prompts.clone(),
            prompts_file: recipe.prompts().cloned(),
            reading: sources.reading.clone(),
            max_bad: recipe.max_bad,
        };
        if let Some(stage) = stage {
            made.be_of(stage);
        }
        match made.part.control {
            Some(Control::Captions) => {
                made.options.caption = true;
                made.options.synthetic = false;
            }
            Some(Control::NoReplay) => made.options.general_ratio = 0.0,
            Some(Control::General) => {
                made.general.clone_from(&settings.general);
                made.general_alone = true;
            }
            Some(Control::ShuffledPictures | Control::SwappedGroups) | None => {}
        }
        made
    }

    /// What a stage is trained on, and what that depends on. General samples are replayed beside synthetic tasks.
    fn be_of(&mut self, stage: &TrainStage) {
        let word = stage.data.map_or("a file", StageData::as_str);
        self.data = Some([word, stage.about()]);
        self.keys = match stage.data {
            Some(StageData::Mix) => &[
                "mix.without_triplet",
                "mix.joiner",
                "mix.answers",
                "mix.caption_position",
                "mix.general_ratio",
                "run.seed",
            ],
            Some(StageData::Synthetic) => {
                &["mix.joiner", "mix.answers", "mix.general_ratio", "run.seed"]
            }
            Some(StageData::Caption) => &["run.seed"],
            Some(StageData::General) | None => &[],
        };
        match stage.data {
            Some(StageData::General) => self.general_alone = true,
            Some(data) => {
                self.options.caption = data.has_captions();
                self.options.synthetic = data.has_tasks();
                if !data.has_tasks() {
                    self.general = None;
                }
            }
            None => {
                self.general.clone_from(&stage.training.data);
                self.general_alone = true;
            }
        }
        if !self.options.synthetic || self.general_alone {
            self.triplets = None;
        }
    }
}

impl Stage for Mix {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let mut inputs = Vec::new();
        if self.data.is_none() || !self.general_alone {
            inputs.push((pairs::NAME, self.pairs.name()));
        }
        inputs.extend(self.triplets.as_ref().map(|link| ("triplets", link.name())));
        self.part.node(NAME, Place::Rank0, &inputs)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(self.keys);
        reader.setting("control", self.part.control.map(Control::as_str));
        if let Some([data, _]) = self.data {
            reader.setting("data of the stage", data);
        }
        if let Some(path) = &self.prompts_file {
            reader.file("the prompts", path)?;
        }
        let role = match self.data {
            Some(_) if self.general_alone => "the samples of the stage",
            _ => "the replay data",
        };
        match &self.general {
            Some(path) => reader.records(role, file_rows::samples(path, &self.reading, false)?),
            None => Ok(()),
        }
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        let pairs = estimate.records(self.pairs.name());
        let general = match &self.general {
            Some(path) => file_rows::num_samples(path, &self.reading)?,
            None => 0,
        };
        // Once all are used, they come again.
        let replayed = (pairs as f64 * self.options.general_ratio).round() as usize;
        let samples = match general {
            _ if self.general_alone => general,
            0 => pairs,
            _ => pairs + replayed,
        };
        Ok(Estimate::records_of(samples).with("samples", samples))
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let (general, mut rejected) = match &self.general {
            Some(path) => {
                let (samples, rejected) = samples::usable(site, path, &self.reading, self.max_bad)?;
                (Some(samples), rejected)
            }
            None => (None, Vec::new()),
        };
        let num_general = general.as_ref().map_or(0, Stored::len);
        let (general_read, general_unusable) = (num_general + rejected.len(), rejected.len());
        let mut out = Writer::create(&site.folder.join(SAMPLES))?;
        let (samples, with_a_task) = if self.general_alone {
            for sample in general.iter().flat_map(Stored::iter) {
                out.write(sample?)?;
            }
            (num_general, 0)
        } else {
            let mixed = self.mixed(site, general.as_ref(), &mut out)?;
            let with_a_task = mixed.check(&self.options, num_general)?;
            rejected.extend(mixed.rejected);
            (mixed.of_pairs + mixed.replayed, with_a_task)
        };
        out.commit()?;
        let list = write_rejected(site.folder, site.stage(), &rejected)?;
        if let Some([_, about]) = self.data.filter(|_| samples == 0) {
            return Err(Error::EmptyStage {
                about,
                rejected: list,
            });
        }
        Ok(Counts {
            samples: samples as u64,
            with_a_task: with_a_task as u64,
            left_out: rejected.len() as u64,
            general_read: general_read as u64,
            general_unusable: general_unusable as u64,
        })
    }
}

/// Samples between two looks at whether the run is asked to stop.
const PART: usize = 1024;

impl Mix {
    /// Writes the samples in their order. Pairs and tasks are read once to know it, and again as their samples are made.
    fn mixed(
        &self,
        site: &Site<'_>,
        general: Option<&Stored<Sample>>,
        out: &mut Writer,
    ) -> Result<Mixed> {
        let pairs = Stored::<Pair>::open(&site.of(&self.pairs, PAIRS))?;
        let seed = self.options.seed;
        let givers = match self.part.control {
            Some(Control::ShuffledPictures) => Some(swap::shuffled(pairs.iter(), seed)?),
            Some(Control::SwappedGroups) => Some(swap::of_groups(pairs.iter(), seed)?),
            Some(Control::Captions | Control::NoReplay | Control::General) | None => None,
        };
        let shown = |row: usize, mut pair: Pair| -> Result<Pair> {
            if let Some(givers) = &givers {
                pair.images = pairs.get(givers[row] as usize)?.images;
            }
            Ok(pair)
        };
        let tasks = self.tasks(site)?;
        let mut mixed = Mixed {
            pairs: pairs.len(),
            tasks: tasks.len(),
            ..Mixed::default()
        };
        let mut mixing = Mixing::new(&self.options, &self.prompts);
        for named in pairs.iter_as::<Named>() {
            mixing.know(&named?.id);
        }
        tasks.each(|id, pair, exchanges| {
            mixed.rejected.extend(mixing.task(id, pair, exchanges));
        })?;
        for (row, pair) in pairs.iter().enumerate() {
            mixed.rejected.extend(mixing.pair(&shown(row, pair?)?));
        }
        let order = mixing.order(general.map_or(0, Stored::len));
        for (nth, entry) in order.into_iter().enumerate() {
            if nth % PART == 0 {
                site.stop.check()?;
            }
            let sample = match (entry, general) {
                (MixEntry::Pair(row), _) => {
                    let pair = shown(row as usize, pairs.get(row as usize)?)?;
                    let task = mixing.task_of(&pair.id);
                    let task = task.map(|at| tasks.get(at, self)).transpose()?;
                    mixing.sample(&pair, task.flatten().as_ref())
                }
                (MixEntry::General { at, round }, Some(general)) => {
                    Some(synthesis::again(general.get(at as usize)?, round))
                }
                (MixEntry::General { .. }, None) => None,
            };
            if let Some(sample) = sample {
                mixed.count(&sample);
                out.write(sample)?;
            }
        }
        Ok(mixed)
    }

    /// The tasks that pairs train beside their captions.
    fn tasks(&self, site: &Site<'_>) -> Result<Tasks> {
        let Some(link) = &self.triplets else {
            return Ok(Tasks::None);
        };
        if !self.conversations {
            return Ok(Tasks::Triplets(Indexed::open(&site.of(link, KEPT))?));
        }
        let path = site.of(link, KEPT_TASKS);
        if !path.exists() {
            return Ok(Tasks::None);
        }
        Ok(Tasks::Conversations(Indexed::open(&path)?))
    }
}

/// Of a record its id alone.
#[derive(Deserialize)]
struct Named {
    id: String,
}

/// The tasks of pairs, read when they are asked for.
enum Tasks {
    None,
    Triplets(Indexed<Triplet>),
    Conversations(Indexed<SyntheticTask>),
}

impl Tasks {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Triplets(rows) => rows.len(),
            Self::Conversations(rows) => rows.len(),
        }
    }

    /// Gives the id, the pair and the number of exchanges of each.
    fn each(&self, mut each: impl FnMut(&str, &str, usize)) -> Result<()> {
        match self {
            Self::None => {}
            Self::Triplets(rows) => {
                for triplet in rows.iter() {
                    let triplet = triplet?;
                    each(&triplet.id, &triplet.pair, 1);
                }
            }
            Self::Conversations(rows) => {
                for task in rows.iter() {
                    let task = task?;
                    each(&task.id, &task.pair, task.exchanges.len());
                }
            }
        }
        Ok(())
    }

    /// The task of a row that there is.
    fn get(&self, row: usize, mix: &Mix) -> Result<Option<SyntheticTask>> {
        Ok(match self {
            Self::Triplets(rows) => {
                let task = synthesis::synthetic_task(&rows.get(row)?, &mix.options, &mix.prompts);
                Some(task)
            }
            Self::Conversations(rows) => Some(rows.get(row)?),
            Self::None => None,
        })
    }
}
