//! Benchmarks: their list, a model's answers to them, scores of predictions made anywhere, comparisons of two systems.
//! Only `evaluate` needs a model.

mod answers;
mod arguments;
mod by_likelihood;
mod compare;
mod evaluate;
mod list;
mod score;
mod written;

pub use arguments::{Benchmarks, Compare, Score};
pub use compare::run as compare;
pub use evaluate::run as evaluate;
pub use list::run as list;
pub use score::run as score;
