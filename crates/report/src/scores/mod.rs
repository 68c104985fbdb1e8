//! Pages of scores: `index.html` with tables and radar charts, one page a task with every answer.

mod details;
mod differences;
mod flips;
mod index;
mod leaks;
mod names;
mod style;
mod systems;
mod task;

pub(crate) use differences::tested;
use evaluation::ScoredTask;
use evaluation::systems::{Compared, System, tasks};
pub(crate) use style::STYLE;

use crate::pictures::Pictures;

/// The pages of one system, or of several that were compared, each given to `put` with the name of its file as soon as it is
/// made.
pub fn pages<E>(
    systems: &[System<'_>],
    compared: Option<&Compared>,
    pictures: &mut Pictures,
    put: &mut dyn FnMut(&str, String) -> Result<(), E>,
) -> Result<(), E> {
    for first in tasks(systems) {
        let id = &first.spec.id;
        let of_task: Vec<(&str, &ScoredTask)> = systems
            .iter()
            .filter_map(|system| Some((system.name.as_str(), system.task(id)?)))
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
    put(names::INDEX, index::index(systems, compared))
}
