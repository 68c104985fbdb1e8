//! The table as CSV: one row a scorer and system.

use std::fmt::Write as _;

use evaluation::systems::{Column, Compared, DomainTable, Table};

use crate::tables::quoted::quoted;

/// Columns are `task:metric` and `domain:average`, numbers are not rounded, what is not comparable is empty. `best_in` has the
/// columns in which the system is marked as the best one, with spaces between them.
pub fn csv(found: &Compared) -> String {
    let mut keys: Vec<String> = Vec::new();
    for (key, _) in found.tables.iter().flat_map(keyed) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    let heads: Vec<String> = keys.iter().map(|key| quoted(key)).collect();
    let mut out = format!("scorer,system,{},best_in\n", heads.join(","));
    for table in &found.tables {
        let columns = keyed(table);
        let column = |key: &str| {
            columns
                .iter()
                .find(|(own, _)| own == key)
                .map(|(_, column)| *column)
        };
        for (at, name) in found.names.iter().enumerate() {
            let scores: Vec<String> = keys
                .iter()
                .map(|key| {
                    let score = column(key).and_then(|column| column.scores[at]);
                    score.map_or(String::new(), |score| score.to_string())
                })
                .collect();
            let best: Vec<&str> = columns
                .iter()
                .filter(|(_, column)| column.marks(at))
                .map(|(key, _)| key.as_str())
                .collect();
            let (by, scores) = (table.scorer.name(), scores.join(","));
            let _ = writeln!(
                out,
                "{by},{},{scores},{}",
                quoted(name),
                quoted(&best.join(" "))
            );
        }
    }
    out
}

/// The columns with their keys.
fn keyed(table: &Table) -> Vec<(String, &Column)> {
    let of = |domain: &DomainTable, column: &Column| match domain.average.as_ref() {
        Some(average) if std::ptr::eq(average, column) => format!("{}:average", domain.domain),
        _ => format!("{}:{}", column.task, column.metric),
    };
    let domains = table.domains.iter();
    let columns = domains.flat_map(|domain| {
        let columns = domain.columns.iter().chain(&domain.average);
        columns.map(move |column| (of(domain, column), column))
    });
    columns.collect()
}
