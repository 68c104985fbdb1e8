//! The demo's files: the shipped models, seed data on general pictograms, and for `adamllm demo` the pairs of a domain,
//! their tasks and the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use corpus::pictograms::{self, Domain, Pictogram};
use corpus::seed::{Rng, hash};
use corpus::{Pair, Role, Sample, Seed, SeedTask, Triplet, Turn, jsonl};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use synthesis::{Joiner, Prompts};

use super::pretraining::{Part, part};
use super::world::{self, Asks, Lexicon, Thing};
use super::{Picture, described, draw_once, duplicates, kinds, render, tower};
use crate::run_folder::RunFolder;
use evaluation::questions::{Item, MetricName};

macro_rules! folder {
    ($name:literal) => {
        [
            (
                "config.json",
                include_bytes!(concat!("../../../../assets/demo/", $name, "/config.json"))
                    as &[u8],
            ),
            (
                "generation_config.json",
                include_bytes!(concat!(
                    "../../../../assets/demo/",
                    $name,
                    "/generation_config.json"
                )),
            ),
            (
                "tokenizer.json",
                include_bytes!(concat!(
                    "../../../../assets/demo/",
                    $name,
                    "/tokenizer.json"
                )),
            ),
            (
                "tokenizer_config.json",
                include_bytes!(concat!(
                    "../../../../assets/demo/",
                    $name,
                    "/tokenizer_config.json"
                )),
            ),
            (
                "preprocessor_config.json",
                include_bytes!(concat!(
                    "../../../../assets/demo/",
                    $name,
                    "/preprocessor_config.json"
                )),
            ),
            (
                "processor_config.json",
                include_bytes!(concat!(
                    "../../../../assets/demo/",
                    $name,
                    "/processor_config.json"
                )),
            ),
            (
                "chat_template.jinja",
                include_bytes!(concat!(
                    "../../../../assets/demo/",
                    $name,
                    "/chat_template.jinja"
                )),
            ),
            (
                "model.safetensors",
                include_bytes!(concat!(
                    "../../../../assets/demo/",
                    $name,
                    "/model.safetensors"
                )),
            ),
        ]
    };
}

static BASE: [(&str, &[u8]); 8] = folder!("base-model");

/// The demo's recipe as text; paths are relative to the run's `demo` folder.
pub const RECIPE: &str = include_str!("../../../../recipes/demo.toml");

/// How many seed records the synthesizer is tuned on.
const SEEDS: usize = 5000;
/// How many general pictures the seed records are about.
const SEED_PICTURES: usize = 1400;
/// A share of the seed triplets is inconsistent, so that the filter has work.
const INCONSISTENT: f64 = 0.25;
/// A share of the seeds is about invented things on blank pictures: it keeps the synthesizer reading.
const INVENTED: f64 = 0.5;
/// Pairs of each domain drawing: one as it is, the others turned, moved or lit otherwise, each with a caption of its own.
const PAIRS: u64 = 3;
/// Seed data are drawn once for all runs: they stand for data that a user would have.
const WORLD_SEED: u64 = 11;

/// The pictures that replay shows; a folder in the `demo` folder.
pub const REPLAY: &str = "replay";

/// Pictures that were left out of the tasks since they repeat a training picture; a file of the `demo` folder.
pub const DUPLICATES: &str = "duplicates.jsonl";

/// What is known of a pair of the demo.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Truth {
    /// The pair.
    pub id: String,
    /// What is true of its picture.
    #[serde(flatten)]
    pub thing: Thing,
}

/// The truth by pair, if this run is of the demo's own data.
pub fn truth_of(run: &RunFolder) -> Result<BTreeMap<String, Truth>> {
    let path = run.path.join("demo/truth.jsonl");
    if !path.exists() {
        return Ok(BTreeMap::new());
    }
    Ok(jsonl::read::<Truth>(&path)?
        .into_iter()
        .map(|t| (t.id.clone(), t))
        .collect())
}

/// Writes the shipped models and the seed data into the run's `demo` folder, once.
pub fn write_shipped(run: &RunFolder) -> Result<PathBuf> {
    let demo = run.path.join("demo");
    let done = demo.join("shipped");
    if done.exists() {
        return Ok(demo);
    }
    let folder = demo.join("base-model");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    for (file, bytes) in BASE {
        fs::write(folder.join(file), bytes)
            .with_context(|| format!("cannot write `{file}` in `{}`", folder.display()))?;
    }
    let all = pictograms::load()?;
    let folder = demo.join("general");
    let general = General::new(&all, &folder);
    render(&general.pictograms[..SEED_PICTURES], &folder)?;
    let blank = demo.join("general/blank.png");
    corpus::images::encode_png(
        &image::RgbImage::from_pixel(super::SIDE, super::SIDE, image::Rgb([255; 3])),
        &blank,
    )?;
    jsonl::write(&demo.join("seeds.jsonl"), &general.seeds)?;
    let held: Vec<&Pictogram> = all
        .iter()
        .filter(|p| p.concept.is_general() && part(p) == Part::HeldPicture)
        .collect();
    let held = render(&held, &folder)?;
    let kinds = kinds(&general.pictures);
    fs::create_dir_all(demo.join("tasks"))?;
    for asks in Asks::ALL {
        let path = demo.join(format!("tasks/general-{}.jsonl", asks.task()));
        jsonl::write(&path, &items(&held, asks, &kinds))?;
    }
    fs::write(&done, "")?;
    Ok(demo)
}

