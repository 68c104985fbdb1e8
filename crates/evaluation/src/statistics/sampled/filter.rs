//! A filter's precision and recall from samples of what it kept and what it dropped.

use serde::{Deserialize, Serialize};

use super::error::SampleError;
use super::limits::{Share, between, check, share};
use crate::statistics::clusters::Clusters;

/// How [`Filter::measure`] works, in a sentence for a report.
pub const FILTER_METHOD: &str = "mid-P limits of the right share of the kept and of the dropped items for the effective number \
     of items, with finite population correction, put together by the method of variance estimates recovery (Zou and Donner, \
     2008)";

/// What was drawn of the kept, or of the dropped, items.
#[derive(Clone, Copy, Debug)]
pub struct Drawn<'a> {
    /// All such items.
    pub total: usize,
    /// Whether each of those that were drawn is right.
    pub right: &'a [bool],
    /// Their clusters, if they were drawn in clusters.
    pub clusters: Option<&'a Clusters>,
}

/// How well a filter tells right items from wrong ones.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Filter {
    /// Right items among the kept; `None` if nothing was kept.
    pub precision: Option<Share>,
    /// Kept items among the right; `None` if no item of either sample is right.
    pub recall: Option<Share>,
    /// The harmonic mean of both; `None` if nothing was kept and nothing is right.
    pub f1: Option<Share>,
    /// Right items that were kept and wrong ones that were dropped, among all.
    pub accuracy: Share,
    /// Right items among all: what a filter that keeps everything has for precision.
    pub right_before: Share,
}

impl Filter {
    /// Measures a filter.
    ///
    /// With p and q right among the K kept and D dropped items, precision is p, recall Kp ÷ (Kp + Dq), F1
    /// 2Kp ÷ (K + Kp + Dq), accuracy (Kp + D(1 − q)) ÷ (K + D). For each of them, whether it is above some t is whether a
    /// weighted sum of p and q is above some number; an interval holds the t for which the limits of both shares
    /// cannot tell. `--example sampled` measures how often the intervals hold the truth.
    ///
    /// ```
    /// use evaluation::statistics::{Drawn, Filter};
    /// let (kept, dropped) = ([[true; 9].as_slice(), &[false]].concat(), [[true; 2].as_slice(), &[false; 8]].concat());
    /// let filter = Filter::measure(
    ///     Drawn { total: 3000, right: &kept, clusters: None },
    ///     Drawn { total: 7000, right: &dropped, clusters: None },
    /// ).expect("a sample");
    /// // 2,700 of the 4,100 right items were kept.
    /// let recall = filter.recall.expect("right items");
    /// assert!((recall.value - 27.0 / 41.0).abs() < 1e-12 && recall.low < 0.5 && recall.high > 0.8);
    /// ```
    pub fn measure(kept: Drawn<'_>, dropped: Drawn<'_>) -> Result<Self, SampleError> {
        check(0, kept.total, kept.right.len(), kept.clusters)?;
        check(1, dropped.total, dropped.right.len(), dropped.clusters)?;
        let (k, d) = (kept.total as f64, dropped.total as f64);
        let all = k + d;
        if kept.total + dropped.total == 0 {
            return Err(SampleError::NoItems);
        }
        let shares = Shares {
            kept: of(kept),
            dropped: of(dropped),
        };
        let (right_kept, right) = (
            k * shares.kept.value,
            k * shares.kept.value + d * shares.dropped.value,
        );
        let precision = shares.estimate(shares.kept.value, |t| (1.0, 0.0, -t));
        let recall = || shares.estimate(right_kept / right, |t| ((1.0 - t) * k, -t * d, 0.0));
        let f1 = || {
            let value = 2.0 * right_kept / (k + right);
            shares.estimate(value, |t| ((2.0 - t) * k, -t * d, -t * k))
        };
        let accuracy = (right_kept + d * (1.0 - shares.dropped.value)) / all;
        Ok(Self {
            precision: (kept.total > 0).then_some(precision),
            recall: (right > 0.0).then(recall),
            f1: (k + right > 0.0).then(f1),
            accuracy: shares.estimate(accuracy, |t| (k, -d, d - t * all)),
            right_before: shares.estimate(right / all, |t| (k, d, -t * all)),
        })
    }
}

/// The right share of each side.
struct Shares {
    kept: Share,
    dropped: Share,
}

impl Shares {
    /// A measure with its interval. It is above t exactly if the sum of a share of the kept, a share of the
    /// dropped and a constant, which are those factors of that t, is above 0.
    fn estimate(&self, value: f64, sum: impl Fn(f64) -> (f64, f64, f64)) -> Share {
        let clearly_above = |t: f64| {
            let (of_kept, of_dropped, constant) = sum(t);
            let worst = |factor: f64, share: Share| {
                let limit = if factor > 0.0 { share.low } else { share.high };
                factor * (share.value - limit)
            };
            let middle = of_kept * self.kept.value + of_dropped * self.dropped.value + constant;
            middle > worst(of_kept, self.kept).hypot(worst(of_dropped, self.dropped))
        };
        let clearly_below = |t: f64| {
            let (of_kept, of_dropped, constant) = sum(t);
            let best = |factor: f64, share: Share| {
                let limit = if factor > 0.0 { share.high } else { share.low };
                factor * (limit - share.value)
            };
            let middle = of_kept * self.kept.value + of_dropped * self.dropped.value + constant;
            -middle > best(of_kept, self.kept).hypot(best(of_dropped, self.dropped))
        };
        between(value, clearly_above, clearly_below)
    }
}

/// The right share with its limits; of no items it is 0, and does not count.
fn of(drawn: Drawn<'_>) -> Share {
    if drawn.total == 0 {
        return Share::NOTHING;
    }
    share(drawn.right, drawn.total, drawn.clusters)
}
