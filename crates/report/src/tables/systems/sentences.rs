//! What stands under a table.

use evaluation::statistics::FEW;
use evaluation::systems::{Compared, Table};

/// A domain as it stands in a head line.
pub fn domain_name(domain: &str) -> String {
    match domain {
        "own" => "Own tasks".to_owned(),
        other => {
            let text = other.replace('-', " ");
            let mut letters = text.chars();
            let first = letters
                .next()
                .map(|letter| letter.to_uppercase().to_string());
            first.unwrap_or_default() + letters.as_str()
        }
    }
}

/// How the best of a column is marked, with the mark in words, such as `bold`.
pub fn explanation(mark: &str) -> String {
    format!(
        "{mark}: the best of its column, where the 95 % interval of its paired difference from the next best excludes 0 and \
         there are {FEW} clusters (pictures) or more; not adjusted for the number of columns. Averages are plain means over \
         all columns of a domain, open and closed questions apart. –: not scored, or not comparable"
    )
}

/// Columns without enough clusters, then what is not in the tables and why.
pub fn remarks(found: &Compared, table: &Table) -> Vec<String> {
    let mut out = Vec::new();
    let small: Vec<String> = table
        .domains
        .iter()
        .flat_map(|domain| &domain.columns)
        .filter(|column| column.is_too_small())
        .map(|column| format!("{} ({})", column.title, column.clusters))
        .collect();
    if !small.is_empty() {
        out.push(format!(
            "too few clusters to mark a best one: {}",
            small.join(", ")
        ));
    }
    out.extend(found.notes.iter().cloned());
    out
}
