//! The numbers as Markdown; cases and curves are on the page alone.

use std::fmt::Write as _;

use super::QualityPage;
use super::charts::distributions;
use super::sections::{Cell, SCALE, Table, differences, filters, means};
use super::trust::{agreement, behaviour};
use crate::lab::plain;

/// Tables and sentences; nothing of the data is markup.
pub fn markdown(page: &QualityPage<'_>) -> String {
    let found = page.assessment;
    let mut out = format!("# {}\n", plain(page.title));
    for sentence in page.about {
        let _ = writeln!(out, "\n{}", plain(sentence));
    }
    if !found.warnings.is_empty() {
        out += "\n## What to know before using the numbers\n\n";
    }
    for warning in &found.warnings {
        let _ = writeln!(out, "- {}.", plain(warning));
    }
    let by_rater = means(page);
    if !by_rater.is_empty() {
        let _ = writeln!(out, "\n## Quality by rater\n\n{}", plain(SCALE));
    }
    for table in by_rater.iter().chain(&differences(found)) {
        written(&mut out, table);
    }
    for of in distributions(found) {
        let _ = writeln!(out, "\n### {}, percent of the items\n", plain(&of.title));
        let mut header = vec!["class".to_owned()];
        header.extend(of.parts.iter().map(|(name, n)| format!("{name} (n {n})")));
        let rows = of.rows.iter().map(|(name, percents)| {
            let percents = percents.iter().map(|percent| format!("{percent:.1}"));
            std::iter::once((*name).to_owned())
                .chain(percents)
                .collect()
        });
        table(&mut out, &header, &rows.collect::<Vec<_>>());
    }
    if let Some(of) = &filters(found) {
        written(&mut out, of);
    }
    if !page.measures.is_empty() {
        out += "\n## Measured without a judge\n";
    }
    for of in page.measures {
        let _ = writeln!(out, "\n### {}\n", plain(&of.title));
        table(&mut out, &of.header, &of.rows);
    }
    for of in behaviour(found).iter().chain(&agreement(found)) {
        written(&mut out, of);
    }
    out
}

fn written(out: &mut String, of: &Table) {
    let _ = writeln!(out, "\n### {}\n", plain(&of.title));
    let text = |cell: &Cell| {
        if cell.small.is_empty() {
            cell.text.clone()
        } else {
            format!("{} ({})", cell.text, cell.small)
        }
    };
    let rows: Vec<Vec<String>> = of
        .rows
        .iter()
        .map(|row| row.iter().map(text).collect())
        .collect();
    table(out, &of.header, &rows);
    if !of.note.is_empty() {
        let _ = writeln!(out, "\n{}", plain(&of.note));
    }
}

/// Texts as they are; they are escaped here.
fn table(out: &mut String, header: &[String], rows: &[Vec<String>]) {
    let line = |cells: &[String]| -> String {
        let cells: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    *out += &line(header);
    let rule = "---:|".repeat(header.len().saturating_sub(1));
    let _ = writeln!(out, "|---|{rule}");
    for row in rows {
        *out += &line(row);
    }
}
