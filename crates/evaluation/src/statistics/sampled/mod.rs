//! What a stratified sample says of the finite population that it was drawn from: means, totals and shares, a filter's
//! precision and recall, and both at every threshold.
//!
//! A stratum's items were drawn without replacement, each as likely as any other. Items that come in clusters, such as
//! those of one picture, may have been drawn so together; then their clusters have to be given.

mod curve;
mod error;
mod filter;
mod limits;
mod mean;

pub use curve::{CURVE_METHOD, ScoredStratum, ThresholdPoint, threshold_curve};
pub use error::SampleError;
pub use filter::{Drawn, FILTER_METHOD, Filter};
pub use limits::Share;
pub use mean::{STRATIFIED_METHOD, SampledStratum, Stratified, stratified_mean, stratified_share};
