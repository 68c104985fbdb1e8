//! A model answers the run's questions, on their pictures or on blank ones.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use corpus::Request;
use evaluation::questions;
use generate::LocalGenerator;
use run::plan::Cost;
use run::recipe::Recipe;
use run::{Node, Place};
use serde::{Deserialize, Serialize};

use super::pairs;
use super::train::Train;
use crate::blank;
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::runner::{self, Progress};
use crate::sources::Sources;
use crate::stage::{Link, Site, Stage};
use crate::tasks::Tasks;

/// Its name.
pub const NAME: &str = "answer";

/// What commands call answering and scoring, and the folder of both.
pub const GROUP: &str = "evaluate";

/// Tokens that an answer is taken to have, for a plan.
const ANSWER_TOKENS: f64 = 16.0;

/// Answers questions.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Who answers, as tables and folders call it.
    system: String,
    model: Model,
    /// Whether it sees blank pictures in place of the questions'.
    is_blind: bool,
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
            is_blind: false,
            tasks,
            seed: recipe.seed,
        }
    }

    /// A model of this run.
    pub fn of_trained(system: &str, recipe: &Recipe, model: Link<Train>, tasks: Tasks) -> Self {
        Self {
            model: Model::Trained(model),
            system: system.to_owned(),
            is_blind: false,
            tasks,
            seed: recipe.seed,
        }
    }

    /// The same model on blank pictures.
    #[must_use]
    pub fn blind(self) -> Self {
        Self {
            is_blind: true,
            ..self
        }
    }

    /// Where the answers to a task lie in the stage's folder.
    pub fn file(task: &str) -> String {
        format!("{task}.completions.jsonl")
    }
}

impl Stage for Answer {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let mut from = Vec::new();
        if let Model::Trained(link) = &self.model {
            from.push(("model", link.name()));
        }
        from.extend(self.tasks.input().map(|name| (pairs::NAME, name)));
        let folder = [GROUP, "answers", &self.system].iter().collect();
        Node::of(&format!("{NAME}-{}", self.system), Place::Blocks, &from).within(GROUP, folder)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.model_settings();
        reader.setting("blank pictures", self.is_blind);
        if let Model::General(folder) = &self.model {
            reader.model("the model", "model.checkpoint", folder)?;
        }
        self.tasks.reads(reader)
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        let questions = self.tasks.count(estimate.held_out)?;
        let cost = estimate.answers_of(questions, ANSWER_TOKENS);
        Ok(cost.with("answers", questions))
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let tasks = self.tasks.read(site)?;
        if tasks.is_empty() {
            site.report
                .note("nothing to evaluate: no task is given and no pair is held out");
            return Ok(Counts { answers: 0 });
        }
        let (blank, _) = blank::write(site.run)?;
        let blank = self.is_blind.then_some(&blank);
        let folder = match &self.model {
            Model::General(folder) => folder.clone(),
            Model::Trained(link) => site.of(link, "model"),
        };
        let (model, processor) = site.engine.open(&folder)?;
        let options = runner::options(self.seed);
        let mut generator = LocalGenerator::new(model.as_ref(), processor.as_ref(), options);
        let mut answers = 0;
        for (task, items) in &tasks {
            let requests: Vec<Request> = items
                .iter()
                .map(|item| questions::request(item, blank))
                .collect();
            let path = site.folder.join(Self::file(task));
            make_folder(&path)?;
            let progress = Progress {
                label: &format!("{} {task}", self.system),
                report: site.report,
                stop: site.stop,
            };
            runner::run(&mut generator, &requests, &path, progress)?;
            answers += items.len() as u64;
        }
        Ok(Counts { answers })
    }
}

fn make_folder(path: &Path) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))
}
