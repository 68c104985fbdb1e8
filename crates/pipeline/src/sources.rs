//! Where what a recipe names lies on this machine.

use std::path::{Path, PathBuf};

use corpus::{ModelPlace, formats};
use run::recipe::{DEMO, Recipe};
use synthesis::Prompts;

use crate::error::{Error, Result};
use crate::pictures::PictureStore;

/// What a synthesizer is tuned on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// Seed data, which becomes samples.
    Seeds(PathBuf),
    /// Samples as they are.
    Samples(PathBuf),
}

/// Folders and files of a run, and how they are read.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The general model.
    pub base: PathBuf,
    /// A synthesizer that is taken as it is: one that was tuned before, or the general model.
    pub synthesizer: Option<PathBuf>,
    /// The model that another maker of data asks.
    pub maker: Option<PathBuf>,
    /// Whether that is the general model.
    pub is_untuned: bool,
    /// The judge that the recipe names.
    pub judge: Option<PathBuf>,
    /// What a synthesizer is tuned on; none where one was tuned before, or nothing is synthesized.
    pub tuning: Option<Tuning>,
    /// The run's prompts.
    pub prompts: Prompts,
    /// How files of seeds and samples are read; pictures inside them get files in the run folder.
    pub reading: formats::Options,
    /// At most so many pairs, seeds and questions; everything when absent.
    pub limit: Option<usize>,
}

/// The shipped demo base of a run that uses it.
const DEMO_BASE: &str = "demo/base-model";
/// The shipped seed data of a run that uses the demo base.
const DEMO_SEEDS: &str = "demo/seeds.jsonl";

/// The folder of a model that a recipe names, in the run folder `run`.
pub(crate) fn folder_of(checkpoint: &Path, run: &Path) -> PathBuf {
    let place = ModelPlace::of(checkpoint);
    if place.base == Path::new(DEMO) {
        let base = run.join(DEMO_BASE);
        ModelPlace { base, ..place }.path()
    } else {
        checkpoint.to_owned()
    }
}

impl Sources {
    /// Of a recipe, for the run folder `run`.
    ///
    /// Gives [`Error::Io`] and [`Error::Prompts`] for the file of prompts.
    pub fn of(recipe: &Recipe, run: &Path, limit: Option<usize>) -> Result<Self> {
        let model = |checkpoint: &PathBuf| folder_of(checkpoint, run);
        let synthesizer = &recipe.synthesizer;
        let shipped = || recipe.uses_demo_base().then(|| run.join(DEMO_SEEDS));
        let seeds = synthesizer.seed_data.clone().or_else(shipped);
        let samples = synthesizer.train.data.clone().map(Tuning::Samples);
        let tuning = samples.or(seeds.map(Tuning::Seeds));
        let is_tuned = synthesizer.checkpoint.is_some() || synthesizer.endpoint.is_some();
        let is_untuned = recipe.synthesizes_untuned();
        let tunes =
            !is_tuned && !is_untuned && recipe.mix.synthetic && recipe.making.is_by_synthesizer();
        let prompts = match recipe.prompts() {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
                Prompts::with_overrides(&text).map_err(|source| Error::Prompts {
                    path: path.clone(),
                    source,
                })?
            }
            None => Prompts::default(),
        };
        Ok(Self {
            base: model(&recipe.checkpoint),
            maker: recipe.making.checkpoint.as_ref().map(model),
            synthesizer: if is_untuned {
                Some(model(&recipe.checkpoint))
            } else {
                synthesizer.checkpoint.as_ref().map(model)
            },
            is_untuned,
            judge: recipe.filter.checkpoint.as_ref().map(model),
            tuning: tunes.then_some(tuning).flatten(),
            prompts,
            reading: formats::Options {
                unpack: Some(PictureStore::of(run).folder().to_owned()),
                in_place: true,
                ..formats::Options::default()
            },
            limit,
        })
    }
}
