//! The union of many graphs: each stage once, by its key.

use std::collections::{BTreeMap, BTreeSet};

use run::{Basis, Span, StageFolder};

use super::LabCell;
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
    /// The cells that need it, by number; the first one's recipe does it.
    pub cells: Vec<usize>,
    /// The number of the stage in the first cell's graph.
    pub stage: usize,
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
}

/// All that the cells need, each stage once.
pub struct Union<'d> {
    pub(super) drivers: &'d [Driver<'d>],
    /// The stages in an order in which each comes after its inputs.
    pub works: Vec<Work>,
    /// The cells; one that misses something says what, a sentence each.
    pub(super) cells: Vec<std::result::Result<InUnion<'d>, Vec<String>>>,
}

impl<'d> Union<'d> {
    pub(super) fn of(cells: &[LabCell], drivers: &'d [Driver<'d>]) -> Result<Self> {
        let mut union = Self {
            drivers,
            works: Vec::new(),
            cells: Vec::new(),
        };
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        let mut found: BTreeMap<usize, std::result::Result<InUnion<'d>, Vec<String>>> =
            BTreeMap::new();
        // What others are matched with comes before them.
        let is_matched = |&number: &usize| cells[number].matched.is_some();
        let (last, first): (Vec<usize>, Vec<usize>) = (0..drivers.len()).partition(is_matched);
        for number in first.into_iter().chain(last) {
            let driver = &drivers[number];
            let matched = cells[number].matched.as_ref();
            let cell = match preflight::look(driver, &Span::default()) {
                Ok(ready) => union.add(number, ready.stages, matched, &mut known),
                Err(Error::Missing { missing }) => Err(missing),
                Err(Error::Stopped(stopped)) => return Err(stopped.into()),
                // What is wrong with one cell's files is no reason for the others to wait.
                Err(error) => Err(vec![corpus::causes(&error)]),
            };
            found.insert(number, cell);
        }
        union.cells = found.into_values().collect();
        Ok(union)
    }

    fn add(
        &mut self,
        cell: usize,
        stages: Vec<Identified<'d>>,
        matched: Option<&Matched>,
        known: &mut BTreeMap<String, usize>,
    ) -> std::result::Result<InUnion<'d>, Vec<String>> {
        let reference = match matched {
            Some(matched) => self.reference(matched, known)?,
            None => Vec::new(),
        };
        let mut by_name: BTreeMap<&str, usize> = BTreeMap::new();
        let mut works = Vec::new();
        for (nth, stage) in stages.iter().enumerate() {
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
                    stage: nth,
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
        Ok(InUnion {
            works,
            places: places(&stages),
            stages,
        })
    }

    /// The works of the trainings that a cell is matched with.
    fn reference(
        &self,
        matched: &Matched,
        known: &BTreeMap<String, usize>,
    ) -> std::result::Result<Vec<usize>, Vec<String>> {
        let ids = matched.keys.iter();
        let works = ids.map(|key| known.get(&run::layout::stored(train::NAME, key)).copied());
        works.collect::<Option<Vec<usize>>>().ok_or_else(|| {
            vec!["the cell that it learns as many tokens as waits itself".to_owned()]
        })
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
            earlier: Vec::new(),
        })
    }

    /// Where the trainings of a cell's adapted model lie, the last one first.
    pub fn trainings(&self, cell: usize) -> Vec<&StageFolder> {
        let stages = self.cells[cell].as_ref().map(|found| &found.stages);
        let stages = stages.map(|stages| trainings(stages)).unwrap_or_default();
        stages.into_iter().map(|stage| &stage.folder).collect()
    }

    /// How many stages the cells would do, had each a run folder of its own.
    pub fn unshared(&self) -> usize {
        self.cells
            .iter()
            .flatten()
            .map(|cell| cell.works.len())
            .sum()
    }

    /// The works of a cell in order; none where it misses something.
    pub fn of_cell(&self, cell: usize) -> &[usize] {
        match &self.cells[cell] {
            Ok(found) => &found.works,
            Err(_) => &[],
        }
    }

    /// What a cell misses, a sentence each.
    pub fn missing(&self, cell: usize) -> &[String] {
        match &self.cells[cell] {
            Ok(_) => &[],
            Err(missing) => missing,
        }
    }

    /// The names of the stages of a cell in the store, by the name in its graph; empty where it misses something.
    pub fn ids(&self, cell: usize) -> BTreeMap<String, String> {
        let Ok(found) = &self.cells[cell] else {
            return BTreeMap::new();
        };
        let stages = found.stages.iter().filter(|stage| stage.basis.is_some());
        stages
            .zip(&found.works)
            .map(|(stage, &work)| (stage.node.name.clone(), self.works[work].id.clone()))
            .collect()
    }

    /// The folder of a cell's stage in the store, by its name in the cell's graph.
    pub fn place(&self, cell: usize, stage: &str) -> Option<&StageFolder> {
        self.cells[cell].as_ref().ok()?.places.get(stage)
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
            let Ok(found) = found else { continue };
            if let Some(&other) = seen.get(found.works.as_slice()) {
                return Some((other, cell));
            }
            seen.insert(&found.works, cell);
        }
        None
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
