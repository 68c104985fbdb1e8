//! The synthesizer reads each picture with its caption and writes a task about it; or another maker does.

mod making;

use std::path::PathBuf;

use corpus::{Decoding, Pair, Rejected, Triplet, jsonl};
use endpoint::Need;
use run::plan::Cost;
use run::recipe::{EndpointPlace, Recipe, StageData, Training};
use run::{Node, Place as NodePlace};
use serde::{Deserialize, Serialize};
use synthesis::{Corruption, Input, ParseOptions, Prompts, SameQuestion};

use self::making::{Made, Making};
use super::pairs::{self, PAIRS, Pairs};
use super::tune_synthesizer::TuneSynthesizer;
use crate::answering::{Answerer, Local, There};
use crate::bad_records::tell_left_out;
use crate::corruption::{bytes_of, corrupted};
use crate::endpoints::{self, AskedPlace, AskedThere, Place};
use crate::error::{Imbalance, Result};
use crate::estimate::{Asked, Estimate};
use crate::reader::Reader;
use crate::records::{Stored, read, rows, write, write_rejected};
use crate::runner::Progress;
use crate::sample_set::SampleSet;
use crate::sources::Sources;
use crate::stage::{Link, Site, Stage};
use crate::training::audit_captions;

/// Its name.
pub const NAME: &str = "synthesize";

/// The file of its triplets.
pub const TRIPLETS: &str = "triplets.jsonl";
/// The file of the conversations that a maker gives which gives no triplets.
pub const TASKS: &str = "tasks.jsonl";
/// The file of what the synthesizer wrote.
pub const COMPLETIONS: &str = "completions.jsonl";

/// Its section of the recipe.
pub(crate) const SECTION: &str = "synthesizer";

/// Writes triplets, or conversations.
#[derive(Clone, Debug)]
pub struct Synthesize {
    pairs: Link<Pairs>,
    /// Another maker than the synthesizer.
    making: Option<Making>,
    tuned: Link<TuneSynthesizer>,
    /// A synthesizer that is taken as it is.
    checkpoint: Option<PathBuf>,
    /// Whether that is the general model.
    is_untuned: bool,
    /// One that is asked at an endpoint.
    endpoint: Option<EndpointPlace>,
    enabled: bool,
    input: Input,
    corruption: Corruption,
    same_question: SameQuestion,
    temperature: f64,
    top_p: f64,
    min_p: f64,
    repetition_penalty: f64,
    max_new_tokens: usize,
    prompts: Prompts,
    prompts_file: Option<PathBuf>,
    /// The training that its tasks are for; none where captions are no part of it.
    training: Option<Training>,
    base: PathBuf,
    max_bad: f64,
    seed: u64,
}

/// What it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Pairs that the synthesizer was asked about.
    pub requests: u64,
    /// Triplets that could be read from its answers; of a maker of conversations these.
    pub triplets: u64,
    /// Requests about pairs that had given no task before.
    #[serde(rename = "asked again", default, skip_serializing_if = "is_none")]
    pub again: u64,
    /// What a synthesizer at an endpoint was asked.
    #[serde(flatten)]
    pub endpoint: Option<AskedThere>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl Synthesize {
    /// Of a recipe.
    pub fn of(
        recipe: &Recipe,
        sources: &Sources,
        pairs: Link<Pairs>,
        tuned: Link<TuneSynthesizer>,
    ) -> Self {
        let settings = &recipe.synthesizer;
        Self {
            pairs,
            making: Making::of(recipe, sources),
            tuned,
            checkpoint: sources.synthesizer.clone(),
            is_untuned: sources.is_untuned,
            endpoint: settings.endpoint.clone(),
            enabled: recipe.mix.synthetic,
            input: settings.input,
            corruption: settings.corrupt.shown_by(settings.input),
            same_question: settings.same_question,
            temperature: settings.temperature,
            top_p: settings.top_p,
            min_p: settings.min_p,
            repetition_penalty: settings.repetition_penalty,
            max_new_tokens: settings.max_new_tokens,
            prompts: sources.prompts.clone(),
            prompts_file: settings.prompts.clone(),
            training: on_captions(recipe).cloned(),
            base: sources.base.clone(),
            max_bad: recipe.max_bad,
            seed: recipe.seed,
        }
    }
}

