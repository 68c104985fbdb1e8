//! How the demo's base model is made: `adamllm demo-base`, in phases that can run side by side.
//!
//! 1. `tower`: the vision tower tells general pictograms apart ([`super::tower`]).
//! 2. `read`: the decoder reads captions over general and invented names and answers from them, without pictures.
//! 3. `joint`: both together on general pictograms: captions, questions, questions after a caption, extraction. Most of
//!    the captions that are asked about tell of invented things, so that what a caption says is copied and not recalled.
//! 4. `polish`: the same at a lower rate, with more of what the synthesizer and the judge need: answers that copy from a
//!    caption, and extraction.
//! 5. `contrast`: polish again, with captions that also tell what a thing is not, and questions about that.
//! 6. `compare`: polish again, with many questions whether a thing is of a kind that a caption names or does not. Telling two
//!    spelled words apart is learned late and all at once, and not by every run of the phases before.
//! 7. `score`: what it knows is measured ([`super::gates`]) into `<work>/scores.json`.
//!
//! Food never occurs, not even in the tokenizer's training text: a word that is one token there and never trained could
//! not be copied. Food words are spelled in pieces that general text has taught.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use corpus::pictograms::{self, Concept, Pictogram};
use corpus::seed::{Rng, hash};
use corpus::{Role, Sample, Turn};
use model::{Group, Mllm};
use processor::{Encoded, Options, Processor};
use serde_json::{Value, json};
use synthesis::Prompts;
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::{AddedToken, Tokenizer};
use torch::{Device, Kind};
use train::{Config, SampleSource, Trainer};

use super::world::{self, Asks, Lexicon, Thing};
use super::{Picture, gates, kinds, render, tower};

/// The phases in the order that makes a base from nothing.
pub const PHASES: [&str; 7] = [
    "tower", "read", "joint", "polish", "contrast", "compare", "score",
];

/// Llama 3's format; answers begin with a blank, so that a word that is copied from a caption keeps its tokens.
const CHAT_TEMPLATE: &str = include_str!("chat_template.jinja");
const VOCABULARY: usize = 2048;
const SPECIAL: [&str; 6] = [
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<image>",
];
const TOWER_STEPS: usize = 2400;
const READ_STEPS: usize = 2500;
const JOINT_STEPS: usize = 5000;
const POLISH_STEPS: usize = 2000;
const CONTRAST_STEPS: usize = 1000;
const COMPARE_STEPS: usize = 1000;
/// Trainings of the `compare` phase, one after the other, each with a rate that rises and falls anew.
const COMPARE_CYCLES: u64 = 2;
/// A twentieth of the general concepts is never shown, and a twentieth of the other pictures, so that general skill can
/// be measured.
const HELD_OUT: f64 = 0.05;
/// Questions about one picture in one training sample.
const QUESTIONS: usize = 3;

/// Runs one phase, or all, in the work folder; the finished model lies in `<work>/base-model`.
/// With `check`, scores that stay behind those of the shipped models are an error.
pub fn run(work: &Path, phases: &[String], check: bool, threads: usize) -> Result<()> {
    torch::set_threads(threads);
    std::fs::create_dir_all(work)?;
    let all = pictograms::load()?;
    let folder = work.join("base-model");
    if !folder.join("tokenizer.json").exists() {
        write_folder(&folder, &all, &base_config())?;
    }
    let wanted = |phase: &str| phases.is_empty() || phases.iter().any(|p| p == phase);
    if let Some(unknown) = phases.iter().find(|p| !PHASES.contains(&p.as_str())) {
        bail!(
            "unknown phase `{unknown}`; phases are {}",
            PHASES.join(", ")
        );
    }
    let general: Vec<&Pictogram> = all.iter().filter(|p| p.concept.is_general()).collect();
    let draw = |of: Part| {
        let part: Vec<&Pictogram> = general.iter().copied().filter(|p| part(p) == of).collect();
        render(&part, &work.join("images"))
    };
    if wanted("tower") {
        run_tower(
            work,
            &folder,
            &draw(Part::Shown)?,
            &draw(Part::HeldPicture)?,
        )?;
    }
    if wanted("read") {
        run_read(work, &folder, &general)?;
    }
    if wanted("joint") {
        run_joint(work, &folder, &draw(Part::Shown)?)?;
    }
    if wanted("polish") {
        run_polish(work, &folder, &draw(Part::Shown)?)?;
    }
    if wanted("contrast") {
        run_contrast(work, &folder, &draw(Part::Shown)?)?;
    }
    if wanted("compare") {
        run_compare(work, &folder, &draw(Part::Shown)?)?;
    }
    if wanted("score") || check {
        let found = gates::measure(work)?;
        eprint!("{}", gates::table(&found));
        corpus::sealed::write_json(&work.join("scores.json"), &found)?;
        if check {
            gates::compare(&found)?;
        }
    }
    Ok(())
}

