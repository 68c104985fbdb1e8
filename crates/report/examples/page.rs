//! A page with a curve, and a table of scores as Markdown, from plain rows:
//!
//!     cargo run -p adamllm-report --example page -- [METRICS.jsonl [PAGE.html]]
//!
//! Every line of the file has `step` and `loss`, as `train/metrics.jsonl` of a run does. Without a file, a curve is made up.
#![expect(clippy::print_stdout, reason = "an example tells what it found")]

use std::path::PathBuf;

use corpus::jsonl;
use evaluation::ScoredTask;
use evaluation::scoring::score_completions;
use evaluation::tasks::{FileMetric, Item};
use maud::{PreEscaped, html};
use report::{Curve, curves, frame, tables};
use serde_json::{Value, from_value, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let rows: Vec<Value> = match arguments.next() {
        Some(file) => jsonl::read(file.as_ref())?,
        None => (1..=60)
            .map(|step| json!({"step": step, "loss": 2.0 / f64::from(step).sqrt()}))
            .collect(),
    };
    let page = arguments.next().map_or_else(
        || std::env::temp_dir().join("adamllm-page.html"),
        PathBuf::from,
    );
    let point = |row: &Value| Some((row["step"].as_f64()?, row["loss"].as_f64()?));
    let points: Vec<(f64, f64)> = rows.iter().filter_map(point).collect();
    println!("{} of {} rows have both numbers", points.len(), rows.len());
    let curve = Curve {
        name: "loss".to_owned(),
        across: "step",
        smooth: true,
        points,
    };
    let body = html! {
        h1 { "A training" }
        (PreEscaped(curves(&curve)))
    };
    std::fs::write(&page, frame("A training", "svg { width: 40em }", &body))?;
    println!("the curve is in `{}`", page.display());
    println!("{}", tables::markdown(&[dishes()?]));
    Ok(())
}

/// A task of two questions, one of which was answered rightly.
fn dishes() -> Result<ScoredTask, Box<dyn std::error::Error>> {
    let spec = FileMetric::ExactMatch.task("dishes");
    let items = [("1", "soup"), ("2", "stew")].map(|(id, name)| {
        let picture = PathBuf::from(format!("{name}.png"));
        Item::new(id, vec![picture], "What is this?", name)
    });
    let written = |id: &str| {
        from_value(json!({
            "id": id, "text": "a soup", "finish_reason": "stop", "prompt_tokens": 9, "completion_tokens": 3,
        }))
    };
    let strict = score_completions(&spec, &items, &[written("1")?, written("2")?])?;
    Ok(ScoredTask {
        spec,
        strict,
        reference: None,
        blind: None,
        leaks: None,
    })
}
