//! `index.html`: tables and radar charts of every domain, then each task in numbers.

use evaluation::ScoredTask;
use evaluation::scored_task::{averages, domains};
use evaluation::scoring::Scorer;
use evaluation::systems::{Compared, System, tasks};
use maud::{Markup, PreEscaped, html};

use super::details::details;
use super::flips::flips;
use super::names::task_page;
use super::style::STYLE;
use super::systems::compared;
use crate::html::frame;
use crate::number::tenths;
use crate::svg::{Radar, radar};
use crate::tables::columns::{blind_cells, cells, of_domain, titles};

/// The page of all tasks, of one system or of several that were compared.
pub fn index(systems: &[System<'_>], found: Option<&Compared>) -> String {
    let names: Vec<&str> = systems.iter().map(|system| system.name.as_str()).collect();
    let title = match names.len() {
        0 | 1 => "Scores".to_owned(),
        2..=4 => format!("Scores: {}", listed(&names)),
        many => format!("Scores of {many} systems"),
    };
    let body = html! {
        h1 { (title) }
        @if let Some(found) = found { (compared(found)) } @else { @for system in systems { (one(system)) } }
        h2 { "Tasks" }
        @for task in tasks(systems) {
            @let id = &task.spec.id;
            @let of_task: Vec<(&str, &ScoredTask)> = systems.iter().filter_map(|own| Some((own.name.as_str(), own.task(id)?))).collect();
            h3 {
                a href=(task_page(id)) { (task.spec.title) ": every answer" }
                @if of_task.len() > 1 { span.soft { ", systems disagree on " (flips(&of_task)) } }
            }
            @for (name, own) in &of_task { (details(own, (systems.len() > 1).then_some(name))) }
        }
    };
    frame(&title, STYLE, &body)
}

/// Names as one says them.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A system alone.
fn one(system: &System<'_>) -> Markup {
    html! {
        @for domain in domains(system.tasks) {
            h2 { (domain) }
            (domain_table(domain, system))
            (PreEscaped(chart(domain, system)))
        }
        p.soft {
            "Scores are 0 to 100 with 95 % intervals in brackets. Strict: an answer that cannot be read is wrong. Reference: "
            "the rules of the method's published code. Majority: the best constant answer, blind: the same "
            "model on blank pictures, both by the strict scorer. An average "
            "stands only where every column of the domain was scored."
        }
    }
}

fn chart(domain: &str, system: &System<'_>) -> String {
    let tasks = of_domain(system.tasks, domain);
    let titles = titles(&tasks);
    let columns = || {
        tasks.iter().flat_map(|task| {
            task.spec
                .metrics
                .iter()
                .map(move |metric| (task, metric.name()))
        })
    };
    let scores = columns().map(|(task, metric)| task.strict.result.metrics.get(metric).copied());
    let floor = columns().map(|(task, metric)| task.strict.result.majority.get(metric).copied());
    radar(&Radar {
        label: format!("Strict scores of {domain}"),
        titles: titles.iter().map(String::as_str).collect(),
        systems: vec![("strict", scores.collect())],
        floor: floor.collect(),
    })
}

/// The paper's layout: a column a task and metric.
fn domain_table(domain: &str, system: &System<'_>) -> Markup {
    let tasks = of_domain(system.tasks, domain);
    let titles = titles(&tasks);
    let row = |scorer: Scorer| {
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
                td { (scorer.name()) }
                @for (score, interval) in scores.iter().zip(&intervals) {
                    td { (score) br; span.soft { (interval) } }
                }
                td { b { (tenths(average)) } }
            }
        }
    };
    let majority = cells(&tasks, Scorer::Strict, |result, metric| {
        result
            .majority
            .get(metric)
            .map(|value| format!("{value:.1}"))
    });
    html! {
        div.scroll tabindex="0" { table.first {
            tr { th { "scorer" } @for title in &titles { th { (title) } } th { "average" } }
            @for scorer in [Scorer::Strict, Scorer::Reference] { (row(scorer)) }
            tr.soft { td { "majority" } @for cell in &majority { td { (cell) } } td {} }
            @if let Some(blind) = blind_cells(&tasks) {
                tr.soft { td { "blind" } @for cell in &blind { td { (cell) } } td {} }
            }
        } }
    }
}
