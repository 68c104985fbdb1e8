//! Tasks of other makers than the synthesizer: by rules, out of the records, or by a model that is asked about each pair.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use corpus::{Completion, Decoding, IMAGE_MARK, Pair, Rejected, Request, Triplet, jsonl};
use endpoint::Need;
use run::plan::Cost;
use run::recipe::{self, EndpointPlace, Recipe};
use synthesis::makers::{Asking, Asks, Way, retry};
use synthesis::{Maker, Prompts, SyntheticTask, text};

use crate::answering::{Answerer, Local, There};
use crate::endpoints::{self, AskedPlace, AskedThere, Place};
use crate::error::{Error, Imbalance, Result};
use crate::estimate::{Asked, Estimate};
use crate::reader::Reader;
use crate::records::write;
use crate::runner::Progress;
use crate::sources::Sources;
use crate::stage::Site;

/// Its section of the recipe.
const SECTION: &str = "maker";

/// Answers after which a model that has given no task is not asked any more.
const TRIAL: usize = 64;

/// Characters of an answer that an error shows.
const SHOWN: usize = 300;

/// Makes tasks.
#[derive(Clone, Debug)]
pub(super) struct Making {
    settings: recipe::Making,
    /// Where the model that is asked lies.
    checkpoint: Option<PathBuf>,
    prompts: Prompts,
    seed: u64,
}

/// What a maker gave.
pub(super) struct Made {
    /// Pairs that it looked at, or asked about.
    pub requests: usize,
    /// Requests of all rounds after the first.
    pub again: usize,
    /// Triplets, of makers that give such.
    pub triplets: Vec<Triplet>,
    /// Conversations, of the others.
    pub tasks: Option<Vec<SyntheticTask>>,
    /// Pairs and tasks that were left out.
    pub rejected: Vec<Rejected>,
    /// What a model at an endpoint was asked.
    pub endpoint: Option<AskedThere>,
}

impl Made {
    /// Triplets and conversations.
    pub fn num_tasks(&self) -> usize {
        self.triplets.len() + self.tasks.as_ref().map_or(0, Vec::len)
    }

    /// One reject for each pair that has no task, and those for single tasks of the other pairs.
    pub fn left_out(&self) -> (Vec<Rejected>, Vec<Rejected>) {
        let tasks = self.tasks.iter().flatten().map(|task| &task.pair);
        let of_triplets = self.triplets.iter().map(|triplet| &triplet.pair);
        let with_a_task: HashSet<&String> = of_triplets.chain(tasks).collect();
        let all = self.rejected.iter().cloned();
        let (of_tasks, mut of_pairs): (Vec<_>, Vec<Rejected>) =
            all.partition(|rejected| with_a_task.contains(&rejected.id));
        let mut seen = HashSet::new();
        of_pairs.retain(|rejected| seen.insert(rejected.id.clone()));
        (of_pairs, of_tasks)
    }
}

impl Making {
    /// Of a recipe; none where tasks are the synthesizer's.
    pub fn of(recipe: &Recipe, sources: &Sources) -> Option<Self> {
        let settings = &recipe.making;
        (!settings.is_by_synthesizer()).then(|| Self {
            settings: settings.clone(),
            checkpoint: sources.maker.clone(),
            prompts: sources.prompts.clone(),
            seed: recipe.seed,
        })
    }

    fn maker(&self) -> Maker {
        self.settings.maker
    }

    /// The model at an endpoint that is asked.
    fn place(&self) -> Option<&EndpointPlace> {
        self.settings.endpoint.as_ref()
    }

