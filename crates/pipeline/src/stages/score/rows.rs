//! Rows of scores from the scored tasks of several systems.

use evaluation::columns::{Column, columns};
use evaluation::scored_task::averages;
use evaluation::scoring::Scorer;
use evaluation::{Paired, ScoredTask, TaskScore, average};
use report::{Rates, SystemAverages};

use crate::error::Result;
use crate::questions::{Questions, Role};

/// The mean over the columns of a kind.
pub fn mean(all: &[(Role, Column)], wanted: Role, seed: u64) -> Result<Option<TaskScore>> {
    let of = all.iter().filter(|(role, _)| *role == wanted);
    let paired: Vec<Paired> = of.map(|(_, column)| column.paired.clone()).collect();
    Ok(average(&paired, seed)?)
}

/// The columns of all tasks with what each tells.
pub fn columns_by_role(
    tasks: &[Questions],
    base: &[ScoredTask],
    adapted: &[ScoredTask],
) -> Vec<(Role, Column)> {
    let rows = tasks.iter().zip(base.iter().zip(adapted));
    rows.flat_map(|(questions, (base, adapted))| {
        let all = columns(base, adapted).into_iter();
        all.map(|column| (questions.role, column))
    })
    .collect()
}

/// Averages as the paper has them, of every system by both scorers.
pub fn domains(systems: &[(String, Vec<ScoredTask>)]) -> Vec<SystemAverages> {
    let mut out = Vec::new();
    for scorer in [Scorer::Strict, Scorer::Reference] {
        for (system, tasks) in systems {
            let domains = averages(tasks, scorer);
            if !domains.is_empty() {
                out.push(SystemAverages {
                    system: system.clone(),
                    scorer,
                    domains,
                });
            }
        }
    }
    out
}

/// Answers that are no good whatever they say, of every system.
pub fn rates(systems: &[(String, Vec<ScoredTask>)]) -> Vec<Rates> {
    let of = |system: &str, task: &ScoredTask| Rates {
        system: system.to_owned(),
        task: task.spec.id.clone(),
        rates: task.strict.result.rates,
    };
    let all = systems.iter();
    all.flat_map(|(system, tasks)| tasks.iter().map(move |task| of(system, task)))
        .collect()
}
