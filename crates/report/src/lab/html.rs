//! The page in a browser.

use evaluation::grids::Mean;
use evaluation::statistics::Verdict;
use maud::{Markup, PreEscaped, html};

use super::columns::{Columns, Group, Head, columns};
use super::forest::forest;
use super::page::{Layout, Page, Row};
use super::sentences::{
    explanation, method, notes, progress, published, sorted, unfinished, whole,
};
use crate::html::frame;
use crate::number::tenths;
use crate::scores::STYLE;
use crate::svg::{Radar, radar, sign_of};

/// What the lab's pages have beyond the pages of scores.
const LAB: &str = include_str!("lab.css");
/// More verdicts than these that tell nothing apart are folded away.
const SHOWN: usize = 6;
/// More rows than these make a radar chart that nobody can read.
const RADAR: usize = 8;

/// The whole page; it needs no server, no script and no other file.
pub fn html(page: &Page) -> String {
    let all = columns(page);
    let body = html! {
        h1 { (page.title) }
        @if !page.about.is_empty() { p { (page.about) } }
        p.soft { (progress(page)) "." }
        @for (at, table) in page.compared.tables.iter().enumerate() {
            @let title = format!("What it shows, {} scorer", table.scorer.name());
            @let shown = html! { (said(&table.verdicts)) (forest(&table.verdicts)) };
            @if table.verdicts.is_empty() {} @else if at == 0 { h2 { (title) } (shown) } @else {
                details { summary.h2 { (title) } (shown) }
            }
        }
        @for (at, columns) in all.iter().enumerate() {
            h2 { "Scores, " (columns.scorer.name()) " scorer" }
            @match page.layout {
                Layout::Tasks => (by_ways(page, columns)),
                Layout::Ways => (by_columns(page, columns)),
            }
            @if at == 0 {
                p.soft {
                    (explanation("Bold")) "."
                    @if let Some(said) = published(page, "in italics after “paper”") { " " (said) "." }
                }
                (list(&notes(page)))
            }
        }
        @let left = unfinished(page);
        @if !left.is_empty() { h2 { "Not finished" } (list(&left)) }
        @if let Some(columns) = all.first() {
            div.charts { @for group in &columns.groups { (chart(page, group)) } }
        }
        @for table in &page.compared.tables {
            @if table.domains.iter().any(|domain| domain.average.is_some()) && !table.by_column.is_empty() {
                details {
                    summary.h2 { "Every column, " (table.scorer.name()) " scorer" }
                    (compared(&table.by_column))
                }
            }
        }
        p.soft { (method()) "." }
    };
    frame(&page.title, &format!("{STYLE}{LAB}"), &body)
}

/// Verdicts as sentences; of those that tell nothing apart the first few.
fn said(verdicts: &[Verdict]) -> Markup {
    let [found, open] = sorted(verdicts);
    let item = |verdict: &Verdict, class: &str| html! { li class=(class) { (verdict) "." } };
    html! {
        ul.verdicts {
            @for verdict in &found { (item(verdict, "")) }
            @if open.len() <= SHOWN { @for verdict in &open { (item(verdict, "open")) } }
        }
        @if open.len() > SHOWN {
            details {
                summary { (open.len()) " comparisons tell nothing apart" }
                ul.verdicts { @for verdict in &open { (item(verdict, "open")) } }
            }
        }
    }
}

/// Whether any row has a number of this kind.
fn has(page: &Page, of: fn(&Row) -> Option<f64>) -> bool {
    page.rows.iter().any(|row| of(row).is_some())
}

/// What stands beside a row's scores: its title, and its number if it has one.
type Extra = (&'static str, fn(&Row) -> Option<f64>);

const EXTRAS: [Extra; 2] = [
    ("steps", |row| row.steps),
    ("learned tokens", |row| row.learned_tokens),
];

fn extras(page: &Page) -> Vec<Extra> {
    EXTRAS
        .into_iter()
        .filter(|(_, of)| has(page, *of))
        .collect()
}

fn state(row: &Row) -> String {
    if row.needs.is_some() {
        "needs more".to_owned()
    } else {
        format!("{} of {}", row.finished, row.cells)
    }
}

/// The row's name with the mark that it has in charts.
fn name(row: &Row) -> Markup {
    html! { @if let Some(way) = row.way { (PreEscaped(sign_of(way))) } (row.name) }
}

/// A row a way.
fn by_ways(page: &Page, columns: &Columns) -> Markup {
    let extras = extras(page);
    // One factor says no more than the name does.
    let factors: &[String] = if page.factors.len() > 1 {
        &page.factors
    } else {
        &[]
    };
    html! {
        div.scroll tabindex="0" { table.systems.first.lab {
            thead {
                tr {
                    td {}
                    @for _ in 0..factors.len() + 1 + extras.len() { td {} }
                    @for group in &columns.groups {
                        th.begins.group colspan=(group.heads.len()) { span { (group.label()) } }
                    }
                }
                tr {
                    th { "way" }
                    @for factor in factors { th.level { (factor) } }
                    th { "seeds" }
                    @for (title, _) in &extras { th { (title) } }
                    @for group in &columns.groups {
                        @for (at, head) in group.heads.iter().enumerate() { th class=(class(at, head)) { (head.title) } }
                    }
                }
            }
            tbody {
                @for row in &page.rows {
                    tr {
                        td { (name(row)) }
                        @for at in 0..factors.len() { td.level { (row.levels.get(at).map_or("", String::as_str)) } }
                        td { (state(row)) }
                        @for (_, of) in &extras { td { (of(row).map(whole).unwrap_or_default()) } }
                        @for group in &columns.groups {
                            @for (at, head) in group.heads.iter().enumerate() { td class=(class(at, head)) { (cell(head, row)) } }
                        }
                    }
                }
            }
        } }
    }
}

/// The first column of a domain begins a group, its average ends it.
fn class(at: usize, head: &Head) -> &'static str {
    match (at, head.is_average) {
        (0, _) => "begins",
        (_, true) => "mean",
        _ => "",
    }
}

