//! Benchmarks: their list, scores of predictions made anywhere, comparisons of systems. A model's own answers to them are
//! the engine's.

mod arguments;
mod compare;
mod list;
mod score;
mod written;

pub use arguments::{Benchmarks, Compare, Score};
pub use compare::run as compare;
pub use list::run as list;
pub use score::{Scoring, run as score};
