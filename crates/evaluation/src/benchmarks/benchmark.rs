//! A benchmark's items with all that was wrong.

use std::collections::HashSet;

use crate::predictions::{Problem, Reason};
use crate::tasks::{Item, Spec};

/// How a benchmark was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Parquet or Arrow tables with embedded pictures.
    Packaged,
    /// As its authors published it.
    Original,
    /// A JSONL file of items.
    Own,
}

/// The items of a benchmark.
#[derive(Clone, Debug)]
pub struct Benchmark {
    /// In their published order, each id once.
    pub items: Vec<Item>,
    /// Rows that cannot be used or need a look.
    pub problems: Vec<Problem>,
    /// What a reader must know, such as counts that differ from the published ones.
    pub warnings: Vec<String>,
    /// The task's names where they come with the data.
    pub names: Option<Vec<String>>,
    /// How it was packed.
    pub packing: Packing,
}

impl Benchmark {
    pub(super) fn new(packing: Packing) -> Self {
        Self {
            items: Vec::new(),
            problems: Vec::new(),
            warnings: Vec::new(),
            names: None,
            packing,
        }
    }

    /// Items that come from no file.
    pub fn of_items(items: Vec<Item>) -> Self {
        Self {
            items,
            ..Self::new(Packing::Own)
        }
    }

    pub(super) fn reject(&mut self, id: &str, line: usize, reason: Reason, detail: &str) {
        self.problems
            .push(Problem::new(id, reason, detail).at_line(line));
    }

    /// Leaves out items whose id an earlier one has, and compares counts with the published ones.
    pub(super) fn checked(mut self, task: &Spec) -> Self {
        let mut seen = HashSet::new();
        let mut doubles = Vec::new();
        self.items.retain(|item| {
            let first = seen.insert(item.id.clone());
            if !first {
                doubles.push(item.id.clone());
            }
            first
        });
        for id in doubles {
            let detail = "an earlier item has this id; the first one counts";
            self.reject(&id, 0, Reason::DuplicateId, detail);
        }
        self.warnings.extend(count_warning(task, &self.items));
        self
    }

    /// Takes an item and notes what its pictures lack.
    pub(super) fn push_checked(&mut self, item: Item) {
        if let Some(missing) = item
            .images
            .iter()
            .find(|image| !corpus::shards::is_there(image))
        {
            let detail = format!("the picture `{}` is missing", missing.display());
            self.reject(&item.id, 0, Reason::NoPicture, &detail);
        }
        self.items.push(item);
    }
}

/// A sentence if the items are not the published test set, by answer type where the task has both.
fn count_warning(task: &Spec, items: &[Item]) -> Option<String> {
    let closed = items
        .iter()
        .filter(|item| item.answer_type.as_deref() == Some("CLOSED"))
        .count();
    task.split_warning(items.len() - closed, closed)
}
