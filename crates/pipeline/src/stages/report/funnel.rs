//! From pairs to samples, counted from what the stages left.

use std::collections::BTreeMap;
use std::path::Path;

use corpus::Triplet;
use synthesis::{Funnel, SyntheticTask};

use super::{Report, Training};
use crate::error::Result;
use crate::records::{read_if_there, read_rejected};
use crate::stage::Site;
use crate::stages::synthesize::{TASKS, TRIPLETS};

impl Report {
    pub(super) fn funnel(&self, site: &Site<'_>) -> Result<Funnel> {
        let of = &self.of;
        let pairs = site.counts(&of.pairs)?;
        let made = tasks_of_pairs(&site.folder_of(&of.synthesized))?;
        let kept = tasks_of_pairs(&site.folder_of(&of.kept))?;
        let (mut with_a_task, mut trained_on) = (0, 0);
        let mut folders = vec![
            site.folder_of(&of.tuned),
            site.folder_of(&of.pairs),
            site.folder_of(&of.synthesized),
            site.folder_of(&of.kept),
        ];
        for Training { mix, train, .. } in &of.trainings {
            // Stages train the same tasks, each on samples of its own.
            with_a_task = site.counts(mix)?.with_a_task.max(with_a_task);
            trained_on += site.counts(train)?.trained_on;
            folders.extend([site.folder_of(mix), site.folder_of(train)]);
        }
        let mut funnel = Funnel {
            read: pairs.read as usize,
            pairs: pairs.pairs as usize,
            held_out: pairs.held_out as usize,
            parsed: made.len(),
            consistent: kept.len(),
            tasks: made.values().sum(),
            consistent_tasks: kept.values().sum(),
            kept: with_a_task as usize,
            trained_on: trained_on as usize,
            rejects: BTreeMap::new(),
        };
        for folder in folders {
            funnel.count(&read_rejected(&folder)?);
        }
        Ok(funnel)
    }
}

/// How many tasks of each pair a stage left, be they triplets or conversations.
fn tasks_of_pairs(folder: &Path) -> Result<BTreeMap<String, usize>> {
    let triplets: Vec<Triplet> = read_if_there(&folder.join(TRIPLETS))?;
    let tasks: Vec<SyntheticTask> = read_if_there(&folder.join(TASKS))?;
    let pairs = triplets.into_iter().map(|triplet| triplet.pair);
    let mut counts = BTreeMap::new();
    for pair in pairs.chain(tasks.into_iter().map(|task| task.pair)) {
        *counts.entry(pair).or_default() += 1;
    }
    Ok(counts)
}
