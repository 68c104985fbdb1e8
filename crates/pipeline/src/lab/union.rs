//! The union of many graphs: each stage once, by its key.

use std::collections::{BTreeMap, BTreeSet};

use run::{Basis, Span, StageFolder};

use super::cell::{Lab, LabCell};
use crate::driver::{Driver, Identified, places};
use crate::error::{Error, Result};
use crate::preflight;
use crate::stages::answer;
use crate::stages::matched::Matched;
use crate::stages::score::ADAPTED;
use crate::stages::train;
use crate::tasks;

/// A stage of the store, which one cell or more need.
#[derive(Debug)]
pub struct Work {
    /// The name of its folder in the store: kind and key.
    pub id: String,
    /// The kind of stage.
    pub kind: &'static str,
    /// Where it lies.
    pub folder: StageFolder,
    /// The cells that need it, by number.
    pub cells: Vec<usize>,
    /// What it is made of.
    pub basis: Basis,
    /// The works that it is made from, by its word for each.
    pub inputs: BTreeMap<String, usize>,
    /// The works that are made from it.
    pub consumers: BTreeSet<usize>,
}

/// A cell in the union.
pub(super) struct InUnion<'d> {
    /// Its stages.
    pub stages: Vec<Identified<'d>>,
    /// The work of each stage.
    pub works: Vec<usize>,
    /// The folders of its stages by their names.
    pub places: BTreeMap<String, StageFolder>,
    /// What it misses, a sentence each. Its stages may be known all the same, as far as a plan goes.
    pub missing: Vec<String>,
}

/// All that the cells need, each stage once.
pub struct Union<'d> {
    pub(super) drivers: &'d [Driver<'d>],
    /// The stages in an order in which each comes after its inputs.
    pub works: Vec<Work>,
    pub(super) cells: Vec<InUnion<'d>>,
}