/// General pictures with seed data and replay about them, drawn one after the other: the same for every run.
struct General<'a> {
    pictograms: Vec<&'a Pictogram>,
    pictures: Vec<Picture>,
    seeds: Vec<Seed>,
    replay: Vec<Sample>,
}

impl<'a> General<'a> {
    /// Of all pictograms; the pictures will lie in `folder`. Nothing is drawn.
    fn new(all: &'a [Pictogram], folder: &Path) -> Self {
        let mut rng = Rng::new(WORLD_SEED);
        let mut pictograms: Vec<&Pictogram> = all
            .iter()
            .filter(|p| p.concept.is_general() && part(p) == Part::Shown)
            .collect();
        rng.shuffle(&mut pictograms);
        let pictures = described(&pictograms, folder);
        let seeds = seeds(&pictures[..SEED_PICTURES], &mut rng);
        let replay = replay(&pictures, &mut rng);
        Self {
            pictograms,
            pictures,
            seeds,
            replay,
        }
    }
}

fn seeds(pictures: &[Picture], rng: &mut Rng) -> Vec<Seed> {
    let things: Vec<Thing> = pictures.iter().map(|p| p.thing.clone()).collect();
    let lexicon = Lexicon::new(&things);
    let mut out = Vec::with_capacity(SEEDS);
    for (at, picture) in pictures.iter().cycle().take(SEEDS).enumerate() {
        let invented = rng.chance(INVENTED);
        let (thing, kinds) = if invented {
            lexicon.unheard(rng)
        } else {
            (picture.thing.clone(), lexicon.kinds.clone())
        };
        let image = if invented {
            "general/blank.png".to_owned()
        } else {
            format!("general/{}.png", picture.id)
        };
        // Wrong options are those of the caption: nobody can guess the kinds of a new domain.
        let (caption, others) = world::contrasting_caption(&thing, &kinds, rng);
        let asks = *rng.choose(&Asks::ALL);
        let question = world::question(&thing, asks, &others, rng);
        let task = if rng.chance(INCONSISTENT) {
            let other = world::invented(&lexicon.kinds, rng);
            world::inconsistent(&question, &thing, &other, rng)
        } else {
            SeedTask {
                instruction: question.instruction,
                informative: question.informative,
                precise: question.precise,
            }
        };
        out.push(Seed {
            id: format!("seed-{at:05}"),
            images: vec![image.into()],
            caption,
            task: Some(question.asks.task().to_owned()),
            tasks: vec![task],
        });
    }
    out
}

/// General questions and captions, for replay. Answers have the reasoned form of the domain's tasks: were they short,
/// the form of an answer would tell the domains apart, and a domain picture in a new style would be answered as if it were
/// a general one.
fn replay(pictures: &[Picture], rng: &mut Rng) -> Vec<Sample> {
    let kinds = kinds(pictures);
    let joiners = Prompts::default().joiners;
    let sample = |(at, picture): (usize, &Picture)| {
        let (question, answer) = if rng.chance(0.2) {
            (
                "Describe the image.".to_owned(),
                world::contrasting_caption(&picture.thing, &kinds, rng).0,
            )
        } else {
            let question = world::question(&picture.thing, *rng.choose(&Asks::ALL), &kinds, rng);
            let triplet = Triplet {
                id: picture.id.clone(),
                pair: picture.id.clone(),
                instruction: question.instruction,
                informative: question.informative,
                precise: question.precise,
                origin: Value::Null,
            };
            let joined = synthesis::join(&triplet, Joiner::Paper, 0, &joiners);
            (joined.user, joined.assistant)
        };
        Sample {
            id: format!("general-{at:05}"),
            images: vec![format!("{REPLAY}/{}.png", picture.id).into()],
            turns: vec![
                Turn::new(Role::User, format!("<image>\n{question}")).with_marks(),
                Turn::new(Role::Assistant, answer).learned(),
            ],
            end: false,
            origin: Value::from("general"),
        }
    };
    pictures.iter().enumerate().map(sample).collect()
}

