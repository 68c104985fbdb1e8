//! What stands behind a run's table: tests, both scorers, averages by domain, answers that are no good, notes.

use evaluation::scoring::Scorer;
use maud::{Markup, html};

use crate::number::tenths;
use crate::scores::tested;
use crate::summary::{Summary, SystemAverages};

/// The sections; empty where nothing was evaluated. Pages of tasks lie in `folder`.
pub(crate) fn evidence(summary: &Summary, folder: &str) -> Markup {
    html! {
        @if !summary.domains.is_empty() {
            h2 { "Averages by domain" }
            (domains(&summary.domains))
        }
        @if let Some(found) = &summary.strict {
            details {
                summary { "Tests of the differences" }
                (tested(["base", "adapted"], found, &html! {}, folder))
            }
        }
        @if let Some(found) = &summary.reference {
            details {
                summary { "Before and after by the published rules" }
                (tested(["base", "adapted"], found, &html! {}, folder))
            }
        }
        @if !summary.rates.is_empty() {
            details {
                summary { "Answers that are no good whatever they say" }
                (rates(summary))
            }
        }
        @if !summary.notes.is_empty() {
            details open[summary.notes.len() <= 6] {
                summary { "What to know before using the numbers (" (summary.notes.len()) ")" }
                ul.soft { @for note in &summary.notes { li { (note) } } }
            }
        }
    }
}

/// The paper's averages: each column of a domain once.
fn domains(all: &[SystemAverages]) -> Markup {
    html! {
        @for scorer in [Scorer::Strict, Scorer::Reference] {
            @for domain in names(all, scorer) {
                @let rows = rows(all, scorer, domain);
                div.scroll { table {
                    tr {
                        th { (domain) ", " (scorer.name()) }
                        @if let Some((_, first)) = rows.first() {
                            @for (task, metric, _) in &first.columns { th { (task) br; span.soft { (metric) } } }
                        }
                        th { "average" }
                    }
                    @for (system, average) in &rows {
                        tr {
                            td { (system) }
                            @for (.., score) in &average.columns { td { (tenths(*score)) } }
                            td { b { (tenths(average.mean)) } }
                        }
                    }
                } }
            }
        }
        p.soft {
            "Every column of the paper's table counts once; an average stands only where all of a domain's were asked. Strict: "
            "a reasoned answer is read at its conclusion, and what cannot be read is wrong. Reference: the rules of the method's published code."
        }
    }
}

fn names(all: &[SystemAverages], scorer: Scorer) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for average in all
        .iter()
        .filter(|row| row.scorer == scorer)
        .flat_map(|row| &row.domains)
    {
        if !names.contains(&average.domain.as_str()) {
            names.push(&average.domain);
        }
    }
    names
}

fn rows<'a>(
    all: &'a [SystemAverages],
    scorer: Scorer,
    domain: &str,
) -> Vec<(&'a str, &'a evaluation::scoring::DomainAverage)> {
    let of = all.iter().filter(|row| row.scorer == scorer);
    of.filter_map(|row| {
        let average = row
            .domains
            .iter()
            .find(|average| average.domain == domain)?;
        Some((row.system.as_str(), average))
    })
    .collect()
}

fn rates(summary: &Summary) -> Markup {
    html! {
        div.scroll { table {
            tr {
                th { "task" } th.text { "system" } th { "unreadable, %" } th { "empty, %" } th { "cut off, %" }
            }
            @for row in &summary.rates {
                tr {
                    td { (row.task) } td.text { (row.system) }
                    @for share in [row.rates.unreadable, row.rates.empty, row.rates.cut_off] {
                        td { (format!("{share:.1}")) }
                    }
                }
            }
        } }
        p.soft { "Cut off: the answer reached the tokens that it may have (" code { "evaluate.max_new_tokens" } ")." }
    }
}
