//! The answers of all systems to the same questions are scored and compared.

use std::collections::BTreeMap;

use anyhow::Result;
use corpus::sealed::write_json;
use corpus::{Completion, Prediction, jsonl};
use evaluation::questions::{self, Item, majority_scores};
use evaluation::statistics::mean;
use evaluation::{Paired, TaskScore, average, better_of};
use report::Against;
use run::plan::Cost;
use run::recipe::{Control, Recipe};
use run::{Node, Place};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, GROUP};
use super::pairs;
use crate::estimate::Estimate;
use crate::reader::Reader;
use crate::stage::{Link, Site, Stage};
use crate::tasks::Tasks;

/// Its name.
pub const NAME: &str = "score";

/// The file of its [`Scores`].
pub const SCORES: &str = "scores.json";

/// Tasks about things that training never named are shown, and averaged apart.
const UNSEEN: &str = "unseen-";
/// So are general tasks.
const GENERAL: &str = "general-";

/// Scores answers.
#[derive(Clone, Debug)]
pub struct Score {
    /// The model before.
    pub base: Link<Answer>,
    /// The model after.
    pub adapted: Link<Answer>,
    /// The model after, on blank pictures.
    pub blind: Link<Answer>,
    /// What else the adapted model is compared with.
    pub controls: Vec<(Control, Link<Answer>)>,
    tasks: Tasks,
    seed: u64,
}

/// What it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Tasks.
    pub tasks: u64,
    /// Scored answers of all systems.
    pub answers: u64,
}

/// The numbers of a run; the rows of `summary.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scores {
    /// One row a task.
    pub tasks: Vec<TaskScore>,
    /// The mean over the tasks.
    pub average: Option<TaskScore>,
    /// The mean over tasks about concepts that training never showed.
    pub unseen: Option<TaskScore>,
    /// The mean over general tasks.
    pub general: Option<TaskScore>,
    /// The adapted model against whatever else could explain its scores.
    pub against: Vec<Against>,
}

impl Score {
    /// Of a recipe.
    pub fn of(
        recipe: &Recipe,
        [base, adapted, blind]: [Link<Answer>; 3],
        controls: Vec<(Control, Link<Answer>)>,
        tasks: Tasks,
    ) -> Self {
        Self {
            base,
            adapted,
            blind,
            controls,
            tasks,
            seed: recipe.seed,
        }
    }

    /// Every system with its answers.
    fn systems(&self) -> Vec<(&'static str, &Link<Answer>)> {
        let mut out = vec![
            (BASE, &self.base),
            (ADAPTED, &self.adapted),
            (BLIND, &self.blind),
        ];
        out.extend(self.controls.iter().map(|(c, link)| (c.as_str(), link)));
        out
    }

    /// Where a system's scored answers to a task lie in the stage's folder.
    pub fn file(system: &str, task: &str) -> String {
        format!("{system}/{task}.jsonl")
    }
}

/// The model before.
pub const BASE: &str = "base";
/// The model after.
pub const ADAPTED: &str = "adapted";
/// The model after, on blank pictures.
pub const BLIND: &str = "blind";

impl Stage for Score {
    type Counts = Counts;
    const KIND: &'static str = NAME;
    const VERSION: u32 = 1;

    fn node(&self) -> Node {
        let systems = self.systems();
        let mut from: Vec<(&str, &str)> = systems
            .iter()
            .map(|(name, link)| (*name, link.name()))
            .collect();
        from.extend(self.tasks.input().map(|name| (pairs::NAME, name)));
        Node::of(NAME, Place::Rank0, &from).within(GROUP, GROUP.into())
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        reader.keys(&["run.seed"]);
        self.tasks.reads(reader)
    }

    fn cost(&self, _: &Estimate<'_>) -> Result<Cost> {
        Ok(Cost::nothing(0))
    }

