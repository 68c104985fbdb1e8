//! Scores as a person reads them in the terminal.

use std::fmt::Write as _;

use evaluation::ScoredTask;
use evaluation::scored_task::averages;
use evaluation::scoring::{DomainAverage, Scorer};

use super::columns::{blind_of, rates};

/// Every task by one scorer, then the domains' averages.
pub fn text(done: &[ScoredTask], scorer: Scorer) -> String {
    let mut out = String::new();
    let mut method = "";
    for task in done {
        let Some(result) = task.by(scorer).map(|found| &found.result) else {
            continue;
        };
        let _ = writeln!(
            out,
            "{} ({}, version {}): {} predictions in {} clusters",
            task.spec.title,
            scorer.name(),
            result.version,
            result.n,
            result.clusters
        );
        for (metric, value) in &result.metrics {
            let _ = write!(out, "  {metric:<20} {value:6.2}");
            if let Some([low, high]) = result.intervals.get(metric) {
                let _ = write!(out, "  [{low:.1}, {high:.1}]");
            }
            if let Some(n) = result.counts.get(metric) {
                let _ = write!(out, "  n {n}");
            }
            if let Some(majority) = result.majority.get(metric) {
                let _ = write!(out, "  majority {majority:.1}");
            }
            if let Some(blind) = blind_of(task, metric) {
                let _ = write!(out, "  blind (strict) {blind:.1}");
            }
            out.push('\n');
        }
        let _ = writeln!(out, "  {}", rates(result));
        for (key, groups) in &result.breakdowns {
            for group in groups {
                let _ = writeln!(
                    out,
                    "  {key} {:<18} {:6.2}  [{:.1}, {:.1}]  n {}{}",
                    group.value,
                    group.mean,
                    group.interval[0],
                    group.interval[1],
                    group.n,
                    if group.too_few { "  too few" } else { "" }
                );
            }
        }
        method = &result.method;
    }
    for average in averages(done, scorer) {
        let _ = writeln!(out, "{}", average_line(&average));
    }
    let _ = writeln!(out, "{method}");
    out
}

fn average_line(average: &DomainAverage) -> String {
    let columns = average.columns.len();
    match average.mean {
        Some(mean) => format!(
            "{}: {mean:.2}, the mean of {columns} columns",
            average.domain
        ),
        None => format!(
            "{}: no average, {} of {columns} columns are missing",
            average.domain,
            average
                .columns
                .iter()
                .filter(|(.., score)| score.is_none())
                .count()
        ),
    }
}
