//! The confusion matrix of a classification.

use std::collections::HashMap;
use std::fmt::Write as _;

use evaluation::scoring::ClassRow;

use super::escape::escape;

/// How often each class was taken for which, as SVG: only cells that are not empty are drawn.
pub fn confusion(classes: &[ClassRow]) -> String {
    const CELL: usize = 13;
    const LEFT: usize = 150;
    const TOP: usize = 120;
    let places: HashMap<&str, usize> = classes
        .iter()
        .enumerate()
        .map(|(at, class)| (class.name.as_str(), at))
        .collect();
    let side = classes.len() * CELL;
    let (width, height) = (LEFT + side + CELL + 10, TOP + side + 10);
    let mut svg = format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Confusion matrix\">"
    );
    for (row, class) in classes.iter().enumerate() {
        let (at, name) = (row * CELL, escape(&class.name));
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>\
             <text transform=\"translate({},{}) rotate(-60)\">{name}</text>",
            LEFT - 4,
            TOP + at + CELL - 3,
            LEFT + at + CELL - 3,
            TOP - 4
        );
        let n = class.score.n.max(1);
        let right = n.saturating_sub(class.unreadable + class.taken_for.values().sum::<usize>());
        let mut cell = |column: usize, count: usize, what: &str, hit: bool| {
            if count > 0 && class.score.n > 0 {
                let _ = write!(
                    svg,
                    "<rect{} x=\"{}\" y=\"{}\" width=\"{CELL}\" height=\"{CELL}\" opacity=\"{:.2}\"><title>{name} as {}: {count} of {}</title></rect>",
                    if hit { " class=\"hit\"" } else { "" },
                    LEFT + column * CELL,
                    TOP + at,
                    0.15 + 0.85 * count as f64 / n as f64,
                    escape(what),
                    class.score.n
                );
            }
        };
        cell(row, right, &class.name, true);
        for (other, count) in &class.taken_for {
            if let Some(&column) = places.get(other.as_str()) {
                cell(column, *count, other, false);
            }
        }
        cell(classes.len(), class.unreadable, "unreadable", false);
    }
    let _ = write!(
        svg,
        "<text transform=\"translate({},{}) rotate(-60)\">unreadable</text></svg>",
        LEFT + side + CELL - 3,
        TOP - 4
    );
    svg
}
