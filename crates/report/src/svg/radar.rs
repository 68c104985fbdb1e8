//! A radar chart of a domain's columns as SVG.

use std::f64::consts::TAU;
use std::fmt::Write as _;

use evaluation::ScoredTask;
use evaluation::scoring::{Scorer, TaskResult};

use super::escape::escape;
use crate::system::System;
use crate::tables::columns::{of_domain, titles};

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 380.0;
const RADIUS: f64 = 130.0;

/// Strict scores of each system and the majority, a spoke a column; empty with fewer than three columns.
pub fn radar(domain: &str, systems: &[System<'_>]) -> String {
    let Some(first) = systems.first() else {
        return String::new();
    };
    let tasks = of_domain(first.tasks, domain);
    let titles = titles(&tasks);
    if titles.len() < 3 {
        return String::new();
    }
    let place = |spoke: usize, value: f64| {
        let angle = TAU * spoke as f64 / titles.len() as f64;
        let radius = RADIUS * value.clamp(0.0, 100.0) / 100.0;
        (
            WIDTH / 2.0 + radius * angle.sin(),
            HEIGHT / 2.0 - radius * angle.cos(),
        )
    };
    let polygon = |values: &[Option<f64>]| {
        values
            .iter()
            .enumerate()
            .fold(String::new(), |mut out, (spoke, value)| {
                let (x, y) = place(spoke, value.unwrap_or(0.0));
                let _ = write!(out, "{x:.1},{y:.1} ");
                out
            })
    };
    let mut svg = format!(
        "<svg class=\"radar\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Strict scores of {domain}\">"
    );
    for ring in [25.0, 50.0, 75.0, 100.0] {
        let corners = polygon(&vec![Some(ring); titles.len()]);
        let (x, y) = place(0, ring);
        let _ = write!(
            svg,
            "<polygon class=\"grid\" points=\"{corners}\"/><text x=\"{:.1}\" y=\"{:.1}\">{ring:.0}</text>",
            x + 3.0,
            y - 2.0
        );
    }
    for (spoke, title) in titles.iter().enumerate() {
        let (x, y) = place(spoke, 100.0);
        let (tx, ty) = place(spoke, 100.0);
        let (dx, dy) = ((tx - WIDTH / 2.0) * 0.09, (ty - HEIGHT / 2.0) * 0.13);
        let anchor = if dx.abs() < 2.0 {
            "middle"
        } else if dx > 0.0 {
            "start"
        } else {
            "end"
        };
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            WIDTH / 2.0,
            HEIGHT / 2.0,
            tx + dx,
            ty + dy + if dy < 0.0 { 0.0 } else { 6.0 },
            escape(title)
        );
    }
    let majority = values(&tasks, |result, metric| {
        result.majority.get(metric).copied()
    });
    if majority.iter().any(Option::is_some) {
        let _ = write!(
            svg,
            "<polygon class=\"floor\" points=\"{}\"/>",
            polygon(&majority)
        );
    }
    let mut legend = String::new();
    for (at, (system, class)) in systems.iter().zip(["one", "two"]).enumerate() {
        let of_system: Vec<&ScoredTask> = tasks
            .iter()
            .filter_map(|task| {
                system
                    .tasks
                    .iter()
                    .find(|other| other.spec.id == task.spec.id)
            })
            .collect();
        if of_system.len() < tasks.len() {
            continue;
        }
        let scores = values(&of_system, |result, metric| {
            result.metrics.get(metric).copied()
        });
        let name = if systems.len() > 1 {
            &system.name
        } else {
            "strict"
        };
        let y = 16.0 + 18.0 * at as f64;
        let _ = write!(
            legend,
            "<rect class=\"{class}\" x=\"8\" y=\"{:.0}\" width=\"12\" height=\"12\"/><text x=\"26\" y=\"{y:.0}\">{}</text>",
            y - 10.0,
            escape(name)
        );
        let _ = write!(
            svg,
            "<polygon class=\"{class}\" points=\"{}\"/>",
            polygon(&scores)
        );
    }
    let y = 16.0 + 18.0 * systems.len() as f64;
    let _ = write!(
        legend,
        "<line class=\"floor\" x1=\"8\" x2=\"20\" y1=\"{0:.0}\" y2=\"{0:.0}\"/><text x=\"26\" y=\"{y:.0}\">majority</text>",
        y - 4.0
    );
    svg + &legend + "</svg>"
}

fn values(
    tasks: &[&ScoredTask],
    value: impl Fn(&TaskResult, &str) -> Option<f64>,
) -> Vec<Option<f64>> {
    tasks
        .iter()
        .flat_map(|task| task.spec.metrics.iter().map(move |metric| (task, metric)))
        .map(|(task, metric)| {
            let scored = task.by(Scorer::Strict)?;
            value(&scored.result, metric.name())
        })
        .collect()
}
