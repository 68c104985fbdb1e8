//! The columns that all tables of scores have: one a task and metric.

use evaluation::ScoredTask;
use evaluation::scoring::{Scorer, TaskResult};

use crate::number::tenths;

/// The tasks of a domain.
pub fn of_domain<'a>(done: &'a [ScoredTask], domain: &str) -> Vec<&'a ScoredTask> {
    done.iter()
        .filter(|task| task.spec.domain == domain)
        .collect()
}

/// The titles of the tasks' columns.
pub fn titles(tasks: &[&ScoredTask]) -> Vec<String> {
    tasks
        .iter()
        .flat_map(|task| task.spec.column_titles())
        .collect()
}

/// One text for each column of the tasks.
pub fn cells(
    tasks: &[&ScoredTask],
    scorer: Scorer,
    cell: impl Fn(&TaskResult, &str) -> Option<String>,
) -> Vec<String> {
    tasks
        .iter()
        .flat_map(|task| task.spec.metrics.iter().map(move |metric| (task, metric)))
        .map(|(task, metric)| {
            task.by(scorer)
                .and_then(|scored| cell(&scored.result, metric.name()))
                .unwrap_or_else(|| "–".to_owned())
        })
        .collect()
}

/// A metric of the answers to blank pictures.
pub fn blind_of(task: &ScoredTask, metric: &str) -> Option<f64> {
    let blind = task.blind.as_ref()?;
    blind.result.metrics.get(metric).copied()
}

/// One text for each column of the tasks: what answers to blank pictures reach; `None` if no task has any.
pub fn blind_cells(tasks: &[&ScoredTask]) -> Option<Vec<String>> {
    if tasks.iter().all(|task| task.blind.is_none()) {
        return None;
    }
    let cells = tasks.iter().flat_map(|task| {
        let metrics = task.spec.metrics.iter();
        metrics.map(|metric| {
            let value = blind_of(task, metric.name());
            tenths(value)
        })
    });
    Some(cells.collect())
}

/// Shares of answers that are no good.
pub fn rates(result: &TaskResult) -> String {
    format!(
        "unreadable {:.1} %, empty {:.1} %, cut off {:.1} %",
        result.rates.unreadable, result.rates.empty, result.rates.cut_off
    )
}
