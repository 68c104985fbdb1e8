//! The stages of a run, one file each, and the graph that a recipe makes of them.

pub mod answer;
pub mod answerable;
pub mod assess;
pub mod filter;
pub mod find_cases;
pub mod judge;
pub mod judged_sets;
pub mod matched;
pub mod mix;
mod mixed;
pub mod pairs;
pub mod part;
pub mod quality;
pub mod report;
pub mod sample;
pub mod score;
pub mod synthesize;
pub mod train;
pub mod trainings;
pub mod tune_synthesizer;

use std::path::Path;

use ::report::AfterStage;
use ::run::Graph;
use ::run::recipe::{Recipe, TrainStage};

use crate::error::Result;
use crate::pictures::PictureStore;
use crate::sources::Sources;
use crate::stage::{AnyStage, Link, Stage};
use crate::tasks::Tasks;

use self::quality::Quality;
use answer::Answer;
use answerable::Answerable;
use assess::Assess;
use filter::Filter;
use find_cases::FindCases;
use judge::Judge;
use judged_sets::{JudgedSets, Made as MadeData};
use matched::Matched;
use mix::Mix;
use pairs::Pairs;
use report::Report;
use sample::DrawSample;
use score::{ADAPTED, BASE, BLIND, Between, Score};
use synthesize::Synthesize;
use train::Train;
use trainings::Made;
use tune_synthesizer::TuneSynthesizer;

/// The stages of a recipe and the graph that they make.
pub struct Stages {
    all: Vec<Box<dyn AnyStage>>,
    graph: Graph,
    /// The pairs, which are looked at before anything runs; none for a run that ends with the tuned synthesizer.
    pub pairs: Option<Pairs>,
}

impl Stages {
    /// The pipeline of the paper, in the run folder `run`, of a single stage of training or of several; without pairs, what
    /// makes the synthesizer.
    ///
    /// Gives [`Error::Io`](crate::Error::Io) and [`Error::Prompts`](crate::Error::Prompts) for the file of prompts, and
    /// [`Error::Run`](crate::Error::Run) where the graph is not sound.
    pub fn of(recipe: &Recipe, run: &Path, limit: Option<usize>) -> Result<Self> {
        Self::matching(recipe, run, limit, None)
    }

    /// As [`Stages::of`]; the adapted model learns as many tokens as `matched`, if that is said. Its stages before the last
    /// learn what their epochs give them, and the last one what is left.
    pub fn matching(
        recipe: &Recipe,
        run: &Path,
        limit: Option<usize>,
        matched: Option<&Matched>,
    ) -> Result<Self> {
        let sources = Sources::of(recipe, run, limit)?;
        let mut made = Self {
            all: Vec::new(),
            graph: Graph::default(),
            pairs: None,
        };
        if recipe.is_of_quality() {
            made.judging(recipe, &sources, run, None)?;
            return Ok(made);
        }
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
        let trainings = Made {
            recipe,
            sources: &sources,
            pairs: pairs.clone(),
            kept: kept.clone(),
            matched,
        };
        let adapted = trainings.adapted(&mut made)?;
        let (earlier, last) = adapted.split_at(adapted.len() - 1);
        let train = &last[0].train;

        let asked = Tasks::of(recipe, &sources, &pairs);
        let tasks = || asked.clone();
        let before = Answer::of_general(BASE, recipe, &sources, tasks());
        let of_model = |system: &str, model: &Link<Train>| {
            Answer::of_trained(system, recipe, model.clone(), tasks())
        };
        let after = |system: &str| of_model(system, train);
        let answers = [
            made.add(before)?,
            made.add(after(ADAPTED))?,
            made.add(after(BLIND).blind(recipe.evaluate.blind_limit))?,
        ];
        let mut between = Vec::new();
        let is_asked = recipe.evaluate.after_each_stage;
        for stage in earlier.iter().filter(|_| is_asked) {
            let name = stage.name().unwrap_or_default().to_owned();
            let answer = of_model(&AfterStage::system(&name), &stage.train);
            between.push(Between {
                about: stage.stage.as_ref().map_or("", TrainStage::about),
                stage: name,
                answer: made.add(answer)?,
            });
        }
        let mut controls = Vec::new();
        for &control in &recipe.evaluate.controls {
            let model = trainings.control(&mut made, &adapted, control)?;
            let answer = of_model(control.as_str(), &model);
            controls.push((control, made.add(answer)?));
        }
        let mixes = adapted.iter().map(|one| one.mix.clone()).collect();
        let scoring = Score::of(recipe, answers, between, controls, mixes, tasks());
        let score = made.add(scoring)?;
        let quality = if recipe.measures_quality() {
            let (pairs, kept) = (pairs.clone(), kept.clone());
            let measures = Quality::of(recipe, pairs, synthesized.clone(), kept, train.clone());
            Some(made.add(measures)?)
        } else {
            None
        };
        if recipe.judges_data() {
            let maker = recipe.making.maker;
            let own = recipe.mix.synthetic.then(|| MadeData {
                pairs: pairs.clone(),
                synthesized: synthesized.clone(),
                kept: kept.clone(),
                is_judged: maker.gives_triplets() && recipe.filter.enabled,
                is_of_triplets: maker.gives_triplets(),
            });
            made.judging(recipe, &sources, run, own)?;
        }
        let of = report::Of {
            pairs: pairs.clone(),
            tuned,
            synthesized,
            kept,
            trainings: adapted.into_iter().map(report::Training::of).collect(),
            score,
            quality,
        };
        made.add(Report::of(recipe, of, tasks()))?;
        Ok(made)
    }

    /// The stages that judge data.
    fn judging(
        &mut self,
        recipe: &Recipe,
        sources: &Sources,
        run: &Path,
        own: Option<MadeData>,
    ) -> Result<()> {
        let sets = JudgedSets::of(recipe, sources, own);
        let sample = self.add(DrawSample::of(recipe, sets.clone()))?;
        let judge = match Judge::of(recipe, run, sample.clone())? {
            Some(judge) => Some(self.add(judge)?),
            None => None,
        };
        let answerable = match &recipe.judging.answerer {
            Some(model) => Some(self.add(Answerable::of(recipe, run, model, sample.clone()))?),
            None => None,
        };
        let cases = match FindCases::of(recipe, sets) {
            Some(stage) => Some(self.add(stage)?),
            None => None,
        };
        self.add(Assess::of(recipe, sample, judge, answerable, cases)?)?;
        Ok(())
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

impl trainings::Graph for Stages {
    fn mix(&mut self, stage: Mix) -> Result<Link<Mix>> {
        self.add(stage)
    }

    fn train(&mut self, stage: Train) -> Result<Link<Train>> {
        self.add(stage)
    }
}

#[cfg(test)]
mod data_tests;
#[cfg(test)]
mod tests;
