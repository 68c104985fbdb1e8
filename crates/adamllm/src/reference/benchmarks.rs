//! The page of the built-in benchmarks and of the metrics, from the table of tasks.

use std::fmt::Write as _;

use evaluation::tasks::{Scoring, Spec, Split, all};

use super::prose::head;

const INTRODUCTION: &str = "\
What `adamllm evaluate --list` prints. How each metric is computed stands in [Metrics](../metrics.md), where the data comes
from in [What the paper used](../reproducing.md), and how a benchmark of your own is described in
[A new benchmark](../adding-a-task.md).

";

/// The whole page.
pub fn page() -> String {
    let mut out = head("Benchmarks");
    out += INTRODUCTION;
    out += "| benchmark | domain | items | metrics | scorers |\n|---|---|---|---|---|\n";
    let tasks = all();
    for task in &tasks {
        let metrics: Vec<String> = task
            .metrics
            .iter()
            .map(|metric| format!("`{}`", metric.name()))
            .collect();
        let scorers = if task.reference {
            "strict, reference"
        } else {
            "strict"
        };
        let _ = writeln!(
            out,
            "| [`{}`](#{}) | {} | {} | {} | {scorers} |",
            task.id,
            task.id,
            task.domain,
            items(&task.splits),
            metrics.join(", ")
        );
    }
    out += "\n";
    for task in &tasks {
        out += &section(task);
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn items(splits: &[Split]) -> String {
    let published = splits.iter().filter(|split| split.variant.is_none());
    let each: Vec<String> = published
        .map(|split| format!("{} {}", split.items, split.name))
        .collect();
    each.join(" + ")
}

fn section(task: &Spec) -> String {
    let mut out = format!("## {}\n\n{}.\n\n", task.id, task.source);
    let _ = write!(
        out,
        "- In tables: {}\n- Scored as: {}\n- New tokens of an answer: {}\n- Version of task and scorer: {}\n",
        task.title,
        scored(task),
        task.decoding.max_new_tokens,
        task.version
    );
    if !task.names.is_empty() {
        let _ = writeln!(out, "- Names: {}", task.names.join(", "));
    }
    if !task.ignored.is_empty() {
        let _ = writeln!(
            out,
            "- Names that are no answers: {}",
            task.ignored.join(", ")
        );
    }
    let _ = write!(out, "\n```text\n{}\n```\n\n", task.prompt);
    out
}

/// How answers are scored, with the place that says it in full.
fn scored(task: &Spec) -> &'static str {
    match task.scoring {
        Scoring::Vqa => {
            "open questions by [recall](../metrics.md#recall-of-open-questions), closed ones by \
             [closed accuracy](../metrics.md#closed-accuracy)"
        }
        Scoring::Choice => "[multiple choice](../metrics.md#accuracy-of-multiple-choice)",
        Scoring::Class => "[one class of a list](../metrics.md#accuracy-of-a-class)",
        Scoring::List => "[names of a list](../metrics.md#recall-and-f1-of-lists)",
        Scoring::Text => "[ROUGE-L](../metrics.md#rouge-l)",
        Scoring::Short => "[short answers](../metrics.md#accuracy-of-short-answers)",
        Scoring::Exact => "[exact match](../metrics.md#exact-match)",
    }
}
