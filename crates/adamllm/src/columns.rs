//! Text in columns that fits the terminal. Cells are wrapped under their column and never cut; in a pipe or a file lines are
//! whole, unless `COLUMNS` says how wide they may be.

use std::fmt::Write as _;

use console::{Term, measure_text_width};

/// A column that is narrower than this is hard to read.
const NARROWEST: usize = 16;
/// What a width is taken to be at least, so that every line holds some text.
const LEAST: usize = 24;
/// How far cells stand in that are under their key and not beside it.
const INDENT: usize = 2;

/// How wide lines on standard output may be; none if they may be of any length.
pub fn width() -> Option<usize> {
    let term = Term::stdout();
    let columns = std::env::var("COLUMNS").ok();
    let of_terminal = term.size_checked().map(|(_, columns)| usize::from(columns));
    of_terminal
        .filter(|_| term.is_term())
        .filter(|&columns| columns > 0)
        .or_else(|| said(columns.as_deref()))
}

/// The value of `COLUMNS`, if it is a width.
fn said(columns: Option<&str>) -> Option<usize> {
    columns?.trim().parse().ok().filter(|&columns| columns > 0)
}

/// Rows of cells, a line or a few each. `widths` are those of all columns but the last; the first column is as wide as its
/// widest cell, and where a line would be wider than `limit` the others share what is left, or stand under the first if
/// that is too little.
pub fn table<const N: usize>(rows: &[[&str; N]], widths: &[usize], limit: Option<usize>) -> String {
    let mut out = String::new();
    let Some(limit) = limit.map(|limit| limit.max(LEAST)) else {
        for row in rows {
            for (at, cell) in row.iter().enumerate() {
                match widths.get(at) {
                    Some(&width) => {
                        let _ = write!(out, "{cell:<width$} ");
                    }
                    None => out += cell,
                }
            }
            out.push('\n');
        }
        return out;
    };
    let widest = |at: usize| {
        let cells = rows.iter().map(|row| measure_text_width(row[at]));
        cells.max().unwrap_or(0)
    };
    let first = widest(0).max(widths.first().copied().unwrap_or(0));
    let wanted: Vec<usize> = (1..N).map(widest).collect();
    let gaps = wanted.len().saturating_sub(1);
    let beside = limit.saturating_sub(first + 1 + gaps);
    let fits = |room: usize| {
        let shared = wanted.iter().filter(|&&width| width > 0).count();
        wanted.iter().sum::<usize>() <= room || room >= shared * NARROWEST
    };
    let under = !fits(beside);
    let (stands_in, room) = if under {
        (INDENT, (limit - INDENT).saturating_sub(gaps))
    } else {
        (first + 1, beside)
    };
    let shares = if fits(room) {
        shares(&wanted, room)
    } else {
        Vec::new()
    };
    for row in rows {
        let mut lines: Vec<String> = if shares.is_empty() {
            // Not even under the key is there room for columns.
            let cells = row[1..].iter().filter(|cell| !cell.is_empty());
            cells
                .flat_map(|cell| wrapped(cell, limit - INDENT))
                .collect()
        } else {
            beside_each_other(&row[1..], &shares)
        };
        if under {
            out += row[0];
        } else {
            let line = if lines.is_empty() {
                String::new()
            } else {
                lines.remove(0)
            };
            let pad = stands_in - measure_text_width(row[0]);
            out += format!("{}{}{line}", row[0], " ".repeat(pad)).trim_end();
        }
        out.push('\n');
        for line in lines {
            let _ = writeln!(out, "{}{line}", " ".repeat(stands_in));
        }
    }
    out
}

/// The widths of columns that want more than there is: the narrow ones get what they want, the others share the rest.
fn shares(wanted: &[usize], room: usize) -> Vec<usize> {
    let mut shares = vec![0; wanted.len()];
    let mut open: Vec<usize> = (0..wanted.len()).collect();
    open.sort_by_key(|&at| wanted[at]);
    let mut left = room;
    for (done, &at) in open.iter().enumerate() {
        shares[at] = wanted[at].min(left / (open.len() - done));
        left -= shares[at];
    }
    shares
}

