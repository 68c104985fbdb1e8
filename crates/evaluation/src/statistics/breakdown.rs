//! Scores by kind of item.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bootstrap::{Bootstrap, interval};
use super::clusters::{Clusters, Error};
use super::comparison::FEW;

/// The items that have one value of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// The value.
    pub value: String,
    /// How many items have it.
    pub n: usize,
    /// Their mean score, 0 to 100.
    pub mean: f64,
    /// 95 % interval of the mean.
    pub interval: [f64; 2],
    /// Whether the items lie in fewer than [`FEW`] clusters.
    pub too_few: bool,
}

/// The mean score of each value that the items have, in the order of the values. `values` belong to `scores`; items
/// without one are left out.
///
/// ```
/// use evaluation::statistics::breakdown;
/// let groups = breakdown(&[100.0, 0.0, 0.0], &[Some("open"), Some("open"), None], &["a", "b", "c"], 1).expect("scores");
/// assert_eq!((groups.len(), groups[0].n, groups[0].mean), (1, 2, 50.0));
/// ```
pub fn breakdown<V: AsRef<str>, C: AsRef<str>>(
    scores: &[f64],
    values: &[Option<V>],
    clusters: &[C],
    seed: u64,
) -> Result<Vec<Group>, Error> {
    if values.len() != scores.len() {
        return Err(Error::Lengths {
            scores: scores.len(),
            what: "values",
            others: values.len(),
        });
    }
    if clusters.len() != scores.len() {
        return Err(Error::Lengths {
            scores: scores.len(),
            what: "cluster keys",
            others: clusters.len(),
        });
    }
    let mut groups: BTreeMap<&str, (Vec<f64>, Vec<&str>)> = BTreeMap::new();
    for ((score, value), cluster) in scores.iter().zip(values).zip(clusters) {
        if let Some(value) = value {
            let group = groups.entry(value.as_ref()).or_default();
            group.0.push(*score);
            group.1.push(cluster.as_ref());
        }
    }
    groups
        .into_iter()
        .map(|(value, (scores, keys))| {
            let found = interval(&scores, &Clusters::new(&keys), &Bootstrap::new(seed))?;
            Ok(Group {
                value: value.to_owned(),
                n: scores.len(),
                mean: found.mean,
                interval: [found.low, found.high],
                too_few: found.clusters < FEW,
            })
        })
        .collect()
}
