//! Scores predictions of a task, and compares two systems picture by picture:
//!
//!     cargo run -p adamllm-evaluation --example score -- [TASK PREDICTIONS [OTHER PREDICTIONS]]
//!
//! Any layout that `evaluation::predictions` knows will do. Without arguments, made-up answers beside this file are scored by
//! the rules of SLAKE.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::Path;

use evaluation::predictions::{read, sentences};
use evaluation::scoring::{Options, Scored, Scorer, compare, score};
use evaluation::tasks::{self, Spec};

const MADE_UP: [&str; 3] = [
    "slake",
    "crates/evaluation/examples/predictions/base.jsonl",
    "crates/evaluation/examples/predictions/adapted.jsonl",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        arguments = MADE_UP.map(str::to_owned).to_vec();
    }
    let [task, files @ ..] = arguments.as_slice() else {
        return Err("which task, and which file?".into());
    };
    let task = tasks::find(task)?;
    let mut systems = Vec::new();
    for file in files {
        systems.push(scored(&task, file.as_ref())?);
    }
    if let [base, adapted, ..] = systems.as_slice() {
        let base = std::slice::from_ref(base);
        let found = compare(base, std::slice::from_ref(adapted), 0)?;
        println!("the second against the first ({})", found.method);
        for column in &found.tasks {
            let numbers = &column.comparison;
            let [low, high] = numbers.interval;
            println!(
                "  {:<16} {:+6.1} [{low:+.1}, {high:+.1}]  p {:.3}, {:.3} for all columns",
                column.metric, numbers.difference, numbers.p, column.p_holm
            );
        }
    }
    Ok(())
}

/// Both scorers' numbers; the strict one's are given.
fn scored(task: &Spec, file: &Path) -> Result<Scored, Box<dyn std::error::Error>> {
    let found = read(file, None)?;
    println!("{}: {} rows", file.display(), found.rows.len());
    let by = |scorer: Scorer| {
        let options = Options {
            scorer,
            ..Options::default()
        };
        score(task, found.rows.clone(), found.problems.clone(), &options)
    };
    let strict = by(Scorer::Strict)?;
    let published = task.reference.then(|| by(Scorer::Reference)).transpose()?;
    for Scored { result, .. } in std::iter::once(&strict).chain(&published) {
        for (metric, value) in &result.metrics {
            let [low, high] = result.intervals.get(metric).copied().unwrap_or_default();
            println!(
                "  {:<9} {metric:<16} {value:6.1} [{low:.1}, {high:.1}]",
                result.scorer.name()
            );
        }
    }
    let result = &strict.result;
    println!("  {:.1} % cannot be read", result.rates.unreadable);
    for line in &result.warnings {
        println!("  {line}");
    }
    for line in sentences(&result.problems) {
        println!("  {line}");
    }
    Ok(strict)
}
