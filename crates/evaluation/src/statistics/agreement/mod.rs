//! How far raters of the same items agree, and how far one of them, or a place, is favoured.
//!
//! Ratings come as units: one item each, with one place for each rater, empty where that rater said nothing.

mod error;
mod kappa;
mod krippendorff;
mod shifts;

pub use error::Undefined;
pub use kappa::{Weights, exact_agreement, kappa, pairs};
pub use krippendorff::{ALPHA_METHOD, Alpha, Level, alpha, alpha_interval};
pub use shifts::{SHIFT_METHOD, Shift, position_effect, rater_bias};
