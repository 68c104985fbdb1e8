//! The table as Markdown.

use std::fmt::Write as _;

use evaluation::systems::{AgainstBase, Column, Compared, DomainTable, Table};

use super::sentences::{domain_name, explanation, remarks};
use crate::number::tenths;

/// Both scorers' tables, a table a domain, then the differences of more than two systems.
pub fn markdown(found: &Compared) -> String {
    let mut out = format!(
        "# Scores: {}\n",
        found
            .names
            .iter()
            .map(|name| cell(name))
            .collect::<Vec<_>>()
            .join(", ")
    );
    for table in &found.tables {
        for domain in &table.domains {
            let _ = writeln!(
                out,
                "\n## {}, {} scorer\n",
                domain_name(&domain.domain),
                table.scorer.name()
            );
            out.push_str(&one(domain, &found.names));
        }
    }
    let _ = writeln!(out, "\n{}.", explanation("**Bold**"));
    if let Some(first) = found.tables.first() {
        let lines = remarks(found, first);
        if !lines.is_empty() {
            out.push('\n');
        }
        for line in lines {
            let _ = writeln!(out, "- {line}");
        }
    }
    if found.names.len() > 2 {
        for table in &found.tables {
            for other in found.by(table.scorer) {
                differences(&mut out, found, table, other);
            }
        }
    }
    out
}

fn one(domain: &DomainTable, names: &[String]) -> String {
    let columns: Vec<&Column> = domain.columns.iter().chain(&domain.average).collect();
    let titles: Vec<String> = columns.iter().map(|column| cell(&column.title)).collect();
    let mut out = format!(
        "| | {} |\n|---|{}\n",
        titles.join(" | "),
        "---:|".repeat(titles.len())
    );
    for (at, name) in names.iter().enumerate() {
        let cells: Vec<String> = columns
            .iter()
            .map(|column| {
                let score = tenths(column.scores[at]);
                if column.marks(at) {
                    format!("**{score}**")
                } else {
                    score
                }
            })
            .collect();
        let _ = writeln!(out, "| {} | {} |", cell(name), cells.join(" | "));
    }
    out
}

fn differences(out: &mut String, found: &Compared, table: &Table, other: &AgainstBase) {
    let _ = writeln!(
        out,
        "\n## {} against {}, {} scorer\n\n| | n | {} | {} | difference | 95 % interval | p (Holm) | better / worse |\n\
         |---|---:|---:|---:|---:|---|---:|---:|",
        cell(&other.system),
        cell(found.base()),
        table.scorer.name(),
        cell(found.base()),
        cell(&other.system)
    );
    let titles = table.domains.iter().flat_map(|domain| &domain.columns);
    for column in titles {
        let mut rows = other.found.tasks.iter();
        let Some(row) = rows.find(|row| row.task == column.task && row.metric == column.metric)
        else {
            continue;
        };
        let c = &row.comparison;
        let _ = writeln!(
            out,
            "| {} | {} | {:.1} | {:.1} | {:+.1} | {:+.1} to {:+.1}{} | {:.4} | {} / {} |",
            cell(&column.title),
            c.n,
            c.base,
            c.adapted,
            c.difference,
            c.interval[0],
            c.interval[1],
            if c.too_few { " (too few)" } else { "" },
            row.p_holm,
            c.better,
            c.worse
        );
    }
    for row in &other.domains {
        let _ = writeln!(
            out,
            "| {} average | {} | {:.1} | {:.1} | {:+.1} | {:+.1} to {:+.1} | | |",
            domain_name(&row.task),
            row.n,
            row.base,
            row.adapted,
            row.difference,
            row.interval[0],
            row.interval[1]
        );
    }
}

/// A text that stays in its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
