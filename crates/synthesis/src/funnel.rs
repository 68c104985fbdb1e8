//! How many records reach each step of the road, and why the others do not.

use std::collections::BTreeMap;

use corpus::Rejected;
use serde::{Deserialize, Serialize};

/// Counts from pairs to tasks that are trained.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Funnel {
    /// Records that were read.
    #[serde(default)]
    pub read: usize,
    /// Usable pairs; fewer than readable ones where the run is limited.
    pub pairs: usize,
    /// Of these, kept back for evaluation.
    pub held_out: usize,
    /// Pairs that gave a triplet.
    pub parsed: usize,
    /// Triplets that the filter kept.
    pub consistent: usize,
    /// Samples that train a synthetic task.
    #[serde(default)]
    pub kept: usize,
    /// Samples that were trained on, those without a task and replayed ones too.
    #[serde(default)]
    pub trained_on: usize,
    /// How often each reason occurred.
    pub rejects: BTreeMap<String, usize>,
}

impl Funnel {
    /// Adds a stage's rejects to the counts.
    ///
    /// ```
    /// let mut funnel = synthesis::Funnel { pairs: 2, ..Default::default() };
    /// funnel.count(&[corpus::Rejected {
    ///     id: "a".into(), stage: String::new(), reason: "no-turns".into(), detail: String::new(),
    /// }]);
    /// assert_eq!(funnel.rejects["no-turns"], 1);
    /// ```
    pub fn count(&mut self, rejected: &[Rejected]) {
        for reject in rejected {
            *self.rejects.entry(reject.reason.clone()).or_default() += 1;
        }
    }
}

/// Pairs read, then each step with its share of the pairs that were synthesized from.
impl std::fmt::Display for Funnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let asked = self.pairs.saturating_sub(self.held_out);
        let share = |n: usize| {
            if asked == 0 {
                0.0
            } else {
                100.0 * n as f64 / asked as f64
            }
        };
        write!(
            f,
            "{} read, {} pairs, {} held out",
            self.read, self.pairs, self.held_out
        )?;
        for (name, n) in [
            ("parsed", self.parsed),
            ("consistent", self.consistent),
            ("kept", self.kept),
        ] {
            write!(f, " → {n} {name} ({:.1} %)", share(n))?;
        }
        write!(f, "\n  trained on {} samples", self.trained_on)?;
        for (reason, n) in &self.rejects {
            write!(f, "\n  {n} {reason}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_from_pairs_down_to_what_is_trained() {
        let mut funnel = Funnel {
            read: 112,
            trained_on: 99,
            pairs: 110,
            held_out: 10,
            parsed: 69,
            consistent: 30,
            kept: 30,
            ..Funnel::default()
        };
        let reject = |reason: &str| crate::outcome::reject("a", reason, "");
        funnel.count(&[
            reject("verdict-no"),
            reject("verdict-open"),
            reject("verdict-no"),
        ]);
        insta::assert_snapshot!(funnel.to_string(), @r"
        112 read, 110 pairs, 10 held out → 69 parsed (69.0 %) → 30 consistent (30.0 %) → 30 kept (30.0 %)
          trained on 99 samples
          2 verdict-no
          1 verdict-open
        ");
    }
}
