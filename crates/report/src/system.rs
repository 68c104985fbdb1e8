//! Whose scores are shown.

use evaluation::ScoredTask;

/// A system with its scores.
#[derive(Debug)]
pub struct System<'a> {
    /// Its name in tables.
    pub name: String,
    /// Its tasks.
    pub tasks: &'a [ScoredTask],
}