/// The training of captions; of several the one that takes the shortest.
fn on_captions(recipe: &Recipe) -> Option<&Training> {
    if recipe.stages.is_empty() {
        let is_of_mix = recipe.mix.caption && recipe.train.data.is_none();
        return is_of_mix.then_some(&recipe.train);
    }
    let stages = recipe.stages.iter();
    let on_captions = stages.filter(|stage| stage.data.is_some_and(StageData::has_captions));
    on_captions
        .map(|stage| &stage.training)
        .min_by_key(|training| training.max_seq_len)
}

impl Stage for Synthesize {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let pairs = (pairs::NAME, self.pairs.name());
        if self.making.is_some() {
            return Node::of(NAME, NodePlace::Blocks, &[pairs]);
        }
        let synthesizer = ("synthesizer", self.tuned.name());
        Node::of(NAME, NodePlace::Blocks, &[pairs, synthesizer])
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["mix.synthetic"]);
        if !self.enabled {
            return Ok(());
        }
        if let Some(making) = &self.making {
            return making.reads(reader);
        }
        reader.model_settings();
        reader.keys(&[
            "synthesizer.input",
            "synthesizer.same_question",
            "synthesizer.temperature",
            "synthesizer.top_p",
            "synthesizer.max_new_tokens",
        ]);
        // Only what is set, so that runs from before these keys are known keep theirs.
        if self.min_p > 0.0 {
            reader.keys(&["synthesizer.min_p"]);
        }
        #[expect(clippy::float_cmp, reason = "exactly what stands for off")]
        if self.repetition_penalty != 1.0 {
            reader.keys(&["synthesizer.repetition_penalty"]);
        }
        if self.corruption != Corruption::None {
            reader.keys(&["synthesizer.corrupt"]);
        }
        if let Some(path) = &self.prompts_file {
            reader.file("the prompts", path)?;
        }
        if self.endpoint.is_some() {
            reader.endpoint(SECTION, self.sends_pictures());
            // Its chat template is taken to be that of the general model, which its answers are read by.
            return reader.texts("the synthesizer's template", "model.checkpoint", &self.base);
        }
        match &self.checkpoint {
            Some(folder) if self.is_untuned => {
                reader.model("the synthesizer", "model.checkpoint", folder)
            }
            Some(folder) => reader.model("the synthesizer", "synthesizer.checkpoint", folder),
            None => Ok(()),
        }
    }

    fn loads(&self) -> &'static [&'static str] {
        &["synthesizer"]
    }

    fn endpoint(&self) -> Option<AskedPlace<'_>> {
        if let Some(making) = self.making.as_ref().filter(|_| self.enabled) {
            return making.endpoint();
        }
        let place = self.endpoint.as_ref().filter(|_| self.enabled)?;
        Some(AskedPlace {
            section: SECTION,
            place,
            need: Need::OpenTurns,
        })
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        if !self.enabled {
            return Ok(Cost::nothing(0));
        }
        let pairs = estimate.records(self.pairs.name());
        if let Some(making) = &self.making {
            return Ok(making.cost(NAME, pairs, estimate));
        }
        let mut cost = match &self.endpoint {
            None => estimate.answers_of(pairs, self.max_new_tokens as f64),
            Some(place) => {
                let few = estimate.prompts.map_or(&[][..], |prompts| &prompts.pairs);
                let decoding = Decoding::default();
                let few = synthesis::synthesis_requests(few, self.input, &decoding, &self.prompts);
                estimate.asked(&Asked {
                    stage: NAME,
                    section: SECTION,
                    place,
                    answers: pairs,
                    requests_each: 1,
                    few: &few.items,
                    beside: 0.0,
                    max_new_tokens: self.max_new_tokens,
                })
            }
        };
        if self.corruption.is_of_pictures() {
            let pixels = estimate.measured.pair_pixels * pairs as f64;
            let bytes = bytes_of(self.corruption, pixels);
            cost.disk.insert("corrupted pictures".to_owned(), bytes);
        }
        Ok(cost.with("requests", pairs))
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let folder = site.folder;
        if !self.enabled {
            write_rejected(folder, site.stage(), &[])?;
            jsonl::write(&folder.join(TRIPLETS), Vec::<Triplet>::new().iter())?;
            return Ok(Counts::default());
        }
        let path = site.of(&self.pairs, PAIRS);
        // One process looks for all of them.
        let training = self.training.as_ref();
        if let Some(training) = training.filter(|_| site.engine.world.is_first()) {
            // What cannot be trained on would be written for in vain.
            let request = &self.prompts.synthesizer.caption_request;
            let samples = SampleSet::of_captions(Stored::open(&path)?, request)?;
            audit_captions(site, &samples, &self.base, training, self.max_bad)?;
        }
        if let Some(making) = self.making.as_ref().filter(|making| !making.asks()) {
            return cut(site, making, rows(&path)?);
        }
        let pairs: Vec<Pair> = read(&path)?;
        if let Some(making) = &self.making {
            let mut left = Left::begin(site)?;
            left.add(&making.run(site, &pairs)?)?;
            return left.end();
        }
        let (opened, processor, author);
        let mut answerer = if let Some(place) = &self.endpoint {
            processor = site.engine.processor(&self.base)?;
            let mut control_tokens = processor.control_tokens();
            control_tokens.push(corpus::IMAGE_MARK.to_owned());
            // Who wrote it is told by the name that it has there.
            author = place.model.clone();
            let mut there = There {
                section: SECTION.to_owned(),
                client: site.engine.endpoints.client(
                    Place {
                        section: SECTION,
                        place,
                        seed: self.seed,
                        control_tokens: &control_tokens,
                    },
                    &site.run.join(endpoints::FOLDER),
                )?,
                block: site.engine.generation.block,
            };
            there.probe(Need::OpenTurns, site.report)?;
            Answerer::Endpoint(there)
        } else {
            let folder = match &self.checkpoint {
                Some(folder) => folder.clone(),
                None => site.of(&self.tuned, "model"),
            };
            (opened, processor) = site.engine.open(&folder)?;
            // Who wrote it is told by content: a folder's name is this machine's.
            author = site.digests.borrow_mut().folder(&folder)?;
            Local {
                model: opened.as_ref(),
                processor: processor.as_ref(),
                generation: site.engine.generation,
                seed: self.seed,
            }
            .of_stage(site)
        };
        let decoding = Decoding {
            max_new_tokens: self.max_new_tokens,
            temperature: self.temperature,
            top_p: self.top_p,
            min_p: self.min_p,
            repetition_penalty: self.repetition_penalty,
            ..synthesis::synthesis_decoding(processor.end_of_text())
        };
        let (shown, mut rejected) = corrupted(site, &pairs, self.corruption, self.seed)?;
        let asked = synthesis::synthesis_requests(&shown, self.input, &decoding, &self.prompts);
        let requests = asked.items;
        rejected.extend(asked.rejected);
        if pairs.len() != requests.len() + rejected.len() {
            let found = Imbalance::Requests {
                pairs: pairs.len(),
                requests: requests.len(),
                rejects: rejected.len(),
            };
            return Err(found.into());
        }
        write(&folder.join("requests.jsonl"), &requests)?;
        let progress = Progress {
            label: site.stage(),
            report: site.report,
            stop: site.stop,
        };
        let path = folder.join(COMPLETIONS);
        let completions = answerer.write(&requests, &path, progress)?;
        let markers = processor.markers()?;
        let parsing = ParseOptions {
            markers: &markers,
            prompts: &self.prompts.synthesizer,
            same_question: self.same_question,
        };
        let parsed = synthesis::triplets(&requests, &completions, parsing, &author);
        let unparsed = parsed.rejected.len();
        rejected.extend(parsed.rejected);
        jsonl::write(&folder.join(TRIPLETS), &parsed.items)?;
        let list = write_rejected(folder, site.stage(), &rejected)?;
        tell_left_out(
            site.report,
            "pairs got no task",
            pairs.len(),
            &rejected,
            &list,
        );
        if requests.len() != parsed.items.len() + unparsed {
            let found = Imbalance::Triplets {
                requests: requests.len(),
                triplets: parsed.items.len(),
                rejects: unparsed,
            };
            return Err(found.into());
        }
        Ok(Counts {
            requests: requests.len() as u64,
            triplets: parsed.items.len() as u64,
            again: 0,
            endpoint: answerer.asked_there(&completions),
        })
    }
}

