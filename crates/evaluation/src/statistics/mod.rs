//! Intervals and comparisons. What is resampled are clusters (all items of one picture together), never single items.
//!
//! [`OverSeeds`] counts the random seeds of a training too, and [`verdicts`] says in words what a table of such comparisons shows.
//!
//! How far raters agree is [`alpha_interval`]; what a stratified sample says of all is [`stratified_mean`] and [`Filter`].
//!
//! How often the intervals hold the truth is measured by `cargo run --release --example coverage`, of those over seeds by
//! `--example seeds`, of those from a stratified sample by `--example sampled`.

mod agreement;
mod bootstrap;
mod breakdown;
mod clusters;
mod comparison;
mod crossed;
pub(crate) mod distribution;
mod sampled;
mod seed_rows;
mod seeds;
mod significance;
mod verdict;

pub use agreement::{
    ALPHA_METHOD, Alpha, Level, SHIFT_METHOD, Shift, Undefined, Weights, alpha, alpha_interval,
    exact_agreement, kappa, pairs, position_effect, rater_bias,
};
pub use bootstrap::{
    Bootstrap, Difference, INTERVAL_METHOD, Interval, PAIRED_METHOD, interval, mean, paired,
};
pub use breakdown::{Group, breakdown};
pub use clusters::{Clusters, Error};
pub use comparison::{Comparison, FEW, few_clusters};
pub use distribution::{t_quantile, t_two_sided};
pub use sampled::{
    CURVE_METHOD, Drawn, FILTER_METHOD, Filter, STRATIFIED_METHOD, SampleError, SampledStratum,
    ScoredStratum, Share, Stratified, ThresholdPoint, stratified_mean, stratified_share,
    threshold_curve,
};
pub use seed_rows::{SeedError, SeedNumber, SeedRow, SetRow};
pub use seeds::{Chance, OVER_SEEDS_METHOD, OfSeed, OverSeeds, Variances};
pub use significance::{McNemar, PERMUTATION_METHOD, holm, mcnemar, permutation};
pub use verdict::{Outcome, Verdict, Ways, verdicts};
