//! The cells of a lab, and what they are worked on with.

use std::cell::RefCell;
use std::path::Path;

use corpus::digests::Digests;
use run::events::Listener;
use run::recipe::Recipe;
use run::{Layout, Stop, Store};

use crate::driver::Driver;
use crate::engine::Engine;
use crate::stages::Stages;
use crate::stages::matched::Matched;

/// A cell: a recipe with its stages and where its models run.
pub struct LabCell {
    /// Its name, fit for a folder.
    pub name: String,
    /// The checked recipe.
    pub recipe: Recipe,
    /// Its stages, over the store.
    pub stages: Stages,
    /// Where its models run.
    pub engine: Engine,
    /// What it learns as many tokens as, if that is asked: its own stages are made with it ([`Stages::matching`]).
    pub matched: Option<Matched>,
}

/// Which cells a process begins with: those whose number leaves `index` when it is divided by `of`. When they are done it
/// helps with the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    pub index: usize,
    /// How many processes there are; at least 1.
    pub of: usize,
}

impl Default for Shard {
    fn default() -> Self {
        Self { index: 0, of: 1 }
    }
}

/// Cells over a store.
pub struct Lab<'a> {
    /// Where results lie.
    pub store: &'a Store,
    /// The lab's own folder, in which each cell has one of links.
    pub folder: &'a Path,
    /// The cells.
    pub cells: &'a [LabCell],
    /// Whether weights that no open stage needs are removed.
    pub frees_weights: bool,
    /// Who hears how it goes.
    pub listener: &'a dyn Listener,
    /// Whether the work is asked to stop.
    pub stop: Stop<'a>,
    /// Content digests of files.
    pub digests: &'a RefCell<Digests>,
}

impl<'a> Lab<'a> {
    /// One driver a cell.
    pub fn drivers(&self) -> Vec<Driver<'a>> {
        let cells = self.cells.iter();
        cells
            .map(|cell| Driver {
                recipe: &cell.recipe,
                stages: &cell.stages,
                run: &self.store.path,
                layout: Layout::Store,
                engine: &cell.engine,
                listener: self.listener,
                stop: self.stop,
                digests: self.digests,
            })
            .collect()
    }
}
