//! Items on which systems disagree.

use std::collections::HashMap;

use evaluation::ScoredTask;

/// An answer counts as right from here on.
pub const RIGHT: f64 = 50.0;

/// How much systems disagree about an item: the order in which items are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agreement {
    /// One is right and another one wrong.
    Flip,
    /// Scores differ, but all are right or all are wrong.
    Differ,
    /// All have one score.
    Agree,
}

/// What the strict scores of an item come to.
pub fn agreement(scores: impl Iterator<Item = f64> + Clone) -> Agreement {
    let right = scores.clone().filter(|score| *score >= RIGHT).count();
    let count = scores.clone().count();
    if right > 0 && right < count {
        return Agreement::Flip;
    }
    let (low, high) = scores.fold((f64::MAX, f64::MIN), |(low, high), score| {
        (low.min(score), high.max(score))
    });
    if high - low > 1e-9 {
        Agreement::Differ
    } else {
        Agreement::Agree
    }
}

/// How many items of a task one system has right and another one wrong.
pub fn flips(systems: &[(&str, &ScoredTask)]) -> usize {
    let mut scores: HashMap<&str, Vec<f64>> = HashMap::new();
    for row in systems.iter().flat_map(|(_, task)| &task.strict.rows) {
        scores.entry(&row.id).or_default().push(row.score);
    }
    let of_items = scores.values();
    of_items
        .filter(|scores| agreement(scores.iter().copied()) == Agreement::Flip)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_right_and_one_wrong_is_a_flip() {
        for (scores, expected) in [
            (vec![100.0, 0.0, 100.0], Agreement::Flip),
            (vec![100.0, 60.0], Agreement::Differ),
            (vec![49.9, 0.0], Agreement::Differ),
            (vec![50.0, 49.9], Agreement::Flip),
            (vec![30.0, 30.0, 30.0], Agreement::Agree),
            (vec![0.0], Agreement::Agree),
        ] {
            assert_eq!(agreement(scores.iter().copied()), expected, "{scores:?}");
        }
        assert!(Agreement::Flip < Agreement::Differ && Agreement::Differ < Agreement::Agree);
    }
}
