//! The style of the pages of scores.

/// CSS.
pub const STYLE: &str = include_str!("style.css");
