//! Who, or which place, is given more than others on the same items.

use crate::statistics::bootstrap::{Bootstrap, mean, resampled_means};
use crate::statistics::clusters::{Clusters, Error, differences};

/// How [`rater_bias`] and [`position_effect`] work, in a sentence for a report.
pub const SHIFT_METHOD: &str = "mean of the paired differences; percentiles of it over resampled clusters of items, expanded \
     for few clusters (Hesterberg, 2015)";

/// A mean of paired differences, in steps of the ratings' scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// The mean difference.
    pub mean: f64,
    /// Where its interval begins and ends; `None` with one cluster.
    pub interval: Option<[f64; 2]>,
    /// How many items have both sides.
    pub items: usize,
    /// How many clusters they lie in.
    pub clusters: usize,
}

/// How much more a rater, by their place, gives than the mean of the others on the items that they share.
///
/// `clusters` belong to `units`. Who never rated what another did shares nothing: [`Error::Empty`].
///
/// ```
/// use evaluation::statistics::{Bootstrap, Clusters, rater_bias};
/// let units = [vec![Some(5.0), Some(3.0), Some(4.0)], vec![Some(2.0), Some(2.0), None], vec![Some(1.0), None, None]];
/// let found = rater_bias(&units, 0, &Clusters::single(3), &Bootstrap::new(1)).expect("shared items");
/// assert_eq!((found.mean, found.items), (0.75, 2));
/// ```
pub fn rater_bias(
    units: &[Vec<Option<f64>>],
    rater: usize,
    clusters: &Clusters,
    bootstrap: &Bootstrap,
) -> Result<Shift, Error> {
    if clusters.of_item().len() != units.len() {
        return Err(Error::Lengths {
            scores: units.len(),
            what: "cluster keys",
            others: clusters.of_item().len(),
        });
    }
    let (mut own, mut others, mut shared) = (Vec::new(), Vec::new(), Vec::new());
    for (at, unit) in units.iter().enumerate() {
        let rest: Vec<f64> = (0..unit.len())
            .filter(|&place| place != rater)
            .filter_map(|place| unit[place])
            .collect();
        if let Some(rating) = unit.get(rater).copied().flatten()
            && !rest.is_empty()
        {
            own.push(rating);
            others.push(mean(&rest));
            shared.push(at);
        }
    }
    shift(&others, &own, &clusters.of(&shared), bootstrap)
}

/// How much more the same items are given in the first place than in the last.
///
/// The three lists belong together: what an item got first, what it got last, and its cluster.
///
/// ```
/// use evaluation::statistics::{Bootstrap, Clusters, position_effect};
/// let found = position_effect(&[4.0, 3.0], &[3.0, 3.0], &Clusters::single(2), &Bootstrap::new(1)).expect("ratings");
/// assert_eq!(found.mean, 0.5);
/// ```
pub fn position_effect(
    first: &[f64],
    last: &[f64],
    clusters: &Clusters,
    bootstrap: &Bootstrap,
) -> Result<Shift, Error> {
    shift(last, first, clusters, bootstrap)
}

fn shift(
    from: &[f64],
    to: &[f64],
    clusters: &Clusters,
    bootstrap: &Bootstrap,
) -> Result<Shift, Error> {
    let differences = differences(from, to)?;
    let sums = clusters.sums(&differences)?;
    let interval = bootstrap.percentiles(resampled_means(&sums, bootstrap), sums.len());
    Ok(Shift {
        mean: mean(&differences),
        interval: interval.map(|(low, high)| [low, high]),
        items: differences.len(),
        clusters: sums.len(),
    })
}
