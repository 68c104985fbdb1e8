//! Scores as Markdown. Beside each number stands how it was made.

use std::fmt::Write as _;

use evaluation::ScoredTask;
use evaluation::predictions::sentences;
use evaluation::scored_task::{averages, domains};
use evaluation::scoring::{Scored, Scorer};

use super::columns::{blind_cells, cells, of_domain, rates, titles};
use crate::number::tenths;

/// The paper's layout: a table a domain, a column a task and metric, then each task's details.
pub fn markdown(done: &[ScoredTask]) -> String {
    let mut out = "# Scores\n".to_owned();
    for domain in domains(done) {
        let tasks = of_domain(done, domain);
        let titles = titles(&tasks);
        let _ = writeln!(
            out,
            "\n## {domain}\n\n| | {} | average |",
            titles.join(" | ")
        );
        let _ = writeln!(out, "|---|{}", "---:|".repeat(titles.len() + 1));
        for scorer in [Scorer::Strict, Scorer::Reference] {
            let average = averages(done, scorer)
                .into_iter()
                .find(|average| average.domain == domain)
                .and_then(|average| average.mean);
            if tasks.iter().all(|task| task.by(scorer).is_none()) {
                continue;
            }
            let cells = cells(&tasks, scorer, |result, metric| {
                let value = result.metrics.get(metric)?;
                let interval = result.intervals.get(metric)?;
                Some(format!(
                    "{value:.1} [{:.1}, {:.1}]",
                    interval[0], interval[1]
                ))
            });
            let _ = writeln!(
                out,
                "| {} | {} | {} |",
                scorer.name(),
                cells.join(" | "),
                tenths(average)
            );
        }
        let cells = cells(&tasks, Scorer::Strict, |result, metric| {
            result
                .majority
                .get(metric)
                .map(|value| format!("{value:.1}"))
        });
        let _ = writeln!(out, "| majority (strict) | {} | |", cells.join(" | "));
        if let Some(cells) = blind_cells(&tasks) {
            let _ = writeln!(out, "| blind (strict) | {} | |", cells.join(" | "));
        }
    }
    out.push_str(
        "\nScores are 0 to 100, with 95 % intervals. `majority` is the best constant answer, `blind` the same model \
         on blank pictures. An average stands only where \
         every column of the domain was scored.\n",
    );
    for task in done {
        for scored in task.all() {
            details(&mut out, scored);
        }
    }
    out
}

fn details(out: &mut String, scored: &Scored) {
    let result = &scored.result;
    let _ = writeln!(
        out,
        "\n## {}, {} scorer\n\nVersion {}, {} predictions in {} clusters; {}. {}.\n",
        result.task,
        result.scorer.name(),
        result.version,
        result.n,
        result.clusters,
        rates(result),
        result.method
    );
    out.push_str("| metric | score | 95 % interval | n | majority |\n|---|---:|---|---:|---:|\n");
    for (metric, value) in &result.metrics {
        let interval = result
            .intervals
            .get(metric)
            .map_or("–".to_owned(), |[low, high]| {
                format!("{low:.1} to {high:.1}")
            });
        let n = result
            .counts
            .get(metric)
            .map_or("–".to_owned(), usize::to_string);
        let majority = tenths(result.majority.get(metric).copied());
        let _ = writeln!(
            out,
            "| {metric} | {value:.2} | {interval} | {n} | {majority} |"
        );
    }
    for (key, groups) in &result.breakdowns {
        let _ = writeln!(
            out,
            "\n| {key} | n | score | 95 % interval |\n|---|---:|---:|---|"
        );
        for group in groups {
            let few = if group.too_few { " (too few)" } else { "" };
            let _ = writeln!(
                out,
                "| {} | {} | {:.2} | {:.1} to {:.1}{few} |",
                group.value.replace('|', "\\|"),
                group.n,
                group.mean,
                group.interval[0],
                group.interval[1]
            );
        }
    }
    let problems = sentences(&result.problems);
    if !result.warnings.is_empty() || !problems.is_empty() {
        out.push('\n');
    }
    for line in result.warnings.iter().chain(&problems) {
        let _ = writeln!(out, "- {line}");
    }
}
