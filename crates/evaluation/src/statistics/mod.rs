//! Intervals and comparisons. What is resampled are clusters (all items of one picture together), never single items.
//!
//! How often the intervals hold the truth is measured by `cargo run --release --example coverage`.

mod bootstrap;
mod breakdown;
mod clusters;
mod comparison;
pub(crate) mod distribution;
mod significance;

pub use bootstrap::{
    Bootstrap, Difference, INTERVAL_METHOD, Interval, PAIRED_METHOD, interval, mean, paired,
};
pub use breakdown::{Group, breakdown};
pub use clusters::{Clusters, Error};
pub use comparison::{Comparison, FEW, few_clusters};
pub use significance::{McNemar, PERMUTATION_METHOD, holm, mcnemar, permutation};
