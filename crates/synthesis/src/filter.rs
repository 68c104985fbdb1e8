//! Consistency filter: keeps the triplets whose verdict says so, and counts why the others go.

use std::collections::HashMap;

use corpus::{Consistency, Triplet, Verdict};
use serde::{Deserialize, Serialize};

use crate::{Outcome, reject};

const STAGE: &str = "filter";

/// Which verdicts keep a triplet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeepRule {
    /// The verdicts that keep; the paper's is yes alone.
    pub keep: Vec<Consistency>,
    /// If set, `p_yes` must reach it as well.
    pub threshold: Option<f64>,
}

impl Default for KeepRule {
    fn default() -> Self {
        Self {
            keep: vec![Consistency::Yes],
            threshold: None,
        }
    }
}

/// Why a triplet is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The judge gave no verdict, or failed.
    NoVerdict,
    /// The precise answer does not follow.
    VerdictNo,
    /// Several readings are possible.
    VerdictOpen,
    /// The judge wrote something else.
    VerdictOther,
    /// The rule does not keep yes.
    VerdictYes,
    /// The judge is not sure enough.
    BelowThreshold,
    /// A threshold is set, but the judge gave no probability.
    NoProbability,
}

corpus::words!(Reason {
    NoVerdict = "no-verdict",
    VerdictNo = "verdict-no",
    VerdictOpen = "verdict-open",
    VerdictOther = "verdict-other",
    VerdictYes = "verdict-yes",
    BelowThreshold = "below-threshold",
    NoProbability = "no-probability",
});

/// The triplets that the verdicts keep.
///
/// ```
/// use corpus::{Consistency, Triplet, Verdict};
/// use synthesis::{KeepRule, keep};
/// let triplet = |id: &str| serde_json::from_value::<Triplet>(serde_json::json!({
///     "id": id, "pair": id, "instruction": "What is it?", "informative": "It is tea.", "precise": "tea",
/// })).unwrap();
/// let verdict = |id: &str, verdict| Verdict { id: id.into(), verdict, p_yes: None, raw: String::new() };
/// let verdicts = [verdict("a", Consistency::Yes), verdict("b", Consistency::Open)];
/// let found = keep(&[triplet("a"), triplet("b")], &verdicts, &KeepRule::default());
/// assert_eq!((found.items.len(), found.rejected[0].reason.as_str()), (1, "verdict-open"));
/// ```
pub fn keep(triplets: &[Triplet], verdicts: &[Verdict], rule: &KeepRule) -> Outcome<Triplet> {
    let by_id: HashMap<&str, &Verdict> = verdicts.iter().map(|v| (v.id.as_str(), v)).collect();
    let mut outcome = Outcome::default();
    for triplet in triplets {
        match why_not(by_id.get(triplet.id.as_str()).copied(), rule) {
            None => outcome.items.push(triplet.clone()),
            Some((reason, detail)) => {
                outcome
                    .rejected
                    .push(reject(&triplet.id, STAGE, reason.as_str(), &detail));
            }
        }
    }
    outcome
}

fn why_not(verdict: Option<&Verdict>, rule: &KeepRule) -> Option<(Reason, String)> {
    let Some(Verdict {
        verdict,
        p_yes,
        raw,
        ..
    }) = verdict
    else {
        return Some((Reason::NoVerdict, String::new()));
    };
    if !rule.keep.contains(verdict) {
        let reason = match verdict {
            Consistency::Yes => Reason::VerdictYes,
            Consistency::No => Reason::VerdictNo,
            Consistency::Open => Reason::VerdictOpen,
            Consistency::Other => Reason::VerdictOther,
        };
        return Some((reason, raw.clone()));
    }
    match (rule.threshold, p_yes) {
        (None, _) => None,
        (Some(_), None) => Some((Reason::NoProbability, raw.clone())),
        (Some(threshold), Some(p_yes)) if *p_yes >= threshold => None,
        (Some(threshold), Some(p_yes)) => {
            Some((Reason::BelowThreshold, format!("{p_yes:.3} < {threshold}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        verdict: Consistency,
        p_yes: Option<f64>,
        threshold: Option<f64>,
        expected: Option<Reason>,
    ) {
        let found = Verdict {
            id: "a".to_owned(),
            verdict,
            p_yes,
            raw: "raw".to_owned(),
        };
        let rule = KeepRule {
            threshold,
            ..KeepRule::default()
        };
        assert_eq!(
            why_not(Some(&found), &rule).map(|(reason, _)| reason),
            expected
        );
    }

    #[test]
    fn only_yes_keeps_and_a_threshold_only_narrows() {
        check(Consistency::Yes, None, None, None);
        check(Consistency::No, Some(0.9), None, Some(Reason::VerdictNo));
        check(Consistency::Open, None, None, Some(Reason::VerdictOpen));
        check(Consistency::Other, None, None, Some(Reason::VerdictOther));
        check(Consistency::Yes, Some(0.5), Some(0.5), None);
        check(
            Consistency::Yes,
            Some(0.4),
            Some(0.5),
            Some(Reason::BelowThreshold),
        );
        check(
            Consistency::Yes,
            None,
            Some(0.5),
            Some(Reason::NoProbability),
        );
        check(
            Consistency::No,
            Some(0.9),
            Some(0.5),
            Some(Reason::VerdictNo),
        );
        assert_eq!(
            why_not(None, &KeepRule::default()).map(|(reason, _)| reason),
            Some(Reason::NoVerdict)
        );
        let rule = KeepRule {
            keep: vec![Consistency::No],
            threshold: None,
        };
        let yes = Verdict {
            id: "a".to_owned(),
            verdict: Consistency::Yes,
            p_yes: None,
            raw: String::new(),
        };
        assert_eq!(
            why_not(Some(&yes), &rule).map(|(reason, _)| reason),
            Some(Reason::VerdictYes)
        );
    }
}