/// Pairs that a maker without a model is given together.
const PART: usize = 1024;

/// Writes what a maker without a model gives of pairs that come one by one.
fn cut(
    site: &Site<'_>,
    making: &Making,
    mut pairs: impl Iterator<Item = Result<Pair>>,
) -> Result<Counts> {
    let mut left = Left::begin(site)?;
    loop {
        site.stop.check()?;
        let part: Vec<Pair> = pairs.by_ref().take(PART).collect::<Result<_>>()?;
        let is_last = part.len() < PART;
        left.add(&making.made(&part))?;
        if is_last {
            return left.end();
        }
    }
}

/// What other makers gave, written part by part and counted.
struct Left<'a> {
    site: &'a Site<'a>,
    triplets: jsonl::Writer,
    tasks: Option<jsonl::Writer>,
    counts: Counts,
    pairs: usize,
    rejected: Vec<Rejected>,
    /// Of these, one for each pair without a task.
    of_pairs: Vec<Rejected>,
    /// Those of single tasks of other pairs.
    of_tasks: Vec<Rejected>,
}

impl<'a> Left<'a> {
    fn begin(site: &'a Site<'_>) -> Result<Self> {
        Ok(Self {
            site,
            triplets: jsonl::Writer::create(&site.folder.join(TRIPLETS))?,
            tasks: None,
            counts: Counts::default(),
            pairs: 0,
            rejected: Vec::new(),
            of_pairs: Vec::new(),
            of_tasks: Vec::new(),
        })
    }

