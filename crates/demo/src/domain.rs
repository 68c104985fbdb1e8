//! A domain of the demo: pairs to adapt to, tasks to measure on, and what is true of the pairs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use corpus::pictograms::{self, Domain, Pictogram};
use corpus::seed::{Rng, hash};
use corpus::{Pair, jsonl};
use serde_json::Map;

use crate::duplicates;
use crate::error::Error;
use crate::general::{General, REPLAY};
use crate::pictures::{Picture, SIDE, described, draw_once, kinds};
use crate::recipe::RECIPE;
use crate::redrawing::redrawn;
use crate::shipped::write_shipped;
use crate::tasks;
use crate::truth::truth;
use crate::world::{self, Asks};

/// Pairs of each domain drawing: one as it is, the others turned, moved or lit otherwise, each with a caption of its own.
const PAIRS: u64 = 3;

/// Pictures that were left out of the tasks since they repeat a training picture; a file of the demo's folder.
const DUPLICATES: &str = "duplicates.jsonl";

/// Writes the shipped files ([`write_shipped`]) and a domain's pairs, tasks and truth of one seed into the folder, and
/// gives the path of the recipe.
///
/// With `validation` the tasks are not about the test pictures but about one of the training styles, which is left out
/// of the pairs: settings are chosen on those.
///
/// Gives every variant of [`Error`] but [`Error::Program`].
pub fn write_domain(
    folder: &Path,
    domain: &Domain,
    seed: u64,
    validation: bool,
) -> Result<PathBuf, Error> {
    write_shipped(folder)?;
    let all = pictograms::load()?;
    let own: Vec<&Pictogram> = all
        .iter()
        .filter(|p| p.concept.group == domain.group)
        .collect();
    let drawn = folder.join(domain.name);
    let pictures = described(&own, &drawn);
    let kinds = kinds(&pictures);
    let unseen = unseen_concepts(&pictures);
    let is_unseen = |p: &&Picture| unseen.contains(&p.concept);
    let is_new_style = |p: &&Picture| domain.unseen_styles.contains(&p.style);
    let mut concepts: Vec<Picture> = pictures.iter().filter(is_unseen).cloned().collect();
    let (mut styles, mut training): (Vec<&Picture>, Vec<&Picture>) = pictures
        .iter()
        .filter(|p| !is_unseen(p))
        .partition(is_new_style);
    if validation {
        let last = training.iter().map(|p| p.style).max();
        (styles, training) = training.into_iter().partition(|p| Some(p.style) == last);
        concepts.clear();
    }
    let trained: BTreeSet<&str> = training.iter().map(|p| p.id.as_str()).collect();
    draw_domain(&own, &pictures, &trained, &drawn)?;
    let asked: BTreeSet<&str> = styles.iter().map(|p| p.style).collect();
    write_replay(folder, &all, &asked)?;
    let mut styles: Vec<Picture> = styles.into_iter().cloned().collect();
    let mut repeated = duplicates::remove(&mut styles, &training)?;
    repeated.extend(duplicates::remove(&mut concepts, &training)?);
    jsonl::write(&folder.join(DUPLICATES), &repeated)?;
    let (mut pairs, mut truths) = (Vec::new(), Vec::new());
    for (picture, nth) in training
        .iter()
        .flat_map(|p| (1..=PAIRS).map(move |n| (p, n)))
    {
        let id = format!("{}.{nth}", picture.id);
        let shown = shown(&picture.id, nth);
        let mut rng = Rng::new(hash(seed, &format!("caption {id}")));
        pairs.push(Pair {
            id: id.clone(),
            images: vec![format!("{}/{shown}.png", domain.name).into()],
            caption: world::contrasting_caption(&picture.thing, &kinds, &mut rng).0,
            request: None,
            group: Some(picture.concept.clone()),
            source: Some("pictograms".to_owned()),
            meta: Map::new(),
        });
        truths.push(truth(id, &picture.thing));
    }
    jsonl::write(&folder.join("pairs.jsonl"), &pairs)?;
    jsonl::write(&folder.join("truth.jsonl"), &truths)?;
    for asks in Asks::ALL {
        tasks::write(folder, asks.task(), tasks::items(&styles, asks, &kinds))?;
    }
    tasks::write(folder, "description", tasks::descriptions(&styles, &kinds))?;
    // Nobody can name what was never named, so unseen concepts are asked for kind, colour and yes or no only.
    let of_unseen = [Asks::Kind, Asks::Colour, Asks::YesNo];
    for asks in of_unseen.into_iter().filter(|_| !validation) {
        let name = format!("unseen-{}", asks.task());
        tasks::write(folder, &name, tasks::items(&concepts, asks, &kinds))?;
    }
    let path = folder.join("recipe.toml");
    fs::write(&path, RECIPE).map_err(Error::io("write", &path))?;
    Ok(path)
}