/// What a general pictogram is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Training.
    Shown,
    /// Measuring: other pictures of the concept are shown.
    HeldPicture,
    /// Measuring: no picture of the concept is shown.
    HeldConcept,
}

/// What a general pictogram is used for; the same for every run.
pub fn part(pictogram: &Pictogram) -> Part {
    let concept = &pictogram.concept.id;
    if Rng::new(hash(2024, concept)).chance(HELD_OUT) {
        Part::HeldConcept
    } else if Rng::new(hash(2025, &format!("{concept} {}", pictogram.style))).chance(HELD_OUT) {
        Part::HeldPicture
    } else {
        Part::Shown
    }
}

fn run_tower(work: &Path, folder: &Path, shown: &[Picture], held: &[Picture]) -> Result<()> {
    let model = fresh(folder, 1)?;
    let processor = processor::load(folder, &Options::default())?;
    let index =
        |list: &[String], name: &str| list.iter().position(|n| n == name).unwrap_or(0) as i64;
    let mut names: Vec<String> = shown.iter().map(|p| p.thing.name.clone()).collect();
    names.sort();
    names.dedup();
    let kinds = kinds(shown);
    let colours = world::COLOURS.map(str::to_owned).to_vec();
    let examples = |pictures: &[Picture]| -> Result<Vec<tower::Example>> {
        let example = |picture: &Picture| {
            Ok(tower::Example {
                input: processor.image(&picture.path)?,
                classes: [
                    index(&names, &picture.thing.name),
                    index(&kinds, &picture.thing.kind),
                    index(&colours, &picture.thing.colour),
                ],
            })
        };
        pictures.iter().map(example).collect()
    };
    let classes = [names.len(), kinds.len(), colours.len()].map(|n| n as i64);
    tower::train(
        model.as_ref(),
        &examples(shown)?,
        &examples(held)?,
        classes,
        TOWER_STEPS,
        1,
    )?;
    model::save(
        model.as_ref(),
        &work.join("tower"),
        Some(folder),
        Kind::Float,
    )?;
    Ok(())
}

fn run_read(work: &Path, folder: &Path, general: &[&Pictogram]) -> Result<()> {
    let model = fresh(folder, 2)?;
    let config = Config {
        micro_tokens: 4096,
        betas: [0.9, 0.98],
        weight_decay: 0.05,
        ..Config::small(1.2e-3, 16, READ_STEPS)
    };
    let source = Made::new(
        folder,
        2,
        Reading::new(general.iter().map(|p| p.concept.as_ref())),
        READ_STEPS * 16,
    )?;
    drive("read", model.as_ref(), &source, &config, |_| Ok(()))?;
    model::save(
        model.as_ref(),
        &work.join("read"),
        Some(folder),
        Kind::Float,
    )?;
    Ok(())
}