impl<'d> Union<'d> {
    pub(super) fn of(cells: &[LabCell], drivers: &'d [Driver<'d>]) -> Result<Self> {
        let mut union = Self {
            drivers,
            works: Vec::new(),
            cells: Vec::new(),
        };
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        let mut found: BTreeMap<usize, InUnion<'d>> = BTreeMap::new();
        // What others are matched with comes before them.
        let is_matched = |&number: &usize| cells[number].matched.is_some();
        let (last, first): (Vec<usize>, Vec<usize>) = (0..drivers.len()).partition(is_matched);
        for number in first.into_iter().chain(last) {
            let driver = &drivers[number];
            let matched = cells[number].matched.as_ref();
            let (stages, missing) = match preflight::look(driver, &Span::default()) {
                Ok(ready) => (ready.stages, Vec::new()),
                // A plan does without weights and endpoints.
                Err(Error::Missing { missing }) => {
                    let stages = driver.identify(&Span::default());
                    (stages.unwrap_or_default(), missing)
                }
                Err(Error::Stopped(stopped)) => return Err(stopped.into()),
                // What is wrong with one cell's files is no reason for the others to wait.
                Err(error) => (Vec::new(), vec![corpus::causes(&error)]),
            };
            let mut cell = union.add(number, stages, matched, &mut known);
            cell.missing = missing;
            found.insert(number, cell);
        }
        union.cells = found.into_values().collect();
        for (number, cell) in cells.iter().enumerate() {
            let Some(matched) = &cell.matched else {
                continue;
            };
            let works = Self::reference(matched, &known);
            let is_made = |works: &Vec<usize>| works.iter().all(|&w| union.runner(w).is_some());
            if !works.is_some_and(|works| is_made(&works)) {
                let waits = "the cell that it learns as many tokens as waits itself".to_owned();
                union.cells[number].missing.push(waits);
            }
        }
        Ok(union)
    }

    fn add(
        &mut self,
        cell: usize,
        stages: Vec<Identified<'d>>,
        matched: Option<&Matched>,
        known: &mut BTreeMap<String, usize>,
    ) -> InUnion<'d> {
        let reference = matched.and_then(|matched| Self::reference(matched, known));
        let reference = reference.unwrap_or_default();
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        let mut works = Vec::new();
        for stage in &stages {
            let Some(basis) = &stage.basis else { continue };
            let id = run::layout::stored(stage.stage.kind(), &basis.key);
            let work = *known.entry(id.clone()).or_insert(self.works.len());
            if work == self.works.len() {
                let inputs = stage.node.inputs.iter();
                let mut inputs: BTreeMap<String, usize> = inputs
                    .filter_map(|(role, name)| Some((role.clone(), *by_name.get(name.as_str())?)))
                    .collect();
                if basis.reads.recipe.contains_key(train::MATCHED) {
                    let named = reference.iter().enumerate();
                    inputs
                        .extend(named.map(|(n, &work)| (format!("{} {n}", train::MATCHED), work)));
                }
                for &input in inputs.values() {
                    self.works[input].consumers.insert(work);
                }
                self.works.push(Work {
                    id,
                    kind: stage.stage.kind(),
                    folder: stage.folder.clone(),
                    cells: Vec::new(),
                    basis: basis.clone(),
                    inputs,
                    consumers: BTreeSet::new(),
                });
            }
            if self.works[work].cells.last() != Some(&cell) {
                self.works[work].cells.push(cell);
            }
            by_name.insert(&stage.node.name, work);
            works.push(work);
        }
        InUnion {
            works,
            places: places(&stages),
            stages,
            missing: Vec::new(),
        }
    }

    /// The works of the trainings that a cell is matched with; none where they are not known.
    fn reference(matched: &Matched, known: &BTreeMap<String, usize>) -> Option<Vec<usize>> {
        let ids = matched.keys.iter();
        let works = ids.map(|key| known.get(&run::layout::stored(train::NAME, key)).copied());
        works.collect()
    }

    /// What learns as many tokens as the adapted model of a cell: its trainings, by their keys.
    ///
    /// Gives what the stages' reads give.
    pub fn matched(driver: &Driver<'_>) -> Result<Matched> {
        let stages = driver.identify(&Span::default())?;
        let trainings = trainings(&stages);
        let keys = trainings.iter().filter_map(|stage| stage.basis.as_ref());
        Ok(Matched {
            keys: keys.map(|basis| basis.key.clone()).collect(),
            folders: trainings.iter().map(|one| one.folder.clone()).collect(),
        })
    }

    /// Where the trainings of a cell's adapted model lie, the last one first.
    pub fn trainings(&self, cell: usize) -> Vec<&StageFolder> {
        let stages = trainings(&self.cells[cell].stages).into_iter();
        stages.map(|stage| &stage.folder).collect()
    }

    /// How many stages the cells would do, had each a run folder of its own.
    pub fn unshared(&self) -> usize {
        self.cells.iter().map(|cell| cell.works.len()).sum()
    }

    /// The works of a cell in order.
    pub fn of_cell(&self, cell: usize) -> &[usize] {
        &self.cells[cell].works
    }

    /// What a cell misses, a sentence each.
    pub fn missing(&self, cell: usize) -> &[String] {
        &self.cells[cell].missing
    }

    /// The first cell of a work that misses nothing, whose recipe does it, and the stage there; none where all wait.
    pub(super) fn runner(&self, work: usize) -> Option<(usize, &Identified<'d>)> {
        let cells = self.works[work].cells.iter();
        let mut ready = cells.filter_map(|&cell| Some((cell, self.cells.get(cell)?)));
        let (cell, found) = ready.find(|(_, found)| found.missing.is_empty())?;
        let nth = found.works.iter().position(|&own| own == work)?;
        let mut stages = found.stages.iter().filter(|stage| stage.basis.is_some());
        Some((cell, stages.nth(nth)?))
    }

    /// The names of the stages of a cell in the store, by the name in its graph; none where it misses something: what it misses
    /// may be in its keys.
    pub fn ids(&self, cell: usize) -> BTreeMap<String, String> {
        let found = &self.cells[cell];
        if !found.missing.is_empty() {
            return BTreeMap::new();
        }
        let stages = found.stages.iter().filter(|stage| stage.basis.is_some());
        stages
            .zip(&found.works)
            .map(|(stage, &work)| (stage.node.name.clone(), self.works[work].id.clone()))
            .collect()
    }

    /// The folder of a cell's stage in the store, by its name in the cell's graph.
    pub fn place(&self, cell: usize, stage: &str) -> Option<&StageFolder> {
        self.cells[cell].places.get(stage)
    }

    /// What a task of a cell is averaged apart from the domain's as: `unseen` where it is about what training never showed,
    /// `general` where it is not about the domain; none for those of the domain.
    pub fn apart(&self, cell: usize, task: &str) -> Option<&'static str> {
        tasks::apart(self.drivers[cell].recipe, task)
    }

    /// Two cells that are the same in every stage, if there are any.
    pub fn twins(&self) -> Option<(usize, usize)> {
        let mut seen: BTreeMap<&[usize], usize> = BTreeMap::new();
        for (cell, found) in self.cells.iter().enumerate() {
            if found.works.is_empty() {
                continue;
            }
            if let Some(&other) = seen.get(found.works.as_slice()) {
                return Some((other, cell));
            }
            seen.insert(&found.works, cell);
        }
        None
    }
}

impl<'a> Lab<'a> {
    /// What there is to do. One process at a time looks, since looking lays links to pictures.
    ///
    /// Gives what [`Driver`] gives before the first stage.
    pub fn union<'d>(&self, drivers: &'d [Driver<'a>]) -> Result<Union<'d>> {
        let _looking = self.store.wait()?;
        let found = Union::of(self.cells, drivers)?;
        self.digests.borrow_mut().remember();
        Ok(found)
    }
}

/// The trainings that make the adapted model, the last one first.
fn trainings<'s, 'd>(stages: &'s [Identified<'d>]) -> Vec<&'s Identified<'d>> {
    let mut found = Vec::new();
    let mut next = Some(format!("{}-{ADAPTED}", answer::NAME));
    while let Some(name) = next {
        let Some(stage) = stages.iter().find(|stage| stage.node.name == name) else {
            break;
        };
        if stage.stage.kind() == train::NAME {
            found.push(stage);
        }
        next = stage.node.inputs.get("model").cloned();
    }
    found
}