    pub fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["data.maker", "run.seed"]);
        if let Some(path) = &self.settings.prompts {
            reader.file("the prompts", path)?;
        }
        let Some(asks) = self.maker().asks() else {
            return Ok(());
        };
        reader.setting("version of the prompts", asks.version(&self.prompts));
        reader.keys(&["maker.temperature", "maker.max_new_tokens"]);
        if self.settings.temperature > 0.0 {
            reader.keys(&["maker.top_p", "maker.rounds"]);
        }
        if asks.reads_mentions() {
            reader.keys(&["maker.mentions"]);
        }
        match (self.place(), &self.checkpoint) {
            (Some(_), _) => reader.endpoint(SECTION, asks.shows_pictures()),
            (None, Some(folder)) => {
                reader.model_settings();
                reader.model("the maker's model", "maker.checkpoint", folder)?;
            }
            (None, None) => {}
        }
        Ok(())
    }

    pub fn endpoint(&self) -> Option<AskedPlace<'_>> {
        self.maker().asks()?;
        Some(AskedPlace {
            section: SECTION,
            place: self.place()?,
            need: Need::Chat,
        })
    }

    /// What so many pairs would cost in `stage`. Rounds after the first are not known before.
    pub fn cost(&self, stage: &str, pairs: usize, estimate: &Estimate<'_>) -> Cost {
        let max_new_tokens = self.settings.max_new_tokens;
        let Some(asks) = self.maker().asks() else {
            return Estimate::records_of(pairs);
        };
        let cost = match self.place() {
            None => estimate.answers_of(pairs, max_new_tokens as f64),
            Some(place) => {
                let few = estimate.prompts.map_or(&[][..], |prompts| &prompts.pairs);
                estimate.asked(&Asked {
                    stage,
                    section: SECTION,
                    place,
                    answers: pairs,
                    requests_each: 1,
                    few: &asks.requests(few, self.asking(&self.decoding())).items,
                    beside: 0.0,
                    max_new_tokens,
                })
            }
        };
        cost.with("requests", pairs)
    }

    pub fn run(&self, site: &Site<'_>, pairs: &[Pair]) -> Result<Made> {
        match self.maker().asks() {
            Some(asks) => self.ask(site, asks, pairs),
            None => Ok(self.made(pairs)),
        }
    }

    /// Whether it asks a model.
    pub fn asks(&self) -> bool {
        self.maker().asks().is_some()
    }

    /// What a maker gives that asks no model: of some pairs what it would give of these among others.
    pub fn made(&self, pairs: &[Pair]) -> Made {
        let (mut triplets, mut tasks, mut rejected) = (Vec::new(), None, Vec::new());
        match self.maker().way() {
            Way::Cuts(cut) => {
                let cut = cut(pairs, self.seed, &self.prompts);
                (tasks, rejected) = (Some(cut.items), cut.rejected);
            }
            Way::Takes(take) => {
                let taken = take(pairs);
                (triplets, rejected) = (taken.items, taken.rejected);
            }
            // Whoever has a synthesizer makes no such stage.
            Way::Asks(_) | Way::Synthesizer => {}
        }
        Made {
            requests: pairs.len(),
            again: 0,
            triplets,
            tasks,
            rejected,
            endpoint: None,
        }
    }

    fn decoding(&self) -> Decoding {
        Decoding {
            max_new_tokens: self.settings.max_new_tokens,
            temperature: self.settings.temperature,
            top_p: self.settings.top_p,
            ..Decoding::default()
        }
    }

    fn asking<'a>(&'a self, decoding: &'a Decoding) -> Asking<'a> {
        Asking {
            decoding,
            seed: self.seed,
            mentions: &self.settings.mentions,
            prompts: &self.prompts,
        }
    }

    /// Asks about every pair, and again about those that gave no task.
    fn ask(&self, site: &Site<'_>, asks: &dyn Asks, pairs: &[Pair]) -> Result<Made> {
        let asked = asks.requests(pairs, self.asking(&self.decoding()));
        let (requests, mut rejected) = (asked.items, asked.rejected);
        if pairs.len() != requests.len() + rejected.len() {
            let found = Imbalance::Requests {
                pairs: pairs.len(),
                requests: requests.len(),
                rejects: rejected.len(),
            };
            return Err(found.into());
        }
        let block = site.engine.generation.block.clamp(1, TRIAL);
        let opened;
        let (mut answerer, author, name) = if let Some(place) = self.place() {
            let control_tokens = [IMAGE_MARK.to_owned()];
            let asked = Place {
                section: SECTION,
                place,
                seed: self.seed,
                control_tokens: &control_tokens,
            };
            let books = site.run.join(endpoints::FOLDER);
            let mut there = There {
                section: SECTION.to_owned(),
                client: site.engine.endpoints.client(asked, &books)?,
                block,
            };
            there.probe(Need::Chat, site.report)?;
            let name = place.model.clone();
            (Answerer::Endpoint(there), name.clone(), name)
        } else {
            // A checked recipe names either.
            let folder = self.checkpoint.clone().unwrap_or_default();
            opened = site.engine.open(&folder)?;
            // Who wrote it is told by content: a folder's name is this machine's.
            let author = site.digests.borrow_mut().folder(&folder)?;
            let mut generation = site.engine.generation;
            generation.block = block;
            let local = Local {
                model: opened.0.as_ref(),
                processor: opened.1.as_ref(),
                generation,
                seed: self.seed,
            };
            (local.of_stage(site), author, folder.display().to_string())
        };
        let progress = Progress {
            label: site.stage(),
            report: site.report,
            stop: site.stop,
        };
        let reading = Reading {
            asks,
            author: &author,
            prompts: &self.prompts,
        };
        let mut gained = Gained::default();
        let mut open = requests.clone();
        for round in 0..=self.settings.rounds {
            let (of_requests, of_answers) = files(site.folder, round);
            write(&of_requests, &open)?;
            let there = answerer.agreed(stored(&of_answers))?;
            if there < TRIAL && open.len() > TRIAL && gained.tasks.is_empty() {
                let few = &open[..open.len().min(TRIAL.div_ceil(block) * block)];
                let answers = answerer.write(few, &of_answers, progress)?;
                let mut tried = gained.clone();
                tried.add(reading, few, answers);
                self.usable(&tried, &name)?;
            }
            let answers = answerer.write(&open, &of_answers, progress)?;
            gained.add(reading, &open, answers);
            if gained.answers.len() >= TRIAL {
                self.usable(&gained, &name)?;
            }
            if gained.left_out.is_empty() || round == self.settings.rounds {
                break;
            }
            open = retry(&requests, &gained.left_out, round + 1, self.seed);
            gained.again += open.len();
        }
        if !requests.is_empty() {
            self.usable(&gained, &name)?;
        }
        let endpoint = answerer.asked_there(&gained.answers);
        let tasks = in_order(&requests, gained.tasks);
        if requests.len() != tasks.len() + gained.left_out.len() {
            let found = Imbalance::Triplets {
                requests: requests.len(),
                triplets: tasks.len(),
                rejects: gained.left_out.len(),
            };
            return Err(found.into());
        }
        rejected.extend(gained.left_out);
        Ok(Made {
            requests: requests.len(),
            again: gained.again,
            triplets: Vec::new(),
            tasks: Some(tasks),
            rejected,
            endpoint,
        })
    }

    /// An error where no answer gave a task, with one of them.
    fn usable(&self, gained: &Gained, model: &str) -> Result<()> {
        if !gained.tasks.is_empty() {
            return Ok(());
        }
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for rejected in &gained.left_out {
            *reasons.entry(&rejected.reason).or_default() += 1;
        }
        let reasons = reasons.iter().map(|(reason, n)| format!("{n} {reason}"));
        let mut written = gained
            .answers
            .iter()
            .filter(|one| !one.text.trim().is_empty());
        let shown = written.next().or(gained.answers.first());
        let example = shown.map_or("", |one| match one.text.trim() {
            "" => one.error.as_deref().unwrap_or_default(),
            text => text,
        });
        Err(Error::NothingUsable {
            maker: self.maker().as_str(),
            model: model.to_owned(),
            answers: gained.answers.len(),
            reasons: reasons.collect::<Vec<_>>().join(", "),
            id: shown.map(|one| one.id.clone()).unwrap_or_default(),
            example: text::shortened(&text::one_line(example), SHOWN),
        })
    }
}

