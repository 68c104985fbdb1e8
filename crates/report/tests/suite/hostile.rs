//! Names that try to mean something else.

use std::io::Write as _;
use std::process::{Command, Stdio};

use report::lab::{Layout, Page, csv, html, latex, markdown, verdicts_csv};

use crate::made::page;

const NAMES: [&str; 4] = [
    "<script>alert(1)</script> & \"q\" 'a'",
    "a|b, *c* [x](y) `code`\nnext_line",
    "\\input{/etc/passwd} 100% #1 $x$ ~ ^ {y}",
    "[2cm] \u{6a21}\u{578b} \u{1f35c} \u{e9} \\\\ \u{7}",
];

fn pages() -> [Page; 2] {
    [Layout::Tasks, Layout::Ways].map(|layout| {
        let mut page = Page {
            layout,
            title: NAMES[2].to_owned(),
            about: NAMES[0].to_owned(),
            notes: NAMES.map(str::to_owned).to_vec(),
            factors: vec![NAMES[1].to_owned()],
            ..page(NAMES)
        };
        for domain in &mut page.compared.tables[0].domains {
            for column in domain.columns.iter_mut().chain(&mut domain.average) {
                column.title = format!("{} {}", NAMES[0], NAMES[3]);
            }
        }
        for row in &mut page.rows {
            if let Some(published) = &mut row.published {
                NAMES[2].clone_into(&mut published.source);
                published.scores.insert(NAMES[0].to_owned(), 1.0);
            }
        }
        page
    })
}

#[test]
fn html_shows_them() {
    for page in pages() {
        let text = html(&page);
        assert!(!text.contains("<script>"), "{text}");
        assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;q&quot;"));
    }
}

#[test]
fn markdown_keeps_them_in_their_cells() {
    for page in pages() {
        let text = markdown(&page);
        assert!(
            !text.contains("<script>") && !text.contains("[x](y)"),
            "{text}"
        );
        // A pipe in a name is no border of a cell.
        let borders = |line: &str| {
            let bytes = line.as_bytes();
            (0..bytes.len())
                .filter(|&at| bytes[at] == b'|' && (at == 0 || bytes[at - 1] != b'\\'))
                .count()
        };
        let mut lines = text.lines().peekable();
        let mut tables = 0;
        while let Some(line) = lines.next() {
            if let Some(next) = lines.peek()
                && line.starts_with('|')
                && next.starts_with('|')
            {
                assert_eq!(borders(line), borders(next), "{line}\n{next}");
                tables += 1;
            }
        }
        assert!(tables > 5);
    }
}

#[test]
fn csv_keeps_them_in_their_cells() {
    for page in pages() {
        for text in [csv(&page), verdicts_csv(&page)] {
            let (mut counts, mut cells, mut is_quoted) = (Vec::new(), 1, false);
            for letter in text.chars() {
                match letter {
                    '"' => is_quoted = !is_quoted,
                    ',' if !is_quoted => cells += 1,
                    '\n' if !is_quoted => {
                        counts.push(cells);
                        cells = 1;
                    }
                    _ => {}
                }
            }
            assert!(
                counts.len() > 5 && counts.iter().all(|count| *count == counts[0]),
                "{counts:?}"
            );
        }
    }
}

#[test]
fn latex_compiles() {
    for (at, page) in pages().iter().enumerate() {
        let text = latex(page);
        // Nothing but our own commands.
        assert!(
            !text.contains("\\input") && text.contains("\\textbackslash{}input"),
            "{text}"
        );
        let folder = tempfile::tempdir().expect("a folder");
        let whole = format!(
            "\\documentclass{{article}}\n\\usepackage{{booktabs,graphicx}}\n\\begin{{document}}\n{text}\\end{{document}}\n"
        );
        std::fs::write(folder.path().join("table.tex"), whole).expect("written");
        let run = Command::new("pdflatex")
            .args([
                "-interaction=nonstopmode",
                "-halt-on-error",
                "-no-shell-escape",
                "table.tex",
            ])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output();
        let output = match run {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // Straight to the terminal: what a passing test prints is not shown.
                let mut out = std::io::stderr().lock();
                let _ = writeln!(
                    out,
                    "\nNOT TESTED: `pdflatex` is not installed, so no table of a grid was compiled"
                );
                return;
            }
            output => output.expect("pdflatex runs"),
        };
        let log = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "layout {at}: {log}\n{text}");
        assert!(folder.path().join("table.pdf").is_file());
    }
}
