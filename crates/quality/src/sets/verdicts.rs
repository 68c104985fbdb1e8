//! What a filter said of triplets.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use corpus::digest::short;
use corpus::{Consistency, Verdict};
use serde::Deserialize;

use super::lines::Lines;

#[derive(Default)]
pub(super) struct Verdicts {
    by_id: HashMap<u128, (Consistency, Option<f64>)>,
    kept: Option<HashSet<u128>>,
    /// Lines that cannot be read.
    pub(super) num_bad: usize,
}

/// All that is needed of a triplet that was kept.
#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Verdicts {
    pub(super) fn read(file: &Path, kept: Option<&Path>) -> Result<Self, corpus::Error> {
        let mut verdicts = Self::default();
        for line in Lines::<Verdict>::open(file)? {
            match line?.content {
                Ok(Verdict {
                    id, verdict, p_yes, ..
                }) => {
                    verdicts.by_id.insert(short(id), (verdict, p_yes));
                }
                Err(_) => verdicts.num_bad += 1,
            }
        }
        if let Some(file) = kept {
            let mut ids = HashSet::new();
            for line in Lines::<Named>::open(file)? {
                match line?.content {
                    Ok(Named { id }) => {
                        ids.insert(short(id));
                    }
                    Err(_) => verdicts.num_bad += 1,
                }
            }
            verdicts.kept = Some(ids);
        }
        Ok(verdicts)
    }

    /// Whether a triplet was kept, and its probability. What the judge failed to answer is not kept.
    pub(super) fn of(&self, id: &str) -> (bool, Option<f64>) {
        let id = short(id);
        let verdict = self.by_id.get(&id);
        let kept = match &self.kept {
            Some(kept) => kept.contains(&id),
            None => verdict.is_some_and(|(verdict, _)| *verdict == Consistency::Yes),
        };
        (kept, verdict.and_then(|(_, p_yes)| *p_yes))
    }
}