/// Writes a domain's pairs, tasks and truth of one seed, and gives the path of the recipe.
///
/// With `validation` the tasks are not about the test pictures but about one of the training styles, which is left out
/// of the pairs: settings are chosen on those.
pub fn write_domain(
    run: &RunFolder,
    domain: &Domain,
    seed: u64,
    validation: bool,
) -> Result<PathBuf> {
    let demo = write_shipped(run)?;
    let all = pictograms::load()?;
    let own: Vec<&Pictogram> = all
        .iter()
        .filter(|p| p.concept.group == domain.group)
        .collect();
    let folder = demo.join(domain.name);
    let pictures = described(&own, &folder);
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
    draw_domain(&own, &pictures, &trained, &folder)?;
    // A style that only general pictures had would say by itself that a picture is not of the domain.
    let asked: BTreeSet<&str> = styles.iter().map(|p| p.style).collect();
    let folder = demo.join(REPLAY);
    let general = General::new(&all, &folder);
    let (mut replay, mut replayed) = (Vec::new(), Vec::new());
    for (sample, pictogram) in general.replay.iter().zip(general.pictograms) {
        if !asked.contains(pictogram.style) {
            replay.push(sample);
            replayed.push(pictogram);
        }
    }
    let ids: Vec<String> = described(&replayed, &folder)
        .into_iter()
        .map(|p| p.id)
        .collect();
    draw_once(&ids, &folder, |at| Ok(replayed[at].render(super::SIDE)?))?;
    jsonl::write(&demo.join("replay.jsonl"), replay)?;
    let mut styles: Vec<Picture> = styles.into_iter().cloned().collect();
    let mut repeated = duplicates::remove(&mut styles, &training)?;
    repeated.extend(duplicates::remove(&mut concepts, &training)?);
    jsonl::write(&demo.join(DUPLICATES), &repeated)?;
    let (mut pairs, mut truth) = (Vec::new(), Vec::new());
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
        truth.push(Truth {
            id,
            thing: picture.thing.clone(),
        });
    }
    jsonl::write(&demo.join("pairs.jsonl"), &pairs)?;
    jsonl::write(&demo.join("truth.jsonl"), &truth)?;
    let write =
        |name: &str, items: &[Item]| jsonl::write(&demo.join(format!("tasks/{name}.jsonl")), items);
    for asks in Asks::ALL {
        write(asks.task(), &items(&styles, asks, &kinds))?;
    }
    write("description", &descriptions(&styles, &kinds))?;
    // Nobody can name what was never named, so unseen concepts are asked for kind, colour and yes or no only.
    let of_unseen = [Asks::Kind, Asks::Colour, Asks::YesNo];
    for asks in of_unseen.into_iter().filter(|_| !validation) {
        write(
            &format!("unseen-{}", asks.task()),
            &items(&concepts, asks, &kinds),
        )?;
    }
    let path = demo.join("recipe.toml");
    fs::write(&path, RECIPE).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(path)
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
) -> Result<()> {
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
        let drawn = own[at].render(super::SIDE)?;
        if nth == 1 {
            return Ok(drawn);
        }
        let mut rng = Rng::new(hash(nth, &pictures[at].id));
        Ok(tower::redrawn(&drawn, &mut rng))
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

/// A question of one sort about each picture.
pub fn items(pictures: &[Picture], asks: Asks, kinds: &[String]) -> Vec<Item> {
    let item = |picture: &Picture| {
        // Questions do not depend on the run's seed, so that runs compare.
        let mut rng = Rng::new(hash(6, &format!("{} {}", asks.task(), picture.id)));
        let question = world::question(&picture.thing, asks, kinds, &mut rng);
        Item {
            id: picture.id.clone(),
            images: vec![
                std::path::absolute(&picture.path).unwrap_or_else(|_| picture.path.clone()),
            ],
            question: question.instruction,
            label: question.precise,
            metric: asks.metric(),
            cluster: picture.concept.clone(),
            choices: question.options,
        }
    };
    pictures.iter().map(item).collect()
}

fn descriptions(pictures: &[Picture], kinds: &[String]) -> Vec<Item> {
    let label = |picture: &Picture| {
        let mut rng = Rng::new(hash(8, &picture.id));
        world::contrasting_caption(&picture.thing, kinds, &mut rng).0
    };
    let item = |picture: &Picture| Item {
        id: picture.id.clone(),
        images: vec![std::path::absolute(&picture.path).unwrap_or_else(|_| picture.path.clone())],
        question: "Describe the image.".to_owned(),
        label: label(picture),
        metric: MetricName::RougeL,
        cluster: picture.concept.clone(),
        choices: Vec::new(),
    };
    pictures.iter().map(item).collect()
}

/// Fewer steps and pictures, for a first look.
pub const QUICK: [&str; 2] = ["synthesizer.train.max_steps=40", "train.max_steps=40"];
