//! Tables of scores as text, Markdown and CSV. Beside each number stands how it was made.

use std::fmt::Write as _;

use evaluation::scoring::{Comparisons, DomainAverage, Scored, Scorer, TaskResult};

use super::results::{Done, name};

/// The domains that at least one task was scored of, with their means.
pub fn averages(done: &[Done], scorer: Scorer) -> Vec<DomainAverage> {
    let results: Vec<TaskResult> = done
        .iter()
        .filter_map(|task| task.by(scorer))
        .map(|scored| scored.result.clone())
        .collect();
    domains(done)
        .into_iter()
        .filter(|domain| *domain != "own")
        .map(|domain| DomainAverage::new(domain, &results))
        .filter(|average| average.columns.iter().any(|(.., score)| score.is_some()))
        .collect()
}

/// The tasks of a domain.
pub fn of_domain<'a>(done: &'a [Done], domain: &str) -> Vec<&'a Done> {
    done.iter()
        .filter(|task| task.spec.domain == domain)
        .collect()
}

/// The titles of the tasks' columns.
pub fn titles(tasks: &[&Done]) -> Vec<String> {
    tasks
        .iter()
        .flat_map(|task| task.spec.column_titles())
        .collect()
}

/// Domains in the order of the tasks.
pub fn domains(done: &[Done]) -> Vec<&str> {
    let mut domains: Vec<&str> = Vec::new();
    for task in done {
        if !domains.contains(&task.spec.domain.as_str()) {
            domains.push(&task.spec.domain);
        }
    }
    domains
}

