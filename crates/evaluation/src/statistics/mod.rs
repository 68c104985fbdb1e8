//! Intervals and comparisons. What is resampled are clusters (all items of one picture together), never single items.

mod bootstrap;
mod clusters;
pub(crate) mod distribution;

pub use bootstrap::{Bootstrap, Difference, Interval, interval, paired};
pub use clusters::{Clusters, Error};