/// Draws and writes the general samples whose pictures are in no style that is asked about: a style that only general
/// pictures had would say by itself that a picture is not of the domain.
fn write_replay(folder: &Path, all: &[Pictogram], asked: &BTreeSet<&str>) -> Result<(), Error> {
    let drawn = folder.join(REPLAY);
    let general = General::new(all, &drawn);
    let (mut replay, mut replayed) = (Vec::new(), Vec::new());
    for (sample, pictogram) in general.replay.iter().zip(general.pictograms) {
        if !asked.contains(pictogram.style) {
            replay.push(sample);
            replayed.push(pictogram);
        }
    }
    let ids: Vec<String> = described(&replayed, &drawn)
        .into_iter()
        .map(|p| p.id)
        .collect();
    draw_once(&ids, &drawn, |at| replayed[at].render(SIDE))?;
    Ok(jsonl::write(&folder.join("replay.jsonl"), replay)?)
}

/// The drawing that the `nth` pair of a picture shows: the picture as it is, then others.
fn shown(picture: &str, nth: u64) -> String {
    if nth == 1 {
        picture.to_owned()
    } else {
        format!("{picture}.{nth}")
    }
}

/// Draws a domain's pictures, and of those that are trained on what else its pairs show; the same for every seed.
fn draw_domain(
    own: &[&Pictogram],
    pictures: &[Picture],
    trained: &BTreeSet<&str>,
    folder: &Path,
) -> Result<(), Error> {
    let drawings: Vec<(usize, u64)> = (0..own.len())
        .flat_map(|at| (1..=PAIRS).map(move |nth| (at, nth)))
        .filter(|(at, nth)| *nth == 1 || trained.contains(pictures[*at].id.as_str()))
        .collect();
    let ids: Vec<String> = drawings
        .iter()
        .map(|&(at, nth)| shown(&pictures[at].id, nth))
        .collect();
    draw_once(&ids, folder, |drawing| {
        let (at, nth) = drawings[drawing];
        let drawn = own[at].render(SIDE)?;
        if nth == 1 {
            return Ok(drawn);
        }
        let mut rng = Rng::new(hash(nth, &pictures[at].id));
        Ok(redrawn(&drawn, &mut rng))
    })
}

/// A fifth of each subgroup, the same for every seed: no number is ever chosen on them.
fn unseen_concepts(pictures: &[Picture]) -> Vec<String> {
    let mut by_subgroup: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for picture in pictures {
        let list = by_subgroup.entry(&picture.subgroup).or_default();
        if !list.contains(&picture.concept.as_str()) {
            list.push(&picture.concept);
        }
    }
    let mut out = Vec::new();
    for (subgroup, mut concepts) in by_subgroup {
        Rng::new(hash(5, subgroup)).shuffle(&mut concepts);
        out.extend(
            concepts
                .iter()
                .take(concepts.len().div_ceil(5))
                .map(|c| (*c).to_owned()),
        );
    }
    out
}
