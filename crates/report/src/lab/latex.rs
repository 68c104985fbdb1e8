//! The table as LaTeX, for plain `pdflatex` with `booktabs` and `graphicx`.

use std::fmt::Write as _;

use super::columns::{Cell, Columns, Head, columns};
use super::page::{Layout, Page, Row};
use super::sentences::{explanation, notes, published, sorted, unfinished};
use crate::tables::systems::{escaped, head};

/// A `table*` for each scorer, as wide as the text at most, each followed by what it shows.
pub fn latex(page: &Page) -> String {
    let mut out = "% \\usepackage{booktabs,graphicx}\n".to_owned();
    for (at, columns) in columns(page).iter().enumerate() {
        out += &one(page, columns, at == 0);
    }
    out
}

fn one(page: &Page, columns: &Columns, is_first: bool) -> String {
    let scorer = columns.scorer.name();
    let (shape, lines) = match page.layout {
        Layout::Tasks => by_ways(page, columns),
        Layout::Ways => by_columns(page, columns),
    };
    let mut caption = format!(
        "{}. Scores by the {scorer} scorer. {}.",
        page.title,
        explanation("Bold")
    );
    if let Some(said) = published(page, "in italics") {
        let _ = write!(caption, " {said}.");
    }
    let mut out = format!(
        "\\begin{{table*}}\n  \\centering\n  \\caption{{{}}}\n  \\label{{tab:{}-{scorer}}}\n  \
         \\resizebox{{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}}{{!}}{{%\n  \\begin{{tabular}}{{{shape}}}\n    \
         \\toprule\n",
        escaped(&caption),
        label(&page.title)
    );
    for line in lines {
        let _ = writeln!(out, "    {line}");
    }
    out.push_str("    \\bottomrule\n  \\end{tabular}}\n");
    let tables = page.compared.tables.iter();
    let verdicts = tables
        .filter(|table| table.scorer == columns.scorer)
        .flat_map(|table| sorted(&table.verdicts))
        .flatten()
        .map(ToString::to_string);
    let mut remarks: Vec<String> = verdicts.collect();
    if is_first {
        remarks.extend(notes(page));
        remarks.extend(unfinished(page));
    }
    for line in remarks {
        let _ = writeln!(
            out,
            "  \\par\\smallskip{{\\footnotesize {}.\\par}}",
            escaped(&line)
        );
    }
    out + "\\end{table*}\n"
}

fn by_ways(page: &Page, columns: &Columns) -> (String, Vec<String>) {
    let (mut shape, mut rules) = ("lr".to_owned(), String::new());
    let mut groups = vec![String::new(), String::new()];
    let mut heads = vec![String::new(), "seeds".to_owned()];
    let mut next = 3;
    for group in &columns.groups {
        let last = next + group.heads.len() - 1;
        groups.push(format!(
            "\\multicolumn{{{}}}{{c}}{{{}}}",
            group.heads.len(),
            escaped(&group.label())
        ));
        let _ = write!(rules, "\\cmidrule(lr){{{next}-{last}}}");
        shape.push_str(&"r".repeat(group.heads.len()));
        heads.extend(group.heads.iter().map(|column| head(&column.title)));
        next = last + 1;
    }
    let mut lines = vec![line(&groups), rules, line(&heads), "\\midrule".to_owned()];
    lines.extend(page.rows.iter().map(|row| {
        let cells = columns.heads().map(|head| cell(&head.cell(row)));
        let cells: Vec<String> = [escaped(&row.name), seeds(row)]
            .into_iter()
            .chain(cells)
            .collect();
        line(&cells)
    }));
    (shape, lines)
}

fn by_columns(page: &Page, columns: &Columns) -> (String, Vec<String>) {
    let count = page.rows.len();
    let names = page.rows.iter().map(|row| head(&row.name));
    let names: Vec<String> = std::iter::once(String::new()).chain(names).collect();
    let mut lines = vec![line(&names)];
    for group in &columns.groups {
        lines.push("\\midrule".to_owned());
        lines.push(format!(
            "\\multicolumn{{{}}}{{l}}{{\\textit{{{}}}}} \\\\",
            count + 1,
            escaped(&group.label())
        ));
        let row = |head: &Head| {
            let cells = page.rows.iter().map(|row| cell(&head.cell(row)));
            line(
                &std::iter::once(escaped(&head.title))
                    .chain(cells)
                    .collect::<Vec<_>>(),
            )
        };
        lines.extend(group.heads.iter().map(row));
    }
    lines.push("\\midrule".to_owned());
    let of_seeds = page.rows.iter().map(seeds);
    lines.push(line(
        &std::iter::once("seeds".to_owned())
            .chain(of_seeds)
            .collect::<Vec<_>>(),
    ));
    (format!("l{}", "r".repeat(count)), lines)
}

fn line(cells: &[String]) -> String {
    format!("{} \\\\", cells.join(" & "))
}

fn seeds(row: &Row) -> String {
    if row.needs.is_some() {
        "--".to_owned()
    } else {
        format!("{}/{}", row.finished, row.cells)
    }
}

/// A score, below it its interval and the paper's number.
fn cell(cell: &Cell) -> String {
    let value = match cell.mean {
        Some(mean) if cell.is_best => format!("\\textbf{{{:.1}}}", mean.value),
        Some(mean) => format!("{:.1}", mean.value),
        None => "--".to_owned(),
    };
    let mut lines = vec![value];
    if let Some([low, high]) = cell.mean.and_then(|mean| mean.interval) {
        lines.push(format!("{{\\tiny {low:.1}--{high:.1}}}"));
    }
    if let Some(value) = cell.published {
        lines.push(format!("{{\\scriptsize\\textit{{{value:.1}}}}}"));
    }
    if let [only] = lines.as_slice() {
        return only.clone();
    }
    format!(
        "\\begin{{tabular}}[t]{{@{{}}r@{{}}}}{}\\end{{tabular}}",
        lines.join("\\\\")
    )
}

/// A title as part of a label: letters and digits, and hyphens between words.
fn label(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_ascii_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}
