//! Captions, tasks and replay become training samples.

use std::path::PathBuf;

use corpus::formats;
use corpus::{Pair, Rejected, Sample, Triplet, jsonl};
use run::plan::Cost;
use run::recipe::{Control, Recipe, StageData, TrainStage};
use run::{Node, Place};
use serde::{Deserialize, Serialize};
use synthesis::{MixOptions, Prompts, SyntheticTask};

use super::filter::{Filter, KEPT, KEPT_TASKS};
use super::pairs::{self, PAIRS, Pairs};
use super::part::Part;
use crate::error::{Error, Imbalance, Result};
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::records::{read, read_if_there, write, write_rejected};
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
            Some(path) => reader.records(role, &samples::load(path, &self.reading, false)?),
            None => Ok(()),
        }
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        let pairs = estimate.records(self.pairs.name());
        let general = match &self.general {
            Some(path) => samples::load(path, &self.reading, false)?.rows.len(),
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
        let mut pairs: Vec<Pair> = if self.general_alone {
            Vec::new()
        } else {
            read(&site.of(&self.pairs, PAIRS))?
        };
        let tasks = self.tasks(site)?;
        let (general, mut rejected) = match &self.general {
            Some(path) => samples::usable(site, path, &self.reading, self.max_bad)?,
            None => (Vec::new(), Vec::new()),
        };
        let (general_read, general_unusable) = (general.len() + rejected.len(), rejected.len());
        let seed = self.options.seed;
        match self.part.control {
            Some(Control::ShuffledPictures) => swap::shuffle(&mut pairs, seed),
            Some(Control::SwappedGroups) => swap::swap_groups(&mut pairs, seed),
            Some(Control::Captions | Control::NoReplay | Control::General) | None => {}
        }
        let (samples, with_a_task) = if self.general_alone {
            (general, 0)
        } else {
            let (options, prompts) = (&self.options, &self.prompts);
            let mixed = synthesis::mix_tasks(&pairs, &tasks, &general, options, prompts);
            let with_a_task = check(&pairs, tasks.len(), &general, &mixed, options)?;
            rejected.extend(mixed.rejected);
            (mixed.items, with_a_task)
        };
        write(&site.folder.join(SAMPLES), &samples)?;
        let list = write_rejected(site.folder, site.stage(), &rejected)?;
        if let Some([_, about]) = self.data.filter(|_| samples.is_empty()) {
            return Err(Error::EmptyStage {
                about,
                rejected: list,
            });
        }
        Ok(Counts {
            samples: samples.len() as u64,
            with_a_task: with_a_task as u64,
            left_out: rejected.len() as u64,
            general_read: general_read as u64,
            general_unusable: general_unusable as u64,
        })
    }
}

impl Mix {
    /// The tasks that pairs train beside their captions.
    fn tasks(&self, site: &Site<'_>) -> Result<Vec<SyntheticTask>> {
        let Some(link) = &self.triplets else {
            return Ok(Vec::new());
        };
        if self.conversations {
            return read_if_there(&site.of(link, KEPT_TASKS));
        }
        let triplets: Vec<Triplet> = jsonl::read(&site.of(link, KEPT))?;
        Ok(synthesis::synthetic_tasks(
            &triplets,
            &self.options,
            &self.prompts,
        ))
    }
}

/// Every pair became a sample or was left out, every triplet is a sample's task or was, and the rest is replay; gives the
/// samples with a task.
fn check(
    pairs: &[Pair],
    tasks: usize,
    general: &[Sample],
    mixed: &synthesis::Outcome<Sample>,
    options: &MixOptions,
) -> Result<usize, Imbalance> {
    // A replayed sample may have an origin of its own, but never its own id in it.
    let of_pairs = mixed.items.iter().filter(|s| s.origin["pair"] == s.id);
    let of_pairs: Vec<&Sample> = of_pairs.collect();
    let with_task = of_pairs.iter().filter(|s| !s.origin["triplet"].is_null());
    let with_task = with_task.count();
    let of_triplets = |r: &&Rejected| ["unknown-pair", "second-triplet"].contains(&&*r.reason);
    let triplets_left_out = mixed.rejected.iter().filter(of_triplets).count();
    let pairs_left_out = mixed.rejected.len() - triplets_left_out;
    if of_pairs.len() + pairs_left_out != pairs.len() {
        return Err(Imbalance::Samples {
            pairs: pairs.len(),
            samples: of_pairs.len(),
            rejects: pairs_left_out,
        });
    }
    let used = if options.synthetic { tasks } else { 0 };
    if with_task + triplets_left_out != used {
        return Err(Imbalance::Tasks {
            triplets: used,
            tasks: with_task,
            rejects: triplets_left_out,
        });
    }
    let wanted = (of_pairs.len() as f64 * options.general_ratio.max(0.0)).round() as usize;
    let wanted = if general.is_empty() { 0 } else { wanted };
    let replayed = mixed.items.len() - of_pairs.len();
    if replayed != wanted {
        return Err(Imbalance::Replay { replayed, wanted });
    }
    Ok(with_task)
}

#[cfg(test)]
mod tests {
    use synthesis::Outcome;

    use super::*;

    fn sample(id: &str, origin: serde_json::Value) -> Sample {
        Sample {
            id: id.to_owned(),
            images: Vec::new(),
            turns: Vec::new(),
            end: false,
            origin,
        }
    }

    #[test]
    fn counts_of_mixing_have_to_add_up() {
        let pair = Pair {
            id: "a".to_owned(),
            images: Vec::new(),
            caption: String::new(),
            request: None,
            group: None,
            source: None,
            meta: serde_json::Map::new(),
        };
        let general = [sample("g", serde_json::Value::Null)];
        let options = MixOptions {
            general_ratio: 1.0,
            ..MixOptions::default()
        };
        let found = |tasks: usize, general: &[Sample], items: Vec<Sample>| {
            let mixed = Outcome {
                items,
                rejected: Vec::new(),
            };
            check(
                std::slice::from_ref(&pair),
                tasks,
                general,
                &mixed,
                &options,
            )
        };
        let own = || sample("a", serde_json::json!({"pair": "a", "triplet": "a"}));
        assert_eq!(found(1, &[], vec![own()]), Ok(1));
        let (pairs, samples, rejects) = (1, 0, 0);
        assert_eq!(
            found(0, &[], Vec::new()),
            Err(Imbalance::Samples {
                pairs,
                samples,
                rejects
            })
        );
        let (triplets, tasks) = (0, 1);
        assert_eq!(
            found(0, &[], vec![own()]),
            Err(Imbalance::Tasks {
                triplets,
                tasks,
                rejects
            })
        );
        let (replayed, wanted) = (0, 1);
        assert_eq!(
            found(1, &general, vec![own()]),
            Err(Imbalance::Replay { replayed, wanted })
        );
    }
}
