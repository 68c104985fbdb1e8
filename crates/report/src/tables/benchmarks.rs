//! The benchmarks as the paper's tables of data sets and of prompts.

use std::fmt::Write as _;

use evaluation::tasks::Spec;

/// Both tables, and what they mean.
pub fn text(all: &[Spec]) -> String {
    format!(
        "{}\n{}\n{{question}}, {{choices}} and {{names}} are filled in from the item and the task. Both scorers are in every \
         report; `reference` exists where scoring code was published.\n",
        data_sets(all),
        prompts(all)
    )
}

/// Task, domain, metrics and sizes.
fn data_sets(all: &[Spec]) -> String {
    let mut out = format!(
        "{:<14} {:<15} {:<24} {:<34} {:<20} source\n",
        "task", "domain", "metric", "items", "scorers"
    );
    for task in all {
        let metrics: Vec<&str> = task.metrics.iter().map(|metric| metric.name()).collect();
        let scorers = if task.reference {
            "strict, reference"
        } else {
            "strict"
        };
        let row = format!(
            "{:<14} {:<15} {:<24} {:<34} {scorers:<20} {}\n",
            task.id,
            task.domain,
            metrics.join(", "),
            sizes(task),
            task.source
        );
        out.push_str(&row);
    }
    out
}

/// The published sizes, other publications' splits in brackets.
fn sizes(task: &Spec) -> String {
    let text = |variant: Option<&str>| {
        let splits = task
            .splits
            .iter()
            .filter(|split| split.variant.as_deref() == variant);
        splits
            .map(|split| format!("{} {}", split.items, split.name))
            .collect::<Vec<_>>()
            .join(" + ")
    };
    let mut variants: Vec<&str> = task
        .splits
        .iter()
        .filter_map(|split| split.variant.as_deref())
        .collect();
    variants.dedup();
    let mut out = text(None);
    for variant in variants {
        out = format!("{out} ({variant}: {})", text(Some(variant)));
    }
    out
}

/// What is asked and how it is answered.
fn prompts(all: &[Spec]) -> String {
    let mut out = format!(
        "{:<14} {:>10} {:>7}  prompt\n",
        "task", "new tokens", "version"
    );
    for task in all {
        let _ = writeln!(
            out,
            "{:<14} {:>10} {:>7}  {}",
            task.id,
            task.decoding.max_new_tokens,
            task.version,
            task.prompt.replace('\n', " ⏎ ")
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use evaluation::tasks;

    use super::*;

    #[test]
    fn lists_sizes_with_other_splits() {
        let task = tasks::find("vqa-rad").expect("built in");
        let text = sizes(&task);
        assert!(
            text.contains("179") && text.contains("272") && text.contains("200"),
            "{text}"
        );
        assert_eq!(data_sets(&tasks::all()).lines().count(), 13);
    }
}