    fn add(&mut self, made: &Made) -> Result<()> {
        for triplet in &made.triplets {
            self.triplets.write(triplet)?;
        }
        if let Some(tasks) = &made.tasks {
            let file = match &mut self.tasks {
                Some(file) => file,
                none => none.insert(jsonl::Writer::create(&self.site.folder.join(TASKS))?),
            };
            for task in tasks {
                file.write(task)?;
            }
        }
        let (of_pairs, of_tasks) = made.left_out();
        self.of_pairs.extend(of_pairs);
        self.of_tasks.extend(of_tasks);
        self.rejected.extend_from_slice(&made.rejected);
        self.pairs += made.requests;
        let counts = &mut self.counts;
        counts.requests += made.requests as u64;
        counts.triplets += made.num_tasks() as u64;
        counts.again += made.again as u64;
        counts.endpoint.clone_from(&made.endpoint);
        Ok(())
    }

    fn end(self) -> Result<Counts> {
        self.triplets.commit()?;
        if let Some(tasks) = self.tasks {
            tasks.commit()?;
        }
        let (site, counts) = (self.site, self.counts);
        let list = write_rejected(site.folder, site.stage(), &self.rejected)?;
        let (of_pairs, of_tasks) = (&self.of_pairs, &self.of_tasks);
        let pairs = self.pairs;
        tell_left_out(site.report, "pairs got no task", pairs, of_pairs, &list);
        let all = counts.triplets as usize + of_tasks.len();
        tell_left_out(site.report, "tasks are left out", all, of_tasks, &list);
        Ok(counts)
    }
}

impl Synthesize {
    /// Whether pictures go to the endpoint.
    fn sends_pictures(&self) -> bool {
        matches!(self.input, Input::Both | Input::Image)
    }
}
