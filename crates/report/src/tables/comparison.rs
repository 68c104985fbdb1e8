//! Two systems beside each other.

use std::fmt::Write as _;

use evaluation::scoring::Comparisons;
use evaluation::systems::Compared;

use crate::number::or_dash;

/// The differences of two systems by each scorer as Markdown, which is also what a person reads in the terminal.
pub fn markdown(found: &Compared) -> String {
    let tables: Vec<String> = found
        .differences
        .iter()
        .map(|other| {
            format!(
                "## {} scorer\n\n{}",
                other.scorer.name(),
                by_one(&other.found)
            )
        })
        .collect();
    tables.join("\n")
}

fn by_one(found: &Comparisons) -> String {
    let mut out = "| task | metric | n | clusters | base | adapted | difference | 95 % interval | p | p (Holm) | better / worse | \
                   standardised | detectable | McNemar p |\n|---|---|---:|---:|---:|---:|---:|---|---:|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for row in &found.tasks {
        let c = &row.comparison;
        let _ = writeln!(
            out,
            "| {} | {} | {} | {}{} | {:.1} | {:.1} | {:+.1} | {:+.1} to {:+.1} | {:.4} | {:.4} | {} / {} | {} | {} | {} |",
            row.task,
            row.metric,
            c.n,
            c.clusters,
            if c.too_few { " (too few)" } else { "" },
            c.base,
            c.adapted,
            c.difference,
            c.interval[0],
            c.interval[1],
            c.p,
            row.p_holm,
            c.better,
            c.worse,
            or_dash(c.standardised, 2),
            or_dash(c.detectable, 1),
            or_dash(c.mcnemar.map(|m| m.p), 4),
        );
    }
    let a = &found.average;
    let few = a.warning.as_ref().map(|warning| format!(" ({warning})"));
    let _ = writeln!(
        out,
        "| average | {} | {} | | {:.1} | {:.1} | {:+.1} | {:+.1} to {:+.1}{} | | | | | | |",
        a.metric,
        a.n,
        a.base,
        a.adapted,
        a.difference,
        a.interval[0],
        a.interval[1],
        few.unwrap_or_default()
    );
    let _ = writeln!(
        out,
        "\n{}. `detectable` is the true difference found in four of five such experiments; McNemar's test takes items for \
         independent.",
        found.method
    );
    for row in found.tasks.iter().filter(|row| !row.unpaired.is_empty()) {
        let shown: Vec<String> = row
            .unpaired
            .iter()
            .take(5)
            .map(|id| format!("`{id}`"))
            .collect();
        let _ = writeln!(
            out,
            "- {} {}: {} items are in only one of both and left out: {}{}",
            row.task,
            row.metric,
            row.unpaired.len(),
            shown.join(", "),
            if row.unpaired.len() > 5 { ", …" } else { "" }
        );
    }
    out
}
