//! Captions, tasks and replay become training samples.

use std::path::PathBuf;

use corpus::formats;
use corpus::{Pair, Rejected, Sample, Triplet, jsonl};
use run::plan::Cost;
use run::recipe::{Control, Recipe};
use run::{Node, Place};
use serde::{Deserialize, Serialize};
use synthesis::{MixOptions, Prompts};

use super::filter::{Filter, KEPT};
use super::pairs::{self, PAIRS, Pairs};
use crate::error::{Imbalance, Result};
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::records::{read, write, write_rejected};
use crate::samples;
use crate::sources::Sources;
use crate::stage::{Link, Site, Stage};
use crate::swap;

/// Its name.
pub const NAME: &str = "mix";

/// The group and folder of what is trained only to compare with it.
const CONTROLS: &str = "controls";

/// A stage of the adapted model, or the same of a control.
pub(super) fn node(
    name: &str,
    control: Option<Control>,
    place: Place,
    inputs: &[(&str, &str)],
) -> Node {
    let Some(control) = control.map(Control::as_str) else {
        return Node::of(name, place, inputs);
    };
    let folder = [CONTROLS, control, name].iter().collect();
    Node::of(&format!("{name}-{control}"), place, inputs).within(CONTROLS, folder)
}

/// The file of the samples.
pub const SAMPLES: &str = "samples.jsonl";

/// Makes samples.
#[derive(Clone, Debug)]
pub struct Mix {
    pairs: Link<Pairs>,
    triplets: Link<Filter>,
    general: Option<PathBuf>,
    options: MixOptions,
    /// Set where it makes the samples of a control.
    control: Option<Control>,
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
    /// Of a recipe; for `control`, what that one is trained on.
    pub fn of(
        recipe: &Recipe,
        sources: &Sources,
        pairs: Link<Pairs>,
        triplets: Link<Filter>,
        control: Option<Control>,
    ) -> Self {
        let settings = &recipe.mix;
        let mut options = MixOptions {
            seed: recipe.seed,
            caption: settings.caption,
            synthetic: settings.synthetic,
            without_triplet: settings.without_triplet,
            joiner: settings.joiner,
            answers: synthesis::Answers::Joined,
            caption_position: settings.caption_position,
            general_ratio: settings.general_ratio,
        };
        match control {
            Some(Control::Captions) => {
                options.caption = true;
                options.synthetic = false;
            }
            Some(Control::NoReplay) => options.general_ratio = 0.0,
            Some(Control::ShuffledPictures | Control::SwappedGroups | Control::General) | None => {}
        }
        Self {
            pairs,
            triplets,
            general: settings.general.clone(),
            options,
            control,
            prompts: sources.prompts.clone(),
            prompts_file: recipe.synthesizer.prompts.clone(),
            reading: sources.reading.clone(),
            max_bad: recipe.max_bad,
        }
    }
}

impl Stage for Mix {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let inputs = [
            (pairs::NAME, self.pairs.name()),
            ("triplets", self.triplets.name()),
        ];
        node(NAME, self.control, Place::Rank0, &inputs)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["mix", "run.seed"]);
        reader.setting("control", self.control.map(Control::as_str));
        if let Some(path) = &self.prompts_file {
            reader.file("the prompts", path)?;
        }
        match &self.general {
            Some(path) => reader.records(
                "the replay data",
                &samples::load(path, &self.reading, false)?,
            ),
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
        let samples = match self.control {
            Some(Control::General) => general,
            _ if general == 0 => pairs,
            _ => pairs + replayed,
        };
        Ok(Estimate::records_of(samples).with("samples", samples))
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let mut pairs: Vec<Pair> = read(&site.of(&self.pairs, PAIRS))?;
        let triplets: Vec<Triplet> = jsonl::read(&site.of(&self.triplets, KEPT))?;
        let (general, mut rejected) = match &self.general {
            Some(path) => samples::usable(site, path, &self.reading, self.max_bad)?,
            None => (Vec::new(), Vec::new()),
        };
        let (general_read, general_unusable) = (general.len() + rejected.len(), rejected.len());
        let seed = self.options.seed;
        match self.control {
            Some(Control::ShuffledPictures) => swap::shuffle(&mut pairs, seed),
            Some(Control::SwappedGroups) => swap::swap_groups(&mut pairs, seed),
            Some(Control::Captions | Control::NoReplay | Control::General) | None => {}
        }
        let (samples, with_a_task) = if self.control == Some(Control::General) {
            (general, 0)
        } else {
            let mixed = synthesis::mix(&pairs, &triplets, &general, &self.options, &self.prompts);
            let with_a_task = check(&pairs, &triplets, &general, &mixed, &self.options)?;
            rejected.extend(mixed.rejected);
            (mixed.items, with_a_task)
        };
        write(&site.folder.join(SAMPLES), &samples)?;
        write_rejected(site.folder, site.stage(), &rejected)?;
        Ok(Counts {
            samples: samples.len() as u64,
            with_a_task: with_a_task as u64,
            left_out: rejected.len() as u64,
            general_read: general_read as u64,
            general_unusable: general_unusable as u64,
        })
    }
}

/// Every pair became a sample or was left out, every triplet is a sample's task or was, and the rest is replay; gives the
/// samples with a task.
fn check(
    pairs: &[Pair],
    triplets: &[Triplet],
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
    let used = if options.synthetic { triplets.len() } else { 0 };
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
        let triplet = Triplet {
            id: "a".to_owned(),
            pair: "a".to_owned(),
            instruction: String::new(),
            informative: String::new(),
            precise: String::new(),
            origin: serde_json::Value::Null,
        };
        let general = [sample("g", serde_json::Value::Null)];
        let options = MixOptions {
            general_ratio: 1.0,
            ..MixOptions::default()
        };
        let found = |triplets: &[Triplet], general: &[Sample], items: Vec<Sample>| {
            let mixed = Outcome {
                items,
                rejected: Vec::new(),
            };
            check(
                std::slice::from_ref(&pair),
                triplets,
                general,
                &mixed,
                &options,
            )
        };
        let own = || sample("a", serde_json::json!({"pair": "a", "triplet": "a"}));
        assert_eq!(
            found(std::slice::from_ref(&triplet), &[], vec![own()]),
            Ok(1)
        );
        let (pairs, samples, rejects) = (1, 0, 0);
        assert_eq!(
            found(&[], &[], Vec::new()),
            Err(Imbalance::Samples {
                pairs,
                samples,
                rejects
            })
        );
        let (triplets, tasks) = (0, 1);
        assert_eq!(
            found(&[], &[], vec![own()]),
            Err(Imbalance::Tasks {
                triplets,
                tasks,
                rejects
            })
        );
        let (replayed, wanted) = (0, 1);
        assert_eq!(
            found(&[triplet], &general, vec![own()]),
            Err(Imbalance::Replay { replayed, wanted })
        );
    }
}
