//! The synthetic data is measured against what is true of the pairs, and the adapted model is asked with the picture and without.

use std::collections::BTreeMap;
use std::path::PathBuf;

use corpus::sealed::write_sealed;
use corpus::{Decoding, Open, Pair, Request, Role, Triplet, Turn, jsonl};
use run::plan::Cost;
use run::recipe::Recipe;
use run::{Node, Place};
use serde::{Deserialize, Serialize};
use synthesis::quality::{self, DataQuality, Item, Probe, Question};
use synthesis::text::with_marks;
use synthesis::truth::Truth;
use synthesis::{Answers, SyntheticTask};

use super::filter::{Filter, KEPT, KEPT_TASKS};
use super::pairs::{self, PAIRS, Pairs};
use super::synthesize::{Synthesize, TRIPLETS};
use super::train::Train;
use crate::answering::Local;
use crate::error::Result;
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::records::{read, read_if_there};
use crate::sighted;
use crate::stage::{Link, Site, Stage};
use crate::truths;

/// Its name.
pub const NAME: &str = "quality";

/// The file of its [`DataQuality`].
pub const QUALITY: &str = "quality.json";
/// The file of the [`Item`]s that are trained on.
pub const ITEMS: &str = "items.jsonl";

/// Most questions that the adapted model is asked.
const PROBES: usize = 100;

/// Most tokens of an answer.
const ANSWER: usize = 128;

/// The tokens that an answer is taken to have, for a plan.
const ANSWER_TOKENS: f64 = 32.0;

/// Measures the synthetic data.
#[derive(Clone, Debug)]
pub struct Quality {
    pairs: Link<Pairs>,
    synthesized: Link<Synthesize>,
    kept: Link<Filter>,
    model: Link<Train>,
    truth: Option<PathBuf>,
    /// Which answers are trained; none of conversations.
    answers: Option<Answers>,
    /// Most questions that the model is asked.
    limit: usize,
    /// The fewest and most pixels of a picture, where the recipe says.
    pixels: [Option<usize>; 2],
    seed: u64,
}

/// What it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Items that are trained on.
    pub items: u64,
    /// Of these, how many ask what the truth knows.
    pub known: u64,
    /// Of these, how many the adapted model was asked, with the picture and without.
    pub asked: u64,
}

impl Quality {
    /// Of a recipe: the data that `kept` left, and the adapted model.
    pub fn of(
        recipe: &Recipe,
        pairs: Link<Pairs>,
        synthesized: Link<Synthesize>,
        kept: Link<Filter>,
        model: Link<Train>,
    ) -> Self {
        let evaluate = &recipe.evaluate;
        Self {
            pairs,
            synthesized,
            kept,
            model,
            truth: recipe.truth.clone(),
            answers: recipe
                .making
                .maker
                .gives_triplets()
                .then_some(recipe.mix.answers),
            limit: evaluate.blind_limit.min(PROBES),
            pixels: [evaluate.min_pixels, evaluate.max_pixels],
            seed: recipe.seed,
        }
    }

    /// The file of all triplets before the filter, measured by one of their answers or by both.
    pub fn unfiltered(answers: Answers) -> String {
        format!("unfiltered-{}.jsonl", answers.as_str())
    }
}

