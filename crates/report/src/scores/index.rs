//! `index.html`: tables and radar charts of every domain, then each task in numbers.

use evaluation::ScoredTask;
use evaluation::predictions::sentences;
use evaluation::scored_task::{averages, domains};
use evaluation::scoring::{Comparisons, Scorer};
use maud::{Markup, PreEscaped, html};

use super::names::{leaks_page, task_page};
use super::style::STYLE;
use crate::html::{frame, sign};
use crate::number::tenths;
use crate::svg::radar;
use crate::system::System;
use crate::tables::columns::{blind_cells, cells, of_domain, rates, titles};

/// The page of all tasks.
pub fn index(systems: &[System<'_>], comparisons: &[(Scorer, Comparisons)]) -> String {
    let names: Vec<&str> = systems.iter().map(|system| system.name.as_str()).collect();
    let title = if systems.len() > 1 {
        format!("Scores: {}", names.join(" and "))
    } else {
        "Scores".to_owned()
    };
    let Some(first) = systems.first() else {
        return frame(&title, STYLE, &html! { h1 { (title) } });
    };
    let body = html! {
        h1 { (title) }
        @for domain in domains(first.tasks) {
            h2 { (domain) }
            (domain_table(domain, systems))
            (PreEscaped(radar(domain, systems)))
        }
        p.soft {
            "Scores are 0 to 100 with 95 % intervals in brackets. Strict: an answer that cannot be read is wrong. Reference: "
            "the rules of the method's published code. Majority: the best constant answer, blind: the same "
            "model on blank pictures, both by the strict scorer and of the first system. An average "
            "stands only where every column of the domain was scored."
        }
        @for (scorer, found) in comparisons {
            h2 { "Differences, " (scorer.name()) " scorer" }
            (differences(found))
        }
        h2 { "Tasks" }
        @for done in first.tasks {
            h3 { a href=(task_page(&done.spec.id)) { (done.spec.title) ": every answer" } }
            @for system in systems {
                @let of_system = system.tasks.iter().find(|other| other.spec.id == done.spec.id);
                @if let Some(own) = of_system { (details(own, (systems.len() > 1).then_some(&system.name))) }
            }
        }
    };
    frame(&title, STYLE, &body)
}

/// The paper's layout: a column a task and metric.
fn domain_table(domain: &str, systems: &[System<'_>]) -> Markup {
    let Some(first) = systems.first() else {
        return html! {};
    };
    let first = of_domain(first.tasks, domain);
    let titles = titles(&first);
    let row = |system: &System<'_>, scorer: Scorer| {
        let own = |task: &&ScoredTask| system.tasks.iter().find(|own| own.spec.id == task.spec.id);
        // A system that lacks a task has no row: another one's score would stand in its place.
        let Some(tasks) = first.iter().map(own).collect::<Option<Vec<&ScoredTask>>>() else {
            return html! {};
        };
        if tasks.iter().all(|task| task.by(scorer).is_none()) {
            return html! {};
        }
        let average = averages(system.tasks, scorer)
            .into_iter()
            .find(|average| average.domain == domain)
            .and_then(|average| average.mean);
        let scores = cells(&tasks, scorer, |result, metric| {
            result
                .metrics
                .get(metric)
                .map(|value| format!("{value:.1}"))
        });
        let intervals = cells(&tasks, scorer, |result, metric| {
            let [low, high] = result.intervals.get(metric)?;
            Some(format!("[{low:.1}, {high:.1}]"))
        });
        html! {
            tr {
                td { @if systems.len() > 1 { (system.name) ", " } (scorer.name()) }
                @for (score, interval) in scores.iter().zip(&intervals) {
                    td { (score) br; span.soft { (interval) } }
                }
                td { b { (tenths(average)) } }
            }
        }
    };
    let majority = cells(&first, Scorer::Strict, |result, metric| {
        result
            .majority
            .get(metric)
            .map(|value| format!("{value:.1}"))
    });
    html! {
        div.scroll { table {
            tr { th { "scorer" } @for title in &titles { th { (title) } } th { "average" } }
            @for scorer in [Scorer::Strict, Scorer::Reference] {
                @for system in systems { (row(system, scorer)) }
            }
            tr.soft { td { "majority" } @for cell in &majority { td { (cell) } } td {} }
            @if let Some(blind) = blind_cells(&first) {
                tr.soft { td { "blind" } @for cell in &blind { td { (cell) } } td {} }
            }
        } }
    }
}

fn differences(found: &Comparisons) -> Markup {
    html! {
        div.scroll { table {
            tr {
                th { "task" } th.text { "metric" } th { "n" } th { "clusters" } th { "before" } th { "after" } th { "difference" }
                th { "95 % interval" } th { "p" } th { "p (Holm)" } th { "better / worse" } th { "detectable" }
            }
            @for row in &found.tasks {
                @let c = &row.comparison;
                tr {
                    td { a href=(task_page(&row.task)) { (row.task) } } td.text { (row.metric) } td { (c.n) }
                    td { (c.clusters) @if c.too_few { " (too few)" } }
                    td { (format!("{:.1}", c.base)) } td { (format!("{:.1}", c.adapted)) }
                    td class=(sign(c.interval)) { (format!("{:+.1}", c.difference)) }
                    td class=(sign(c.interval)) { (format!("{:+.1} to {:+.1}", c.interval[0], c.interval[1])) }
                    td { (format!("{:.4}", c.p)) } td { (format!("{:.4}", row.p_holm)) }
                    td { (c.better) " / " (c.worse) }
                    td { (tenths(c.detectable)) }
                }
            }
            @let a = &found.average;
            tr.average {
                td { "average" } td.text { (a.metric) } td { (a.n) } td {}
                td { (format!("{:.1}", a.base)) } td { (format!("{:.1}", a.adapted)) }
                td class=(sign(a.interval)) { (format!("{:+.1}", a.difference)) }
                td class=(sign(a.interval)) { (format!("{:+.1} to {:+.1}", a.interval[0], a.interval[1])) }
                td {} td {} td {} td {}
            }
        } }
        p.soft { (found.method) ". Detectable: the true difference that four of five such experiments would find." }
        @for row in found.tasks.iter().filter(|row| !row.unpaired.is_empty()) {
            details {
                summary {
                    (row.task) ", " (row.metric) ": " (row.unpaired.len())
                    " items that only one system answered are left out"
                }
                p { (row.unpaired.join(", ")) }
            }
        }
    }
}

fn details(done: &ScoredTask, system: Option<&String>) -> Markup {
    html! {
        @if let Some(found) = &done.leaks {
            p { a href=(leaks_page(&done.spec.id)) {
                (found.pictures.len()) " matches of pictures and " (found.num_texts) " of texts with the training data"
            } }
        }
        @for (at, scored) in done.all().enumerate() {
            @let result = &scored.result;
            details open[at == 0 && system.is_none()] {
                summary {
                    @if let Some(system) = system { (system) ", " }
                    (result.scorer.name()) " scorer, version " (result.version) ": " (result.n) " predictions in "
                    (result.clusters) " clusters" @if result.too_few { " (too few)" } "; " (rates(result))
                }
                div.scroll { table {
                    tr { th { "metric" } th { "score" } th { "95 % interval" } th { "n" } th { "majority" } }
                    @for (metric, value) in &result.metrics {
                        tr {
                            td { (metric) } td { (format!("{value:.2}")) }
                            td { @if let Some([low, high]) = result.intervals.get(metric) { (format!("{low:.1} to {high:.1}")) } }
                            td { @if let Some(n) = result.counts.get(metric) { (n) } }
                            td { @if let Some(m) = result.majority.get(metric) { (format!("{m:.1}")) } }
                        }
                    }
                    @for (key, groups) in &result.breakdowns { @for group in groups {
                        tr {
                            td { (key) " " (group.value) } td { (format!("{:.2}", group.mean)) }
                            td { (format!("{:.1} to {:.1}", group.interval[0], group.interval[1])) @if group.too_few { " (too few)" } }
                            td { (group.n) } td {}
                        }
                    } }
                } }
                p.soft { (result.method) "." }
                @let lines = sentences(&result.problems);
                @if !result.warnings.is_empty() || !lines.is_empty() {
                    ul { @for line in result.warnings.iter().chain(&lines) { li { (line) } } }
                }
            }
        }
    }
}
