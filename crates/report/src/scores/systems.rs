//! Several systems on one page: the paper's tables, radar charts, differences.

use evaluation::scoring::Scorer;
use evaluation::systems::{Column, Compared, DomainTable, Table};
use maud::{Markup, PreEscaped, html};

use super::differences::differences;
use super::names::task_page;
use crate::number::tenths;
use crate::svg::{Radar, radar, sign_of};
use crate::tables::systems::{domain_name, explanation, remarks};

/// Everything that was compared.
pub fn compared(found: &Compared) -> Markup {
    let base = found.base();
    let (is_pair, is_short) = (found.names.len() == 2, found.names.len() < 5);
    html! {
        @for (at, table) in found.tables.iter().enumerate() {
            h2 { "Scores, " (table.scorer.name()) " scorer" }
            (whole(found, table))
            @if at == 0 {
                p.soft { (explanation("Bold")) "." }
                (lines(&remarks(found, table)))
            }
        }
        p.soft {
            "Scores are 0 to 100 with 95 % intervals below them. Strict: an answer that cannot be read is wrong. Reference: "
            "the rules of the method's published code. Majority: the best constant answer, blind: "
            (base) " on blank pictures, both by the strict scorer."
        }
        @if let Some(table) = found.tables.iter().find(|table| table.scorer == Scorer::Strict) {
            div.charts { @for domain in &table.domains { (chart(found, domain)) } }
        }
        @for other in &found.differences {
            @let scorer = other.scorer.name();
            @if is_pair {
                h2 { "Differences, " (scorer) " scorer" }
                (differences(base, other))
            } @else {
                details open[is_short && other.scorer == found.tables[0].scorer] {
                    summary.h2 { (other.system) " against " (base) ", " (scorer) " scorer" }
                    (differences(base, other))
                }
            }
        }
    }
}

/// A row a system, all columns side by side.
fn whole(found: &Compared, table: &Table) -> Markup {
    let columns: Vec<(&DomainTable, &Column)> = table
        .domains
        .iter()
        .flat_map(|domain| {
            let columns = domain.columns.iter().chain(&domain.average);
            columns.map(move |column| (domain, column))
        })
        .collect();
    // The first column of a domain begins a group, its average ends it.
    let class = |domain: &DomainTable, column: &Column| {
        let begins = domain
            .columns
            .first()
            .is_some_and(|first| std::ptr::eq(first, column));
        let is_average = domain
            .average
            .as_ref()
            .is_some_and(|last| std::ptr::eq(last, column));
        match (begins, is_average) {
            (true, _) => "begins",
            (_, true) => "mean",
            _ => "",
        }
    };
    let soft = |name: &str, value: &dyn Fn(&Column) -> Option<f64>| {
        html! {
            @if columns.iter().any(|(_, column)| value(column).is_some()) {
                tr.soft {
                    td { (name) }
                    @for (domain, column) in &columns {
                        td class=(class(domain, column)) { (value(column).map(|value| format!("{value:.1}")).unwrap_or_default()) }
                    }
                }
            }
        }
    };
    html! {
        div.scroll tabindex="0" { table.systems.first {
            thead {
                tr {
                    td {}
                    @for domain in &table.domains {
                        th.begins.group colspan=(domain.columns.len() + usize::from(domain.average.is_some())) {
                            span { (domain_name(&domain.domain)) }
                        }
                    }
                }
                tr {
                    th { "system" }
                    @for (domain, column) in &columns {
                        th class=(class(domain, column)) {
                            @if domain.columns.iter().any(|own| std::ptr::eq(own, *column)) {
                                a href=(task_page(&column.task)) { (column.title) }
                            } @else { (column.title) }
                        }
                    }
                }
            }
            tbody {
                @for (at, name) in found.names.iter().enumerate() {
                    tr {
                        td { (PreEscaped(sign_of(at))) (name) @if at == found.base && name != "base" { span.soft { " (base)" } } }
                        @for (domain, column) in &columns {
                            td class=(class(domain, column)) { (score(column, at)) }
                        }
                    }
                }
                @if table.scorer == Scorer::Strict {
                    (soft("majority", &|column| column.majority))
                    (soft("blind", &|column| column.blind))
                }
            }
        } }
    }
}

/// A score with its interval; the best one says by how much.
fn score(column: &Column, at: usize) -> Markup {
    let value = tenths(column.scores[at]);
    let about = column
        .best
        .as_ref()
        .filter(|best| best.at == at)
        .map(|best| {
            let [low, high] = best.interval;
            format!(
                "{:+.1} [{low:+.1}, {high:+.1}] against {}",
                best.difference, best.next
            )
        });
    html! {
        @if column.marks(at) { b title=[about] { (value) } } @else { span title=[about] { (value) } }
        @if let Some([low, high]) = column.intervals[at] { span.range { (format!("{low:.1}–{high:.1}")) } }
    }
}

fn chart(found: &Compared, domain: &DomainTable) -> Markup {
    let of = |at: usize| {
        domain
            .columns
            .iter()
            .map(|column| column.scores[at])
            .collect()
    };
    let names = found.names.iter().enumerate();
    let name = domain_name(&domain.domain);
    let svg = radar(&Radar {
        label: format!("Strict scores, {name}"),
        titles: domain
            .columns
            .iter()
            .map(|column| column.title.as_str())
            .collect(),
        systems: names.map(|(at, name)| (name.as_str(), of(at))).collect(),
        floor: domain
            .columns
            .iter()
            .map(|column| column.majority)
            .collect(),
    });
    html! { @if !svg.is_empty() { figure { (PreEscaped(svg)) figcaption { (name) ", strict scorer" } } } }
}

fn lines(lines: &[String]) -> Markup {
    html! { @if !lines.is_empty() { ul.soft { @for line in lines { li { (line) } } } } }
}
