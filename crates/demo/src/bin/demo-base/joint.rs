//! The phases that train all parts of the base together: `joint`, `polish`, `contrast` and `compare`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use corpus::seed::Rng;
use corpus::{Role, Sample, Turn, pictograms};
use demo::parts::{self, Part};
use demo::pictures::{Picture, write_blank};
use demo::world::{self, Asks};
use model::{Group, Mllm};
use torch::{Device, Kind};
use train::{Config, SampleSource};

use crate::reading::Reading;
use crate::samples::{Drawn, SampleKind, plain};
use crate::training::drive;

const JOINT_STEPS: usize = 5000;
const POLISH_STEPS: usize = 2000;
const CONTRAST_STEPS: usize = 1000;
const COMPARE_STEPS: usize = 1000;
/// Trainings of the `compare` phase, one after the other, each with a rate that rises and falls anew.
const COMPARE_CYCLES: u64 = 2;
/// Questions about one picture in one training sample.
const QUESTIONS: usize = 3;

/// Joins the tower and the decoder of the phases before, and trains them together.
pub fn joint(work: &Path, folder: &Path, pictures: &[Picture]) -> Result<()> {
    let model = model::load(&work.join("read"), Device::Cpu, Kind::Float)
        .context("the `read` phase comes first")?;
    let seeing = model::load(&work.join("tower"), Device::Cpu, Kind::Float)
        .context("the `tower` phase comes first")?;
    {
        let _guard = torch::no_grad_guard();
        for (to, from) in model.parameters().iter().zip(seeing.parameters()) {
            if to.group != Group::LanguageModel {
                to.tensor.shallow_clone().f_copy_(&from.tensor)?;
            }
        }
    }
    let joint = Joint::new(
        work,
        pictures,
        Shares {
            caption: 0.2,
            question: 0.42,
            reading: 0.28,
            invented: 0.6,
            contrasting: 0.0,
            asks: &Asks::ALL,
        },
    )?;
    let source = Drawn::new(folder, 3, joint, JOINT_STEPS * 24)?;
    together("joint", model.as_ref(), folder, &source, 1e-3, JOINT_STEPS)
}

/// What the synthesizer and the judge need most: answers that copy, and extraction.
const POLISH: Shares = Shares {
    caption: 0.1,
    question: 0.25,
    reading: 0.45,
    invented: 0.6,
    contrasting: 0.0,
    asks: &Asks::ALL,
};

/// Trains the base on at a lower rate.
pub fn polish(work: &Path, folder: &Path, pictures: &[Picture]) -> Result<()> {
    go_on("polish", 5, work, folder, pictures, POLISH, POLISH_STEPS)
}

/// The same on captions that also tell what a thing is not.
pub fn contrast(work: &Path, folder: &Path, pictures: &[Picture]) -> Result<()> {
    let shares = Shares {
        contrasting: 0.7,
        ..POLISH
    };
    let steps = CONTRAST_STEPS;
    go_on("contrast", 5, work, folder, pictures, shares, steps)
}

/// The same with many questions whether a thing is of a kind.
pub fn compare(work: &Path, folder: &Path, pictures: &[Picture]) -> Result<()> {
    use Asks::{Choice, Colour, Kind, Name, YesNo};
    let shares = Shares {
        reading: 0.55,
        invented: 0.7,
        contrasting: 0.3,
        asks: &[YesNo, YesNo, YesNo, YesNo, Choice, Kind, Name, Colour],
        ..POLISH
    };
    for cycle in 0..COMPARE_CYCLES {
        let seed = 6 + cycle;
        go_on(
            "compare",
            seed,
            work,
            folder,
            pictures,
            shares,
            COMPARE_STEPS,
        )?;
    }
    Ok(())
}

fn go_on(
    name: &str,
    seed: u64,
    work: &Path,
    folder: &Path,
    pictures: &[Picture],
    shares: Shares,
    steps: usize,
) -> Result<()> {
    let model = model::load(folder, Device::Cpu, Kind::Float)
        .context("the phases before this one come first")?;
    let joint = Joint::new(work, pictures, shares)?;
    let source = Drawn::new(folder, seed, joint, steps * 24)?;
    together(name, model.as_ref(), folder, &source, 7e-4, steps)
}

