//! The table as Markdown.

use std::fmt::Write as _;

use super::columns::{Cell, Columns, Group, Head, columns};
use super::page::{Layout, Page, Row};
use super::sentences::{
    explanation, method, notes, progress, published, sorted, unfinished, whole,
};

/// What it shows, then a table a scorer and domain, then what a reader must know.
pub fn markdown(page: &Page) -> String {
    let mut out = format!("# {}\n", plain(&page.title));
    if !page.about.is_empty() {
        let _ = writeln!(out, "\n{}", plain(&page.about));
    }
    let _ = writeln!(out, "\n{}.", progress(page));
    for table in &page.compared.tables {
        if table.verdicts.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n## What it shows, {} scorer\n", table.scorer.name());
        for verdict in sorted(&table.verdicts).into_iter().flatten() {
            let _ = writeln!(out, "- {}.", plain(&verdict.to_string()));
        }
    }
    let all = columns(page);
    for columns in &all {
        for group in &columns.groups {
            let label = plain(&group.label());
            let _ = if group.is_of_tasks() {
                writeln!(out, "\n## {label}, {} scorer\n", columns.scorer.name())
            } else {
                writeln!(out, "\n## {label}\n")
            };
            out += &match page.layout {
                Layout::Tasks => by_ways(page, group),
                Layout::Ways => by_columns(page, group),
            };
        }
    }
    if !all.is_empty() {
        let _ = writeln!(out, "\n{}.", explanation("**Bold**"));
        if let Some(said) = published(page, "in *italics*") {
            let _ = writeln!(out, "\n{said}.");
        }
    }
    out += &training(page, &all);
    list(&mut out, "Notes", &notes(page));
    list(&mut out, "Not finished", &unfinished(page));
    let _ = writeln!(out, "\n{}.", method());
    out
}

fn by_ways(page: &Page, group: &Group) -> String {
    let mut heads = vec!["way".to_owned()];
    heads.extend(group.heads.iter().map(|head| plain(&head.title)));
    let rows = page.rows.iter().map(|row| {
        let cells = group.heads.iter().map(|head| cell(&head.cell(row)));
        std::iter::once(plain(&row.name)).chain(cells).collect()
    });
    table(&heads, &rows.collect::<Vec<_>>())
}

fn by_columns(page: &Page, group: &Group) -> String {
    let mut heads = vec!["column".to_owned()];
    heads.extend(page.rows.iter().map(|row| plain(&row.name)));
    let row = |head: &Head| -> Vec<String> {
        let cells = page.rows.iter().map(|row| cell(&head.cell(row)));
        std::iter::once(plain(&head.title)).chain(cells).collect()
    };
    table(&heads, &group.heads.iter().map(row).collect::<Vec<_>>())
}

/// Seeds and lengths of trainings, with the levels of each way.
fn training(page: &Page, all: &[Columns]) -> String {
    let mut heads = vec!["way".to_owned()];
    heads.extend(page.factors.iter().map(|factor| plain(factor)));
    heads.extend(["seeds", "steps", "learned tokens"].map(str::to_owned));
    let rows: Vec<Vec<String>> = page
        .rows
        .iter()
        .map(|row| {
            let level = |at: usize| row.levels.get(at).map_or("", String::as_str);
            let levels = (0..page.factors.len()).map(|at| plain(level(at)));
            let number = |of: Option<f64>| of.map_or_else(|| "–".to_owned(), whole);
            std::iter::once(plain(&row.name))
                .chain(levels)
                .chain([seeds(row), number(row.steps), number(row.learned_tokens)])
                .collect()
        })
        .collect();
    if rows.is_empty() || all.is_empty() {
        return String::new();
    }
    format!("\n## Trainings\n\n{}", table(&heads, &rows))
}

fn seeds(row: &Row) -> String {
    if row.needs.is_some() {
        "needs more".to_owned()
    } else {
        format!("{} of {}", row.finished, row.cells)
    }
}

fn cell(cell: &Cell) -> String {
    let mut out = match cell.mean {
        Some(mean) if cell.is_best => format!("**{:.1}**", mean.value),
        Some(mean) => format!("{:.1}", mean.value),
        None => "–".to_owned(),
    };
    if let Some([low, high]) = cell.mean.and_then(|mean| mean.interval) {
        let _ = write!(out, " [{low:.1}, {high:.1}]");
    }
    if let Some(value) = cell.published {
        let _ = write!(out, " *{value:.1}*");
    }
    out
}

/// A table whose first column is text.
fn table(heads: &[String], rows: &[Vec<String>]) -> String {
    let rule = "---:|".repeat(heads.len() - 1);
    let mut out = format!("| {} |\n|---|{rule}\n", heads.join(" | "));
    for row in rows {
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
    out
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        let _ = writeln!(out, "\n## {title}\n");
    }
    for line in lines {
        let _ = writeln!(out, "- {}.", plain(line));
    }
}

/// A text that means itself, on one line. Brackets around an interval stay as they are.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied().unwrap_or(' ');
        let is_meant = match letter {
            '\\' | '`' | '*' | '_' | '<' | '>' | '|' | '#' | '~' | '&' => false,
            '[' => next.is_ascii_digit() || next == '-',
            ']' => !"(:[".contains(next),
            _ => true,
        };
        if !is_meant {
            out.push('\\');
        }
        out.push(if letter.is_control() { ' ' } else { letter });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_of_markdown_means_itself() {
        assert_eq!(
            plain("a|b *c* <script> [x](y)\n# `q`"),
            r"a\|b \*c\* \<script\> \[x\](y) \# \`q\`"
        );
        assert_eq!(plain("4.9 [1.6, 8.3] [2](y)"), r"4.9 [1.6, 8.3] [2\](y)");
    }
}
