//! The table as a person reads it in the terminal.

use std::fmt::Write as _;

use evaluation::scoring::Scorer;
use evaluation::systems::{AgainstBase, Column, Compared, DomainTable};

use super::sentences::{domain_name, explanation, remarks};
use crate::number::tenths;

/// Letters of a line, if one column is not wider.
const WIDEST: usize = 120;

/// Both scorers' tables, domain below domain so that lines stay short, then the differences of more than two systems.
pub fn text(found: &Compared) -> String {
    let mut out = String::new();
    let name = widest(found.names.iter().map(String::as_str));
    for table in &found.tables {
        for domain in &table.domains {
            let _ = writeln!(
                out,
                "{}, {} scorer",
                domain_name(&domain.domain),
                table.scorer.name()
            );
            out.push_str(&one(domain, &found.names, name));
            out.push('\n');
        }
    }
    let _ = writeln!(out, "{}.", explanation("*"));
    if let Some(first) = found.tables.first() {
        for line in remarks(found, first) {
            let _ = writeln!(out, "- {line}");
        }
    }
    if found.names.len() > 2 {
        for table in &found.tables {
            let others = found.by(table.scorer);
            if !others.is_empty() {
                out.push_str(&differences(found, table.scorer, &others));
            }
        }
    }
    out
}

/// The columns of a domain, in as many blocks as their width asks for.
fn one(domain: &DomainTable, names: &[String], name: usize) -> String {
    let mut out = String::new();
    let mut block: Vec<&Column> = Vec::new();
    let mut width = name;
    for column in domain.columns.iter().chain(&domain.average) {
        let own = width_of(column) + 1;
        if width + own > WIDEST && !block.is_empty() {
            out += &rows(&block, names, name);
            out.push('\n');
            block.clear();
            width = name;
        }
        block.push(column);
        width += own;
    }
    out + &rows(&block, names, name)
}

/// A title on two lines, so that columns are narrow.
fn head(column: &Column) -> [&str; 2] {
    match column.title.rsplit_once(' ') {
        Some((first, second)) => [first, second],
        None => ["", &column.title],
    }
}

/// As wide as the title's longer line, and as `100.0` at least.
fn width_of(column: &Column) -> usize {
    widest(head(column).into_iter()).max(6)
}

fn rows(columns: &[&Column], names: &[String], name: usize) -> String {
    let mut out = String::new();
    for line in 0..2 {
        let cells = columns.iter();
        let cells = cells.map(|column| format!("{:>1$} ", head(column)[line], width_of(column)));
        let text = format!("{:name$} {}", "", cells.collect::<String>());
        if !text.trim().is_empty() {
            let _ = writeln!(out, "{}", text.trim_end());
        }
    }
    for (at, system) in names.iter().enumerate() {
        let cells = columns.iter().map(|column| {
            let mark = if column.marks(at) { "*" } else { " " };
            format!("{:>1$}{mark}", tenths(column.scores[at]), width_of(column))
        });
        let text = format!("{system:name$} {}", cells.collect::<String>());
        let _ = writeln!(out, "{}", text.trim_end());
    }
    out
}

/// A row a column of the table, a column a system.
fn differences(found: &Compared, scorer: Scorer, others: &[&AgainstBase]) -> String {
    let base = found.base();
    let mut rows: Vec<[String; 3]> = Vec::new();
    let mut cells: Vec<Vec<String>> = Vec::new();
    let table = found.tables.iter().find(|table| table.scorer == scorer);
    for domain in table.iter().flat_map(|table| &table.domains) {
        for column in &domain.columns {
            rows.push([
                column.title.clone(),
                column.n.to_string(),
                tenths(column.scores[found.base]),
            ]);
            let row = others.iter().map(|other| {
                let mut rows = other.found.tasks.iter();
                let row = rows.find(|row| row.task == column.task && row.metric == column.metric);
                row.map_or("–".to_owned(), |row| {
                    let c = &row.comparison;
                    format!("{} p {:.4}", change(c.difference, c.interval), row.p_holm)
                })
            });
            cells.push(row.collect());
        }
        if let Some(average) = &domain.average {
            rows.push([
                format!("{} average", domain_name(&domain.domain)),
                String::new(),
                tenths(average.scores[found.base]),
            ]);
            let row = others.iter().map(|other| {
                let row = other.domains.iter().find(|row| row.task == domain.domain);
                row.map_or("–".to_owned(), |row| change(row.difference, row.interval))
            });
            cells.push(row.collect());
        }
    }
    let title = widest(rows.iter().map(|row| row[0].as_str()));
    let first = widest(std::iter::once(base)).max(5);
    let width = |at: usize| {
        widest(
            cells
                .iter()
                .map(|row| row[at].as_str())
                .chain([others[at].system.as_str()]),
        )
    };
    let widths: Vec<usize> = (0..others.len()).map(width).collect();
    let mut out = format!(
        "\nDifferences from {base}, {} scorer: 95 % intervals, p adjusted over all rows and systems (Holm)\n",
        scorer.name()
    );
    let _ = write!(out, "{:title$} {:>6} {base:>first$}", "", "n");
    for (other, width) in others.iter().zip(&widths) {
        let _ = write!(out, "  {:<width$}", other.system);
    }
    out = out.trim_end().to_owned() + "\n";
    for (row, cells) in rows.iter().zip(&cells) {
        let mut line = format!("{:title$} {:>6} {:>first$}", row[0], row[1], row[2]);
        for (cell, width) in cells.iter().zip(&widths) {
            let _ = write!(line, "  {cell:<width$}");
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// A difference with its interval.
fn change(difference: f64, [low, high]: [f64; 2]) -> String {
    format!("{difference:+.1} [{low:+.1}, {high:+.1}]")
}

fn widest<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}