/// A row a column of scores.
fn by_columns(page: &Page, columns: &Columns) -> Markup {
    html! {
        div.scroll tabindex="0" { table.systems.first.lab {
            thead {
                tr { th { "column" } @for row in &page.rows { th { (name(row)) } } }
            }
            tbody {
                @for group in &columns.groups {
                    tr.group { th { (group.label()) } @for _ in &page.rows { td {} } }
                    @for head in &group.heads {
                        tr class=(if head.is_average { "average" } else { "" }) {
                            td { (head.title) } @for row in &page.rows { td { (cell(head, row)) } }
                        }
                    }
                }
                tr.soft { td { "seeds" } @for row in &page.rows { td { (state(row)) } } }
                @for (title, of) in extras(page) {
                    tr.soft { td { (title) } @for row in &page.rows { td { (of(row).map(whole).unwrap_or_default()) } } }
                }
            }
        } }
    }
}

/// A score with its interval and the paper's.
fn cell(head: &Head, row: &Row) -> Markup {
    let cell = head.cell(row);
    let value = tenths(cell.mean.map(|mean| mean.value));
    let about = cell.mean.map(seeds);
    let by = row.published.as_ref().map(|found| found.source.as_str());
    html! {
        @if cell.is_best { b title=[about] { (value) } } @else { span title=[about] { (value) } }
        @if let Some([low, high]) = cell.mean.and_then(|mean| mean.interval) {
            span.range { (format!("{low:.1}–{high:.1}")) }
        }
        @if let Some(value) = cell.published { span.paper title=[by] { "paper " (format!("{value:.1}")) } }
    }
}

/// What each seed scored.
fn seeds(mean: &Mean) -> String {
    let seeds: Vec<String> = mean
        .by_seed
        .iter()
        .map(|of| format!("seed {}: {:.1}", of.seed, of.difference))
        .collect();
    seeds.join(", ")
}

/// The radar of a domain, as the paper's Figure 1.
fn chart(page: &Page, group: &Group) -> Markup {
    let heads: Vec<&Head> = group
        .heads
        .iter()
        .filter(|head| !head.is_average && head.scores.is_some())
        .collect();
    let rows: Vec<&Row> = page.rows.iter().filter(|row| row.way.is_some()).collect();
    if heads.len() < 3 || rows.is_empty() || rows.len() > RADAR {
        return html! {};
    }
    let mut systems: Vec<(usize, &str, Vec<Option<f64>>)> = rows
        .iter()
        .filter_map(|row| {
            let means = heads
                .iter()
                .map(|head| head.cell(row).mean.map(|mean| mean.value));
            Some((row.way?, row.name.as_str(), means.collect()))
        })
        .collect();
    // A chart's marks are those of the places in it, and a row's mark is that of its way.
    systems.sort_by_key(|(way, ..)| *way);
    let svg = radar(&Radar {
        label: format!("Scores, {}", group.label()),
        titles: heads.iter().map(|head| head.title.as_str()).collect(),
        systems: systems
            .into_iter()
            .map(|(_, name, means)| (name, means))
            .collect(),
        floor: vec![None; heads.len()],
    });
    html! { figure { (PreEscaped(svg)) figcaption { (group.label()) } } }
}

/// Every comparison of a table.
fn compared(verdicts: &[Verdict]) -> Markup {
    html! {
        div.scroll tabindex="0" { table.first.compact {
            tr { th { "column" } th.text { "pair" } th { "difference" } th { "95 % interval" } th { "p" } th { "p (Holm)" } }
            @for verdict in verdicts {
                tr {
                    td { (verdict.on) } td.text { (verdict.one) " − " (verdict.other) }
                    td { (format!("{:+.1}", verdict.difference)) }
                    td { (format!("{:+.1} to {:+.1}", verdict.interval[0], verdict.interval[1])) }
                    td { (format!("{:.4}", verdict.p)) } td { (format!("{:.4}", verdict.p_holm)) }
                }
            }
        } }
    }
}

fn list(lines: &[String]) -> Markup {
    html! { @if !lines.is_empty() { ul.soft { @for line in lines { li { (line) "." } } } } }
}
