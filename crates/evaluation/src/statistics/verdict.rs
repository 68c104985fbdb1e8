//! What a table of comparisons shows, in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::clusters::Error;
use super::comparison::few_clusters;
use super::seed_rows::ROUNDING;
use super::seeds::{Chance, OverSeeds};
use super::significance::holm;

/// A p-value below this tells two ways apart.
const LEVEL: f64 = 0.05;

/// Two ways that were compared, as a reader knows them.
#[derive(Clone, Copy, Debug)]
pub struct Ways<'a> {
    /// One way, such as `one stage`.
    pub one: &'a str,
    /// The other, such as `two`.
    pub other: &'a str,
    /// What they were compared on, such as a domain or a task.
    pub on: &'a str,
    /// What was found.
    pub found: &'a OverSeeds,
}

/// What a comparison shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The first way is better.
    OneBetter,
    /// The second way is better.
    OtherBetter,
    /// The difference may be chance.
    NotToldApart,
}

/// What a comparison shows within its table. Its `Display` is a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// One way.
    pub one: String,
    /// The other.
    pub other: String,
    /// What they were compared on.
    pub on: String,
    /// The finding; it rests on `p_holm`.
    pub outcome: Outcome,
    /// One minus the other, in points of 0 to 100.
    pub difference: f64,
    /// Its 95 % interval, which is not adjusted for the table.
    pub interval: [f64; 2],
    /// The comparison's own p-value.
    pub p: f64,
    /// The p-value adjusted over the table.
    pub p_holm: f64,
    /// How many comparisons the table has.
    pub comparisons: usize,
    /// What chance is counted.
    pub chance: Chance,
    /// How many seeds there are.
    pub seeds: usize,
    /// How many clusters the items lie in; of numbers without items 0.
    pub clusters: usize,
    /// How many the task with the fewest has.
    pub fewest: usize,
}

/// A verdict on each row of a table, after adjusting all its p-values (Holm, 1979).
///
/// ```
/// use evaluation::statistics::{OverSeeds, SeedRow, Ways, verdicts};
/// let rows: Vec<_> = (1..=5).flat_map(|seed| {
///     let items = ["a", "b", "c", "d"].into_iter().zip([61.0, 64.0, 62.0, 63.0]);
///     items.map(move |(item, one)| SeedRow { seed, item, cluster: item, one, other: 60.0 })
/// }).collect();
/// let found = OverSeeds::new(&rows)?;
/// let table = verdicts(&[Ways { one: "one stage", other: "two", on: "food", found: &found }])?;
/// assert!(table[0].to_string().starts_with("one stage is better than two by 2.5 [0.4, 4.6] on food"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verdicts(table: &[Ways]) -> Result<Vec<Verdict>, Error> {
    let alone: Vec<f64> = table.iter().map(|ways| ways.found.p).collect();
    let verdict = |(ways, p_holm): (&Ways, f64)| {
        let found = ways.found;
        Verdict {
            one: ways.one.to_owned(),
            other: ways.other.to_owned(),
            on: ways.on.to_owned(),
            outcome: if p_holm >= LEVEL {
                Outcome::NotToldApart
            } else if found.difference > 0.0 {
                Outcome::OneBetter
            } else {
                Outcome::OtherBetter
            },
            difference: found.difference,
            interval: found.interval,
            p: found.p,
            p_holm,
            comparisons: table.len(),
            chance: found.chance,
            seeds: found.seeds,
            clusters: found.clusters,
            fewest: found.fewest,
        }
    };
    Ok(table.iter().zip(holm(&alone)?).map(verdict).collect())
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, other, on) = (&self.one, &self.other, &self.on);
        let [low, high] = self.interval;
        match self.outcome {
            Outcome::OneBetter => {
                let size = points(self.difference, low, high);
                write!(f, "{one} is better than {other} by {size} on {on}")?;
            }
            Outcome::OtherBetter => {
                let size = points(-self.difference, -high, -low);
                write!(f, "{other} is better than {one} by {size} on {on}")?;
            }
            Outcome::NotToldApart => {
                let size = points(self.difference, low, high);
                write!(f, "{one} and {other} are not told apart ({size}) on {on}")?;
                let is_constant =
                    self.chance == Chance::Seeds && self.seeds > 1 && high - low < ROUNDING;
                if is_constant && self.difference.abs() >= ROUNDING {
                    // The test that exchanges both ways has no smaller p.
                    let (p, seeds) = (share(self.p), self.seeds);
                    write!(
                        f,
                        ": it is the same with each of {seeds} seeds, for which p is {p} at the least"
                    )?;
                } else if self.p < LEVEL {
                    let (alone, among) = (share(self.p), share(self.p_holm));
                    write!(
                        f,
                        ": p is {alone} alone and {among} among {} comparisons",
                        self.comparisons
                    )?;
                }
            }
        }
        match self.chance {
            Chance::SeedsAndClusters => {}
            Chance::Clusters => {
                write!(f, "; one seed, so the chance of training is not counted")?;
            }
            Chance::Seeds if self.seeds == 1 => {
                write!(f, "; one number each, which says nothing of chance")?;
            }
            Chance::Seeds => write!(f, "; of the chance of training alone")?,
        }
        // Of two seeds the degrees of freedom are too uncertain themselves: `examples/seeds.rs` measures it.
        if self.seeds == 2 {
            write!(f, "; only 2 seeds: the interval is too narrow to rely on")?;
        }
        match few_clusters(self.fewest) {
            Some(warning) if self.chance != Chance::Seeds => {
                let of_task = if self.fewest < self.clusters {
                    "a task has "
                } else {
                    ""
                };
                write!(f, "; {of_task}{warning}")
            }
            _ => Ok(()),
        }
    }
}

