//! Differences of a system from the base.

use evaluation::TaskScore;
use evaluation::scoring::Comparisons;
use evaluation::systems::AgainstBase;
use maud::{Markup, html};

use super::names::task_page;
use crate::html::sign;
use crate::number::tenths;
use crate::tables::systems::domain_name;

/// A row a column with all that was tested, then the means of the domains and of all columns.
pub fn differences(base: &str, other: &AgainstBase) -> Markup {
    let found = &other.found;
    let averages = html! {
        @for row in &other.domains { (average(&format!("{} average", domain_name(&row.task)), row)) }
        (average("average of these rows", &found.average))
    };
    html! {
        (tested([base, &other.system], found, &averages, ""))
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

/// The table of what was tested; pages of tasks lie in `folder`.
pub(crate) fn tested(
    [base, system]: [&str; 2],
    found: &Comparisons,
    averages: &Markup,
    folder: &str,
) -> Markup {
    html! {
        div.scroll tabindex="0" { table.first.compact {
            tr {
                th { "task" } th.text { "metric" } th { "n" } th { "clusters" } th { (base) } th { (system) } th { "difference" }
                th { "95 % interval" } th { "p" } th { "p (Holm)" } th { "better / worse" } th { "detectable" }
            }
            @for row in &found.tasks {
                @let c = &row.comparison;
                tr {
                    td { a href=(format!("{folder}{}", task_page(&row.task))) { (row.task) } }
                    td.text { (row.metric) } td { (c.n) }
                    td { (c.clusters) @if c.too_few { " (too few)" } }
                    td { (format!("{:.1}", c.base)) } td { (format!("{:.1}", c.adapted)) }
                    td class=(sign(c.interval)) { (format!("{:+.1}", c.difference)) }
                    td class=(sign(c.interval)) { (format!("{:+.1} to {:+.1}", c.interval[0], c.interval[1])) }
                    td { (format!("{:.4}", c.p)) } td { (format!("{:.4}", row.p_holm)) }
                    td { (c.better) " / " (c.worse) }
                    td { (tenths(c.detectable)) }
                }
            }
            (averages)
        } }
        p.soft { (found.method) ". Detectable: the true difference that four of five such experiments would find." }
    }
}

fn average(name: &str, row: &TaskScore) -> Markup {
    html! {
        tr.average {
            td { (name) } td.text { (row.metric) } td { (row.n) } td {}
            td { (format!("{:.1}", row.base)) } td { (format!("{:.1}", row.adapted)) }
            td class=(sign(row.interval)) { (format!("{:+.1}", row.difference)) }
            td class=(sign(row.interval)) { (format!("{:+.1} to {:+.1}", row.interval[0], row.interval[1])) }
            td {} td {} td {} td {}
        }
    }
}
