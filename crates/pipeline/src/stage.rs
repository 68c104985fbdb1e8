//! What a stage is, and what it works with.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use corpus::digests::Digests;
use run::events::{self, Event, Reporter};
use run::plan::Cost;
use run::{Graph, Layout, Manifest, Node, StageFolder, Stop};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::endpoints::AskedPlace;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::estimate::Estimate;
use crate::pictures::PictureStore;
use crate::reader::Reader;

/// One stage of a run, with its settings. `docs/adding-a-stage.md` goes through one.
pub trait Stage {
    /// What it counts; other stages read the fields, the manifest holds them under their names.
    type Counts: Serialize + DeserializeOwned;

    /// What kind of stage it is, in its key.
    const KIND: &'static str;

    /// Counted up when its function changes, so that what an earlier one made is made again.
    const VERSION: u32;

    /// Its place in the graph: name, folder, inputs.
    fn node(&self) -> Node;

    /// What it reads from outside of the stages: this and the keys of its inputs are what its own key is made of.
    fn reads(&self, reader: &mut Reader<'_>) -> Result<()>;

    /// What it would cost.
    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost>;

    /// What it will need and does not find, one sentence each; asked before the first stage begins.
    fn missing(&self) -> Vec<String> {
        Vec::new()
    }

    /// The model at an endpoint that it will ask; looked at before the first stage begins.
    fn endpoint(&self) -> Option<AskedPlace<'_>> {
        None
    }

    /// Its words for the inputs whose weights it loads. Others' may be removed when what they tell is still needed.
    fn loads(&self) -> &'static [&'static str] {
        &["model"]
    }

    /// What is wrong with files that only its inputs can tell of; looked at before what an earlier run left in its folder goes.
    fn check(&self, _: &Site<'_>) -> Result<()> {
        Ok(())
    }

    /// Does the work in the site's folder. What an attempt with the same key left there is gone on with. A stage of another
    /// crate gives its own errors with [`Error::of_stage`]; [`Error::Stopped`] is no failure.
    fn run(&self, site: &Site<'_>) -> Result<Self::Counts>;
}

/// A stage of whatever kind.
pub trait AnyStage {
    /// See [`Stage::KIND`].
    fn kind(&self) -> &'static str;
    /// See [`Stage::VERSION`].
    fn version(&self) -> u32;
    /// See [`Stage::node`].
    fn node(&self) -> Node;
    /// See [`Stage::reads`].
    fn reads(&self, reader: &mut Reader<'_>) -> Result<()>;
    /// See [`Stage::cost`].
    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost>;
    /// See [`Stage::missing`].
    fn missing(&self) -> Vec<String>;
    /// See [`Stage::endpoint`].
    fn endpoint(&self) -> Option<AskedPlace<'_>>;
    /// See [`Stage::loads`].
    fn loads(&self) -> &'static [&'static str];
    /// See [`Stage::check`].
    fn check(&self, site: &Site<'_>) -> Result<()>;
    /// See [`Stage::run`]; the counts as JSON.
    fn run(&self, site: &Site<'_>) -> Result<Value>;
}

impl<S: Stage> AnyStage for S {
    fn kind(&self) -> &'static str {
        S::KIND
    }

    fn version(&self) -> u32 {
        S::VERSION
    }

    fn node(&self) -> Node {
        Stage::node(self)
    }

    fn reads(&self, reader: &mut Reader<'_>) -> Result<()> {
        Stage::reads(self, reader)
    }

    fn cost(&self, estimate: &Estimate<'_>) -> Result<Cost> {
        Stage::cost(self, estimate)
    }

    fn missing(&self) -> Vec<String> {
        Stage::missing(self)
    }

    fn endpoint(&self) -> Option<AskedPlace<'_>> {
        Stage::endpoint(self)
    }

    fn loads(&self) -> &'static [&'static str] {
        Stage::loads(self)
    }

    fn check(&self, site: &Site<'_>) -> Result<()> {
        Stage::check(self, site)
    }

    fn run(&self, site: &Site<'_>) -> Result<Value> {
        Ok(serde_json::to_value(Stage::run(self, site)?)?)
    }
}

/// A stage's hold on one of its inputs.
#[derive(Debug)]
pub struct Link<S> {
    name: String,
    kind: PhantomData<fn() -> S>,
}

// Derived, these would ask the same of the stage.
impl<S> Clone for Link<S> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            kind: PhantomData,
        }
    }
}

impl<S: Stage> Link<S> {
    /// To a stage.
    pub fn to(stage: &S) -> Self {
        Self {
            name: Stage::node(stage).name,
            kind: PhantomData,
        }
    }

    /// The stage's name in the graph.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// What a stage works with.
pub struct Site<'a> {
    /// Where this process writes; it is there. The stage's own folder in the process of rank 0, in others one that goes when the
    /// stage is done, so that a stage that several processes do may be written like one that a single process does.
    pub folder: &'a Path,
    /// The stage's own folder, which all processes see.
    pub whole: &'a Path,
    /// The run folder, or the store of several graphs: what all stages share lies there.
    pub run: &'a Path,
    /// Which of both it is.
    pub layout: Layout,
    /// The folders of the graph's stages by their names.
    pub places: &'a BTreeMap<String, StageFolder>,
    /// The graph that the stage is in.
    pub graph: &'a Graph,
    /// Where models run.
    pub engine: &'a Engine,
    /// Who hears how it goes.
    pub report: Reporter<'a>,
    /// Whether the run is asked to stop.
    pub stop: Stop<'a>,
    /// The run's pictures.
    pub pictures: &'a PictureStore,
    /// Content digests of files.
    pub digests: &'a RefCell<Digests>,
}

impl Site<'_> {
    /// The stage's name.
    pub fn stage(&self) -> &str {
        self.report.stage()
    }

    /// A file or folder that an input left.
    pub fn of<S>(&self, link: &Link<S>, file: &str) -> PathBuf {
        self.folder_of(link).join(file)
    }

    /// The folder of an input.
    pub fn folder_of<S>(&self, link: &Link<S>) -> PathBuf {
        let place = self.places.get(&link.name);
        place.map_or_else(PathBuf::new, |place| place.path.clone())
    }

    /// The manifest of a finished stage of the graph.
    pub fn manifest(&self, stage: &str) -> Option<Manifest> {
        self.places.get(stage)?.manifest()
    }

    /// What the graph's stages told so far, in order of time, and how many lines were torn or damaged.
    ///
    /// Gives [`Error::Corpus`].
    pub fn told(&self) -> Result<(Vec<Event>, usize)> {
        let folders = self.places.values();
        let folders = folders.map(|folder| self.layout.events(self.run, folder));
        let folders: BTreeSet<PathBuf> = folders.collect();
        Ok(events::read_all(&Vec::from_iter(folders))?)
    }

    /// What an input counted.
    ///
    /// Gives [`Error::NoManifest`] and [`Error::Counts`].
    pub fn counts<S: Stage>(&self, link: &Link<S>) -> Result<S::Counts> {
        let manifest = self.manifest(&link.name).ok_or_else(|| Error::NoManifest {
            stage: link.name.clone(),
        })?;
        serde_json::from_value(manifest.counts).map_err(|source| Error::Counts {
            stage: link.name.clone(),
            source,
        })
    }
}