/// A difference with its interval, in as many digits as show on which side of 0 an end lies.
fn points(difference: f64, low: f64, high: f64) -> String {
    let hidden =
        |value: f64, digits: i32| value != 0.0 && value.abs() < 0.5 * 10.0_f64.powi(-digits);
    let digits = (1..3)
        .find(|&digits| !hidden(low, digits) && !hidden(high, digits))
        .unwrap_or(3);
    // A sum with 0 has no minus before a zero.
    let text = |value: f64| {
        let scale = 10.0_f64.powi(digits);
        format!(
            "{:.*}",
            digits as usize,
            (value * scale).round() / scale + 0.0
        )
    };
    format!("{} [{}, {}]", text(difference), text(low), text(high))
}

/// A p-value in two significant digits.
fn share(p: f64) -> String {
    if p < 0.001 {
        return "below 0.001".to_owned();
    }
    let digits = if p < 0.01 {
        4
    } else if p < 0.1 {
        3
    } else {
        2
    };
    format!("{p:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A finding whose numbers are given.
    fn found(difference: f64, interval: [f64; 2], p: f64) -> OverSeeds {
        OverSeeds {
            seeds: 5,
            items: 50,
            clusters: 50,
            fewest: 50,
            too_few: false,
            chance: Chance::SeedsAndClusters,
            one: 50.0 + difference,
            other: 50.0,
            difference,
            interval,
            error: None,
            freedom: None,
            p,
            variances: None,
            by_seed: Vec::new(),
        }
    }

    fn said(table: &[OverSeeds]) -> Vec<String> {
        let ways = |found| Ways {
            one: "one stage",
            other: "two",
            on: "food",
            found,
        };
        let table: Vec<Ways> = table.iter().map(ways).collect();
        let verdicts = verdicts(&table).expect("p-values");
        verdicts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn says_which_way_is_better() {
        let table = [
            found(3.1, [1.2, 5.0], 0.002),
            found(-3.12, [-5.04, -1.16], 0.002),
            found(0.4, [-1.0, 1.8], 0.5),
            found(-0.02, [-0.6, 0.0], 0.5),
        ];
        let expected = [
            "one stage is better than two by 3.1 [1.2, 5.0] on food",
            "two is better than one stage by 3.1 [1.2, 5.0] on food",
            "one stage and two are not told apart (0.4 [-1.0, 1.8]) on food",
            "one stage and two are not told apart (0.0 [-0.6, 0.0]) on food",
        ];
        assert_eq!(said(&table), expected);
    }

    #[test]
    fn a_small_end_keeps_its_side_of_zero() {
        let table = [
            found(1.2, [0.03, 2.37], 0.04),
            found(1.2, [-0.004, 2.4], 0.06),
        ];
        assert_eq!(
            said(&table[..1]),
            ["one stage is better than two by 1.20 [0.03, 2.37] on food"]
        );
        assert_eq!(
            said(&table[1..]),
            ["one stage and two are not told apart (1.200 [-0.004, 2.400]) on food"]
        );
    }

    #[test]
    fn what_never_varies_is_said() {
        let constant = OverSeeds {
            chance: Chance::Seeds,
            ..found(-20.0, [-20.0, -20.0], 0.0625)
        };
        let said = said(&[constant]);
        assert!(
            said[0].contains(
                ": it is the same with each of 5 seeds, for which p is 0.062 at the least"
            ),
            "{said:?}"
        );
    }

    #[test]
    fn a_table_tells_fewer_apart_than_its_rows_alone() {
        let table = [
            found(2.0, [0.1, 3.9], 0.045),
            found(4.0, [2.5, 5.5], 0.0004),
            found(0.1, [-2.0, 2.2], 0.9),
        ];
        let said = said(&table);
        assert_eq!(
            said[0],
            "one stage and two are not told apart (2.0 [0.1, 3.9]) on food: p is 0.045 alone and 0.090 among 3 comparisons"
        );
        assert!(said[1].starts_with("one stage is better"), "{}", said[1]);
        assert!(!said[2].contains("alone"), "{}", said[2]);
    }

    #[test]
    fn says_what_it_does_not_count() {
        let two_seeds = OverSeeds {
            seeds: 2,
            ..found(0.4, [-1.0, 1.8], 0.5)
        };
        assert_eq!(
            said(&[two_seeds]),
            [
                "one stage and two are not told apart (0.4 [-1.0, 1.8]) on food; only 2 seeds: the interval is too narrow to rely on"
            ]
        );
        let one_seed = OverSeeds {
            seeds: 1,
            chance: Chance::Clusters,
            clusters: 7,
            fewest: 7,
            ..found(3.1, [1.2, 5.0], 0.01)
        };
        assert_eq!(
            said(&[one_seed]),
            [
                "one stage is better than two by 3.1 [1.2, 5.0] on food; one seed, so the chance of training is not counted; \
              only 7 clusters: the interval is too narrow to rely on"
            ]
        );
        let small_task = OverSeeds {
            fewest: 12,
            ..found(0.4, [-1.0, 1.8], 0.5)
        };
        assert_eq!(
            said(&[small_task]),
            [
                "one stage and two are not told apart (0.4 [-1.0, 1.8]) on food; a task has only 12 clusters: the interval is too \
              narrow to rely on"
            ]
        );
        let numbers = OverSeeds {
            chance: Chance::Seeds,
            clusters: 0,
            fewest: 0,
            ..found(3.1, [1.2, 5.0], 0.01)
        };
        assert_eq!(
            said(&[numbers]),
            [
                "one stage is better than two by 3.1 [1.2, 5.0] on food; of the chance of training alone"
            ]
        );
    }
}
