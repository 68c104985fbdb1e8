//! A filter measured against the truth, where the truth is known: counts and shares, no statistics.

use std::collections::{BTreeMap, BTreeSet};

use corpus::Verdict;
use serde::{Deserialize, Serialize};

/// What was kept and what was right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilterCounts {
    /// Kept and right.
    pub kept_right: usize,
    /// Kept and wrong.
    pub kept_wrong: usize,
    /// Dropped though right.
    pub dropped_right: usize,
    /// Dropped and wrong.
    pub dropped_wrong: usize,
}

impl FilterCounts {
    /// Share of what is kept that is right, 0 to 100; none if nothing is kept.
    pub fn precision(self) -> Option<f64> {
        share(self.kept_right, self.kept_right + self.kept_wrong)
    }

    /// Share of what is right that is kept, 0 to 100; none if nothing is right.
    pub fn recall(self) -> Option<f64> {
        share(self.kept_right, self.kept_right + self.dropped_right)
    }

    /// Share that is right without the filter, 0 to 100.
    pub fn before(self) -> Option<f64> {
        share(self.kept_right + self.dropped_right, self.total())
    }

    /// How many were judged.
    pub fn total(self) -> usize {
        self.kept_right + self.kept_wrong + self.dropped_right + self.dropped_wrong
    }

    fn add(&mut self, kept: bool, right: bool) {
        *match (kept, right) {
            (true, true) => &mut self.kept_right,
            (true, false) => &mut self.kept_wrong,
            (false, true) => &mut self.dropped_right,
            (false, false) => &mut self.dropped_wrong,
        } += 1;
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

/// Counts over every id whose truth is known.
///
/// ```
/// let truth = [("a".to_owned(), true), ("b".to_owned(), false)].into();
/// let counts = synthesis::measure::counts(&["a"].into(), &truth);
/// assert_eq!(counts.precision(), Some(100.0));
/// ```
pub fn counts(kept: &BTreeSet<&str>, truth: &BTreeMap<String, bool>) -> FilterCounts {
    let mut out = FilterCounts::default();
    for (id, right) in truth {
        out.add(kept.contains(id.as_str()), *right);
    }
    out
}

/// The same, for each kind of question; `kind` names the kind of an id.
pub fn counts_by_kind(
    kept: &BTreeSet<&str>,
    truth: &BTreeMap<String, bool>,
    kind: impl Fn(&str) -> String,
) -> BTreeMap<String, FilterCounts> {
    let mut out: BTreeMap<String, FilterCounts> = BTreeMap::new();
    for (id, right) in truth {
        out.entry(kind(id))
            .or_default()
            .add(kept.contains(id.as_str()), *right);
    }
    out
}

/// A point of the threshold curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Kept is what has at least this `p_yes`.
    pub threshold: f64,
    /// What that keeps.
    pub counts: FilterCounts,
}

/// What each possible threshold on `p_yes` alone would keep, strictest first. A verdict without `p_yes` counts as 0.
pub fn threshold_curve(verdicts: &[Verdict], truth: &BTreeMap<String, bool>) -> Vec<CurvePoint> {
    let mut judged: Vec<(f64, bool)> = verdicts
        .iter()
        .filter_map(|v| {
            truth
                .get(&v.id)
                .map(|right| (v.p_yes.filter(|p| !p.is_nan()).unwrap_or(0.0), *right))
        })
        .collect();
    judged.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut counts = FilterCounts::default();
    for &(_, right) in &judged {
        counts.add(false, right);
    }
    let mut curve: Vec<CurvePoint> = Vec::new();
    for (threshold, right) in judged {
        if right {
            counts.kept_right += 1;
            counts.dropped_right -= 1;
        } else {
            counts.kept_wrong += 1;
            counts.dropped_wrong -= 1;
        }
        let point = CurvePoint { threshold, counts };
        match curve.last_mut() {
            Some(last) if last.threshold.total_cmp(&threshold).is_eq() => *last = point,
            _ => curve.push(point),
        }
    }
    curve
}

#[cfg(test)]
mod tests {
    use corpus::Consistency;

    use super::*;

    fn truth() -> BTreeMap<String, bool> {
        [
            ("a", true),
            ("b", true),
            ("c", false),
            ("d", false),
            ("e", true),
        ]
        .into_iter()
        .map(|(id, right)| (id.to_owned(), right))
        .collect()
    }

    #[test]
    fn precision_and_recall_are_shares_of_the_counts() {
        let found = counts(&["a", "b", "c", "unknown"].into(), &truth());
        assert_eq!(
            found,
            FilterCounts {
                kept_right: 2,
                kept_wrong: 1,
                dropped_right: 1,
                dropped_wrong: 1
            }
        );
        assert_eq!(found.precision(), Some(200.0 / 3.0));
        assert_eq!(found.recall(), Some(200.0 / 3.0));
        assert_eq!(found.before(), Some(60.0));
        assert_eq!(FilterCounts::default().precision(), None);
    }

    #[test]
    fn kinds_add_up_to_the_whole() {
        let by_kind = counts_by_kind(&["a"].into(), &truth(), |id| (id < "c").to_string());
        assert_eq!(by_kind["true"].total() + by_kind["false"].total(), 5);
        assert_eq!(by_kind["true"].recall(), Some(50.0));
    }

    #[test]
    fn the_curve_has_a_point_for_each_value_and_ends_with_everything() {
        let verdict = |(id, p_yes): (&str, Option<f64>)| Verdict {
            id: id.to_owned(),
            verdict: Consistency::Yes,
            p_yes,
            raw: String::new(),
        };
        let verdicts = [
            ("a", Some(0.9)),
            ("c", Some(0.5)),
            ("b", Some(0.5)),
            ("d", None),
            ("x", Some(1.0)),
        ]
        .map(verdict);
        let curve = threshold_curve(&verdicts, &truth());
        let points: Vec<_> = curve
            .iter()
            .map(|p| (p.threshold, p.counts.precision()))
            .collect();
        assert_eq!(
            points,
            [
                (0.9, Some(100.0)),
                (0.5, Some(200.0 / 3.0)),
                (0.0, Some(50.0))
            ]
        );
    }
}
