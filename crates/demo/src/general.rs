//! General pictures, and what is said and asked of them: seed data for the synthesizer, and replay.

use std::path::Path;

use corpus::pictograms::Pictogram;
use corpus::seed::Rng;
use corpus::{Role, Sample, Seed, SeedTask, Triplet, Turn};
use serde_json::Value;
use synthesis::{Joiner, Prompts};

use crate::parts::{self, Part};
use crate::pictures::{Picture, described, kinds};
use crate::world::{self, Asks, Lexicon, Thing};

/// How many seed records the synthesizer is tuned on.
const SEEDS: usize = 5000;
/// How many general pictures the seed records are about.
pub const SEED_PICTURES: usize = 1400;
/// A share of the seed triplets is inconsistent, so that the filter has work.
const INCONSISTENT: f64 = 0.25;
/// A share of the seeds is about invented things on blank pictures: it keeps the synthesizer reading.
const INVENTED: f64 = 0.5;
/// Seed data are drawn once for all runs: they stand for data that a user would have.
const WORLD_SEED: u64 = 11;

/// The pictures that seed records and general tasks show; a folder in the demo's folder.
pub const GENERAL: &str = "general";
/// The white picture among them, for things that nobody has seen.
pub const BLANK: &str = "blank.png";
/// The pictures that replay shows; a folder in the demo's folder.
pub const REPLAY: &str = "replay";

/// General pictures with seed data and replay about them, drawn one after the other: the same for every run.
pub struct General<'a> {
    /// All of them that the base may have seen.
    pub pictograms: Vec<&'a Pictogram>,
    /// The same as pictures.
    pub pictures: Vec<Picture>,
    /// Seed records about the first [`SEED_PICTURES`].
    pub seeds: Vec<Seed>,
    /// A sample for each picture.
    pub replay: Vec<Sample>,
}

impl<'a> General<'a> {
    /// Of all pictograms; the pictures will lie in `folder`. Nothing is drawn.
    pub fn new(all: &'a [Pictogram], folder: &Path) -> Self {
        let mut rng = Rng::new(WORLD_SEED);
        let mut pictograms = parts::general(all, Part::Shown);
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
            format!("{GENERAL}/{BLANK}")
        } else {
            format!("{GENERAL}/{}.png", picture.id)
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
