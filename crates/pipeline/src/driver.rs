//! Goes through the graph: what is finished is skipped, what was stopped goes on, what changed is done again.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use corpus::ModelPlace;
use corpus::digests::Digests;
use model::checkpoint::Checkpoint;
use run::events::{All, EventFile, Listener, Reporter, What};
use run::graph::Wish;
use run::identity::FORMAT;
use run::recipe::Recipe;
use run::{Basis, Layout, Manifest, Node, Reads, RunFolder, Span, StageFolder, State, Stop};
use serde_json::json;

use crate::blank;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::memory::out_of_memory;
use crate::pair_set::PairSet;
use crate::pictures::PictureStore;
use crate::reader::{ModelRead, Reader};
use crate::stage::{AnyStage, Site};
use crate::stages::Stages;
use crate::training::checkpoints;

/// A run of a recipe in a folder.
pub struct Driver<'a> {
    /// The checked recipe.
    pub recipe: &'a Recipe,
    /// Its stages.
    pub stages: &'a Stages,
    /// Where everything goes: the run folder, or the store, which somebody has locked ([`RunFolder`], [`run::Store`]).
    pub run: &'a Path,
    /// Where in there each stage's results lie.
    pub layout: Layout,
    /// Where models run.
    pub engine: &'a Engine,
    /// Who hears how it goes, beside the run folder.
    pub listener: &'a dyn Listener,
    /// Whether the run is asked to stop.
    pub stop: Stop<'a>,
    /// Content digests of files, remembered between runs.
    pub digests: &'a RefCell<Digests>,
}

/// The process of a run that writes its events alone.
const PROCESS: &str = "0";

/// The recipe key of the general model.
const MODEL: &str = "model.checkpoint";

/// How often, and after what time, files of a stage that failed are looked at again while they cannot be read.
const LOOKS: usize = 10;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What is known of a stage before it runs.
pub(crate) struct Identified<'a> {
    pub stage: &'a dyn AnyStage,
    pub node: &'a Node,
    pub wish: Wish,
    pub folder: StageFolder,
    /// None for a stage that is not asked for.
    pub basis: Option<Basis>,
    pub models: Vec<ModelRead>,
}

/// The stages of a span, each with what it is made of, of which nothing is missing.
pub struct Ready<'a> {
    pub(crate) stages: Vec<Identified<'a>>,
    pub(crate) span: Span,
}

impl<'a> Driver<'a> {
    /// Runs stages that were looked at ([`preflight::look`](crate::preflight::look)).
    ///
    /// Gives [`Error::Stopped`], [`Error::NotFinished`], [`Error::Failed`] with what the stage gave, [`Error::Changed`] and
    /// [`Error::Vanished`]; of the run folder [`Error::Run`], [`Error::Corpus`] and [`Error::Io`]; [`Error::Distributed`] if
    /// another process ended it. Of several processes that of rank 0 calls it, and the others [`Driver::follow`].
    pub fn run(&self, ready: Ready<'a>) -> Result<()> {
        self.dismiss(self.go_through(ready))
    }

    fn go_through(&self, ready: Ready<'a>) -> Result<()> {
        let file = EventFile::open(self.run, PROCESS)?;
        let listener = All(vec![&file, self.listener]);
        let whole = Reporter::new("", &listener);
        let Ready { stages, span } = ready;
        if self.layout == Layout::Run {
            // Nobody else writes here yet.
            tidy(self.run)?;
            tidy(PictureStore::of(self.run).folder())?;
        }
        if blank::place(self.run).exists() && blank::write(self.run)?.1 {
            whole.note("`blank.png` was changed or damaged; it is written anew");
        }
        self.stages.graph().write(self.run)?;
        let places = places(&stages);
        let mut given: BTreeMap<&str, String> = BTreeMap::new();
        for stage in &stages {
            let Some(basis) = &stage.basis else { continue };
            self.stop.check()?;
            let name = stage.node.name.as_str();
            let report = Reporter::new(name, &listener);
            let inputs = given_of(stage.node, &given);
            let mut digests = self.digests.borrow_mut();
            let state = stage.folder.state(basis, &inputs, &mut digests)?;
            drop(digests);
            match (state, stage.wish) {
                (State::Done(manifest), Wish::Done | Wish::Finished) => {
                    report.tell(What::Skipped {
                        key: basis.key.clone(),
                    });
                    checkpoints::clear(&stage.folder.path)?;
                    given.insert(name, manifest.gave());
                    continue;
                }
                (_, Wish::Finished) => {
                    return Err(Error::NotFinished {
                        from: span.from.clone().unwrap_or_default(),
                        stage: name.to_owned(),
                    });
                }
                (_, Wish::Anew) => {
                    stage.folder.clear()?;
                    report.tell(What::Begun {
                        key: basis.key.clone(),
                        text: "done anew, as `--from` says".to_owned(),
                    });
                }
                (state, _) => report.tell(What::Begun {
                    key: basis.key.clone(),
                    text: state.why(),
                }),
            }
            let done = self.one(stage, basis, inputs, &places, report);
            match &done {
                Ok(_) | Err(Error::Stopped(_)) => {}
                Err(error) => report.tell(What::Failed {
                    text: corpus::causes(error),
                }),
            }
            given.insert(name, done?);
            file.check()?;
        }
        self.digests.borrow_mut().remember();
        Ok(())
    }