/// How answers are read.
#[derive(Clone, Copy)]
struct Reading<'a> {
    asks: &'a dyn Asks,
    author: &'a str,
    prompts: &'a Prompts,
}

/// What came of the rounds so far.
#[derive(Clone, Default)]
struct Gained {
    tasks: Vec<SyntheticTask>,
    /// All answers, of all rounds.
    answers: Vec<Completion>,
    /// What still has no task.
    left_out: Vec<Rejected>,
    /// Requests of the rounds after the first.
    again: usize,
}

impl Gained {
    fn add(&mut self, reading: Reading<'_>, requests: &[Request], answers: Vec<Completion>) {
        let Reading {
            asks,
            author,
            prompts,
        } = reading;
        let read = asks.tasks(requests, &answers, author, prompts);
        self.tasks.extend(read.items);
        self.left_out = read.rejected;
        self.answers.extend(answers);
    }
}

/// The files of a round's requests and answers; those of the first are called as the synthesizer's are.
fn files(folder: &Path, round: usize) -> (PathBuf, PathBuf) {
    let number = if round == 0 {
        String::new()
    } else {
        format!("-{}", round + 1)
    };
    let file = |name: &str| folder.join(format!("{name}{number}.jsonl"));
    (file("requests"), file("completions"))
}

/// How many answers a file holds by now.
fn stored(path: &Path) -> usize {
    jsonl::read_lenient::<Completion>(path).map_or(0, |(rows, _)| rows.len())
}

/// Tasks in the order of the requests, in whatever round each came.
fn in_order(requests: &[Request], mut tasks: Vec<SyntheticTask>) -> Vec<SyntheticTask> {
    let ids = requests.iter().enumerate();
    let places: HashMap<&str, usize> = ids.map(|(at, one)| (one.id.as_str(), at)).collect();
    tasks.sort_by_key(|task| places.get(task.pair.as_str()).copied());
    tasks
}
