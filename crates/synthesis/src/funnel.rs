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
    /// Pairs that gave a task.
    pub parsed: usize,
    /// Pairs of which the filter kept a task.
    pub consistent: usize,
    /// Tasks of all pairs; more than pairs where a maker gives several of one.
    #[serde(default)]
    pub tasks: usize,
    /// Of these, how many the filter kept.
    #[serde(default)]
    pub consistent_tasks: usize,
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

/// Pairs read, then each step with its share of the pairs that were synthesized from; where a pair gave several tasks, their number
/// and its share of all tasks.
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
        for (name, n, tasks) in [
            ("parsed", self.parsed, self.tasks),
            ("consistent", self.consistent, self.consistent_tasks),
            ("kept", self.kept, 0),
        ] {
            write!(f, " → {n} {name} ({:.1} %)", share(n))?;
            if tasks > n {
                let of_tasks = 100.0 * tasks as f64 / self.tasks as f64;
                write!(f, ", {tasks} tasks ({of_tasks:.1} %)")?;
            }
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

    /// Eight pairs with three tasks each: of 24 tasks the filter keeps 12, of six pairs.
    #[test]
    fn several_tasks_of_a_pair_are_shares_of_the_tasks() {
        let funnel = Funnel {
            read: 10,
            pairs: 10,
            parsed: 8,
            tasks: 24,
            consistent: 6,
            consistent_tasks: 12,
            kept: 6,
            trained_on: 10,
            ..Funnel::default()
        };
        insta::assert_snapshot!(funnel.to_string(), @r"
        10 read, 10 pairs, 0 held out → 8 parsed (80.0 %), 24 tasks (100.0 %) → 6 consistent (60.0 %), 12 tasks (50.0 %) → 6 kept (60.0 %)
          trained on 10 samples
        ");
    }
}
