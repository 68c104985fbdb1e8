//! Whose scores they are.

use crate::ScoredTask;

/// A system with its scores.
#[derive(Clone, Debug)]
pub struct System<'a> {
    /// Its name in tables.
    pub name: String,
    /// Its tasks.
    pub tasks: &'a [ScoredTask],
}

impl<'a> System<'a> {
    /// One of its tasks.
    pub fn task(&self, id: &str) -> Option<&'a ScoredTask> {
        self.tasks.iter().find(|task| task.spec.id == id)
    }
}

/// Every task that one of the systems has, in the order of the paper's tables, a user's own tasks last.
pub fn tasks<'a>(systems: &[System<'a>]) -> Vec<&'a ScoredTask> {
    let mut found: Vec<&ScoredTask> = Vec::new();
    for task in systems.iter().flat_map(|system| system.tasks) {
        if !found.iter().any(|other| other.spec.id == task.spec.id) {
            found.push(task);
        }
    }
    let order = crate::tasks::all();
    let place = |task: &&ScoredTask| order.iter().position(|known| known.id == task.spec.id);
    found.sort_by_key(|task| place(task).unwrap_or(usize::MAX));
    found
}
