//! What was seen of a training on its way, and which step was the best.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::recipe::BestBy;

/// The file in a training's folder that has a line for each look.
pub const VALIDATION: &str = "validation.jsonl";

/// A look at a training: one line of [`VALIDATION`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Steps that were done; 0 is before the first.
    pub step: usize,
    /// Nats per learned token of the samples that are held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// Their learned tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<usize>,
    /// Score of each task, 0 to 100.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, f64>,
}

impl Look {
    /// What is compared; more is better.
    fn worth(&self, by: &BestBy) -> Option<f64> {
        let worth = match by {
            BestBy::None => None,
            BestBy::Loss => self.loss.map(|loss| -loss),
            BestBy::Task(task) => self.scores.get(task).copied(),
        };
        worth.filter(|worth| !worth.is_nan())
    }

    /// A few words.
    pub fn text(&self) -> String {
        let loss = self.loss.map(|loss| format!("validation loss {loss:.3}"));
        let scores = self.scores.iter();
        let scores = scores.map(|(task, score)| format!("{task} {score:.1}"));
        let all: Vec<String> = loss.into_iter().chain(scores).collect();
        all.join(", ")
    }
}

/// The looks of the training in a folder, in order; those after a line that cannot be read are passed over.
pub fn read(folder: &Path) -> Vec<Look> {
    let text = std::fs::read_to_string(folder.join(VALIDATION)).unwrap_or_default();
    let lines = text.lines().map(serde_json::from_str);
    lines.map_while(Result::ok).collect()
}

/// The best look; of equal ones the earlier. What was there before the first step is none of the training's.
pub fn best<'a>(looks: &'a [Look], by: &BestBy) -> Option<&'a Look> {
    let mut best: Option<(&Look, f64)> = None;
    for look in looks.iter().filter(|look| look.step > 0) {
        let Some(worth) = look.worth(by) else {
            continue;
        };
        if best.is_none_or(|(_, before)| worth > before) {
            best = Some((look, worth));
        }
    }
    best.map(|(look, _)| look)
}

/// Whether so many looks followed the best one that the training ends; a `patience` of 0 never does.
pub fn is_over(looks: &[Look], by: &BestBy, patience: usize) -> bool {
    let last = best(looks, by).map_or(0, |look| look.step);
    let since = looks.iter().filter(|look| look.step > last).count();
    patience > 0 && since >= patience
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(losses: &[f64]) -> Vec<Look> {
        let look = |(at, &loss): (usize, &f64)| Look {
            step: 10 * at,
            loss: Some(loss),
            tokens: Some(7),
            scores: BTreeMap::from([("dishes".to_owned(), 100.0 - loss)]),
        };
        losses.iter().enumerate().map(look).collect()
    }

    #[test]
    fn the_earlier_of_equal_looks_is_the_best() {
        // The first is that of the untrained model.
        let all = looks(&[0.5, 3.0, 2.0, 2.0, 2.5]);
        let step = |by: &BestBy| best(&all, by).map(|look| look.step);
        assert_eq!(step(&BestBy::Loss), Some(20));
        assert_eq!(step(&BestBy::named("dishes")), Some(20));
        assert_eq!(
            (step(&BestBy::None), step(&BestBy::named("x"))),
            (None, None)
        );
        let broken = looks(&[1.0, f64::NAN, 4.0]);
        assert_eq!(best(&broken, &BestBy::Loss).map(|l| l.step), Some(20));
        assert_eq!(best(&all[..1], &BestBy::Loss), None);
    }

    #[test]
    fn patience_ends_after_so_many_looks() {
        let all = looks(&[9.0, 3.0, 2.0, 2.0, 2.5]);
        let over = |count: usize, patience| is_over(&all[..count], &BestBy::Loss, patience);
        assert_eq!(
            (over(3, 1), over(4, 1), over(4, 2), over(5, 2)),
            (false, true, false, true)
        );
        assert!(!over(5, 0) && !over(5, 3));
    }

    #[test]
    fn lines_come_back() {
        let folder = tempfile::tempdir().expect("folder");
        let all = looks(&[1.5, 0.25]);
        let lines: Vec<String> = all
            .iter()
            .map(|look| serde_json::to_string(look).expect("line"))
            .collect();
        std::fs::write(folder.path().join(VALIDATION), lines.join("\n") + "\n{\"st").expect("file");
        assert_eq!(read(folder.path()), all);
        assert_eq!(all[1].text(), "validation loss 0.250, dishes 99.8");
    }
}