/// Cells, each wrapped in its column, as lines without blanks at their ends.
fn beside_each_other(cells: &[&str], widths: &[usize]) -> Vec<String> {
    let columns = cells.iter().zip(widths);
    let columns: Vec<Vec<String>> = columns.map(|(cell, &width)| wrapped(cell, width)).collect();
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    let line = |at: usize| {
        let mut line = String::new();
        for (lines, &width) in columns.iter().zip(widths) {
            let text = lines.get(at).map_or("", String::as_str);
            line += text;
            line += &" ".repeat(width.saturating_sub(measure_text_width(text)) + 1);
        }
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

/// A text that begins with `head` and whose further lines stand under its first word.
pub fn hanging(head: &str, text: &str, limit: Option<usize>) -> String {
    let indent = measure_text_width(head);
    let lines = match limit {
        Some(limit) => wrapped(text, limit.max(LEAST).saturating_sub(indent).max(NARROWEST)),
        None => vec![text.to_owned()],
    };
    let mut out = head.to_owned();
    for (at, line) in lines.iter().enumerate() {
        if at > 0 {
            let _ = write!(out, "\n{}", " ".repeat(indent));
        }
        out += line;
    }
    out
}

/// Lines of at most `width`, broken at blanks, and within a word that is longer.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut out = Vec::new();
    for whole in text.lines() {
        let mut line = String::new();
        let mut used = 0;
        for word in whole.split(' ') {
            let length = measure_text_width(word);
            if used > 0 && used + 1 + length <= width {
                line.push(' ');
                line += word;
                used += 1 + length;
                continue;
            }
            if used > 0 {
                out.push(std::mem::take(&mut line));
                used = 0;
            }
            for sign in word.chars() {
                let wide = measure_text_width(sign.encode_utf8(&mut [0; 4]));
                if used > 0 && used + wide > width {
                    out.push(std::mem::take(&mut line));
                    used = 0;
                }
                line.push(sign);
                used += wide;
            }
        }
        if used > 0 {
            out.push(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: [[&str; 3]; 2] = [
        [
            "data.pairs",
            "\"pairs.jsonl\"",
            "the pairs of the domain, in any layout that is read",
        ],
        ["run.seed", "1", "the seed"],
    ];

    #[test]
    fn a_pipe_gets_whole_lines() {
        assert_eq!(
            table(&ROWS, &[12, 8], None),
            "data.pairs   \"pairs.jsonl\" the pairs of the domain, in any layout that is read\n\
             run.seed     1        the seed\n"
        );
    }

    #[test]
    fn a_wide_terminal_gets_them_too() {
        // 10 + 1 + 13 + 1 + 51 = 76.
        assert_eq!(
            table(&ROWS, &[0, 8], Some(76)),
            "data.pairs \"pairs.jsonl\" the pairs of the domain, in any layout that is read\n\
             run.seed   1             the seed\n"
        );
    }

    #[test]
    fn long_cells_are_wrapped_under_their_column() {
        // 60 − 10 − 2 = 48 for two columns: the narrow one has its 13, the other the 35 that are left.
        assert_eq!(
            table(&ROWS, &[0, 8], Some(60)),
            "data.pairs \"pairs.jsonl\" the pairs of the domain, in any\n\
             \x20                        layout that is read\n\
             run.seed   1             the seed\n"
        );
        // 40 − 10 − 2 = 28 is too little for two columns, so they stand under their key: 40 − 2 − 1 = 37, of which 13 and 24.
        assert_eq!(
            table(&ROWS, &[0, 8], Some(40)),
            "data.pairs\n  \"pairs.jsonl\" the pairs of the domain,\n                in any layout that is\n                read\n\
             run.seed\n  1             the seed\n"
        );
        // 24 − 2 = 22 is too little for columns at all.
        assert_eq!(
            table(&ROWS, &[0, 8], Some(3)),
            "data.pairs\n  \"pairs.jsonl\"\n  the pairs of the\n  domain, in any layout\n  that is read\nrun.seed\n  1\n  the seed\n"
        );
    }

    #[test]
    fn nothing_is_lost_whatever_the_width() {
        let path =
            "/a/very/long/path/without/any/blank/in/it/that/no/terminal/would/hold/in/a/line.jsonl";
        let rows = [
            ["model.checkpoint", path, "where the model is"],
            ["k", "", "食べ物の絵とその説明"],
        ];
        let bare = |text: &str| {
            text.chars()
                .filter(|c| !c.is_whitespace())
                .collect::<String>()
        };
        for limit in 1..200 {
            let shown = table(&rows, &[4, 4], Some(limit));
            assert!(shown.contains("model.checkpoint"), "{limit}: {shown}");
            let wide = shown.lines().map(measure_text_width).max().unwrap_or(0);
            assert!(wide <= limit.max(LEAST), "{limit}: {shown}");
            // Columns stand beside each other, so signs are counted and not read in a row.
            let count = |text: &str| {
                let mut signs: Vec<char> = bare(text).chars().collect();
                signs.sort_unstable();
                signs
            };
            assert_eq!(count(&shown), count(&rows.concat().concat()), "{limit}");
        }
    }

    #[test]
    fn further_lines_hang_under_the_first_word() {
        assert_eq!(
            hanging(
                "  1. ",
                "install torch and set ADAMLLM_TORCH_LIB to its folder",
                Some(30)
            ),
            "  1. install torch and set\n     ADAMLLM_TORCH_LIB to its\n     folder"
        );
        assert_eq!(hanging("  1. ", "a b", None), "  1. a b");
    }

    #[test]
    fn what_is_no_width_is_no_limit() {
        for (columns, expected) in [
            (Some("80"), Some(80)),
            (Some(" 100 "), Some(100)),
            (Some("0"), None),
            (Some("-1"), None),
            (Some("wide"), None),
            (Some(""), None),
            (None, None),
        ] {
            assert_eq!(said(columns), expected, "{columns:?}");
        }
    }
}