fn run_joint(work: &Path, folder: &Path, pictures: &[Picture]) -> Result<()> {
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
    let source = Made::new(folder, 3, joint, JOINT_STEPS * 24)?;
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

fn run_polish(work: &Path, folder: &Path, pictures: &[Picture]) -> Result<()> {
    polish("polish", 5, work, folder, pictures, POLISH, POLISH_STEPS)
}

fn run_contrast(work: &Path, folder: &Path, pictures: &[Picture]) -> Result<()> {
    let shares = Shares {
        contrasting: 0.7,
        ..POLISH
    };
    let steps = CONTRAST_STEPS;
    polish("contrast", 5, work, folder, pictures, shares, steps)
}

fn run_compare(work: &Path, folder: &Path, pictures: &[Picture]) -> Result<()> {
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
        polish(
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

fn polish(
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
    let source = Made::new(folder, seed, joint, steps * 24)?;
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

fn drive(
    name: &str,
    model: &dyn Mllm,
    source: &dyn SampleSource,
    config: &Config,
    save: impl Fn(&dyn Mllm) -> Result<()>,
) -> Result<()> {
    let mut trainer = Trainer::new(model, source, config)?;
    let total = trainer.total_steps();
    let (mut loss, mut tokens, mut seconds) = (0.0, 0, 0.0);
    while let Some(metrics) = trainer.step()? {
        loss += metrics.loss;
        tokens += metrics.tokens;
        seconds += metrics.seconds;
        if metrics.step % 50 == 0 {
            eprintln!(
                "{name} {}/{total}  loss {:.3}  {:.0} tokens/s",
                metrics.step,
                loss / 50.0,
                tokens as f64 / seconds
            );
            (loss, tokens, seconds) = (0.0, 0, 0.0);
        }
        if metrics.step % 300 == 0 {
            save(model)?;
        }
    }
    Ok(())
}

fn fresh(folder: &Path, seed: u64) -> Result<Box<dyn Mllm>> {
    let text = std::fs::read_to_string(folder.join("config.json"))?;
    Ok(model::fresh(&text, seed, Device::Cpu, Kind::Float)?)
}

/// A kind of samples, drawn anew for every index.
trait Kindred: Sync {
    fn sample(&self, rng: &mut Rng) -> Sample;
}

/// Samples made on the fly: the same index gives the same sample.
struct Made<K> {
    kind: K,
    seed: u64,
    len: usize,
    processor: Box<dyn Processor>,
}

impl<K> Made<K> {
    fn new(folder: &Path, seed: u64, kind: K, len: usize) -> Result<Self> {
        Ok(Self {
            kind,
            seed,
            len,
            processor: processor::load(folder, &Options::default())?,
        })
    }
}

impl<K: Kindred> SampleSource for Made<K> {
    fn len(&self) -> usize {
        self.len
    }

    fn id(&self, _: usize) -> &'static str {
        "made"
    }

    fn encode(&self, index: usize) -> Result<Encoded, String> {
        let sample = self
            .kind
            .sample(&mut Rng::new(hash(self.seed, &index.to_string())));
        let mut encoded = self.processor.sample(&sample).map_err(|e| e.to_string())?;
        let mut rng = Rng::new(hash(self.seed + 1000, &index.to_string()));
        for image in &mut encoded.images {
            *image = tower::varied(image, &mut rng);
        }
        Ok(encoded)
    }
}

/// Captions and questions over general and new names, without pictures.
struct Reading {
    things: Vec<Thing>,
    lexicon: Lexicon,
    prompts: Prompts,
}

impl Reading {
    fn new<'a>(concepts: impl IntoIterator<Item = &'a Concept>) -> Self {
        let mut things: Vec<Thing> = concepts.into_iter().map(|c| super::thing(c, "")).collect();
        things.dedup();
        Self {
            lexicon: Lexicon::new(&things),
            things,
            prompts: Prompts::default(),
        }
    }

    fn thing(&self, rng: &mut Rng) -> (Thing, Vec<String>) {
        if rng.chance(0.7) {
            return self.lexicon.unheard(rng);
        }
        let mut thing = rng.choose(&self.things).clone();
        let kinds = &self.lexicon.kinds;
        if rng.chance(0.5) {
            thing.kind.clone_from(rng.choose(kinds));
        }
        let colour = *rng.choose::<&str>(&world::COLOURS);
        colour.clone_into(&mut thing.colour);
        (thing, kinds.clone())
    }

    /// Answers after a caption, with the hints of the synthesizer's turns in half of the samples.
    fn answers(
        &self,
        mut turns: Vec<Turn>,
        thing: &Thing,
        kinds: &[String],
        asks: &[Asks],
        rng: &mut Rng,
    ) -> Vec<Turn> {
        let prompts = &self.prompts.synthesizer;
        for _ in 0..2 {
            let question = world::question(thing, *rng.choose(asks), kinds, rng);
            let precise = rng.chance(0.5);
            let hint = if precise {
                &prompts.hint_precise
            } else {
                &prompts.hint_informative
            };
            let answer = if precise {
                question.precise
            } else {
                question.informative
            };
            turns.push(Turn::new(
                Role::User,
                format!("{hint}\n{}", question.instruction),
            ));
            turns.push(Turn::new(Role::Assistant, answer).learned());
        }
        turns
    }

    fn extraction(&self, rng: &mut Rng) -> Vec<Turn> {
        let (thing, kinds) = self.thing(rng);
        let (other, _) = self.thing(rng);
        let asks = *rng.choose(&Asks::ALL);
        let question = world::question(&thing, asks, &kinds, rng);
        // The answer is what the text says, right or wrong, so a text about another thing gives another answer.
        let (text, answer) = if rng.chance(0.5) {
            let told = world::question(&other, asks, &kinds, rng);
            let fits = !matches!(asks, Asks::YesNo | Asks::Choice);
            if fits {
                (told.informative, told.precise)
            } else {
                (question.informative, question.precise)
            }
        } else {
            (question.informative, question.precise)
        };
        let request =
            synthesis::judge::extraction_request(&text, &question.instruction, &self.prompts);
        vec![
            Turn::new(Role::User, request),
            Turn::new(Role::Assistant, answer).learned(),
        ]
    }
}

impl Kindred for Reading {
    fn sample(&self, rng: &mut Rng) -> Sample {
        if rng.chance(0.2) {
            return plain(self.extraction(rng), Vec::new());
        }
        let (thing, kinds) = self.thing(rng);
        let caption = world::caption(&thing, rng);
        let mut told = Turn::new(Role::Assistant, caption);
        // Captions of invented things are noise to predict, so they are learned now and then only.
        told.learn = rng.chance(0.2);
        let turns = vec![
            Turn::new(Role::User, self.prompts.synthesizer.caption_request.clone()),
            told,
        ];
        let turns = self.answers(turns, &thing, &kinds, &Asks::ALL, rng);
        plain(turns, Vec::new())
    }
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
        let white = image::RgbImage::from_pixel(super::SIDE, super::SIDE, image::Rgb([255; 3]));
        corpus::images::encode_png(&white, &blank)?;
        let all = pictograms::load()?;
        let shown = all
            .iter()
            .filter(|p| p.concept.is_general() && part(p) == Part::Shown);
        Ok(Self {
            pictures: pictures.to_vec(),
            blank,
            reading: Reading::new(shown.map(|p| p.concept.as_ref())),
            shares,
        })
    }
}

impl Kindred for Joint {
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

fn plain(turns: Vec<Turn>, images: Vec<PathBuf>) -> Sample {
    Sample {
        id: "made".to_owned(),
        images,
        turns,
        end: false,
        origin: Value::Null,
    }
}

/// Writes tokenizer, configurations and chat template of a model folder; the weights come later.
fn write_folder(folder: &Path, all: &[Pictogram], config: &Value) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut tokenizer = train_tokenizer(all)?;
    tokenizer.with_decoder(Some(ByteLevel::default()));
    let write =
        |name: &str, value: &Value| std::fs::write(folder.join(name), format!("{value:#}\n"));
    std::fs::write(
        folder.join("tokenizer.json"),
        tokenizer
            .to_string(false)
            .map_err(|e| anyhow::anyhow!("{e}"))?,
    )?;
    write("config.json", config)?;
    write(
        "tokenizer_config.json",
        &json!({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": SPECIAL[0], "eos_token": SPECIAL[4],
            "pad_token": SPECIAL[1], "clean_up_tokenization_spaces": false, "model_max_length": 512}),
    )?;
    write(
        "preprocessor_config.json",
        &json!({"image_processor_type": "LlavaNextImageProcessor", "size": {"shortest_edge": super::SIDE},
            "crop_size": {"height": super::SIDE, "width": super::SIDE}, "image_grid_pinpoints": [[super::SIDE, super::SIDE]],
            "image_mean": [1.0, 1.0, 1.0], "image_std": [0.35, 0.35, 0.35], "resample": 3, "do_rescale": true,
            "rescale_factor": 1.0 / 255.0, "do_resize": true, "do_center_crop": true, "do_normalize": true,
            "do_convert_rgb": true, "do_pad": true}),
    )?;
    write(
        "processor_config.json",
        &json!({"processor_class": "LlavaNextProcessor", "patch_size": 12, "vision_feature_select_strategy": "default",
            "image_token": SPECIAL[5], "num_additional_image_tokens": 1}),
    )?;
    write(
        "generation_config.json",
        &json!({"bos_token_id": 0, "eos_token_id": [4, 1], "pad_token_id": 1}),
    )?;
    std::fs::write(folder.join("chat_template.jinja"), CHAT_TEMPLATE)?;
    Ok(())
}

/// A byte-level BPE over captions and questions about general pictograms.
fn train_tokenizer(all: &[Pictogram]) -> Result<Tokenizer> {
    let mut rng = Rng::new(7);
    let general: Vec<&Pictogram> = all.iter().filter(|p| p.concept.is_general()).collect();
    let prompts = Prompts::default();
    let reading = Reading::new(general.iter().map(|p| p.concept.as_ref()));
    let mut texts = Vec::new();
    for (i, pictogram) in general.into_iter().enumerate() {
        let colour = *rng.choose::<&str>(&world::COLOURS);
        let thing = super::thing(&pictogram.concept, colour);
        texts.push(world::caption(&thing, &mut rng));
        let asks = Asks::ALL[i % Asks::ALL.len()];
        let question = world::question(&thing, asks, &reading.lexicon.kinds, &mut rng);
        texts.push(question.instruction);
        texts.push(question.informative);
        texts.push(prompts.synthesizer.hint_precise.clone());
        texts.push(prompts.synthesizer.hint_informative.clone());
        texts.push(prompts.extraction.request.clone());
        texts.push(rng.choose(&prompts.captioning.requests).clone());
        // New names bring the letter pairs that other people's words are made of.
        texts.push(reading.lexicon.new_name(&mut rng));
    }
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
    let trainer = BpeTrainer::builder()
        .vocab_size(VOCABULARY)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(
            SPECIAL
                .iter()
                .map(|s| AddedToken::from((*s).to_owned(), true))
                .collect(),
        )
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let mut trainer = TrainerWrapper::from(trainer);
    tokenizer
        .train(&mut trainer, texts.into_iter())
        .map_err(|e| anyhow::anyhow!("the tokenizer cannot be trained: {e}"))?;
    Ok(tokenizer)
}

fn base_config() -> Value {
    config([192, 512, 4, 6], [192, 512, 5, 6])
}

/// Width, inner width, layers and heads of decoder and tower.
fn config(text: [u32; 4], vision: [u32; 4]) -> Value {
    json!({
        "architectures": ["LlavaNextForConditionalGeneration"], "model_type": "llava_next",
        "image_token_index": 5, "image_grid_pinpoints": [[super::SIDE, super::SIDE]], "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default", "projector_hidden_act": "gelu", "tie_word_embeddings": true,
        "bos_token_id": 0, "eos_token_id": 4, "pad_token_id": 1,
        "text_config": {
            "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": VOCABULARY,
            "hidden_size": text[0], "intermediate_size": text[1], "num_hidden_layers": text[2],
            "num_attention_heads": text[3], "num_key_value_heads": text[3], "max_position_embeddings": 1024,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": true,
            "bos_token_id": 0, "eos_token_id": 4, "attention_bias": false, "mlp_bias": false
        },
        "vision_config": {
            "model_type": "clip_vision_model", "hidden_size": vision[0], "intermediate_size": vision[1],
            "num_hidden_layers": vision[2], "num_attention_heads": vision[3], "image_size": super::SIDE, "patch_size": 12,
            "hidden_act": "quick_gelu", "projection_dim": 64
        }
    })
}
