//! The trainings of a run in its graph: samples and model of each stage of the adapted model, and of each control.

use run::recipe::{Control, Recipe, StageData, TrainStage};

use super::filter::Filter;
use super::matched::Matched;
use super::mix::Mix;
use super::pairs::Pairs;
use super::part::Part;
use super::train::Train;
use crate::error::Result;
use crate::sources::Sources;
use crate::stage::Link;

/// What trainings are made from.
pub struct Made<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// What it names.
    pub sources: &'a Sources,
    /// The pairs.
    pub pairs: Link<Pairs>,
    /// Their tasks.
    pub kept: Link<Filter>,
    /// What the adapted model learns as many tokens as.
    pub matched: Option<&'a Matched>,
}

/// One training in the graph.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The stage of a training of several.
    pub stage: Option<TrainStage>,
    /// What it was trained on.
    pub mix: Link<Mix>,
    /// The model.
    pub train: Link<Train>,
    /// The training, of which controls are made.
    training: Train,
}

impl Trained {
    /// Its stage's name, in a training of several.
    pub fn name(&self) -> Option<&str> {
        self.stage.as_ref().map(|stage| stage.name.as_str())
    }
}

/// What puts a stage into a graph.
pub trait Graph {
    /// Adds a stage of samples.
    fn mix(&mut self, stage: Mix) -> Result<Link<Mix>>;
    /// Adds a training.
    fn train(&mut self, stage: Train) -> Result<Link<Train>>;
}

impl Made<'_> {
    /// The trainings that make the adapted model, in their order; one where there are no stages.
    pub fn adapted(&self, graph: &mut impl Graph) -> Result<Vec<Trained>> {
        let (recipe, sources) = (self.recipe, self.sources);
        if recipe.stages.is_empty() {
            let mix = graph.mix(self.mix(None, Part::default()))?;
            let training = Train::of(recipe, sources, self.pairs.clone(), mix.clone());
            let training = self.matched(training, &[]);
            let train = graph.train(training.clone())?;
            return Ok(vec![Trained {
                stage: None,
                mix,
                train,
                training,
            }]);
        }
        // All samples come first: a stage that has none is found before hours are spent on those before it.
        let mut parts = Vec::new();
        for (at, stage) in recipe.stages.iter().enumerate() {
            let is_last = at + 1 == recipe.stages.len();
            let earlier = (!is_last).then(|| (at + 1, stage.name.clone()));
            let part = Part {
                earlier,
                control: None,
            };
            let mix = graph.mix(self.mix(Some(stage), part.clone()))?;
            parts.push((part, mix));
        }
        let mut all: Vec<Trained> = Vec::new();
        for (at, (part, mix)) in parts.into_iter().enumerate() {
            let before = all.last().map(|before| before.train.clone());
            let pairs = self.pairs.clone();
            let mut training =
                Train::of_stage(recipe, sources, pairs, mix.clone(), at, part, before);
            if at + 1 == recipe.stages.len() {
                training = self.matched(training, &all);
            }
            let train = graph.train(training.clone())?;
            all.push(Trained {
                stage: Some(recipe.stages[at].clone()),
                mix,
                train,
                training,
            });
        }
        Ok(all)
    }

    /// A control goes through the same trainings with as many steps each, on other samples. One of general samples falls out
    /// where there are to be none.
    pub fn control(
        &self,
        graph: &mut impl Graph,
        adapted: &[Trained],
        control: Control,
    ) -> Result<Link<Train>> {
        let is_made = |trained: &&Trained| {
            let data = trained.stage.as_ref().and_then(|stage| stage.data);
            control != Control::NoReplay || data != Some(StageData::General)
        };
        let mut before: Option<Link<Train>> = None;
        for trained in adapted.iter().filter(is_made) {
            let part = trained.training.part().of_control(control);
            let mix = graph.mix(self.mix(trained.stage.as_ref(), part))?;
            let training = trained.training.as_control(control, mix, before);
            before = Some(graph.train(training)?);
        }
        // A recipe whose stages are all of general samples has no pairs to leave alone.
        Ok(before.unwrap_or_else(|| adapted[adapted.len() - 1].train.clone()))
    }

    /// The last training, matched if that is asked.
    fn matched(&self, training: Train, earlier: &[Trained]) -> Train {
        match self.matched {
            None => training,
            Some(matched) => {
                let earlier = earlier.iter().map(|one| one.train.clone());
                training.matching(matched.clone(), earlier.collect())
            }
        }
    }

    fn mix(&self, stage: Option<&TrainStage>, part: Part) -> Mix {
        let (pairs, kept) = (self.pairs.clone(), self.kept.clone());
        Mix::of(self.recipe, self.sources, pairs, kept, stage, part)
    }
}