/// What a person reads in the terminal.
pub fn text(done: &[Done], scorer: Scorer) -> String {
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
            name(scorer),
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

/// Shares of answers that are no good.
pub fn rates(result: &TaskResult) -> String {
    format!(
        "unreadable {:.1} %, empty {:.1} %, cut off {:.1} %",
        result.rates.unreadable, result.rates.empty, result.rates.cut_off
    )
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

/// The paper's layout: a table a domain, a column a task and metric, then each task's details.
pub fn markdown(done: &[Done]) -> String {
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
                name(scorer),
                cells.join(" | "),
                average.map_or("–".to_owned(), |mean| format!("{mean:.1}"))
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
        for scored in std::iter::once(&task.strict).chain(&task.reference) {
            details(&mut out, scored);
        }
    }
    out
}

/// One text for each column of the tasks.
pub fn cells(
    tasks: &[&Done],
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
fn blind_of(task: &Done, metric: &str) -> Option<f64> {
    let blind = task.blind.as_ref()?;
    blind.result.metrics.get(metric).copied()
}

/// One text for each column of the tasks: what answers to blank pictures reach; `None` if no task has any.
pub fn blind_cells(tasks: &[&Done]) -> Option<Vec<String>> {
    if tasks.iter().all(|task| task.blind.is_none()) {
        return None;
    }
    let cells = tasks.iter().flat_map(|task| {
        let metrics = task.spec.metrics.iter();
        metrics.map(|metric| {
            let value = blind_of(task, metric.name());
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1}"))
        })
    });
    Some(cells.collect())
}

fn details(out: &mut String, scored: &Scored) {
    let result = &scored.result;
    let _ = writeln!(
        out,
        "\n## {}, {} scorer\n\nVersion {}, {} predictions in {} clusters; {}. {}.\n",
        result.task,
        name(result.scorer),
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
        let majority = result
            .majority
            .get(metric)
            .map_or("–".to_owned(), |value| format!("{value:.1}"));
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
    let problems = super::results::sentences(&result.problems);
    if !result.warnings.is_empty() || !problems.is_empty() {
        out.push('\n');
    }
    for line in result.warnings.iter().chain(&problems) {
        let _ = writeln!(out, "- {line}");
    }
}

/// One row a task, scorer and metric.
pub fn csv(done: &[Done]) -> String {
    let mut out = "task,scorer,version,metric,score,low,high,n,clusters,majority,blind,unreadable,empty,cut_off,method\n".to_owned();
    for task in done {
        for scored in std::iter::once(&task.strict).chain(&task.reference) {
            let result = &scored.result;
            for (metric, value) in &result.metrics {
                let [low, high] = result
                    .intervals
                    .get(metric)
                    .map_or([String::new(), String::new()], |interval| {
                        interval.map(|end| end.to_string())
                    });
                let n = result
                    .counts
                    .get(metric)
                    .map_or(String::new(), usize::to_string);
                let majority = result
                    .majority
                    .get(metric)
                    .map_or(String::new(), f64::to_string);
                let blind = match result.scorer {
                    Scorer::Strict => blind_of(task, metric),
                    Scorer::Reference => None,
                };
                let blind = blind.map_or(String::new(), |value| value.to_string());
                let _ = writeln!(
                    out,
                    "{},{},{},{metric},{value},{low},{high},{n},{},{majority},{blind},{},{},{},{}",
                    quoted(&result.task),
                    name(result.scorer),
                    result.version,
                    result.clusters,
                    result.rates.unreadable,
                    result.rates.empty,
                    result.rates.cut_off,
                    quoted(&result.method)
                );
            }
        }
    }
    out
}

/// A cell of a CSV file (RFC 4180).
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Comparisons by each scorer as Markdown, which is also what a person reads in the terminal.
pub fn comparisons_markdown(found: &[(Scorer, Comparisons)]) -> String {
    let tables: Vec<String> = found
        .iter()
        .map(|(scorer, by)| format!("## {} scorer\n\n{}", name(*scorer), comparison_markdown(by)))
        .collect();
    tables.join("\n")
}

fn comparison_markdown(found: &Comparisons) -> String {
    let mut out = "| task | metric | n | clusters | base | adapted | difference | 95 % interval | p | p (Holm) | better / worse | \
                   standardised | detectable | McNemar p |\n|---|---|---:|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    let or_none = |value: Option<f64>, digits: usize| {
        value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
    };
    for row in &found.tasks {
        let c = &row.comparison;
        let _ = writeln!(
            out,
            "| {} | {} | {} | {}{} | {:.1} | {:.1} | {:+.1} | {:+.1} to {:+.1} | {:.4} | {:.4} | {} / {} | {} | {} | {} |",
            row.task,
            row.metric,
            c.n,
            c.clusters,
            if c.too_few { " (too few)" } else { "" },
            c.base,
            c.adapted,
            c.difference,
            c.interval[0],
            c.interval[1],
            c.p,
            row.p_holm,
            c.better,
            c.worse,
            or_none(c.standardised, 2),
            or_none(c.detectable, 1),
            or_none(c.mcnemar.map(|m| m.p), 4),
        );
    }
    let a = &found.average;
    let _ = writeln!(
        out,
        "| average | {} | {} | | {:.1} | {:.1} | {:+.1} | {:+.1} to {:+.1} | | | | | | |",
        a.metric, a.n, a.base, a.adapted, a.difference, a.interval[0], a.interval[1]
    );
    let _ = writeln!(
        out,
        "\n{}. `detectable` is the true difference found in four of five such experiments; McNemar's test takes items for \
         independent.",
        found.method
    );
    for row in found.tasks.iter().filter(|row| !row.unpaired.is_empty()) {
        let shown: Vec<String> = row
            .unpaired
            .iter()
            .take(5)
            .map(|id| format!("`{id}`"))
            .collect();
        let _ = writeln!(
            out,
            "- {} {}: {} items are in only one of both and left out: {}{}",
            row.task,
            row.metric,
            row.unpaired.len(),
            shown.join(", "),
            if row.unpaired.len() > 5 { ", …" } else { "" }
        );
    }
    out
}

/// One row a scorer, task and metric.
pub fn comparison_csv(found: &[(Scorer, Comparisons)]) -> String {
    let mut out = "task,metric,scorer,n,clusters,base,adapted,difference,low,high,p,p_holm,better,worse,standardised,detectable,mcnemar_p,unpaired\n"
        .to_owned();
    let or_empty = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    for row in found.iter().flat_map(|(_, by)| &by.tasks) {
        let c = &row.comparison;
        let _ = writeln!(
            out,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            quoted(&row.task),
            row.metric,
            name(row.scorer),
            c.n,
            c.clusters,
            c.base,
            c.adapted,
            c.difference,
            c.interval[0],
            c.interval[1],
            c.p,
            row.p_holm,
            c.better,
            c.worse,
            or_empty(c.standardised),
            or_empty(c.detectable),
            or_empty(c.mcnemar.map(|m| m.p)),
            row.unpaired.len()
        );
    }
    out
}