impl Stage for Quality {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        Node::of(
            NAME,
            Place::Blocks,
            &[
                (pairs::NAME, self.pairs.name()),
                ("synthesized", self.synthesized.name()),
                ("kept", self.kept.name()),
                ("model", self.model.name()),
            ],
        )
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.model_settings();
        reader.keys(&[
            "evaluate.blind_limit",
            "evaluate.min_pixels",
            "evaluate.max_pixels",
        ]);
        if self.answers.is_some() {
            reader.keys(&["mix.answers"]);
        }
        match &self.truth {
            Some(path) => reader.file("the truth", path),
            None => Ok(()),
        }
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        let asked = estimate.records(self.kept.name()).min(self.limit);
        let cost = estimate.answers_of(2 * asked, ANSWER_TOKENS);
        Ok(cost.with("answers", 2 * asked))
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let pairs: Vec<Pair> = read(&site.of(&self.pairs, PAIRS))?;
        let truth = truths::read(self.truth.as_deref())?;
        let known = Known {
            pairs: pairs.iter().map(|pair| (pair.id.as_str(), pair)).collect(),
            truth: &truth,
        };
        let kinds = quality::kinds(truth.values());
        let (mut items, probes);
        let mut unfiltered = BTreeMap::new();
        if let Some(answers) = self.answers {
            let kept: Vec<Triplet> = jsonl::read(&site.of(&self.kept, KEPT))?;
            items = known.triplets(&kept, answers);
            probes = known.probes(kept.iter().map(Question::from), self.limit, self.seed);
            let all: Vec<Triplet> = jsonl::read(&site.of(&self.synthesized, TRIPLETS))?;
            for answers in Answers::ALL {
                let items = known.triplets(&all, answers);
                jsonl::write(&site.folder.join(Self::unfiltered(answers)), &items)?;
                let measured = quality::measure(&items, &kinds);
                unfiltered.insert(answers.as_str().to_owned(), measured);
            }
        } else {
            let tasks: Vec<SyntheticTask> = read_if_there(&site.of(&self.kept, KEPT_TASKS))?;
            items = known.tasks(&tasks);
            probes = known.probes(tasks.iter().map(Question::from), self.limit, self.seed);
        }
        let found = self.knowledge(site, &known, &probes)?;
        for item in &mut items {
            item.knowledge = found.get(&item.id).copied();
        }
        jsonl::write(&site.folder.join(ITEMS), &items)?;
        let data = quality::measure(&items, &kinds);
        let counts = Counts {
            items: data.items as u64,
            known: data.known as u64,
            asked: probes.len() as u64,
        };
        if counts.known == 0 {
            site.report.warn(format!(
                "the truth knows none of the questions of {} synthetic tasks: they have a complexity and no other measure",
                counts.items
            ));
        }
        write_sealed(
            &site.folder.join(QUALITY),
            &DataQuality { data, unfiltered },
        )?;
        Ok(counts)
    }
}

impl Quality {
    /// Asks the adapted model and gives by item what the picture was needed for.
    fn knowledge(
        &self,
        site: &Site<'_>,
        known: &Known<'_>,
        probes: &[Probe],
    ) -> Result<BTreeMap<String, f64>> {
        if probes.is_empty() {
            return Ok(BTreeMap::new());
        }
        let [fewest, most] = self.pixels;
        let mut engine = site.engine.clone();
        engine.processing.min_pixels = fewest.or(engine.processing.min_pixels);
        engine.processing.max_pixels = most.or(engine.processing.max_pixels);
        let (model, processor) = engine.open(&site.of(&self.model, "model"))?;
        let mut answerer = Local {
            model: model.as_ref(),
            processor: processor.as_ref(),
            generation: engine.generation,
            seed: self.seed,
        }
        .of_stage(site);
        let [seen, unseen] =
            sighted::with_and_without(site, &mut answerer, &known.requests(probes))?;
        let answers = probes.iter().zip(seen.iter().zip(&unseen));
        let found = answers.map(|(probe, (seen, unseen))| {
            let knowledge = quality::knowledge(&seen.text, &unseen.text, &probe.answer);
            (probe.id.clone(), knowledge)
        });
        Ok(found.collect())
    }
}

/// The pairs and what is true of them.
struct Known<'a> {
    pairs: BTreeMap<&'a str, &'a Pair>,
    truth: &'a BTreeMap<String, Truth>,
}

impl Known<'_> {
    fn caption(&self, pair: &str) -> &str {
        self.pairs.get(pair).map_or("", |pair| &pair.caption)
    }

    fn triplets(&self, triplets: &[Triplet], answers: Answers) -> Vec<Item> {
        let of = |triplet: &Triplet| {
            let (caption, truth) = (self.caption(&triplet.pair), self.truth.get(&triplet.pair));
            quality::of_triplet(triplet, answers, caption, truth)
        };
        triplets.iter().map(of).collect()
    }

    fn tasks(&self, tasks: &[SyntheticTask]) -> Vec<Item> {
        let of = |task: &SyntheticTask| {
            quality::of_task(task, self.caption(&task.pair), self.truth.get(&task.pair))
        };
        tasks.iter().map(of).collect()
    }

    fn probes<'a>(
        &self,
        questions: impl Iterator<Item = Question<'a>>,
        limit: usize,
        seed: u64,
    ) -> Vec<Probe> {
        quality::probes(questions, self.truth, limit, seed)
    }

    fn requests(&self, probes: &[Probe]) -> Vec<Request> {
        let request = |probe: &Probe| {
            let pair = self.pairs.get(probe.pair.as_str());
            let images = pair.map_or_else(Vec::new, |pair| pair.images.clone());
            let text = with_marks(images.len(), &probe.instruction);
            Request {
                id: probe.id.clone(),
                turns: vec![Turn::new(Role::User, text).with_marks()],
                images,
                open: Open::Assistant,
                prompt: None,
                decoding: Decoding {
                    max_new_tokens: ANSWER,
                    ..Decoding::default()
                },
            }
        };
        probes.iter().map(request).collect()
    }
}
