//! Pages of scores: `index.html` with tables and radar charts, one page a task with every answer.

mod index;
mod leaks;
mod names;
mod style;
mod task;

use evaluation::ScoredTask;
use evaluation::scoring::{Comparisons, Scorer};

use crate::pictures::Pictures;
use crate::system::System;

/// The pages of one system, or of two that are compared, each given to `put` with the name of its file as soon as it is
/// made.
pub fn pages<E>(
    systems: &[System<'_>],
    comparisons: &[(Scorer, Comparisons)],
    pictures: &mut Pictures,
    put: &mut dyn FnMut(&str, String) -> Result<(), E>,
) -> Result<(), E> {
    for first in systems.first().map_or(&[][..], |system| system.tasks) {
        let id = &first.spec.id;
        let of_task: Vec<(&str, &ScoredTask)> = systems
            .iter()
            .filter_map(|system| {
                let task = system.tasks.iter().find(|task| task.spec.id == *id)?;
                Some((system.name.as_str(), task))
            })
            .collect();
        let shown = task::render(&of_task, pictures);
        if let Some(thumbnails) = shown.thumbnails {
            put(&names::thumbnails(id), thumbnails)?;
        }
        put(&names::task_page(id), shown.page)?;
        if let Some(found) = &first.leaks {
            put(
                &names::leaks_page(id),
                leaks::render(first, found, pictures),
            )?;
        }
    }
    put(names::INDEX, index::index(systems, comparisons))
}
