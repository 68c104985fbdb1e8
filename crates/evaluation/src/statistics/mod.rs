//! Intervals and comparisons. What is resampled are clusters (all items of one picture together), never single items.
//!
//! [`OverSeeds`] counts the random seeds of a training too, and [`verdicts`] says in words what a table of such comparisons shows.
//!
//! How often the intervals hold the truth is measured by `cargo run --release --example coverage`, and of those over seeds by
//! `--example seeds`.

mod bootstrap;
mod breakdown;
mod clusters;
mod comparison;
mod crossed;
pub(crate) mod distribution;
mod seed_rows;
mod seeds;
mod significance;
mod verdict;

pub use bootstrap::{
    Bootstrap, Difference, INTERVAL_METHOD, Interval, PAIRED_METHOD, interval, mean, paired,
};
pub use breakdown::{Group, breakdown};
pub use clusters::{Clusters, Error};
pub use comparison::{Comparison, FEW, few_clusters};
pub use distribution::{t_quantile, t_two_sided};
pub use seed_rows::{SeedError, SeedNumber, SeedRow, SetRow};
pub use seeds::{Chance, OVER_SEEDS_METHOD, OfSeed, OverSeeds, Variances};
pub use significance::{McNemar, PERMUTATION_METHOD, holm, mcnemar, permutation};
pub use verdict::{Outcome, Verdict, Ways, verdicts};
