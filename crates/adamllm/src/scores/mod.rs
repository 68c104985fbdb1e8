//! Scores of predictions made anywhere, comparisons of two systems, and the list of benchmarks. No model is needed.

mod arguments;
mod compare;
mod leaks;
mod list;
mod page;
mod results;
mod score;
mod tables;
mod tasks;

pub use arguments::{Compare, Score};
pub use compare::run as compare;
pub use list::run as list;
pub use score::run as score;
