//! The page in a browser: one file, no scripts.

use evaluation::statistics::{
    ALPHA_METHOD, FILTER_METHOD, INTERVAL_METHOD, PAIRED_METHOD, ThresholdPoint,
};
use maud::{Markup, PreEscaped, html};
use quality::assessment::FilterQuality;
use quality::{Case, Item};

use super::charts::{bars, distributions};
use super::sections::{Cell, SCALE, Table, criterion, differences, filters, means, who};
use super::trust::{agreement, behaviour};
use super::{PlainTable, QualityPage};
use crate::html::frame;
use crate::pictures::embedded_picture;
use crate::scores::STYLE;
use crate::svg::{Curve, curves};

/// What the page has beyond the pages of scores.
const OWN: &str = include_str!("quality_page.css");
/// More sentences than these are folded away.
const SHOWN: usize = 8;

/// The whole page; pictures of cases are read from their files, and one that cannot be read is left out.
pub fn html(page: &QualityPage<'_>) -> String {
    let found = page.assessment;
    let body = html! {
        h1 { (page.title) }
        @for sentence in page.about { p.soft { (sentence) } }
        @if !found.warnings.is_empty() {
            details open[found.warnings.len() <= SHOWN] {
                summary.h2 { "What to know before using the numbers (" (found.warnings.len()) ")" }
                ul.warnings { @for warning in &found.warnings { li { (with_code(warning)) "." } } }
            }
        }
        h2 { "Quality by rater" }
        @let tables = means(page);
        @if tables.is_empty() { p { "Nobody has rated anything yet." } }
        @for table in &tables { (shown(table)) }
        @if !tables.is_empty() { p.soft { (SCALE) } }
        @if let Some(table) = differences(found) {
            details { summary.h2 { (table.title) } (rows(&table)) }
        }
        @let charts = distributions(found);
        @if !charts.is_empty() {
            h2 { "Task types and picture domains" }
            div.charts {
                @for chart in &charts {
                    figure { div.scroll { (PreEscaped(bars(chart))) } figcaption { (chart.title) ", percent of the items" } }
                }
            }
        }
        @if let Some(table) = filters(found) {
            h2 { (table.title) }
            (rows(&table))
            @for filter in &found.filters { (curve_of(filter)) }
        }
        @if !page.measures.is_empty() {
            h2 { "Measured without a judge" }
            @for table in page.measures { (plain(table)) }
        }
        @let tables = behaviour(found);
        @if !tables.is_empty() {
            h2 { "How far the raters can be trusted" }
            @for table in &tables { (shown(table)) }
        }
        @let tables = agreement(found);
        @if !tables.is_empty() {
            h2 { "Agreement" }
            @for table in &tables { (shown(table)) }
        }
        @if !page.cases.is_empty() {
            h2 { "Cases" }
            @for case in page.cases { (case_of(case)) }
        }
        p.soft {
            "Intervals of means: " (INTERVAL_METHOD) ". Differences: " (PAIRED_METHOD) ". Agreement: " (ALPHA_METHOD)
            ". The filter: " (FILTER_METHOD) ". Sample " code { (found.sample) } ", seed " (found.seed) "."
        }
    };
    frame(page.title, &format!("{STYLE}{OWN}"), &body)
}

fn shown(table: &Table) -> Markup {
    html! { h3 { (table.title) } (rows(table)) }
}

fn rows(table: &Table) -> Markup {
    let own = table.rows.len() - table.published;
    html! {
        div.scroll tabindex="0" { table.systems.first {
            thead { tr { @for (at, head) in table.header.iter().enumerate() { th.text[is_words(table, at)] { (head) } } } }
            tbody {
                @for (at, row) in table.rows.iter().enumerate() {
                    tr.published[at >= own] { @for (at, one) in row.iter().enumerate() { (cell(one, is_words(table, at))) } }
                }
            }
        } }
        @if !table.note.is_empty() { p.soft { (table.note) } }
    }
}

/// Whether a column has words, which go to the left, and not numbers.
fn is_words(table: &Table, at: usize) -> bool {
    let mut cells = table.rows.iter().filter_map(|row| row.get(at));
    at == 0 || cells.any(|cell| cell.text.starts_with(char::is_alphabetic))
}

fn cell(cell: &Cell, is_words: bool) -> Markup {
    html! {
        td.text[is_words] {
            span class=(cell.class) { (cell.text) }
            @if !cell.small.is_empty() { span.range { (cell.small) } }
        }
    }
}

/// What stands between backticks is a name.
fn with_code(text: &str) -> Markup {
    html! {
        @for (at, part) in text.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn plain(table: &PlainTable) -> Markup {
    html! {
        h3 { (table.title) }
        div.scroll tabindex="0" { table.first.compact {
            thead { tr { @for head in &table.header { @if head.is_empty() { td {} } @else { th { (head) } } } } }
            tbody { @for row in &table.rows { tr { @for text in row { td { (text) } } } } }
        } }
    }
}

fn curve_of(filter: &FilterQuality) -> Markup {
    let points = |value: fn(&ThresholdPoint) -> Option<f64>| {
        let point = |p: &ThresholdPoint| Some((100.0 * p.recall?.value, value(p)?));
        filter.curve.iter().filter_map(point).collect()
    };
    let about = format!(
        "{}, {}, {}",
        filter.set,
        who(&filter.rater),
        criterion(filter)
    );
    let precision = Curve {
        name: format!("{about}: precision (%) over recall (%) as the threshold falls"),
        across: "recall",
        smooth: false,
        points: points(|p| Some(100.0 * p.precision?.value)),
    };
    let threshold = Curve {
        name: format!("{about}: the threshold over recall (%)"),
        points: points(|p| Some(p.threshold)),
        ..precision.clone()
    };
    if precision.points.len() < 2 {
        return html! {};
    }
    html! {
        div.charts {
            @for curve in [&precision, &threshold] {
                figure { (PreEscaped(curves(curve))) figcaption { (curve.name) } }
            }
        }
    }
}

fn case_of(case: &Case) -> Markup {
    html! {
        div.case {
            h3 { (case.pair) }
            @for image in &case.images {
                @if let Some(address) = embedded_picture(image) {
                    img src=(address) alt=(case.caption.as_deref().unwrap_or(&case.pair));
                }
            }
            @if let Some(caption) = &case.caption { p.soft { (caption) } }
            div.sets {
                @for of in &case.sets {
                    div {
                        h4 { (of.set) }
                        @if of.items.is_empty() { p.soft { "nothing about this pair" } }
                        @for item in &of.items { (item_of(item)) }
                    }
                }
            }
        }
    }
}

fn item_of(item: &Item) -> Markup {
    html! {
        dl {
            @for [instruction, response] in &item.exchanges {
                dt { "instruction" } dd { (instruction) }
                @if !item.is_triplet() { dt { "response" } dd { (response) } }
            }
            @if let (Some(informative), Some(precise)) = (&item.informative, &item.precise) {
                dt { "informative" } dd { (informative) }
                dt { "precise" } dd { (precise) }
            }
            @if let Some(kept) = item.kept {
                dt { "the filter" }
                dd { (if kept { "kept" } else { "dropped" }) }
            }
        }
    }
}
