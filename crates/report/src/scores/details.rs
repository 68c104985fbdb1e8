//! A task of a system in numbers.

use evaluation::ScoredTask;
use evaluation::predictions::sentences;
use maud::{Markup, html};

use super::names::leaks_page;
use crate::tables::columns::rates;

/// Every number of a task, scorer by scorer; beside other systems it is closed at first and has the system's name.
pub fn details(done: &ScoredTask, system: Option<&&str>) -> Markup {
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
                div.scroll tabindex="0" { table.first {
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