/// Trains all parts of the base together and saves it into its folder now and then.
fn together(
    name: &str,
    model: &dyn Mllm,
    folder: &Path,
    source: &dyn SampleSource,
    rate: f64,
    steps: usize,
) -> Result<()> {
    let config = Config {
        micro_tokens: 4096,
        betas: [0.9, 0.98],
        weight_decay: 0.05,
        learning_rate: train::Rates {
            vision_tower: rate * 0.4,
            projector: rate,
            language_model: rate,
        },
        ..Config::small(rate, 24, steps)
    };
    let save = |model: &dyn Mllm| Ok(model::save(model, folder, Some(folder), Kind::BFloat16)?);
    drive(name, model, source, &config, save)?;
    save(model)
}

/// How often each kind of sample is drawn; what is left over is extraction.
#[derive(Clone, Copy, Debug)]
struct Shares {
    /// Picture, then caption.
    caption: f64,
    /// Picture and questions with short answers.
    question: f64,
    /// Picture, caption and questions, then answers.
    reading: f64,
    /// Of the readings, those over invented things.
    invented: f64,
    /// Of the readings, those whose caption tells of other kinds too, which its questions then ask about.
    contrasting: f64,
    /// What is asked after a caption; one of them is drawn for each question.
    asks: &'static [Asks],
}

/// Pictures and text together.
struct Joint {
    pictures: Vec<Picture>,
    blank: PathBuf,
    reading: Reading,
    shares: Shares,
}

impl Joint {
    fn new(work: &Path, pictures: &[Picture], shares: Shares) -> Result<Self> {
        let blank = work.join("images/blank.png");
        write_blank(&blank)?;
        let all = pictograms::load()?;
        let shown = parts::general(&all, Part::Shown);
        Ok(Self {
            pictures: pictures.to_vec(),
            blank,
            reading: Reading::new(shown.iter().map(|p| p.concept.as_ref())),
            shares,
        })
    }
}

impl SampleKind for Joint {
    fn sample(&self, rng: &mut Rng) -> Sample {
        let Self {
            reading, shares, ..
        } = self;
        let (prompts, kinds) = (&reading.prompts, &reading.lexicon.kinds);
        let picture = rng.choose(&self.pictures);
        let image = |text: &str| Turn::new(Role::User, format!("<image>\n{text}")).with_marks();
        let way = rng.unit();
        if way < shares.caption {
            let asked = if rng.chance(0.5) {
                &prompts.synthesizer.caption_request
            } else {
                rng.choose(&prompts.captioning.requests)
            };
            let caption = world::caption(&picture.thing, rng);
            let turns = vec![image(asked), Turn::new(Role::Assistant, caption).learned()];
            return plain(turns, vec![picture.path.clone()]);
        }
        if way < shares.caption + shares.question {
            let mut asked = Asks::ALL;
            rng.shuffle(&mut asked);
            let mut turns = Vec::new();
            for (at, asks) in asked.into_iter().take(QUESTIONS).enumerate() {
                let question = world::question(&picture.thing, asks, kinds, rng);
                turns.push(if at == 0 {
                    image(&question.instruction)
                } else {
                    Turn::new(Role::User, question.instruction)
                });
                turns.push(Turn::new(Role::Assistant, question.precise).learned());
            }
            return plain(turns, vec![picture.path.clone()]);
        }
        if way < shares.caption + shares.question + shares.reading {
            // What the caption says counts, whatever the picture shows.
            let (thing, kinds, path) = if rng.chance(shares.invented) {
                let (thing, kinds) = reading.lexicon.unheard(rng);
                let path = if rng.chance(0.5) {
                    &self.blank
                } else {
                    &picture.path
                };
                (thing, kinds, path)
            } else {
                (picture.thing.clone(), kinds.clone(), &picture.path)
            };
            let (caption, kinds) = if rng.chance(shares.contrasting) {
                let (caption, others) = world::contrasting_caption(&thing, &kinds, rng);
                (caption, others.to_vec())
            } else {
                (world::caption(&thing, rng), kinds)
            };
            let asked = image(&prompts.synthesizer.caption_request);
            let turns = vec![asked, Turn::new(Role::Assistant, caption)];
            return plain(
                reading.answers(turns, &thing, &kinds, shares.asks, rng),
                vec![path.clone()],
            );
        }
        plain(reading.extraction(rng), Vec::new())
    }
}
