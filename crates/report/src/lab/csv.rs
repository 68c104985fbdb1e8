//! The table as CSV, numbers unrounded.

use std::fmt::Write as _;

use evaluation::statistics::{Chance, Outcome};

use super::columns::columns;
use super::page::Page;
use crate::tables::quoted::quoted;

/// One row a scorer, way and column, with what the paper prints beside it; what is not measured is empty.
pub fn csv(page: &Page) -> String {
    let factors: Vec<String> = page.factors.iter().map(|factor| quoted(factor)).collect();
    let mut heads = vec!["scorer".to_owned(), "way".to_owned(), "system".to_owned()];
    heads.extend(factors);
    heads.extend(
        [
            "domain",
            "column",
            "title",
            "mean",
            "low",
            "high",
            "seeds",
            "items",
            "clusters",
            "counts",
            "best",
            "published",
            "source",
            "cells",
            "finished",
            "steps",
            "learned_tokens",
        ]
        .map(str::to_owned),
    );
    let mut out = heads.join(",") + "\n";
    for columns in columns(page) {
        for row in &page.rows {
            for group in &columns.groups {
                for head in &group.heads {
                    let cell = head.cell(row);
                    let mean = cell.mean;
                    let interval = mean.and_then(|mean| mean.interval);
                    let source = row.published.as_ref().filter(|_| cell.published.is_some());
                    let mut cells = vec![
                        columns.scorer.name().to_owned(),
                        quoted(&row.name),
                        quoted(&row.system),
                    ];
                    let level = |at: usize| row.levels.get(at).map_or("", String::as_str);
                    cells.extend((0..page.factors.len()).map(|at| quoted(level(at))));
                    cells.extend([
                        quoted(&group.domain),
                        quoted(&head.name),
                        quoted(&head.title),
                        number(mean.map(|mean| mean.value)),
                        number(interval.map(|ends| ends[0])),
                        number(interval.map(|ends| ends[1])),
                        count(mean.map(|mean| mean.by_seed.len())),
                        count(mean.map(|mean| mean.items)),
                        count(mean.map(|mean| mean.clusters)),
                        mean.map_or("", |mean| counts(mean.chance)).to_owned(),
                        if cell.is_best { "yes" } else { "" }.to_owned(),
                        number(cell.published),
                        quoted(source.map_or("", |found| found.source.as_str())),
                        row.cells.to_string(),
                        row.finished.to_string(),
                        number(row.steps),
                        number(row.learned_tokens),
                    ]);
                    out += &cells.join(",");
                    out.push('\n');
                }
            }
        }
    }
    out
}

/// One row a scorer, table (`domains` or `columns`, over which p-values are adjusted) and comparison.
pub fn verdicts_csv(page: &Page) -> String {
    let mut out = "scorer,table,on,one,other,outcome,difference,low,high,p,p_holm,comparisons,seeds,clusters,counts,verdict\n".to_owned();
    for table in &page.compared.tables {
        for (name, verdicts) in [("domains", &table.verdicts), ("columns", &table.by_column)] {
            for verdict in verdicts {
                let _ = writeln!(
                    out,
                    "{},{name},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
                    table.scorer.name(),
                    quoted(&verdict.on),
                    quoted(&verdict.one),
                    quoted(&verdict.other),
                    match verdict.outcome {
                        Outcome::OneBetter => "one_better",
                        Outcome::OtherBetter => "other_better",
                        Outcome::NotToldApart => "not_told_apart",
                    },
                    verdict.difference,
                    verdict.interval[0],
                    verdict.interval[1],
                    verdict.p,
                    verdict.p_holm,
                    verdict.comparisons,
                    verdict.seeds,
                    verdict.clusters,
                    counts(verdict.chance),
                    quoted(&verdict.to_string())
                );
            }
        }
    }
    out
}

fn counts(chance: Chance) -> &'static str {
    match chance {
        Chance::Clusters => "clusters",
        Chance::SeedsAndClusters => "seeds and clusters",
        Chance::Seeds => "seeds",
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

fn count(value: Option<usize>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}
