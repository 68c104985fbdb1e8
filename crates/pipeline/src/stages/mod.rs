//! The stages of a run, one file each, and the graph that a recipe makes of them.

pub mod answer;
pub mod filter;
pub mod mix;
pub mod pairs;
pub mod report;
pub mod score;
pub mod synthesize;
pub mod train;
pub mod tune_synthesizer;

use std::path::Path;

use ::run::Graph;
use ::run::recipe::Recipe;

use crate::error::Result;
use crate::pictures::PictureStore;
use crate::sources::Sources;
use crate::stage::{AnyStage, Link, Stage};
use crate::tasks::Tasks;

use answer::Answer;
use filter::Filter;
use mix::Mix;
use pairs::Pairs;
use report::Report;
use score::{ADAPTED, BASE, BLIND, Score};
use synthesize::Synthesize;
use train::Train;
use tune_synthesizer::TuneSynthesizer;

/// The stages of a recipe and the graph that they make.
pub struct Stages {
    all: Vec<Box<dyn AnyStage>>,
    graph: Graph,
    /// The pairs, which are looked at before anything runs; none for a run that ends with the tuned synthesizer.
    pub pairs: Option<Pairs>,
}

impl Stages {
    /// The single-stage pipeline of the paper, in the run folder `run`; without pairs, what makes the synthesizer.
    ///
    /// Gives [`Error::Io`](crate::Error::Io) and [`Error::Prompts`](crate::Error::Prompts) for the file of prompts, and
    /// [`Error::Run`](crate::Error::Run) where the graph is not sound.
    pub fn of(recipe: &Recipe, run: &Path, limit: Option<usize>) -> Result<Self> {
        let sources = Sources::of(recipe, run, limit)?;
        let mut made = Self {
            all: Vec::new(),
            graph: Graph::default(),
            pairs: None,
        };
        if recipe.pairs.is_empty() {
            made.add(TuneSynthesizer::of(recipe, &sources))?;
            return Ok(made);
        }
        let first = Pairs::of(recipe, &PictureStore::of(run), limit);
        made.pairs = Some(first.clone());
        let pairs = made.add(first)?;
        let tuned = made.add(TuneSynthesizer::of(recipe, &sources))?;
        let triplets = Synthesize::of(recipe, &sources, pairs.clone(), tuned.clone());
        let synthesized = made.add(triplets)?;
        let kept = made.add(Filter::of(recipe, &sources, synthesized.clone()))?;
        let mixing = |control| Mix::of(recipe, &sources, pairs.clone(), kept.clone(), control);
        let mix = made.add(mixing(None))?;
        let training = Train::of(recipe, &sources, pairs.clone(), mix.clone());
        let train = made.add(training.clone())?;

        let asked = Tasks::of(recipe, &sources, &pairs);
        let tasks = || asked.clone();
        let before = Answer::of_general(BASE, recipe, &sources, tasks());
        let after = |system: &str| Answer::of_trained(system, recipe, train.clone(), tasks());
        let answers = [
            made.add(before)?,
            made.add(after(ADAPTED))?,
            made.add(after(BLIND).blind(recipe.evaluate.blind_limit))?,
        ];
        let mut controls = Vec::new();
        for &control in &recipe.evaluate.controls {
            let samples = made.add(mixing(Some(control)))?;
            let model = made.add(training.as_control(control, samples))?;
            let answer = Answer::of_trained(control.as_str(), recipe, model, tasks());
            controls.push((control, made.add(answer)?));
        }
        let score = made.add(Score::of(recipe, answers, controls, mix.clone(), tasks()))?;
        let of = report::Of {
            pairs: pairs.clone(),
            tuned,
            synthesized,
            kept,
            mix,
            train,
            score,
        };
        made.add(Report::of(recipe, of, tasks()))?;
        Ok(made)
    }

    fn add<S: Stage + 'static>(&mut self, stage: S) -> Result<Link<S>> {
        self.graph.add(Stage::node(&stage))?;
        let link = Link::to(&stage);
        self.all.push(Box::new(stage));
        Ok(link)
    }

    /// The graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The stages, in the order of the graph's nodes.
    pub fn all(&self) -> impl Iterator<Item = &dyn AnyStage> {
        self.all.iter().map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests;
