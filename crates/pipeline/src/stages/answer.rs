//! A model answers the run's questions, on their pictures or on blank ones.

use std::path::{Path, PathBuf};

use corpus::Request;
use evaluation::tasks::Item;
use run::plan::Cost;
use run::recipe::Recipe;
use run::{Node, Place};
use serde::{Deserialize, Serialize};

use super::pairs;
use super::train::Train;
use crate::answering::Local;
use crate::asked::{self, Asked, Question};
use crate::blank;
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::runner::Progress;
use crate::sources::Sources;
use crate::stage::{Link, Site, Stage};
use crate::tasks::Tasks;

/// Its name.
pub const NAME: &str = "answer";

/// What commands call answering and scoring, and the folder of both.
pub const GROUP: &str = "evaluate";

/// The folder of all systems' answers in that.
const ANSWERS: &str = "answers";

/// The most tokens that an answer is taken to have, for a plan: few use what they may.
const ANSWER_TOKENS: f64 = 32.0;

/// Answers questions.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Who answers, as tables and folders call it.
    system: String,
    model: Model,
    /// How many questions of a task are asked on blank pictures; none where it sees the questions' own.
    blind_limit: Option<usize>,
    /// The fewest and most pixels of a picture, where the recipe says.
    pixels: [Option<usize>; 2],
    tasks: Tasks,
    seed: u64,
}

/// The model that answers.
#[derive(Clone, Debug)]
enum Model {
    General(PathBuf),
    Trained(Link<Train>),
}

/// What it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Answers.
    pub answers: u64,
}

impl Answer {
    /// The general model. What it answers depends on nothing but itself and the questions.
    pub fn of_general(system: &str, recipe: &Recipe, sources: &Sources, tasks: Tasks) -> Self {
        Self {
            system: system.to_owned(),
            model: Model::General(sources.base.clone()),
            blind_limit: None,
            pixels: pixels(recipe),
            tasks,
            seed: recipe.seed,
        }
    }

    /// A model of this run.
    pub fn of_trained(system: &str, recipe: &Recipe, model: Link<Train>, tasks: Tasks) -> Self {
        Self {
            model: Model::Trained(model),
            system: system.to_owned(),
            blind_limit: None,
            pixels: pixels(recipe),
            tasks,
            seed: recipe.seed,
        }
    }

    /// The same model on blank pictures; of each task at most `limit` questions.
    #[must_use]
    pub fn blind(self, limit: usize) -> Self {
        Self {
            blind_limit: Some(limit),
            ..self
        }
    }

    /// Where the answers to a task lie in the stage's folder.
    pub fn file(task: &str) -> String {
        asked::file(task)
    }
}

/// The folders of answers of a run folder, one a system.
pub fn folders_in(run: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(run.join(GROUP).join(ANSWERS));
    let entries = entries.into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

impl Stage for Answer {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 2;

    fn node(&self) -> Node {
        let mut from = Vec::new();
        if let Model::Trained(link) = &self.model {
            from.push(("model", link.name()));
        }
        from.extend(self.tasks.input().map(|name| (pairs::NAME, name)));
        let folder = [GROUP, ANSWERS, &self.system].iter().collect();
        Node::of(&format!("{NAME}-{}", self.system), Place::Blocks, &from).within(GROUP, folder)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.model_settings();
        reader.keys(&["evaluate.min_pixels", "evaluate.max_pixels"]);
        reader.setting("questions on blank pictures", self.blind_limit);
        if let Model::General(folder) = &self.model {
            reader.model("the model", "model.checkpoint", folder)?;
        }
        self.tasks.reads_requests(reader)
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        let (questions, tokens) = self.tasks.count(estimate.held_out, self.blind_limit);
        let each = tokens as f64 / questions.max(1) as f64;
        let cost = estimate.answers_of(questions, each.min(ANSWER_TOKENS));
        Ok(cost.with("answers", questions))
    }

    fn missing(&self) -> Vec<String> {
        self.tasks.problems()
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let tasks = self.tasks.read(site)?;
        if tasks.is_empty() {
            site.report
                .note("nothing to evaluate: no task is given and no pair is held out");
            return Ok(Counts { answers: 0 });
        }
        let (blank, _) = blank::write(site.run)?;
        let folder = match &self.model {
            Model::General(folder) => folder.clone(),
            Model::Trained(link) => site.of(link, "model"),
        };
        let [fewest, most] = self.pixels;
        let mut engine = site.engine.clone();
        engine.processing.min_pixels = fewest.or(engine.processing.min_pixels);
        engine.processing.max_pixels = most.or(engine.processing.max_pixels);
        let (model, processor) = engine.open(&folder)?;
        let mut answerer = Local {
            model: model.as_ref(),
            processor: processor.as_ref(),
            generation: engine.generation,
            seed: self.seed,
        }
        .of_stage(site);
        let how = asked::answerer(
            &folder,
            &folder,
            &engine,
            self.seed,
            &mut site.digests.borrow_mut(),
        )?;
        let mut answers = 0;
        for questions in tasks {
            let questions = match self.blind_limit {
                Some(limit) => questions.drawn(limit, self.seed),
                None => questions,
            };
            let task = questions.id();
            let items: Vec<&Item> = questions.benchmark.items.iter().collect();
            let mut requests: Vec<Request> = questions.requests()?;
            if self.blind_limit.is_some() {
                for image in requests.iter_mut().flat_map(|request| &mut request.images) {
                    image.clone_from(&blank);
                }
            }
            let path = site.folder.join(Self::file(task));
            make_folder(&path)?;
            let progress = Progress {
                label: &format!("{} {task}", self.system),
                report: site.report,
                stop: site.stop,
            };
            let ranks = questions.job.by_likelihood;
            let asked = Asked {
                spec: &questions.job.spec,
                ranks,
                limit: self.tasks.reading().limit,
                requests: &requests,
            };
            Question::new(&how, &asked, &mut site.digests.borrow_mut())?.write(&path)?;
            answerer.answer(task, &items, &requests, ranks, &path, progress)?;
            answers += items.len() as u64;
        }
        Ok(Counts { answers })
    }
}

/// Bounds of questions' pictures.
fn pixels(recipe: &Recipe) -> [Option<usize>; 2] {
    [recipe.evaluate.min_pixels, recipe.evaluate.max_pixels]
}

fn make_folder(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder).map_err(Error::io("make", folder))
}
