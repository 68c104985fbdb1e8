//! Controls: the base trained for as many steps as the adapted model, on less than the whole mix. They tell what a gain
//! comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use corpus::seed::{Rng, hash};
use corpus::{Pair, Sample, Triplet, jsonl};
use run::recipe::Control;
use serde::{Deserialize, Serialize};
use synthesis::MixOptions;

use super::{mix_options, samples_of};
use crate::context::Context;
use crate::training::{self, Data};
use corpus::digests::together;
use corpus::sealed::{read_sealed, write_sealed};

/// Written when a control is trained: a folder with a model may be one that a killed run was writing.
const TRAINED: &str = "trained.json";

/// `trained.json`.
#[derive(Serialize, Deserialize)]
struct Trained {
    /// Digest of what the training wrote.
    files: String,
    counts: BTreeMap<String, u64>,
}

/// The control's model, trained below `folder` unless it lies there already.
pub(super) fn model(context: &Context, control: Control, folder: &Path) -> Result<PathBuf> {
    let model = folder.join("model");
    let trained = folder.join(TRAINED);
    if let Some(known) = read_sealed::<Trained>(&trained)
        && digest(context, folder).is_ok_and(|digest| digest == known.files)
    {
        return Ok(model);
    }
    context.say(&format!("  control `{}`", control.as_str()));
    let samples = samples(context, control)?;
    let mut training = context.recipe.train.clone();
    let steps = context
        .run
        .manifest("train")
        .and_then(|m| m.counts.get("steps").copied());
    let Some(steps) = steps else {
        bail!("the steps of stage `train` are not known; run it first");
    };
    training.max_steps = Some(steps as usize);
    training.epochs = f64::from(u32::MAX);
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make `{}`", folder.display()))?;
    // What was lost of the records was said before the adapted model was trained on them.
    let data = Data {
        samples: &samples,
        read: samples.len(),
        unusable: 0,
    };
    let (name, base) = (control.as_str(), context.base_folder());
    let counts = training::train(context, name, folder, &base, &data, &training)?;
    let done = Trained {
        files: digest(context, folder)?,
        counts,
    };
    write_sealed(&trained, &done)?;
    training::clear_checkpoints(folder)?;
    Ok(model)
}

/// One digest of what a training writes; answers of the control lie in the same folder.
fn digest(context: &Context, folder: &Path) -> Result<String> {
    let mut digests = context.digests.borrow_mut();
    let model = digests.folder(&folder.join("model"))?;
    let names = ["lengths.json", "metrics.jsonl", "rejected.jsonl"];
    let files = digests.files(&names.map(|name| folder.join(name)))?;
    let own = names.into_iter().zip(files);
    Ok(together(own.chain([("model", model)])))
}

fn samples(context: &Context, control: Control) -> Result<Vec<Sample>> {
    let mut pairs: Vec<Pair> = jsonl::read(&context.run.stage("synthesize").join("pairs.jsonl"))?;
    let triplets: Vec<Triplet> = jsonl::read(&context.run.stage("filter").join("triplets.jsonl"))?;
    let general = match &context.recipe.mix.general {
        Some(path) => samples_of(context, path)?.0,
        None => Vec::new(),
    };
    let options = mix_options(context);
    let options = match control {
        Control::Captions => MixOptions {
            caption: true,
            synthetic: false,
            ..options
        },
        Control::NoReplay => MixOptions {
            general_ratio: 0.0,
            ..options
        },
        Control::ShuffledPictures => {
            let own: Vec<String> = pairs.iter().map(pictures).collect();
            swap_pictures(&mut pairs, &own, options.seed);
            options
        }
        Control::SwappedGroups => {
            let groups: Vec<String> = pairs.iter().map(group).collect();
            swap_pictures(&mut pairs, &groups, options.seed);
            options
        }
        Control::General => return Ok(general),
    };
    Ok(synthesis::mix(&pairs, &triplets, &general, &options, &context.prompts).items)
}

fn group(pair: &Pair) -> String {
    pair.group.clone().unwrap_or_else(|| pair.id.clone())
}

/// Pairs of one picture keep having one.
fn pictures(pair: &Pair) -> String {
    format!("{:?}", pair.images)
}

/// Gives the pairs of each group the pictures of another group; no group keeps its own unless there is only one.
fn swap_pictures(pairs: &mut [Pair], groups: &[String], seed: u64) {
    let mut order: Vec<&String> = groups.iter().collect();
    order.sort();
    order.dedup();
    Rng::new(hash(seed, "swapped pictures")).shuffle(&mut order);
    let pictures: Vec<Vec<PathBuf>> = pairs.iter().map(|p| p.images.clone()).collect();
    for (at, group) in order.iter().enumerate() {
        let giver = order[(at + 1) % order.len()];
        let theirs: Vec<&Vec<PathBuf>> = (0..pairs.len())
            .filter(|&i| groups[i] == *giver)
            .map(|i| &pictures[i])
            .collect();
        let takers = (0..pairs.len()).filter(|&i| groups[i] == **group);
        for (nth, taker) in takers.enumerate() {
            pairs[taker].images.clone_from(theirs[nth % theirs.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(groups: &[&str]) -> Vec<Pair> {
        let pair = |(at, group): (usize, &&str)| Pair {
            id: at.to_string(),
            images: vec![format!("{group}-{at}.png").into()],
            caption: String::new(),
            request: None,
            group: Some((*group).to_owned()),
            source: None,
            meta: serde_json::Map::new(),
        };
        groups.iter().enumerate().map(pair).collect()
    }

    #[test]
    fn every_group_gets_the_pictures_of_one_other_group() {
        let names = ["a", "a", "b", "b", "c", "a"];
        let mut swapped = pairs(&names);
        let groups: Vec<String> = swapped.iter().map(group).collect();
        swap_pictures(&mut swapped, &groups, 3);
        let mut givers = std::collections::BTreeMap::new();
        for (pair, own) in swapped.iter().zip(names) {
            let picture = pair.images[0].display().to_string();
            let giver = picture.split('-').next().unwrap_or_default().to_owned();
            assert_ne!(giver, own);
            assert_eq!(*givers.entry(own).or_insert_with(|| giver.clone()), giver);
        }
    }
}