    /// Does one stage; gives what it gave. `places` are the folders of the stages by their names.
    pub(crate) fn one(
        &self,
        stage: &Identified<'_>,
        basis: &Basis,
        given: BTreeMap<String, String>,
        places: &BTreeMap<String, StageFolder>,
        report: Reporter<'_>,
    ) -> Result<String> {
        let folder = &stage.folder;
        let start = Instant::now();
        let store = PictureStore::of(self.run);
        let site = Site {
            folder: &folder.path,
            whole: &folder.path,
            run: self.run,
            layout: self.layout,
            places,
            graph: self.stages.graph(),
            engine: self.engine,
            report,
            stop: self.stop,
            pictures: &store,
            digests: self.digests,
        };
        let failed = |error: Error| Error::Failed {
            stage: folder.stage.clone(),
            source: Box::new(error),
        };
        if let Err(error) = stage.stage.check(&site) {
            let changed = self.changed_by_now(stage, basis);
            return Err(changed.unwrap_or_else(|| failed(error)));
        }
        folder.begin(basis, &given)?;
        torch::memory::reset_peak();
        self.call(stage)?;
        let ran = stage.stage.run(&site);
        // Its models are gone, and the next one has tensors of other sizes.
        torch::memory::release();
        let ran = self.conclude(stage, ran);
        let counts = match ran {
            Ok(counts) => counts,
            Err(error @ (Error::Stopped(_) | Error::Distributed(_))) => return Err(error),
            Err(error) => {
                let error = out_of_memory(&error, &basis.reads.recipe).unwrap_or(error);
                // Where a file was being written, that is the reason, and not what was read of it.
                let changed = self.changed_by_now(stage, basis);
                return Err(changed.unwrap_or_else(|| failed(error)));
            }
        };
        let seconds = (start.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
        if let Some(changed) = self.changed(stage, basis)? {
            return Err(changed);
        }
        let outputs = folder.outputs(&mut self.digests.borrow_mut())?;
        let manifest = Manifest {
            format: FORMAT,
            stage: folder.stage.clone(),
            basis: basis.clone(),
            given,
            outputs,
            counts: counts.clone(),
            seconds,
            machine: json!({
                "device": format!("{:?}", self.engine.device),
                "threads": self.engine.threads,
            }),
        };
        folder.finish(&manifest)?;
        report.tell(What::Finished { counts, seconds });
        checkpoints::clear(&folder.path)?;
        Ok(manifest.gave())
    }

    /// As [`Driver::changed`], of a stage that failed. What could be read when it began and cannot now is being written, or
    /// was changed for good.
    fn changed_by_now(&self, stage: &Identified<'_>, basis: &Basis) -> Option<Error> {
        let mut last = None;
        for _ in 0..LOOKS {
            match self.changed(stage, basis) {
                Ok(found) => return found,
                Err(error) => last = Some(error),
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        last.map(|error| Error::Vanished {
            stage: stage.folder.stage.clone(),
            source: Box::new(error),
        })
    }

    /// The error of a stage of whose files one was changed since it began.
    fn changed(&self, stage: &Identified<'_>, basis: &Basis) -> Result<Option<Error>> {
        let (now, _) = self.reads(stage.stage)?;
        let (before, now) = (&basis.reads.contents, &now.contents);
        let changed = now.iter().find(|(role, d)| before.get(*role) != Some(d));
        Ok(changed.map(|(role, _)| Error::Changed {
            stage: stage.folder.stage.clone(),
            role: role.clone(),
        }))
    }

    /// The pairs that can be used; none where the run has no stage of pairs.
    pub(crate) fn pairs(&self) -> Result<Option<PairSet<'_>>> {
        let Some(pairs) = &self.stages.pairs else {
            return Ok(None);
        };
        let store = PictureStore::of(self.run);
        let mut digests = self.digests.borrow_mut();
        let reads = pairs.contents(Reader::of_contents(&store, &mut digests))?;
        let report = Reporter::new("", self.listener);
        Ok(Some(pairs.usable(report, &reads, self.run, None)?))
    }

    /// What a stage reads from outside of the stages.
    pub(crate) fn reads(&self, stage: &dyn AnyStage) -> Result<(Reads, Vec<ModelRead>)> {
        let store = PictureStore::of(self.run);
        let mut digests = self.digests.borrow_mut();
        let mut reader = Reader::new(self.recipe, &store, &mut digests);
        stage.reads(&mut reader)?;
        Ok(reader.done())
    }

    /// The stages with what a span asks of each, where each lies and what it is made of.
    pub(crate) fn identify(&self, span: &Span) -> Result<Vec<Identified<'a>>> {
        let graph = self.stages.graph();
        let folders = graph.nodes().iter().map(|node| node.folder.as_path());
        if self.layout == Layout::Run {
            RunFolder::refuse_earlier_layout(self.run, folders)?;
        }
        let mut keys: BTreeMap<&str, String> = BTreeMap::new();
        let mut out = Vec::new();
        let wishes = graph.wishes(span)?;
        for ((stage, node), wish) in self.stages.all().zip(graph.nodes()).zip(wishes) {
            let (mut basis, mut models) = (None, Vec::new());
            if wish != Wish::No {
                let (reads, found) = self.reads(stage)?;
                let inputs = given_of(node, &keys);
                let made = Basis::new(stage.kind(), stage.version(), reads, inputs);
                keys.insert(&node.name, made.key.clone());
                (basis, models) = (Some(made), found);
            }
            out.push(Identified {
                stage,
                node,
                wish,
                folder: self
                    .layout
                    .folder(self.run, graph, node, stage.kind(), basis.as_ref()),
                basis,
                models,
            });
        }
        self.digests.borrow_mut().remember();
        Ok(out)
    }
}

/// Removes what writing that was killed left beside its place ([`corpus::sealed::aside`]).
fn tidy(folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_left = path.extension().is_some_and(|ending| ending == "part");
        if is_left && !path.is_dir() {
            std::fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

/// The folders of stages by their names.
pub(crate) fn places(stages: &[Identified<'_>]) -> BTreeMap<String, StageFolder> {
    let all = stages.iter();
    all.map(|stage| (stage.node.name.clone(), stage.folder.clone()))
        .collect()
}

/// What is known of a stage's inputs, by the stage's word for each.
pub(crate) fn given_of(node: &Node, known: &BTreeMap<&str, String>) -> BTreeMap<String, String> {
    let inputs = node.inputs.iter();
    let of =
        inputs.filter_map(|(role, name)| Some((role.clone(), known.get(name.as_str())?.clone())));
    of.collect()
}

/// Folders of models without weights that stages read, and the keys that name them.
pub(crate) fn without_weights(models: &[ModelRead]) -> Result<Vec<(String, PathBuf)>> {
    let mut found: Vec<(String, PathBuf)> = Vec::new();
    let mut models: Vec<&ModelRead> = models.iter().collect();
    // What every recipe names comes first.
    models.sort_by_key(|model| model.key != MODEL);
    for ModelRead { key, folder } in models {
        match Checkpoint::open(&ModelPlace::texts(folder)) {
            Err(model::Error::NoWeights { .. }) => {}
            opened => {
                opened.map_err(|source| Error::Weights { key, source })?;
                continue;
            }
        }
        let key = format!("`{key}`");
        match found.iter_mut().find(|(_, known)| known == folder) {
            Some((keys, _)) if keys.contains(&key) => {}
            Some((keys, _)) => *keys = format!("{keys} and {key}"),
            None => found.push((key, folder.clone())),
        }
    }
    Ok(found)
}
