//! The table as LaTeX, for `pdflatex` with `booktabs` and `graphicx`.

use std::fmt::Write as _;

use evaluation::systems::{Column, Compared, Table};

use super::sentences::{domain_name, explanation, remarks};

/// A `table*` for each scorer, as wide as the text at most.
pub fn latex(found: &Compared) -> String {
    let mut out = "% \\usepackage{booktabs,graphicx}\n".to_owned();
    for table in &found.tables {
        out.push_str(&one(found, table));
    }
    out
}

fn one(found: &Compared, table: &Table) -> String {
    let scorer = table.scorer.name();
    let mut heads = vec![String::new()];
    let (mut groups, mut rules, mut shape) = (vec![String::new()], String::new(), "l".to_owned());
    let mut next = 2;
    for domain in &table.domains {
        let columns: Vec<&Column> = domain.columns.iter().chain(&domain.average).collect();
        let last = next + columns.len() - 1;
        groups.push(format!(
            "\\multicolumn{{{}}}{{c}}{{{}}}",
            columns.len(),
            escaped(&domain_name(&domain.domain))
        ));
        let _ = write!(rules, "\\cmidrule(lr){{{next}-{last}}}");
        shape.push_str(&"r".repeat(columns.len()));
        heads.extend(columns.iter().map(|column| head(&column.title)));
        next = last + 1;
    }
    let mut out = format!(
        "\\begin{{table*}}\n  \\centering\n  \\caption{{Scores by the {scorer} scorer. {}.}}\n  \\label{{tab:scores-{scorer}}}\n  \
         \\resizebox{{\\ifdim\\width>\\textwidth\\textwidth\\else\\width\\fi}}{{!}}{{%\n  \\begin{{tabular}}{{{shape}}}\n    \
         \\toprule\n    {} \\\\\n    {rules}\n    {} \\\\\n    \\midrule\n",
        escaped(&explanation("Bold")),
        groups.join(" & "),
        heads.join(" & ")
    );
    for (at, name) in found.names.iter().enumerate() {
        let cells = table.columns().map(|column| match column.scores[at] {
            Some(score) if column.marks(at) => format!("\\textbf{{{score:.1}}}"),
            Some(score) => format!("{score:.1}"),
            None => "--".to_owned(),
        });
        let cells: Vec<String> = std::iter::once(escaped(name)).chain(cells).collect();
        let _ = writeln!(out, "    {} \\\\", cells.join(" & "));
    }
    out.push_str("    \\bottomrule\n  \\end{tabular}}\n");
    for line in remarks(found, table) {
        let _ = writeln!(
            out,
            "  \\par\\smallskip{{\\footnotesize {}.}}",
            escaped(&line)
        );
    }
    out + "\\end{table*}\n"
}

/// A title on two lines, so that columns are narrow.
pub(crate) fn head(title: &str) -> String {
    // A second line without a letter is an error of TeX.
    let words = title.split(|letter: char| letter.is_whitespace() || letter.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let title = words.join(" ");
    match title.rsplit_once(' ') {
        Some((first, second)) => format!(
            "\\shortstack[r]{{{}\\\\{}}}",
            escaped(first),
            escaped(second)
        ),
        None => escaped(&title),
    }
}

/// A text that means itself. Letters that `pdflatex` has no glyphs for stand by their numbers, so that the file compiles.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    let mut quote_is_open = false;
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\textbackslash{}"),
            '{' | '}' | '$' | '&' | '#' | '%' | '_' => {
                out.push('\\');
                out.push(letter);
            }
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '|' => out.push_str("\\textbar{}"),
            '"' => out.push_str("''"),
            '`' => {
                out.push(if quote_is_open { '\'' } else { '`' });
                quote_is_open = !quote_is_open;
            }
            // After the end of a row these would be read as its options.
            '[' | ']' | '*' => {
                let _ = write!(out, "{{{letter}}}");
            }
            '–' => out.push_str("--"),
            letter if letter.is_control() => out.push(' '),
            ' '..='~' => out.push(letter),
            // Signs and Icelandic letters that the default fonts lack.
            'À'..='ÿ' if !"×÷ÐðÞþ".contains(letter) => out.push(letter),
            letter => {
                let _ = write!(out, "\\texttt{{U+{:04X}}}", u32::from(letter));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sign_of_tex_means_itself() {
        let said = escaped(r"a_b & 50% #1 $x$ {y} \n ~ ^ <z> `q` é –");
        let expected = r"a\_b \& 50\% \#1 \$x\$ \{y\} \textbackslash{}n \textasciitilde{} \textasciicircum{} \textless{}z\textgreater{} `q' é --";
        assert_eq!(said, expected);
        assert_eq!(escaped("模"), r"\texttt{U+6A21}");
        assert_eq!(head("SLAKE open"), r"\shortstack[r]{SLAKE\\open}");
        assert_eq!(head("Food101"), "Food101");
        assert_eq!(head("my  task \u{7}\n"), r"\shortstack[r]{my\\task}");
        assert_eq!(head(" \u{7}"), "");
    }
}