    fn run(&self, site: &Site<'_>) -> Result<Counts> {
        let tasks = self.tasks.read(site)?;
        let mut answers = 0;
        let mut by_system: BTreeMap<&str, BTreeMap<String, Vec<f64>>> = BTreeMap::new();
        for (system, link) in self.systems() {
            std::fs::create_dir_all(site.folder.join(system))?;
            let of_system = by_system.entry(system).or_default();
            for (task, items) in &tasks {
                let completions: Vec<Completion> =
                    jsonl::read(&site.of(link, &Answer::file(task)))?;
                let sheet = questions::score(items, &completions);
                let path = site.folder.join(Self::file(system, task));
                jsonl::write::<Prediction>(&path, &sheet.predictions)?;
                answers += sheet.scores.len() as u64;
                of_system.insert(task.clone(), sheet.scores);
            }
        }
        let scores = self.compare(&tasks, &by_system)?;
        write_json(&site.folder.join(SCORES), &scores)?;
        Ok(Counts {
            tasks: scores.tasks.len() as u64,
            answers,
        })
    }
}

impl Score {
    fn compare(
        &self,
        tasks: &BTreeMap<String, Vec<Item>>,
        scored: &BTreeMap<&str, BTreeMap<String, Vec<f64>>>,
    ) -> Result<Scores> {
        let mut paired = Vec::new();
        let mut majorities: BTreeMap<String, Option<Vec<f64>>> = BTreeMap::new();
        for (task, items) in tasks {
            let always = majority_scores(items);
            paired.push(Paired {
                majority: always.as_deref().map(mean),
                blind: Some(mean(&scored[BLIND][task])),
                metric: items.first().map_or("", |i| i.metric.as_str()).to_owned(),
                clusters: items.iter().map(|i| i.cluster.clone()).collect(),
                base: scored[BASE][task].clone(),
                adapted: scored[ADAPTED][task].clone(),
                task: task.clone(),
            });
            majorities.insert(task.clone(), always);
        }
        // What is averaged comes first.
        paired.sort_by_key(|p| [GENERAL, UNSEEN].map(|start| p.task.starts_with(start)));
        let seed = self.seed;
        let rows = paired
            .iter()
            .map(|p| p.score(seed))
            .collect::<Result<Vec<_>, _>>()?;
        let named = |start: &str| -> Vec<Paired> {
            let of = paired.iter().filter(|p| p.task.starts_with(start));
            of.cloned().collect()
        };
        let mut averaged = paired.clone();
        averaged.retain(|p| ![UNSEEN, GENERAL].iter().any(|a| p.task.starts_with(a)));
        Ok(Scores {
            tasks: rows,
            average: average(&averaged, seed)?,
            unseen: average(&named(UNSEEN), seed)?,
            general: average(&named(GENERAL), seed)?,
            against: self.against(&averaged, &majorities, scored)?,
        })
    }

    /// The adapted model against the better of base and majority answer, task by task, and against each control.
    fn against(
        &self,
        averaged: &[Paired],
        majorities: &BTreeMap<String, Option<Vec<f64>>>,
        scored: &BTreeMap<&str, BTreeMap<String, Vec<f64>>>,
    ) -> Result<Vec<Against>> {
        let row = |name: &str, about: &str, rival: &dyn Fn(&Paired) -> Vec<f64>| -> Result<_> {
            let found = evaluation::against(averaged, rival, self.seed)?;
            Ok(found.map(|found| Against {
                name: name.to_owned(),
                about: about.to_owned(),
                tasks: found.tasks,
                average: found.average,
            }))
        };
        let mut out = Vec::new();
        out.extend(row(
            "base or majority",
            "the better of the base and the most frequent answer, chosen for each task by its score here",
            &|task| {
                let always = majorities.get(&task.task).and_then(Option::as_deref);
                better_of(&task.base, always)
            },
        )?);
        for (control, _) in &self.controls {
            let name = control.as_str();
            out.extend(row(name, control.about(), &|task| {
                scored[name][&task.task].clone()
            })?);
        }
        Ok(out)
    }
}
