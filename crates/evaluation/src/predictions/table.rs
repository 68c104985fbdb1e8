//! Tables with a head line, separated by tabs or commas, with cells in quotes where needed (RFC 4180).

use serde_json::{Map, Value};

/// The rows as objects of the head's names, with the line where each starts. An empty cell is null.
pub(super) fn rows(text: &str, separator: char) -> Vec<(usize, Map<String, Value>)> {
    let mut records = records(text, separator).into_iter();
    let Some((_, head)) = records.next() else {
        return Vec::new();
    };
    let object = |cells: Vec<String>| {
        let value = |cell: String| {
            if cell.is_empty() {
                Value::Null
            } else {
                Value::String(cell)
            }
        };
        head.iter()
            .cloned()
            .zip(cells.into_iter().map(value))
            .collect()
    };
    records.map(|(line, cells)| (line, object(cells))).collect()
}

fn records(text: &str, separator: char) -> Vec<(usize, Vec<String>)> {
    let mut records = Vec::new();
    let (mut cells, mut cell) = (Vec::new(), String::new());
    let (mut line, mut start, mut quoted) = (1, 1, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        line += usize::from(c == '\n');
        if quoted {
            match c {
                '"' if chars.peek() == Some(&'"') => cell.extend(chars.next()),
                '"' => quoted = false,
                c => cell.push(c),
            }
        } else if c == '"' && cell.is_empty() {
            quoted = true;
        } else if c == separator {
            cells.push(std::mem::take(&mut cell));
        } else if c == '\n' {
            if cell.ends_with('\r') {
                cell.pop();
            }
            cells.push(std::mem::take(&mut cell));
            let record = std::mem::take(&mut cells);
            if record.iter().any(|cell| !cell.is_empty()) {
                records.push((start, record));
            }
            start = line;
        } else {
            cell.push(c);
        }
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(cell);
        records.push((start, cells));
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_may_hold_separators_quotes_and_lines() {
        let rows = rows("id,answer,x\r\n1,\"a, \"\"b\"\"\nc\",\n\n2,d\" e,f", ',');
        let show: Vec<String> = rows
            .iter()
            .map(|(line, row)| format!("{line} {}", serde_json::to_string(row).expect("json")))
            .collect();
        assert_eq!(
            show,
            [
                r#"2 {"id":"1","answer":"a, \"b\"\nc","x":null}"#,
                r#"5 {"id":"2","answer":"d\" e","x":"f"}"#
            ]
        );
    }
}
